/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XEN_SUSPEND_H
#define XEN_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore.h>

/* The xenstore node for requests to suspend and their acknowledgement. */
#define XEN_SUSPEND_PATH_LEN 64
const char *xen_suspend_path(char buf[XEN_SUSPEND_PATH_LEN], uint32_t domid);

/*
 * Is there a request that the guest has not acknowledged? Returns 1, 0, or -1
 * with errno if xenstore can't be read.
 */
int xen_suspend_pending(struct xs_handle *xs, uint32_t domid);

/*
 * Withdraws a request to suspend, in a transaction. Linux also reads and clears
 * it in a transaction, so a guest that has not acknowledged it by then never
 * will. Returns 1 if it was withdrawn, 0 if there was none (it was
 * acknowledged, or never made), or -1 with errno.
 */
int xen_suspend_withdraw(struct xs_handle *xs, uint32_t domid);

/*
 * Has the kernel of an HVM guest set up event delivery? If not, it is suspended
 * by a hypercall, without a request. Returns true if unknown.
 */
bool xen_has_callback(uint32_t domid);

#endif
