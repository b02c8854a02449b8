/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "core/slow.h"

/* So many shares are tried. */
#define STEPS 8
/*
 * Of the shares that keep the limit, a larger one may take this much more of
 * the guest's time in all than the best one. Tuned with make eval.
 */
#define MORE_LOST 1.25
/* More than rounding makes of a time. */
#define SLACK_NS 1000
/* A guest that may have a lull is slowed down when this much is left. */
#define TIME_SPARE 2

struct result {
    bool fits;                  /* the limit is kept */
    double ns;                  /* until the suspend */
};

/*
 * What happens with this share, for a curve of the band. Whether it keeps the
 * limit after more than most_ns does not matter.
 */
static struct result simulate(const struct xpc_slow *w, unsigned int percent,
                              double side, double most_ns)
{
    struct xpc_predict_params p = *w->p;
    struct xpc_predict_state s = w->s;
    struct xpc_prediction r;

    p.cpu_share = percent / (double)XPC_ALL_PERCENT;
    /* As soon as it is within the limit, it gets all of its time again. */
    p.rule.gain = 0;
    p.rule.max_downtime_ns = p.rule.downtime_ns;
    p.rule.on_timeout = XPC_ON_TIMEOUT_ABORT;
    s.since_clean_ns = s.since_clean_ns / p.cpu_share;
    most_ns += s.elapsed_ns;
    if (most_ns < 0x1p62 &&
        (!p.rule.duration_ns || most_ns < p.rule.duration_ns))
        p.rule.duration_ns = most_ns;
    xpc_predict_run(&r, w->c, &p, &s, side, NULL);
    return (struct result){
        .fits = r.converges,
        .ns = (double)r.total_time_ns - r.downtime_ns - s.elapsed_ns,
    };
}

/* How much is taken with each share, from the largest, step 1, to STEPS. */
static unsigned int taken_percent(const struct xpc_slow *w, unsigned int step)
{
    return ((XPC_ALL_PERCENT - w->least_percent) * step + STEPS - 1) / STEPS;
}

/* For the guest at its busiest. */
struct shares {
    struct result r[STEPS + 1];
    bool known[STEPS + 1];
};

/*
 * The result of a share, which is not chosen if it takes more than this in all:
 * percent times time.
 */
static struct result simulate_share(const struct xpc_slow *w, struct shares *s,
                                    unsigned int step, double most)
{
    unsigned int taken = taken_percent(w, step);

    if (!s->known[step])
        s->r[step] = simulate(w, XPC_ALL_PERCENT - taken, 1,
                              most / taken + SLACK_NS);
    s->known[step] = true;
    return s->r[step];
}

/*
 * The share for the guest at its busiest, or XPC_ALL_PERCENT: there is none.
 * Sets *ns_r, how long it will be slowed down.
 */
static unsigned int best_share(const struct xpc_slow *w, struct shares *s,
                               double *ns_r)
{
    double lost[STEPS + 1], least = INFINITY;

    for (unsigned int i = STEPS; i >= 1; i--) {
        struct result r = simulate_share(w, s, i, MORE_LOST * least);

        lost[i] = r.fits ? taken_percent(w, i) * r.ns : INFINITY;
        least = fmin(least, lost[i]);
    }
    for (unsigned int i = 1; i <= STEPS && isfinite(least); i++) {
        if (lost[i] <= MORE_LOST * least) {
            *ns_r = s->r[i].ns;
            return XPC_ALL_PERCENT - taken_percent(w, i);
        }
    }
    return XPC_ALL_PERCENT;
}

/* The same, or the least share, for the expected curve. */
static unsigned int enough_share(const struct xpc_slow *w, struct shares *s,
                                 double *ns_r)
{
    unsigned int percent = best_share(w, s, ns_r);
    struct result r;

    if (percent < XPC_ALL_PERCENT || w->failed)
        return percent;
    r = simulate(w, w->least_percent, 0, INFINITY);
    *ns_r = r.ns;
    return r.fits ? w->least_percent : XPC_ALL_PERCENT;
}

/* Is there time to be slowed down for so long after waiting for a lull? */
static bool has_time(const struct xpc_slow *w, double ns)
{
    return w->now_percent == XPC_ALL_PERCENT &&
           w->time_left_ns > TIME_SPARE * ns;
}

/*
 * The same for every share that may be chosen. None of them takes much more in
 * all than the least share does, so that most need not be simulated.
 */
static bool always_has_time(const struct xpc_slow *w, struct shares *s)
{
    struct result last = s->r[STEPS], r;
    double most = MORE_LOST * taken_percent(w, STEPS) * last.ns;

    if (!last.fits || !has_time(w, last.ns))
        return false;
    for (unsigned int i = 1; i < STEPS; i++) {
        if (has_time(w, most / taken_percent(w, i) + SLACK_NS))
            return true;
        r = simulate_share(w, s, i, most);
        if (r.fits && !has_time(w, r.ns))
            return false;
    }
    return true;
}

static bool may_have_lull(const struct xpc_slow *w)
{
    return simulate(w, XPC_ALL_PERCENT, -1, INFINITY).fits;
}

unsigned int xpc_slow_choose(struct xpc_slow *w)
{
    bool slowed = w->now_percent < XPC_ALL_PERCENT, waits;
    struct shares s = { 0 };
    unsigned int percent;

    if (simulate(w, XPC_ALL_PERCENT, slowed ? 1 : 0, INFINITY).fits)
        return XPC_ALL_PERCENT;
    simulate_share(w, &s, STEPS, INFINITY);
    waits = always_has_time(w, &s);
    if (waits && may_have_lull(w))
        return XPC_ALL_PERCENT;
    percent = enough_share(w, &s, &w->ns);
    if (percent == XPC_ALL_PERCENT)
        w->failed |= slowed;
    else if (!waits && has_time(w, w->ns) && may_have_lull(w))
        return XPC_ALL_PERCENT;
    return percent;
}
