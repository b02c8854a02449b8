/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xen/hvm/params.h>

#include "xen/store.h"
#include "xen/suspend.h"

const char *xen_suspend_path(char buf[XEN_SUSPEND_PATH_LEN], uint32_t domid)
{
    snprintf(buf, XEN_SUSPEND_PATH_LEN,
             "/local/domain/%"PRIu32"/control/shutdown", domid);
    return buf;
}

static int is_pending(struct xs_handle *xs, xs_transaction_t t,
                      const char *path)
{
    char *value = xs_read(xs, t, path, NULL);
    bool pending = value && !strcmp(value, "suspend");

    if (!value && errno != ENOENT)
        return -1;
    free(value);
    return pending;
}

int xen_suspend_pending(struct xs_handle *xs, uint32_t domid)
{
    char path[XEN_SUSPEND_PATH_LEN];

    return is_pending(xs, XBT_NULL, xen_suspend_path(path, domid));
}

static int withdraw(struct xs_handle *xs, xs_transaction_t t, uint32_t domid,
                    void *unused)
{
    char path[XEN_SUSPEND_PATH_LEN];
    int pending = is_pending(xs, t, xen_suspend_path(path, domid));

    (void)unused;
    return pending <= 0 ? pending : xs_write(xs, t, path, "", 0) ? 1 : -1;
}

int xen_suspend_withdraw(struct xs_handle *xs, uint32_t domid)
{
    return xen_store_transact(xs, domid, withdraw, NULL);
}

bool xen_has_callback(uint32_t domid)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    uint64_t irq = 0;
    bool known;

    if (!xch)
        return true;
    known = !xc_hvm_param_get(xch, domid, HVM_PARAM_CALLBACK_IRQ, &irq);
    xc_interface_close(xch);
    return !known || irq;
}
