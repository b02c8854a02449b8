/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is in force for the migrations of a domain: the file, and xenstore. */
#ifndef XEN_SETTINGS_H
#define XEN_SETTINGS_H

#include <stdint.h>

#include <xenstore.h>

#include <xenprecopy/error.h>

#include "conf/settings.h"

/*
 * Adds to s what the file and the leaf "params" say for the domain. target NULL:
 * unknown, no [target] section applies. Returns 0, or -1 with one line in err.
 * s refers to f afterwards. conf_settle() is up to the caller.
 */
int xen_settings_read(struct xs_handle *xs, uint32_t domid,
                      const uint8_t uuid[16], const char *target,
                      const struct conf_file *f, struct conf_settings *s,
                      char err[XPC_ERR_LEN]);

#endif
