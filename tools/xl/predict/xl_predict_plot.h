/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plot of xl migrate-predict. */
#ifndef XL_PREDICT_XL_PREDICT_PLOT_H
#define XL_PREDICT_XL_PREDICT_PLOT_H

#include <stdio.h>

#include "predict/xl_predict_measure.h"
#include "predict/xl_predict_options.h"

/*
 * Plots the predicted downtime over the bandwidth with the limits, and the
 * dirty memory over the iterations: as text to out, or with gnuplot to
 * o->plot_file. Returns 0, or -1 with one line in err.
 */
int predict_plot(FILE *out, const struct predict_options *o,
                 const struct predict_source *s, char err[XPC_ERR_LEN]);

#endif
