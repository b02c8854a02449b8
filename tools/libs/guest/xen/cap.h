/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cap on the CPU time of a domain, in per cent of one CPU; 0: none. The
 * schedulers credit and credit2 have one.
 *
 * While a guest is slowed down, the leaf "cap" says which cap it had before,
 * so that whoever finds it can give that back. A cap that somebody else has set
 * meanwhile is left alone.
 */
#ifndef XEN_CAP_H
#define XEN_CAP_H

#include <stdint.h>

#include <xenctrl.h>
#include <xenstore.h>

#include <xenprecopy/error.h>

/*
 * Reads the cap. Returns 0, or -1 with one line in err: the scheduler has none,
 * for example.
 */
int xen_cap_get(xc_interface *xch, uint32_t domid, uint16_t *cap_r,
                char err[XPC_ERR_LEN]);

/* A domain that is slowed down. */
struct xen_cap {
    xc_interface *xch;
    struct xs_handle *xs;
    uint32_t domid;
    uint16_t original, now;
};

/*
 * Sets the cap, and notes it in xenstore before. Returns 0, or -1 with errno:
 * EBUSY if somebody else has set another one meanwhile. That one stays, which
 * is no error if the original was to be set.
 */
int xen_cap_set(struct xen_cap *c, uint16_t cap);

/*
 * Gives back what a migration has taken, if it has left that noted. To be
 * called with the domain's lock held, and no save under way. Returns 0, or -1
 * with errno.
 */
int xen_cap_restore(uint32_t domid);

#endif
