/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy: what to do when an iteration's pages have been sent.
 *
 * It keeps what it has seen, predicts the downtime if the guest were suspended
 * now (xenprecopy/predict.h), and asks the one stopping rule
 * (xenprecopy/rule.h).
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <xenprecopy/predict.h>
#include <xenprecopy/xenprecopy.h>

#include "core/learn.h"
#include "core/link.h"

/* The policy's memory over one migration. Set up by xpc_engine_init(). */
struct xpc_engine {
    struct xpc_params params;
    uint64_t total_pages;
    struct xpc_predict_params predict;  /* its bandwidth is the one in use */
    struct xpc_rule_state state;
    struct xpc_learn learn;         /* D(t) of this guest */
    struct xpc_working_set working_set;
    uint64_t start_ns;
    uint64_t last_ns;               /* end of the last iteration */
    struct xpc_link link;
    uint64_t first_zero_pages;      /* of the first copy */
    uint64_t besides_ns;            /* an iteration's time without sending */
    uint64_t bitmap_ns;             /* what reading and searching the dirty
                                     * bitmap takes; 0: not measured yet */
};

/*
 * What can be said before anything is sent: 0, or -1 with one line in err
 * when the parameters can't be met whatever the guest does (the switchover
 * alone is over the limit, the first copy takes longer than the duration).
 */
int xpc_engine_preflight(const struct xpc_params *params,
                         uint64_t total_pages, char *err, size_t len);

/* params must have passed xpc_params_check(). */
void xpc_engine_init(struct xpc_engine *e, const struct xpc_params *params,
                     uint64_t total_pages, uint64_t now_ns);

/*
 * Other parameters from the next decision on, the clock and what was learned
 * kept. They must have passed xpc_engine_check_change(): 0, or -1 with errno
 * EINVAL and one line in err when a migration under way can't go over to them.
 */
void xpc_engine_change(struct xpc_engine *e,
                       const struct xpc_params *params);
/*
 * What a change can't touch, as it was settled when the migration began: what
 * becomes of the leaf in xenstore afterwards, what is known of the guest and of
 * the target.
 */
void xpc_engine_settled(struct xpc_params *to, const struct xpc_params *now);
int xpc_engine_check_change(const struct xpc_params *now,
                            const struct xpc_params *to, char *err,
                            size_t len);

/*
 * An iteration's pages have been sent: what now? Fills *it_r, the decision in
 * it, and returns its action.
 */
int xpc_engine_decide(struct xpc_engine *e, const struct xpc_observation *o,
                      struct xpc_iteration *it_r);

/*
 * Stock Xen's rule, at either of its two calls an iteration. dirty_pages -1:
 * unknown. The parameters' iterations and threshold count, 0 for stock's.
 */
int xpc_stock_decide(const struct xpc_params *p, unsigned int iteration,
                     long dirty_pages);

#endif
