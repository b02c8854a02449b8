/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-cancel. */
#ifndef XL_CONTROL_XL_MIGRATE_CANCEL_H
#define XL_CONTROL_XL_MIGRATE_CANCEL_H

#include "common/xl_common.h"

extern const struct xl_usage migrate_cancel_usage;

/* Returns the exit status, see xl_control.h. */
int cmd_migrate_cancel(int argc, char **argv);

#endif
