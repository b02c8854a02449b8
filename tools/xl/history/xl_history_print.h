/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl migrate-history prints. */
#ifndef XL_HISTORY_XL_HISTORY_PRINT_H
#define XL_HISTORY_XL_HISTORY_PRINT_H

#include <stddef.h>
#include <stdio.h>

#include "libxl_precopy_history.h"

struct history_target {
    libxl_precopy_history history;
    struct xpc_history_summary summary;
    struct xpc_history_guest *guests;   /* summary.guests, for JSON */
    uint64_t tib_ns;                    /* cost of a TiB, likewise */
};

struct history_targets {
    struct history_target *list;
    size_t nr;
};

/* Prints a table for each target. */
void history_print(FILE *out, const struct history_targets *t);
/* Prints JSON. Returns 0, or -1 when out of memory. */
int history_print_json(FILE *out, const struct history_targets *t);

#endif
