/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-set. */
#ifndef XL_CONTROL_XL_MIGRATE_SET_H
#define XL_CONTROL_XL_MIGRATE_SET_H

#include "common/xl_common.h"

extern const struct xl_usage migrate_set_usage;

/* Returns the exit status, see xl_control.h. */
int cmd_migrate_set(int argc, char **argv);

#endif
