/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <xenstore.h>

#include "migrate/xl_migrate_notify.h"
#include "xen/notify.h"

void migrate_notify_over(uint32_t domid, uint64_t stood_still_ns)
{
    struct xs_handle *xs = xs_open(0);

    if (!xs)
        return;
    xen_notify_over(xs, domid, stood_still_ns);
    xs_close(xs);
}
