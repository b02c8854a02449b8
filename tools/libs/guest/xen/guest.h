/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest's switchover overhead depends on. */
#ifndef XEN_GUEST_H
#define XEN_GUEST_H

#include <stdint.h>

#include <xenctrl.h>
#include <xenstore.h>

#include <xenprecopy/xenprecopy.h>

/*
 * Reads the properties of a guest from Xen and from libxl's part of xenstore,
 * where no guest can write. Properties that are not there are unknown.
 */
void xen_guest_read(struct xs_handle *xs, xc_interface *xch, uint32_t domid,
                    struct xpc_guest *guest_r);

#endif
