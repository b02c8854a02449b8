/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-history. */
#ifndef XL_HISTORY_XL_MIGRATE_HISTORY_H
#define XL_HISTORY_XL_MIGRATE_HISTORY_H

#include "common/xl_common.h"

extern const struct xl_usage history_usage;

/* Returns the exit status. */
int cmd_migrate_history(int argc, char **argv);

#endif
