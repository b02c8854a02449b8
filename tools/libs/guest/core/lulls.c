/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <xenprecopy/xenprecopy.h>

#include "core/lulls.h"

/*
 * It is worthwhile to wait for a lull if that reduces the downtime to this
 * share. Without a duration, it is waited for this many periods at most.
 */
#define GAIN 0.9
#define PERIODS 2

void xpc_lulls_learn(struct xpc_lull_watch *w, uint64_t clean_ns,
                     uint64_t length_ns, const struct xpc_observation *o,
                     struct xpc_cycle *cycle_r)
{
    xpc_learn_add_long(&w->busy, clean_ns, o->samples, o->nr_samples,
                       length_ns, o->dirty_pages);
    xpc_period_add(&w->period, clean_ns, o->samples, o->nr_samples, length_ns,
                   o->dirty_pages);
    xpc_period_find(&w->period, cycle_r);
}

int xpc_lulls_curve(const struct xpc_lull_watch *w,
                    const struct xpc_cycle *cycle, uint64_t total_pages,
                    struct xpc_curve *curve_r)
{
    struct xpc_learn busy;

    xpc_learn_busy(&busy, &w->busy, cycle);
    return xpc_learn_curve(&busy, total_pages, 0, curve_r);
}

/*
 * Remembers the lowest downtime. No lull is expected to bring less than a whole
 * period has, whatever the simulation says.
 */
static void watch_least(struct xpc_lull_watch *w, uint64_t period_ns,
                        uint64_t now_ns, uint64_t downtime_ns)
{
    if (!w->least_ns || now_ns - w->least_since_ns >= period_ns) {
        w->least_before_ns = w->least_ns;
        w->least_ns = downtime_ns;
        w->least_since_ns = now_ns;
    } else if (downtime_ns < w->least_ns) {
        w->least_ns = downtime_ns;
    }
}

uint64_t xpc_lulls_least(struct xpc_lull_watch *w, const struct xpc_curve *c,
                         const struct xpc_predict_params *p,
                         const struct xpc_predict_state *s,
                         uint64_t downtime_ns)
{
    uint64_t least = xpc_predict_lull(c, p, s, 0, NULL), seen;

    watch_least(w, p->cycle.period_ns, s->elapsed_ns, downtime_ns);
    seen = w->least_before_ns < w->least_ns ? w->least_before_ns :
                                              w->least_ns;
    return w->least_before_ns && least < seen ? seen : least;
}

/* May the next iteration be the last before the duration is over? */
static bool last_period(const struct xpc_params *params,
                        const struct xpc_predict_params *p,
                        const struct xpc_rule_state *s)
{
    return params->duration_ns &&
           params->duration_ns < s->elapsed_ns + s->next_ns +
                                 p->cycle.period_ns;
}

/* Without a duration, a lull that does not come is not waited for for ever. */
static bool may_wait(struct xpc_lull_watch *w,
                     const struct xpc_params *params,
                     const struct xpc_predict_params *p,
                     const struct xpc_rule_state *s)
{
    if (!w->waiting_ns)
        w->waiting_ns = s->elapsed_ns;
    return params->duration_ns || s->elapsed_ns - w->waiting_ns <=
                                  PERIODS * p->cycle.period_ns;
}

void xpc_lulls_decide(struct xpc_lull_watch *w, const struct xpc_params *params,
                      const struct xpc_predict_params *p,
                      const struct xpc_rule_state *s, unsigned int stalled,
                      uint64_t least, struct xpc_decision *d)
{
    bool suspends = params->on_timeout == XPC_ON_TIMEOUT_SUSPEND;
    uint64_t max = xpc_params_max_downtime(params);
    bool better, helps;

    d->period_ns = p->cycle.period_ns;
    d->busy_ns = p->cycle.busy_ns;
    d->lull_ns = xpc_cycle_next_lull_ns(&p->cycle, s->elapsed_ns);
    if (s->downtime_ns <= params->downtime_ns ||
        (d->reason != XPC_REASON_CONVERGING &&
         d->reason != XPC_REASON_STALLED))
        return;
    better = least <= GAIN * s->downtime_ns && least <= max;
    helps = least <= params->downtime_ns || (suspends && better);
    if (helps && least < d->best_downtime_ns)
        d->best_downtime_ns = least;
    if (d->reason == XPC_REASON_STALLED) {
        if (!helps || !may_wait(w, params, p, s))
            return;
        d->action = XPC_CONTINUE;
        d->reason = XPC_REASON_LULL;
    } else if (suspends && !helps && s->downtime_ns <= max &&
               last_period(params, p, s)) {
        d->action = XPC_STOP_AND_COPY;
        d->reason = XPC_REASON_LULL;
    } else if (helps && stalled >= p->rule.stall_iterations) {
        d->reason = XPC_REASON_LULL;
    }
}
