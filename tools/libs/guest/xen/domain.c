/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "xen/domain.h"

int xen_domain_info(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info)
{
    int r = xc_domain_getinfolist(xch, domid, 1, info);

    if (r < 0)
        return -1;
    /* Xen returns the first domain whose number is not below domid. */
    if (r != 1 || info->domain != domid) {
        errno = ESRCH;
        return -1;
    }
    return 0;
}

const char *xen_domain_failure(void)
{
    return errno == ESRCH ? "there is no such domain" :
                            "Xen can't be asked about the domain";
}

bool xen_domain_is_suspended(const xc_domaininfo_t *info)
{
    unsigned int reason = (info->flags >> XEN_DOMINF_shutdownshift) &
                          XEN_DOMINF_shutdownmask;

    return xen_domain_has_shut_down(info) && reason == SHUTDOWN_suspend;
}
