/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plots to SVG or PNG files with gnuplot. */
#ifndef XL_COMMON_XL_GNUPLOT_H
#define XL_COMMON_XL_GNUPLOT_H

#include <stdio.h>

#include <xenprecopy/json.h>

/*
 * Starts gnuplot for a file, whose name must end with .svg or .png; sizes are
 * in pixels. Returns a stream that takes gnuplot's commands, or NULL with one
 * line in err.
 */
FILE *gnuplot_open(const char *file, int width, int height,
                   char err[XPC_ERR_LEN]);

/*
 * Waits for gnuplot. Returns 0, or -1 with one line in err; then an empty file
 * is removed.
 */
int gnuplot_close(FILE *g, const char *file, char err[XPC_ERR_LEN]);

/* Writes a quoted string, without control characters. */
void gnuplot_string(FILE *g, const char *s);

#endif
