/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slowing the guest down, as little as is enough: if nothing else keeps the
 * downtime limit, the guest gets the largest share of its CPU time with which
 * the simulation (xenprecopy/predict.h) keeps it. Pure.
 */
#ifndef CORE_SLOW_H
#define CORE_SLOW_H

#include <stdbool.h>

#include <xenprecopy/predict.h>

/* The share that the guest gets if it is not slowed down. */
#define XPC_ALL_PERCENT 100

/* What to choose from. */
struct xpc_slow {
    const struct xpc_curve *c;          /* of the guest with all of its time */
    const struct xpc_predict_params *p; /* cpu_share is ignored */
    struct xpc_predict_state s;         /* between iterations; since_clean_ns
                                         * in the guest's time: if it got half
                                         * of its CPU time, half of the time */
    unsigned int least_percent;         /* from 1 */
    unsigned int now_percent;           /* its share until now */
    uint64_t time_left_ns;              /* of the duration; 0: no limit */
    bool failed;                        /* it was slowed down in vain */
    double ns;                          /* result: how long it will be slowed
                                         * down */
};

/*
 * The share of its CPU time that the guest is to get next, in percent;
 * XPC_ALL_PERCENT if it is not to be slowed down:
 * - the expected curve keeps the limit without;
 * - the guest would come within the limit at its quietest, and there is time to
 *   wait for that, and to slow it down later;
 * - no share keeps the limit.
 * A share that keeps the limit does so even if the guest is as busy as at its
 * busiest. A larger one takes less of the guest's time at once, but for longer:
 * of those that keep the limit, it is the largest that takes little more in all
 * than the best one. If there is none, it is the least share, if that keeps the
 * limit for the expected curve, unless the guest was slowed down in vain
 * before. Sets w->failed if the guest is not slowed down any more because no
 * share keeps the limit.
 */
unsigned int xpc_slow_choose(struct xpc_slow *w);

#endif
