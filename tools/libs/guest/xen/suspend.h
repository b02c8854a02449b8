/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XEN_SUSPEND_H
#define XEN_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore.h>

/* Where a toolstack asks a guest to suspend, and the guest acknowledges it. */
#define XEN_SUSPEND_PATH_LEN 64
const char *xen_suspend_path(char buf[XEN_SUSPEND_PATH_LEN], uint32_t domid);

/* Is there a request to suspend that the guest has not acknowledged? */
bool xen_suspend_pending(struct xs_handle *xs, uint32_t domid);

/*
 * Withdraws a request to suspend, in a transaction. Linux reads and clears it
 * in one, too, so a guest that has not acknowledged it by then never will.
 * Returns 1 when it is withdrawn, 0 when there was none to withdraw (it was
 * acknowledged, or never made), or -1 with errno.
 */
int xen_suspend_withdraw(struct xs_handle *xs, uint32_t domid);

/*
 * Has the kernel of an HVM guest set up event delivery? One that has not is
 * suspended by a call to Xen, without a request. True when that can't be
 * known.
 */
bool xen_has_callback(uint32_t domid);

#endif
