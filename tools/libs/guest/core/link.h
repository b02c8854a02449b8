/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the link gives: learned from what has flowed, bounded by what the user
 * states and by the caps.
 *
 * Rates that predictions rest on are of the stream, in bytes per second. What
 * is stated, and the caps, are of what is really sent, which compression makes
 * less. How much less is learned too.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include <stdint.h>

struct xpc_params;

#define XPC_LINK_WINDOWS 2

/* All 0 at first. */
struct xpc_link {
    /*
     * What has flowed lately, older fading out: bytes over time, and the sum
     * of s * rate^2 for its variance.
     */
    struct {
        double bytes, s, square;
    } window[XPC_LINK_WINDOWS];
    double stream, wire;        /* bytes, before and after compression */
};

/* So many bytes of the stream flowed in so long. */
void xpc_link_learn(struct xpc_link *l, uint64_t bytes, uint64_t ns);
/* So many bytes were sent for so many of the stream. */
void xpc_link_learn_wire(struct xpc_link *l, uint64_t stream, uint64_t wire);

/* What it has lately given to the stream; 0: nothing was sent yet. */
uint64_t xpc_link_measured(const struct xpc_link *l);
/* How much that varies: standard deviation over mean. */
double xpc_link_cv(const struct xpc_link *l);

/* Of what is really sent, what the user states, and the cap; 0: neither. */
uint64_t xpc_link_stated(const struct xpc_params *p, uint64_t cap);

/* What the stream can be taken to have, in precopy and in the switchover. */
uint64_t xpc_link_precopy(const struct xpc_link *l, const struct xpc_params *p);
uint64_t xpc_link_switchover(const struct xpc_link *l,
                             const struct xpc_params *p);

#endif
