/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans the migration of several domains over one link: in which order, and how
 * many at once.
 *
 * With k at once, each gets min(link / k, stream), because a single migration
 * often cannot fill the link. A domain that would not converge at its share is
 * moved with fewer at once, in a separate phase. Phases follow each other,
 * those with fewest at once first. Within a phase, the domains are assigned to
 * k lanes so that the last lane ends as early as possible: longest first,
 * improved by branch and bound (exact for about a dozen domains). Every k that
 * is allowed is tried. The plan that ends first wins, and among equals the one
 * with fewer at once.
 *
 * The share of a lane is not raised when another lane is empty, so the plan is
 * on the safe side.
 */
#ifndef XENPRECOPY_EVACUATE_H
#define XENPRECOPY_EVACUATE_H

#include <xenprecopy/predict.h>

#define XPC_EVACUATE_MAX 256        /* domains */
#define XPC_EVACUATE_LANES_MAX 16   /* migrations at once */

/* One domain. The caller owns the curve; params.bandwidth is unused. */
struct xpc_evacuee {
    const struct xpc_curve *curve;
    struct xpc_predict_params params;
};

struct xpc_evacuate_params {
    uint64_t link_bytes_per_s;
    uint64_t stream_bytes_per_s;    /* highest rate of one migration; 0: that
                                     * of the link */
    unsigned int concurrency;       /* highest number at once; 0:
                                     * XPC_EVACUATE_LANES_MAX */
};

/* The plan for one domain, an index into the array of evacuees. */
struct xpc_evacuation_step {
    size_t domain;
    bool possible;                  /* within its limit, at least if alone */
    unsigned int concurrency;       /* migrations at once in its phase */
    unsigned int lane;              /* from 0 */
    uint64_t start_ns, end_ns;      /* since the start of the plan */
    uint64_t bandwidth_bytes_per_s; /* its share */
    struct xpc_prediction prediction;       /* at that share */
    struct xpc_prediction all_at_once;      /* at link / number of domains;
                                     * has the downtime that would cost */
};

/* The plan as a whole. */
struct xpc_evacuation {
    unsigned int concurrency;       /* highest number at once */
    uint64_t total_time_ns;         /* of the domains that can be moved */
    size_t possible;                /* their number */
    uint64_t at_once_total_time_ns; /* the slowest, if all are moved at once */
    size_t at_once_over_limit;      /* how many would then miss their limit */
};

/*
 * Fills in *e and steps_r, which has one entry per domain: sorted by start,
 * with those that cannot be moved last. nr is 1 to XPC_EVACUATE_MAX. Returns 0,
 * or -1 with errno EINVAL (nr) or ENOMEM.
 */
int xpc_evacuate(struct xpc_evacuation *e, struct xpc_evacuation_step *steps_r,
                 const struct xpc_evacuee *domains, size_t nr,
                 const struct xpc_evacuate_params *p);

#endif
