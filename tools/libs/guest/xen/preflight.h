/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XEN_PREFLIGHT_H
#define XEN_PREFLIGHT_H

#include <xenprecopy/xenprecopy.h>

/*
 * What can be said of a domain's migration before anything is sent, as
 * xpc_engine_preflight() does. Before it refuses, and where zero pages are left
 * out, it looks at a sample of the domain's pages: those that are zero need
 * not be copied. hvm: of this kind they are left out, PVH included.
 */
int xen_preflight(uint32_t domid, bool hvm, const struct xpc_params *params,
                  uint64_t total_pages, char *err, size_t len);

#endif
