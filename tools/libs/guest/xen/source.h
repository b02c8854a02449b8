/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Xen domain as a source of pages and dirty counts. */
#ifndef XEN_SOURCE_H
#define XEN_SOURCE_H

#include <xenprecopy/source.h>

/*
 * Opens a domain, without affecting it. Returns a source that the caller must
 * close, or NULL with errno (ESRCH: no such domain) and one line in err. Each
 * source has its own handles, so different threads may use different sources.
 */
struct xpc_source *xen_source_open(uint32_t domid, char err[XPC_ERR_LEN]);

#endif
