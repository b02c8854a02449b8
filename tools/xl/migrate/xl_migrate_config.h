/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration that is sent to the target. */
#ifndef XL_MIGRATE_XL_MIGRATE_CONFIG_H
#define XL_MIGRATE_XL_MIGRATE_CONFIG_H

#include <libxl.h>

#include "migrate/xl_migrate_options.h"

/*
 * The domain's configuration as JSON, or that of o->config_file. Returns a
 * malloc()ed string, or NULL with one line in err, also once interrupt_fd is
 * readable (xl_interrupt.h). *name_r: the guest's name in it, malloc()ed, or
 * NULL.
 */
char *migrate_read_config(libxl_ctx *ctx, uint32_t domid,
                          const struct migrate_options *o, int interrupt_fd,
                          char **name_r, char err[XPC_ERR_LEN]);

#endif
