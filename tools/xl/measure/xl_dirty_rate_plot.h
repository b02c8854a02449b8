/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plot of xl dirty-rate. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_PLOT_H
#define XL_MEASURE_XL_DIRTY_RATE_PLOT_H

#include <stdio.h>

#include <xenprecopy/measure.h>

/* Draws D(t) with its interval and the working set's level. */
void dirty_rate_plot_ascii(FILE *out, const struct xpc_measurement *m);
/* The same to a .svg or .png by gnuplot. -1: one line in err. */
int dirty_rate_plot_file(const char *file, const struct xpc_measurement *m,
                         char err[XPC_ERR_LEN]);

#endif
