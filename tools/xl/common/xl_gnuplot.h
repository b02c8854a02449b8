/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plots to SVG or PNG files with gnuplot. */
#ifndef XL_COMMON_XL_GNUPLOT_H
#define XL_COMMON_XL_GNUPLOT_H

#include <stdio.h>

#include <xenprecopy/json.h>

#include "common/xl_axis.h"

/*
 * Colours that the colour-blind can tell apart, as in the pages of xl
 * migrate-report; and a light one of the first, for bands.
 */
#define GNUPLOT_BLUE "#0068a3"
#define GNUPLOT_RED "#b84300"
#define GNUPLOT_GREEN "#00755a"
#define GNUPLOT_PURPLE "#8f3f73"
#define GNUPLOT_BAND "#c7ddeb"
#define GNUPLOT_GREY "#7a7a7a"
/* The nth of the first four. */
const char *gnuplot_colour(size_t n);

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

/*
 * Begins a plot: a title that states the finding, and the style that all plots
 * share.
 */
void gnuplot_title(FILE *g, const char *finding);

/* Sets an axis, 'x' or 'y', with ticks in its unit. */
void gnuplot_axis(FILE *g, char which, const struct axis *a, const char *name);

/* The name of a curve, to be written beside its end. */
struct gnuplot_label {
    const char *text, *colour;
    double y;                       /* where the curve ends */
};
/* At most AXIS_TICKS_MAX of them. */
void gnuplot_labels(FILE *g, const struct axis *y,
                    const struct gnuplot_label *labels, size_t nr);

/* Writes a quoted string, without control characters. */
void gnuplot_string(FILE *g, const char *s);

#endif
