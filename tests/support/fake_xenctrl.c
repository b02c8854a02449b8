/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "support/fake_xenctrl.h"

uint64_t fake_gpfns = 1024;

atomic_int fake_handles;

static char handle;

xc_interface *fake_handle(void)
{
    return (xc_interface *)&handle;
}

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned int flags)
{
    (void)logger;
    (void)dombuild_logger;
    (void)flags;
    fake_handles++;
    return fake_handle();
}

int xc_interface_close(xc_interface *xch)
{
    if (xch != fake_handle() || !fake_handles--)
        abort();
    return 0;
}

int xc_domain_maximum_gpfn(xc_interface *xch, uint32_t domid,
                           xen_pfn_t *gpfns)
{
    (void)xch;
    (void)domid;
    *gpfns = fake_gpfns - 1;
    return 0;
}
