/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-status --openmetrics. */
#ifndef XL_CONTROL_XL_STATUS_METRICS_H
#define XL_CONTROL_XL_STATUS_METRICS_H

#include <stddef.h>

#include "control/xl_control.h"

/* A domain that is being migrated. */
struct migrating {
    uint32_t domid;
    char *name;
    struct control_state state;
};

/*
 * Writes metrics of these to file; NULL: to standard output. Returns 0, or -1
 * with one line in err.
 */
int status_metrics(const struct migrating *list, size_t nr, const char *file,
                   char err[XPC_ERR_LEN]);

#endif
