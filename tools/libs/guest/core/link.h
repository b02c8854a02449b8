/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bandwidth of the link: learned from the data that was sent, and limited
 * by what the user states and by the caps.
 *
 * Predictions use rates of the stream, in bytes per second. Stated rates and
 * caps refer to the data on the wire, after compression. The ratio of the two
 * is learned too.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include <stdint.h>

struct xpc_params;

#define XPC_LINK_WINDOWS 2

/* All 0 initially. */
struct xpc_link {
    /*
     * Recent data with exponentially decreasing weights: bytes and seconds,
     * and the sum of s * rate^2 for the variance.
     */
    struct {
        double bytes, s, square;
    } window[XPC_LINK_WINDOWS];
    double stream, wire;        /* bytes, before and after compression */
};

/* Records that bytes of the stream were sent in ns. */
void xpc_link_learn(struct xpc_link *l, uint64_t bytes, uint64_t ns);
/* Records that stream bytes became wire bytes after compression. */
void xpc_link_learn_wire(struct xpc_link *l, uint64_t stream, uint64_t wire);

/* The recent rate of the stream; 0: nothing was sent yet. */
uint64_t xpc_link_measured(const struct xpc_link *l);
/* Its variation: standard deviation / mean. */
double xpc_link_cv(const struct xpc_link *l);

/* The lower one of the stated rate and the cap, on the wire; 0: neither. */
uint64_t xpc_link_stated(const struct xpc_params *p, uint64_t cap);

/* The expected rate of the stream in precopy and in the switchover. */
uint64_t xpc_link_precopy(const struct xpc_link *l, const struct xpc_params *p);
uint64_t xpc_link_switchover(const struct xpc_link *l,
                             const struct xpc_params *p);

#endif
