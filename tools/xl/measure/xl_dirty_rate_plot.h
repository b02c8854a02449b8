/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plot of xl dirty-rate. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_PLOT_H
#define XL_MEASURE_XL_DIRTY_RATE_PLOT_H

#include <stdio.h>

#include <xenprecopy/measure.h>

/* Draws D(t), its confidence interval, and the working set, as text. */
void dirty_rate_plot_ascii(FILE *out, const struct xpc_measurement *m);
/* The same with gnuplot (xl_gnuplot.h). Returns 0, or -1 with err. */
int dirty_rate_plot_file(const char *file, const struct xpc_measurement *m,
                         char err[XPC_ERR_LEN]);

#endif
