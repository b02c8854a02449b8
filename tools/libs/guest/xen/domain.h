/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What Xen says of a domain. Through xc_domain_getinfolist(), which every Xen
 * has: xc_domain_getinfo() is gone since 4.18.
 */
#ifndef XEN_DOMAIN_H
#define XEN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>

/*
 * Returns 0, or -1 with errno: ESRCH means that there is no such domain.
 */
int xen_domain_info(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info);

/* Why it has failed, by errno. */
const char *xen_domain_failure(void);

/* It has shut down, for whatever reason: to reboot or to suspend, too. */
static inline bool xen_domain_has_shut_down(const xc_domaininfo_t *info)
{
    return info->flags & XEN_DOMINF_shutdown;
}

/* It has suspended itself. */
bool xen_domain_is_suspended(const xc_domaininfo_t *info);

/* It is paused, by a toolstack. */
static inline bool xen_domain_is_paused(const xc_domaininfo_t *info)
{
    return (info->flags & XEN_DOMINF_paused) && !xen_domain_has_shut_down(info);
}

static inline bool xen_domain_is_dying(const xc_domaininfo_t *info)
{
    return info->flags & XEN_DOMINF_dying;
}

/* Nested page tables, not shadow ones. */
static inline bool xen_domain_has_hap(const xc_domaininfo_t *info)
{
    return info->flags & XEN_DOMINF_hap;
}

/* HVM or PVH, which Xen does not tell apart. */
static inline bool xen_domain_is_hvm(const xc_domaininfo_t *info)
{
    return info->flags & XEN_DOMINF_hvm_guest;
}

#endif
