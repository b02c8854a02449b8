/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>

#include <xenprecopy/units.h>

#include "core/learn.h"

/* The times of the curve's points: half an octave per step. */
#define GRID_FIRST_NS (5 * XPC_MS)
#define GRID_STEP M_SQRT2
/* xpc_learn_add_long() ignores those shorter than this share of the mean. */
#define MUCH_SHORTER 0.25

void xpc_learn_add(struct xpc_learn *l, const struct xpc_dirty_count *samples,
                   size_t nr, uint64_t length_ns, uint64_t dirty_pages)
{
    struct xpc_dirty_count *to = l->it[l->next].s;
    size_t n = 0;

    for (size_t i = 0; i < nr && n < XPC_SAMPLES_MAX; i++) {
        if (!samples[i].t_ns || samples[i].t_ns >= length_ns ||
            samples[i].pages > dirty_pages ||
            (n && (samples[i].t_ns <= to[n - 1].t_ns ||
                   samples[i].pages < to[n - 1].pages)))
            continue;
        to[n++] = samples[i];
    }
    if (length_ns)
        to[n++] = (struct xpc_dirty_count){ length_ns, dirty_pages };
    if (!n)
        return;
    l->it[l->next].nr = n;
    l->next = (l->next + 1) % XPC_LEARN_ITERATIONS;
    if (l->nr < XPC_LEARN_ITERATIONS)
        l->nr++;
}

/* Index in the ring of the i-th iteration, 0 being the latest. */
static unsigned int ring_index(const struct xpc_learn *l, unsigned int i)
{
    return (l->next + 2 * XPC_LEARN_ITERATIONS - 1 - i) %
           XPC_LEARN_ITERATIONS;
}

static uint64_t length_of(const struct xpc_learn *l, unsigned int i)
{
    unsigned int k = ring_index(l, i);

    return l->it[k].s[l->it[k].nr - 1].t_ns;
}

void xpc_learn_add_long(struct xpc_learn *l, uint64_t start_ns,
                        const struct xpc_dirty_count *samples, size_t nr,
                        uint64_t length_ns, uint64_t dirty_pages)
{
    unsigned int at = l->next;
    double sum = 0;

    for (unsigned int i = 0; i < l->nr; i++)
        sum += length_of(l, i);
    if (!length_ns || length_ns * (double)l->nr < MUCH_SHORTER * sum)
        return;
    xpc_learn_add(l, samples, nr, length_ns, dirty_pages);
    l->it[at].start_ns = start_ns;
}

void xpc_learn_busy(struct xpc_learn *busy, const struct xpc_learn *l,
                    const struct xpc_cycle *cycle)
{
    *busy = *l;
    for (unsigned int i = 0; i < l->nr; i++) {
        double start = l->it[i].start_ns;

        for (size_t j = 0; j < l->it[i].nr; j++)
            busy->it[i].s[j].t_ns =
                xpc_cycle_active_ns(cycle, start,
                                    start + l->it[i].s[j].t_ns);
    }
}

/*
 * Pages that were dirty t after the clean in iteration i, by linear
 * interpolation between the samples.
 */
static double pages_at(const struct xpc_learn *l, unsigned int i, uint64_t t)
{
    unsigned int k = ring_index(l, i);
    uint64_t t0 = 0, p0 = 0;

    for (size_t j = 0; j < l->it[k].nr; j++) {
        const struct xpc_dirty_count *s = &l->it[k].s[j];

        if (s->t_ns >= t)
            return p0 + ((double)s->pages - p0) * (t - t0) / (s->t_ns - t0);
        t0 = s->t_ns;
        p0 = s->pages;
    }
    return p0;
}

/*
 * Computes D(t), and its ratio to D at the previous point, over the iterations
 * that reach t. at has the pages of each iteration at the previous point, and
 * is updated to those at t. Returns false if no iteration reaches t.
 */
static bool measure_growth(const struct xpc_learn *l, uint64_t t,
                           double at[XPC_LEARN_ITERATIONS], double *mean_r,
                           double *ratio_r)
{
    double weight = 1, above = 0, below = 0, weights = 0;

    for (unsigned int i = 0; i < l->nr; i++, weight *= XPC_LEARN_FADE) {
        if (length_of(l, i) < t)
            continue;
        below += weight * at[i];
        at[i] = pages_at(l, i, t);
        above += weight * at[i];
        weights += weight;
    }
    if (weights <= 0)
        return false;
    *mean_r = above / weights;
    *ratio_r = below > 0 ? above / below : above > 0 ? INFINITY : 1;
    return true;
}

/* Sets low and high by how far from the curve the iterations ended. */
static void set_spread(const struct xpc_learn *l, struct xpc_curve *c)
{
    double least = 1, most = 1;

    for (unsigned int i = 0; i < l->nr; i++) {
        for (size_t k = 0; k < c->nr; k++) {
            double level;

            /* The last point that the iteration reaches. */
            if (k + 1 < c->nr && c->pt[k + 1].t_ns <= length_of(l, i))
                continue;
            if (c->pt[k].t_ns > length_of(l, i) || c->pt[k].pages <= 0)
                break;
            level = pages_at(l, i, c->pt[k].t_ns) / c->pt[k].pages;
            least = fmin(least, level);
            most = fmax(most, level);
            break;
        }
    }
    for (size_t k = 0; k < c->nr; k++) {
        c->pt[k].low = c->pt[k].pages * least;
        c->pt[k].high = fmin(c->pt[k].pages * most, c->total_pages);
    }
}

static uint64_t longest_iteration(const struct xpc_learn *l)
{
    uint64_t longest_ns = 0;

    for (unsigned int i = 0; i < l->nr; i++) {
        if (length_of(l, i) > longest_ns)
            longest_ns = length_of(l, i);
    }
    return longest_ns;
}

int xpc_learn_curve(const struct xpc_learn *l, uint64_t total_pages,
                    uint64_t zero_pages, struct xpc_curve *c)
{
    uint64_t end = longest_iteration(l);
    uint64_t t = end < GRID_FIRST_NS ? end : GRID_FIRST_NS;
    double at[XPC_LEARN_ITERATIONS] = { 0 }, pages = 0, mean, ratio;

    *c = (struct xpc_curve){
        .total_pages = total_pages, .zero_pages = zero_pages,
    };
    if (!end) {
        errno = ENODATA;
        return -1;
    }
    while (c->nr < XPC_CURVE_MAX && measure_growth(l, t, at, &mean, &ratio)) {
        /* Nothing dirty so far: there is no ratio yet. */
        pages = isfinite(ratio) ? pages * ratio : mean;
        if (pages > total_pages)
            pages = total_pages;
        c->pt[c->nr++] = (struct xpc_curve_point){ .t_ns = t,
                                                   .pages = pages };
        if (t == end)
            break;
        t = t * GRID_STEP > end ? end : t * GRID_STEP;
    }
    set_spread(l, c);
    return 0;
}
