/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * D(t) of the guest that is being migrated, learned from the dirty counts
 * sampled within each iteration.
 *
 * The shape comes from ratios: D(t2)/D(t1) as the iterations that reach t2
 * saw it, the recent ones with more weight, chained from the shortest time up.
 * So a long early iteration and short late ones make one curve, without a
 * step where the long one ends alone. How the level differs from iteration to
 * iteration (bursts, phases) is kept as the curve's low and high.
 */
#ifndef CORE_LEARN_H
#define CORE_LEARN_H

#include <xenprecopy/curve.h>
#include <xenprecopy/xenprecopy.h>

/* So many iterations are remembered, and weigh this much less each. */
#define XPC_LEARN_ITERATIONS 8
#define XPC_LEARN_FADE 0.6

struct xpc_learn {
    struct {
        size_t nr;
        struct xpc_dirty_count s[XPC_SAMPLES_MAX + 1];
    } it[XPC_LEARN_ITERATIONS];     /* a ring */
    unsigned int nr, next;
};

/*
 * Adds one iteration: its samples in growing time, and its length with the
 * pages dirty at its end. Samples out of order or falling are left out.
 */
void xpc_learn_add(struct xpc_learn *l, const struct xpc_dirty_count *samples,
                   size_t nr, uint64_t length_ns, uint64_t dirty_pages);

/*
 * The curve as learned so far. low and high are the least and the highest
 * level that a remembered iteration had, not a confidence interval. Returns
 * 0, or -1 when nothing has been learned (all iterations were empty).
 */
int xpc_learn_curve(const struct xpc_learn *l, uint64_t total_pages,
                    uint64_t zero_pages, struct xpc_curve *curve_r);

#endif
