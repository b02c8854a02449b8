/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Xen domain as a source of pages and dirty counts. */
#ifndef XEN_SOURCE_H
#define XEN_SOURCE_H

#include <xenprecopy/source.h>

/*
 * Opens a domain, without touching it. Returns NULL with errno (ESRCH: there
 * is none) and one line in err. Every source has handles of its own, so
 * threads may use one each.
 */
struct xpc_source *xen_source_open(uint32_t domid, char err[XPC_ERR_LEN]);

#endif
