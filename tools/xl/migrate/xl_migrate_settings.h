/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the administrator's file and xenstore say about a migration. */
#ifndef XL_MIGRATE_XL_MIGRATE_SETTINGS_H
#define XL_MIGRATE_XL_MIGRATE_SETTINGS_H

#include <libxl.h>

#include "conf/settings.h"
#include "migrate/xl_migrate_options.h"

/*
 * Reads them for a domain and the host (NULL: unknown) that it is to go to.
 * Returns 0, or -1 with one line in err. *s_r refers to f afterwards.
 */
int migrate_read_settings(libxl_ctx *ctx, uint32_t domid, const char *host,
                          const struct conf_file *f,
                          struct conf_settings *s_r, char err[XPC_ERR_LEN]);

/*
 * The same for the domain of this name or number on this host. Returns 1
 * if there is none, or Xen can't be reached.
 */
int migrate_find_settings(const char *domain, const char *host,
                          const struct conf_file *f,
                          struct conf_settings *s_r, char err[XPC_ERR_LEN]);

/*
 * Whether something is set for this migration besides its options, or can't be
 * read for a reason that must refuse it. No if there is no such domain. Prints
 * nothing.
 */
bool migrate_has_settings(const struct migrate_options *o);

/* Removes what is in xenstore, which was for one migration. */
void migrate_forget_settings(uint32_t domid);

#endif
