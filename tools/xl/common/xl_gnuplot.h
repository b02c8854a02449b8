/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plots by gnuplot, to a file whose name ends with .svg or .png.
 */
#ifndef XL_COMMON_XL_GNUPLOT_H
#define XL_COMMON_XL_GNUPLOT_H

#include <stdio.h>

#include <xenprecopy/json.h>

/*
 * Starts gnuplot on the file, width x height pixels; what is written to the
 * stream it takes as commands. NULL with one line in err.
 */
FILE *gnuplot_open(const char *file, int width, int height,
                   char err[XPC_ERR_LEN]);

/*
 * Ends it. Returns 0 when the file is drawn, else -1 with one line in err;
 * then there is no file.
 */
int gnuplot_close(FILE *g, const char *file, char err[XPC_ERR_LEN]);

/* A string in gnuplot's quotes; control characters are left out. */
void gnuplot_string(FILE *g, const char *s);

#endif
