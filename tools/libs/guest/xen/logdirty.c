/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <xenctrl.h>

#include "xen/logdirty.h"
#include "xen/saver.h"

int xen_logdirty_off(uint32_t domid)
{
    xc_interface *xch;
    pid_t other = xen_saver_find(domid);
    int r, saved;

    if (other)
        return other > 0 ? 0 : -1;
    xch = xc_interface_open(NULL, NULL, 0);
    if (!xch)
        return -1;
    r = xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
    saved = errno;
    xc_interface_close(xch);
    errno = saved;
    return r >= 0 || saved == EINVAL || saved == ESRCH ? 0 : -1;
}
