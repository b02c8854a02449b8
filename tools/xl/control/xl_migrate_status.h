/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-status. */
#ifndef XL_CONTROL_XL_MIGRATE_STATUS_H
#define XL_CONTROL_XL_MIGRATE_STATUS_H

#include "common/xl_common.h"

extern const struct xl_usage migrate_status_usage;

/* Returns the exit status, see xl_control.h. */
int cmd_migrate_status(int argc, char **argv);

#endif
