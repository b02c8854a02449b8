/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * D(t) of the guest that is being migrated, learned from the dirty counts
 * sampled within each iteration.
 *
 * The shape is built from ratios D(t2)/D(t1), measured in the iterations that
 * reach t2, with more weight on the recent ones, and multiplied from the
 * shortest time upwards. A long early iteration and short late ones thus form
 * one curve, without a step where only the long one continues. The differences
 * in level between iterations (bursts, phases) are kept in the curve's low and
 * high.
 */
#ifndef CORE_LEARN_H
#define CORE_LEARN_H

#include <xenprecopy/curve.h>
#include <xenprecopy/period.h>
#include <xenprecopy/xenprecopy.h>

/* How many iterations are kept, and the ratio of their weights. */
#define XPC_LEARN_ITERATIONS 8
#define XPC_LEARN_FADE 0.6

/* All 0 initially. */
struct xpc_learn {
    struct {
        uint64_t start_ns;
        size_t nr;
        struct xpc_dirty_count s[XPC_SAMPLES_MAX + 1];
    } it[XPC_LEARN_ITERATIONS];     /* a ring buffer */
    unsigned int nr, next;
};

/*
 * Adds one iteration: its samples by increasing time, its length, and the pages
 * dirty at its end. Samples that are out of order or decrease are ignored.
 */
void xpc_learn_add(struct xpc_learn *l, const struct xpc_dirty_count *samples,
                   size_t nr, uint64_t length_ns, uint64_t dirty_pages);

/*
 * The same of an iteration for which the bitmap was cleaned at start_ns, if it
 * is not much shorter than those kept. What a guest does when it is busy is
 * thus not forgotten in a lull, in which iterations are short.
 */
void xpc_learn_add_long(struct xpc_learn *l, uint64_t start_ns,
                        const struct xpc_dirty_count *samples, size_t nr,
                        uint64_t length_ns, uint64_t dirty_pages);
/*
 * Replaces the times of *l by the busy time of a guest with regular phases, so
 * that the curve is that of the busy guest.
 */
void xpc_learn_busy(struct xpc_learn *busy_r, const struct xpc_learn *l,
                    const struct xpc_cycle *cycle);

/*
 * The curve learned so far. low and high are the lowest and the highest level
 * of the iterations kept, not a confidence interval. Returns 0, or -1 with
 * errno ENODATA if nothing was learned because all iterations were empty.
 */
int xpc_learn_curve(const struct xpc_learn *l, uint64_t total_pages,
                    uint64_t zero_pages, struct xpc_curve *curve_r);

#endif
