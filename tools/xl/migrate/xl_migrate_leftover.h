/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains left behind by an earlier migration. */
#ifndef XL_MIGRATE_XL_MIGRATE_LEFTOVER_H
#define XL_MIGRATE_XL_MIGRATE_LEFTOVER_H

#include <libxl.h>

#include <xenprecopy/json.h>

/*
 * Refuses a domain that is itself such a leftover, or whose name during the
 * switchover is taken by one. Returns 0, or -1 with one line in err.
 */
int migrate_check_leftovers(libxl_ctx *ctx, const char *name,
                            char err[XPC_ERR_LEN]);

/* Warns on stderr if there is a half-built copy of the domain on this host. */
void migrate_warn_leftover(libxl_ctx *ctx, const char *name);

#endif
