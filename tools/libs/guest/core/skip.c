/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaving out pages that are dirty again. Formulas: xenprecopy/skip.h. */
#include <math.h>
#include <string.h>

#include <xenprecopy/skip.h>

#include "core/bounds.h"

/* An iteration is integrated in at most so many steps. */
#define STEPS 4
/* Of a double: the highest bits of the mantissa that tell the node. */
#define NODE_SHIFT (52 - 3)
#define NODE_FIRST (UINT64_C(1023) << 3)

uint64_t xpc_skip_peek_ns(uint64_t pfns)
{
    return XPC_PEEK_FIXED_NS + (double)pfns * XPC_PEEK_PFN_PS / 1000;
}

double xpc_skip_period_ns(double peek_ns, double rate)
{
    if (!(rate > 0))
        return INFINITY;
    return at_least(sqrt(2 * peek_ns / rate), peek_ns / XPC_PEEK_SHARE);
}

void xpc_skip_curve_init(struct xpc_skip_curve *s, struct xpc_curve_fit *fit)
{
    s->fit = fit;
    s->cpu_share = 1;
    s->scale = 1;
    s->cycle = NULL;
    for (int i = 0; i < XPC_SKIP_NODES; i++)
        s->pages[i] = -1;
}

static double node_ns(unsigned int node)
{
    uint64_t bits = (node + NODE_FIRST) << NODE_SHIFT;
    double t;

    memcpy(&t, &bits, sizeof(t));
    return t;
}

static double node_pages(struct xpc_skip_curve *s, unsigned int node)
{
    if (s->pages[node] < 0)
        s->pages[node] = xpc_curve_fit_pages(s->fit, node_ns(node), 0);
    return s->pages[node];
}

/* D(t), in ns. */
static double pages_at(struct xpc_skip_curve *s, double t)
{
    unsigned int node;
    uint64_t bits;
    double from, low;

    t *= s->cpu_share;
    if (!(t >= 1))
        return 0;
    if (t >= node_ns(XPC_SKIP_NODES - 1))
        return xpc_curve_fit_pages(s->fit, t, 0);
    memcpy(&bits, &t, sizeof(bits));
    node = (bits >> NODE_SHIFT) - NODE_FIRST;
    from = node_ns(node);
    low = node_pages(s, node);
    return low + (node_pages(s, node + 1) - low) * (t - from) /
           (node_ns(node + 1) - from);
}

/* The pages of a window. */
static double window_pages(struct xpc_skip_curve *s,
                           const struct xpc_skip_window *w)
{
    return w->first ? s->fit->c->total_pages : pages_at(s, w->ns);
}

/* q(u), of a window with that many pages. */
static double chance(struct xpc_skip_curve *s,
                     const struct xpc_skip_window *w, double pages, double u)
{
    double q;

    if (!(u > 0) || !(pages > 0))
        return 0;
    if (s->cycle)
        u = xpc_cycle_active_ns(s->cycle, s->clean_ns, s->clean_ns + u);
    q = pages_at(s, u);
    if (!w->first)
        q += pages - pages_at(s, w->ns + u);
    return at_least(at_most(q / pages * s->scale, 1), 0);
}

double xpc_skip_chance(struct xpc_skip_curve *s,
                       const struct xpc_skip_window *w, double u)
{
    return chance(s, w, window_pages(s, w), u);
}

double xpc_skip_sending_ns(struct xpc_skip_curve *s,
                           const struct xpc_skip_window *w, double pages,
                           double start, double plain, double peek_ns,
                           double *sent_r)
{
    double d = window_pages(s, w), sent = 0, peeks = 0, half, q;
    double batch, period, age;
    int steps;

    *sent_r = 1;
    half = start + plain / 2;
    q = chance(s, w, d, half);
    if (!(plain > 0) || !isfinite(half) || q <= 0)
        return plain;
    batch = plain * at_most(XPC_BATCH_PAGES / pages, 1);
    steps = at_least(at_most(pages / XPC_BATCH_PAGES, STEPS), 1);
    period = xpc_skip_period_ns(peek_ns, q / half);
    age = at_least(period, batch) / 2;
    for (int i = 0; i < steps; i++) {
        /* The middle of this step, if it leaves out as many as the last. */
        double u = start + sent + plain / steps * (1 - q) / 2;

        q = u < period ? 0 : chance(s, w, d, u - age);
        sent += plain / steps * (1 - q);
        if (u >= period)
            peeks = sent * peek_ns / at_least(period, batch);
    }
    *sent_r = at_most(sent / plain, 1);
    return sent + peeks;
}

void xpc_skip_init(struct xpc_skip *s, uint64_t pfns)
{
    *s = (struct xpc_skip){ .peek_ns = xpc_skip_peek_ns(pfns) };
}

void xpc_skip_clean(struct xpc_skip *s, uint64_t now_ns)
{
    if (!s->begun)
        s->start_ns = now_ns;
    s->begun = true;
    s->clean_ns = s->last_ns = now_ns;
    s->pages = s->dropped = 0;
}

/*
 * How fast the share grows. As long as no page was dirty, the next one might be
 * the first.
 */
static double rate(const struct xpc_skip *s)
{
    if (s->last_ns == s->clean_ns)
        return INFINITY;
    return (s->dropped + 1.0) / (s->pages + 1.0) /
           (s->last_ns - s->clean_ns);
}

bool xpc_skip_due(const struct xpc_skip *s, uint64_t now_ns)
{
    return s->total_ns <= XPC_PEEK_SHARE * (now_ns - s->start_ns) &&
           now_ns - s->last_ns >= xpc_skip_period_ns(s->peek_ns, rate(s));
}

void xpc_skip_peeked(struct xpc_skip *s, uint64_t now_ns, uint64_t took_ns)
{
    s->peek_ns = took_ns < 2 * s->peek_ns ? took_ns : 2 * s->peek_ns;
    if (s->peek_ns < XPC_PEEK_FIXED_NS)
        s->peek_ns = XPC_PEEK_FIXED_NS;
    s->last_ns = now_ns;
    s->pages = s->dropped = 0;
    s->peeks++;
    s->total_ns += took_ns;
}

void xpc_skip_add(struct xpc_skip *s, uint64_t pages, uint64_t dropped)
{
    s->pages += pages;
    s->dropped += dropped;
}
