/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-history --openmetrics. */
#ifndef XL_HISTORY_XL_HISTORY_METRICS_H
#define XL_HISTORY_XL_HISTORY_METRICS_H

#include <xenprecopy/error.h>

#include "history/xl_history_print.h"

/*
 * Writes metrics of all targets to file; NULL: to standard output. Returns 0,
 * or -1 with one line in err.
 */
int history_metrics(const struct history_targets *t, const char *file,
                    char err[XPC_ERR_LEN]);

#endif
