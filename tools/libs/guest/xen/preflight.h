/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XEN_PREFLIGHT_H
#define XEN_PREFLIGHT_H

#include <xenprecopy/xenprecopy.h>

/*
 * Checks a domain's migration before anything is sent, like
 * xpc_engine_preflight(). If zero pages are not sent in full, it estimates
 * their number from a sample of the domain's pages before it refuses, because
 * they need not be copied. hvm (including PVH): zero pages can be elided.
 */
int xen_preflight(uint32_t domid, bool hvm, const struct xpc_params *params,
                  uint64_t total_pages, char *err, size_t len);

#endif
