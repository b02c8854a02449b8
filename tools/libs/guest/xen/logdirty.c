/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <xenctrl.h>

#include "xen/logdirty.h"
#include "xen/saver.h"

int xen_logdirty_off(uint32_t domid)
{
    xc_interface *xch;
    int r, saved;

    if (xen_saver_find(domid))
        return 0;
    xch = xc_interface_open(NULL, NULL, 0);
    if (!xch)
        return -1;
    r = xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
    saved = errno;
    xc_interface_close(xch);
    errno = saved;
    return r >= 0 || saved == EINVAL || saved == ESRCH ? 0 : -1;
}
