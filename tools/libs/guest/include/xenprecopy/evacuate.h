/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several domains leave over one link: in which order, and how many at once?
 *
 * With k at once each gets min(link / k, stream): what a single migration can
 * fill is often less than the link. A domain that would not converge at its
 * share in k goes with fewer at once, in a phase of its own; phases follow
 * each other, fewest at once first. Within a phase the domains are dealt out
 * to k lanes so that the last lane ends soonest: longest first, improved by
 * branch and bound (exact for a dozen domains or so). Every k up to the most
 * allowed is tried, and the plan that ends soonest wins; of equals, the one
 * with fewer at once.
 *
 * A lane's share is not raised when another lane has run empty: the plan is
 * on the safe side.
 */
#ifndef XENPRECOPY_EVACUATE_H
#define XENPRECOPY_EVACUATE_H

#include <xenprecopy/predict.h>

#define XPC_EVACUATE_MAX 256        /* domains */
#define XPC_EVACUATE_LANES_MAX 16   /* at once */

/* One domain. The caller keeps the curve. bandwidth in params is not used. */
struct xpc_evacuee {
    const struct xpc_curve *curve;
    struct xpc_predict_params params;
};

struct xpc_evacuate_params {
    uint64_t link_bytes_per_s;
    uint64_t stream_bytes_per_s;    /* the most of one migration; 0: link */
    unsigned int concurrency;       /* at most; 0: XPC_EVACUATE_LANES_MAX */
};

/* What becomes of the domain with this index among the evacuees. */
struct xpc_evacuation_step {
    size_t domain;
    bool possible;                  /* within its limit, alone at least */
    unsigned int concurrency;       /* at once in its phase */
    unsigned int lane;              /* from 0 */
    uint64_t start_ns, end_ns;      /* since the start of it all */
    uint64_t bandwidth_bytes_per_s; /* its share */
    struct xpc_prediction prediction;       /* at that share */
    struct xpc_prediction all_at_once;      /* at link / all domains: its
                                     * downtime is what it would cost */
};

/*
 * steps has one entry a domain, by start; impossible ones last.
 */
struct xpc_evacuation {
    unsigned int concurrency;       /* the most at once */
    uint64_t total_time_ns;         /* of the possible ones */
    size_t possible;
    uint64_t at_once_total_time_ns; /* the slowest of all at once */
    size_t at_once_over_limit;      /* how many would miss their limit */
};

/*
 * Fills steps_r, nr entries, 1 to XPC_EVACUATE_MAX. Returns 0, or -1 with
 * errno EINVAL (nr) or ENOMEM.
 */
int xpc_evacuate(struct xpc_evacuation *e, struct xpc_evacuation_step *steps_r,
                 const struct xpc_evacuee *domains, size_t nr,
                 const struct xpc_evacuate_params *p);

#endif
