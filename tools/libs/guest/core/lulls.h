/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest with regular phases (xenprecopy/period.h), in the policy: what is
 * learned of it, and what its lulls change.
 */
#ifndef CORE_LULLS_H
#define CORE_LULLS_H

#include <xenprecopy/period.h>
#include <xenprecopy/predict.h>

#include "core/learn.h"

/* All 0 initially. Owns no memory. */
struct xpc_lull_watch {
    struct xpc_period period;
    struct xpc_learn busy;      /* long iterations */
    uint64_t waiting_ns;        /* for a lull, since then; 0: not yet */
    /* The lowest downtimes in the current period and in the one before, 0:
     * unknown; and when the current one began. */
    uint64_t least_ns, least_before_ns, least_since_ns;
};

/*
 * Learns from an iteration, for which the bitmap was cleaned at clean_ns since
 * the start. Sets *cycle_r.
 */
void xpc_lulls_learn(struct xpc_lull_watch *w, uint64_t clean_ns,
                     uint64_t length_ns, const struct xpc_observation *o,
                     struct xpc_cycle *cycle_r);
/* D(t) of the guest when it is busy. As xpc_learn_curve(). */
int xpc_lulls_curve(const struct xpc_lull_watch *w,
                    const struct xpc_cycle *cycle, uint64_t total_pages,
                    struct xpc_curve *curve_r);

/*
 * The lowest downtime that is expected within a period from state s, where it
 * is downtime_ns. To be called once for each iteration.
 */
uint64_t xpc_lulls_least(struct xpc_lull_watch *w,
                         const struct xpc_curve *c,
                         const struct xpc_predict_params *p,
                         const struct xpc_predict_state *s,
                         uint64_t downtime_ns);
/*
 * Above the limit, a guest with regular phases is waited for if copying no
 * longer helps, but will do so in a lull; and one that would be suspended
 * because precopy is over is suspended where the downtime is the least within a
 * period. Changes the decision of the rule accordingly. stalled: that of the
 * rule, before a judgement.
 */
void xpc_lulls_decide(struct xpc_lull_watch *w, const struct xpc_params *params,
                      const struct xpc_predict_params *p,
                      const struct xpc_rule_state *s, unsigned int stalled,
                      uint64_t least_ns, struct xpc_decision *d);

#endif
