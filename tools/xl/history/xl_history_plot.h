/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plot of xl migrate-history. */
#ifndef XL_HISTORY_XL_HISTORY_PLOT_H
#define XL_HISTORY_XL_HISTORY_PLOT_H

#include <stdio.h>

#include <xenprecopy/json.h>

#include "history/xl_history_print.h"

/*
 * Actual downtime over predicted, of all targets. On the terminal (out) or,
 * with file, by gnuplot. Returns 0, or -1 with one line in err.
 */
int history_plot(FILE *out, const char *file,
                 const struct history_targets *t, char err[XPC_ERR_LEN]);

#endif
