/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plot of xl migrate-history. */
#ifndef XL_HISTORY_XL_HISTORY_PLOT_H
#define XL_HISTORY_XL_HISTORY_PLOT_H

#include <stdio.h>

#include <xenprecopy/json.h>

#include "history/xl_history_print.h"

/*
 * Plots actual over predicted downtimes of all targets: as text to out, or
 * with gnuplot to file. Returns 0, or -1 with one line in err.
 */
int history_plot(FILE *out, const char *file,
                 const struct history_targets *t, char err[XPC_ERR_LEN]);

#endif
