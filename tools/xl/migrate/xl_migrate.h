/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate. */
#ifndef XL_MIGRATE_XL_MIGRATE_H
#define XL_MIGRATE_XL_MIGRATE_H

/* Returns the exit status, see xl_migrate_options.h. */
int cmd_migrate(int argc, char **argv);

#endif
