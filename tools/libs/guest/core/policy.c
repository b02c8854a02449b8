/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy, see core/policy.h. */
#include <math.h>

#include <xenprecopy/advice.h>
#include <xenprecopy/units.h>

#include "core/policy.h"
#include "core/preflight.h"
#include "core/slow.h"

/* What stock Xen's save loop does without a policy callback. */
#define STOCK_ITERATIONS 5
#define STOCK_THRESHOLD 50

/*
 * Without hope, precopy ends after three iterations that did not help, but not
 * before this share of the duration, because the guest may have a lull. For a
 * guest that has been steady for PATIENCE_STEADY of the duration, a lull is
 * less likely. Its iterations were all within STEADY of each other, and most of
 * its pages had been dirty the time before. Only the last iterations are kept,
 * which may be short, so that it is steady now says little.
 */
#define PATIENCE 0.95
#define PATIENCE_STEADY 0.4
#define STEADY 1.05
#define STEADY_REPEAT_PERCENT 50
/*
 * When pages that are dirty again are left out, iterations are so short that
 * what a guest dirties until it has suspended counts. Tuned with make eval.
 */
#define SKIP_SUSPEND_NS (5 * XPC_MS)
/*
 * The same for a guest that was slowed down: it comes within the limit only
 * just, and suspends with all of its CPU time.
 */
#define SLOW_SUSPEND_NS (20 * XPC_MS)
/*
 * How many pages are left out is learned with this share of what was learned
 * before. At first, it is as if so many had been, as expected.
 */
#define SKIP_FADE 0.8
#define SKIP_PRIOR 100
/*
 * A lull may end earlier than expected, by this share of the period. That only
 * matters to a guest that is within the limit.
 */
#define LULL_SPARE 0.1
/* With at most this share of new pages, the whole working set was seen. */
#define CONVERGED_NEW_PERCENT 2
/* With hope but without a duration, precopy ends after this many. */
#define HOPEFUL_ITERATIONS 30

int xpc_stock_decide(const struct xpc_params *p, unsigned int iteration,
                     long dirty_pages)
{
    uint64_t iterations = p->iterations ? p->iterations : STOCK_ITERATIONS;
    uint64_t threshold = p->threshold_pages ? p->threshold_pages
                                            : STOCK_THRESHOLD;

    if ((dirty_pages >= 0 && (uint64_t)dirty_pages < threshold) ||
        iteration >= iterations)
        return XPC_STOP_AND_COPY;
    return XPC_CONTINUE;
}

void xpc_engine_init(struct xpc_engine *e, const struct xpc_params *params,
                     uint64_t total_pages, uint64_t now_ns)
{
    *e = (struct xpc_engine){
        .total_pages = total_pages, .start_ns = now_ns, .last_ns = now_ns,
    };
    xpc_engine_change(e, params);
}

void xpc_engine_change(struct xpc_engine *e, const struct xpc_params *params)
{
    e->params = *params;
    xpc_engine_predict_params(&e->predict, params, e->total_pages);
    e->predict.skip_dirty &= !e->skip_ended;
    if (e->slow_ended)
        xpc_engine_end_slowing(e);
}

void xpc_engine_end_skipping(struct xpc_engine *e)
{
    e->skip_ended = true;
    e->predict.skip_dirty = false;
}

void xpc_engine_end_slowing(struct xpc_engine *e)
{
    e->slow_ended = true;
    e->params.slow_down_percent = 0;
    e->predict.cpu_share = 1;
}

/*
 * Learns the time of the bitmap from an iteration. A higher value is taken over
 * at once, a lower one only gradually, because with many dirty pages the first
 * one is found early.
 */
static void learn_bitmap(struct xpc_engine *e, const struct xpc_observation *o)
{
    uint64_t pfns = xpc_engine_pfns(&e->params, e->total_pages);
    uint64_t took = xpc_predict_bitmap_part(o->bitmap_ns, pfns);
    uint64_t least = xpc_predict_bitmap_ns(pfns);

    if (took > e->bitmap_ns)
        e->bitmap_ns = took;
    else if (took)
        e->bitmap_ns -= (e->bitmap_ns - took) / 2;
    e->predict.bitmap_ns = e->bitmap_ns > least ? e->bitmap_ns : least;
}

/* Learns the bandwidth, and the rest of the time, from an iteration. */
static void learn_link(struct xpc_engine *e, const struct xpc_observation *o,
                       uint64_t duration_ns)
{
    if (o->flow_ns) {
        xpc_link_learn(&e->link, o->flow_bytes, o->flow_ns);
        /* Only the first iteration has to search for holes. */
        if (e->state.iterations && duration_ns > o->flow_ns)
            e->besides_ns = duration_ns - o->flow_ns;
    } else if (!o->zero_pages) {
        xpc_link_learn(&e->link, o->bytes_sent, duration_ns);
    }
    if (o->wire_bytes)
        xpc_link_learn_wire(&e->link, o->bytes_sent, o->wire_bytes);
    e->predict.bandwidth_bytes_per_s = xpc_link_precopy(&e->link, &e->params);
    e->predict.switchover_bytes_per_s = xpc_link_switchover(&e->link,
                                                            &e->params);
    e->predict.bandwidth_cv = xpc_link_cv(&e->link);
    e->predict.iteration_ns = e->besides_ns;
}

static double skip_scale(const struct xpc_engine *e)
{
    return (e->skip_actual + SKIP_PRIOR) / (e->skip_expected + SKIP_PRIOR);
}

/*
 * Learns how many of the pages that are dirty again are left out, compared with
 * what follows from D(t); not while the guest's time is not that of D(t).
 */
static void learn_skipping(struct xpc_engine *e,
                           const struct xpc_observation *o,
                           struct xpc_skip_curve *skip)
{
    struct xpc_predict_params *p = &e->predict;
    struct xpc_skip_window w = { .ns = e->sending_window_ns };
    double plain = xpc_predict_send_ns(p, e->sending_pages) - p->iteration_ns;
    double share;

    if (!p->skip_dirty)
        return;
    if (w.ns > 0 && !p->cycle.period_ns &&
        e->cpu_percent == XPC_ALL_PERCENT) {
        skip->scale = skip_scale(e);
        xpc_skip_sending_ns(skip, &w, e->sending_pages, p->iteration_ns, plain,
                            p->peek_ns, &share);
        e->skip_expected = SKIP_FADE * e->skip_expected +
                           (1 - share) * e->sending_pages / skip->scale;
        e->skip_actual = SKIP_FADE * e->skip_actual + o->skipped_pages;
    }
    p->skip_scale = skip_scale(e);
}

/* The current state, for the simulation. */
static struct xpc_predict_state current_state(const struct xpc_engine *e)
{
    return (struct xpc_predict_state){
        .elapsed_ns = e->state.elapsed_ns,
        .iterations = e->state.iterations,
        .dirty_pages = e->state.dirty_pages,
        .since_clean_ns = e->since_clean_ns / e->predict.cpu_share,
    };
}

bool xpc_engine_converged(const struct xpc_working_set *w)
{
    return w->pages && w->new_percent <= CONVERGED_NEW_PERCENT;
}

/* ns of the last iteration, in the guest's time. */
static uint64_t guest_ns(const struct xpc_engine *e, uint64_t ns)
{
    return e->cpu_percent == XPC_ALL_PERCENT ? ns :
           (double)ns * e->cpu_percent / XPC_ALL_PERCENT;
}

/* A window, in the unit in which D(t) was learned. */
static double window_ns(const struct xpc_engine *e, double from, double to)
{
    return xpc_cycle_active_ns(&e->predict.cycle, from, to);
}

/*
 * The pages that the guest dirties between the decision and its suspend are
 * counted with those that suspending dirties. It then gets all of its CPU time.
 * Without regular phases, it is as busy as in the last iteration.
 */
static void learn_delay(struct xpc_engine *e, const struct xpc_curve *c)
{
    const struct xpc_curve_model *m = &e->predict.model;
    uint64_t delay = e->suspend_delay_ns;
    double at = e->state.elapsed_ns, clean = at - e->since_clean_ns;
    struct xpc_prior prior;
    double now, then, level = 1;

    if (e->predict.skip_dirty && delay < SKIP_SUSPEND_NS)
        delay = SKIP_SUSPEND_NS;
    if (e->cpu_percent < XPC_ALL_PERCENT && delay < SLOW_SUSPEND_NS)
        delay = SLOW_SUSPEND_NS;
    if (!delay || !c)
        return;
    now = xpc_curve_pages(c, m, window_ns(e, clean, at), 0);
    then = xpc_curve_pages(c, m, window_ns(e, clean, at + delay), 0);
    if (!e->predict.cycle.period_ns && now > 0)
        level = e->state.dirty_pages / now;
    xpc_params_prior(&e->params, &prior);
    e->predict.suspend_pages = prior.suspend_pages +
                               fmax(then - now, 0) * level;
}

/*
 * Learns D(t) of the guest with all of its CPU time: what it did in t, it would
 * have done in share t.
 */
static void learn_dirtying(struct xpc_engine *e,
                           const struct xpc_observation *o)
{
    struct xpc_dirty_count s[XPC_SAMPLES_MAX];
    size_t nr = o->nr_samples < XPC_SAMPLES_MAX ? o->nr_samples :
                                                  XPC_SAMPLES_MAX;

    if (e->cpu_percent == XPC_ALL_PERCENT) {
        xpc_learn_add(&e->learn, o->samples, o->nr_samples,
                      e->since_clean_ns, o->dirty_pages);
        return;
    }
    for (size_t i = 0; i < nr; i++) {
        s[i] = o->samples[i];
        s[i].t_ns = guest_ns(e, s[i].t_ns);
    }
    xpc_learn_add(&e->learn, s, nr, e->since_clean_ns, o->dirty_pages);
}

/*
 * Learns whether the guest has regular phases, which are not recognised while
 * it is slowed down. Then learns the curve: that of the busy guest if it has.
 * Returns 0, or -1.
 */
static int learn_curve(struct xpc_engine *e, const struct xpc_observation *o,
                       struct xpc_curve *c)
{
    uint64_t length = e->since_clean_ns, now = e->state.elapsed_ns;
    struct xpc_cycle *cycle = &e->predict.cycle;

    *cycle = (struct xpc_cycle){ 0 };
    if (e->params.lulls == XPC_LULLS_ON && e->cpu_percent == XPC_ALL_PERCENT)
        xpc_lulls_learn(&e->lulls, now > length ? now - length : 0, length, o,
                        cycle);
    return cycle->period_ns ?
           xpc_lulls_curve(&e->lulls, cycle, e->total_pages, c) :
           xpc_learn_curve(&e->learn, e->total_pages, 0, c);
}

/*
 * Were the last iterations all alike, and its pages mostly the same? c: the
 * curve, of the busy guest if it has regular phases; NULL: unknown.
 */
static bool is_steady(const struct xpc_engine *e, const struct xpc_curve *c)
{
    const struct xpc_working_set *w = &e->working_set;
    const struct xpc_curve_point *last;
    struct xpc_curve whole;

    if (!c || (w->pages && w->repeat_percent < STEADY_REPEAT_PERCENT))
        return false;
    if (e->predict.cycle.period_ns) {
        if (xpc_learn_curve(&e->learn, e->total_pages, 0, &whole))
            return false;
        c = &whole;
    }
    last = &c->pt[c->nr - 1];
    return last->high <= STEADY * last->low;
}

/*
 * Updates the rule's state, except for what depends on the simulation. Stores
 * the curve as it is known now. Returns it, or NULL if nothing was learned.
 */
static const struct xpc_curve *update_state(struct xpc_engine *e,
                                            const struct xpc_observation *o,
                                            struct xpc_curve *curve)
{
    struct xpc_rule_state *s = &e->state;
    const struct xpc_curve *c = NULL;

    e->sending_pages = s->dirty_pages;
    e->sending_window_ns = e->cpu_percent == XPC_ALL_PERCENT ?
                           e->since_clean_ns : 0;
    s->elapsed_ns = o->now_ns - e->start_ns;
    s->iterations++;
    s->dirty_pages = o->dirty_pages;
    e->cpu_percent = o->cpu_percent ? o->cpu_percent : XPC_ALL_PERCENT;
    e->since_clean_ns = guest_ns(e, o->since_clean_ns ? o->since_clean_ns :
                                    o->now_ns - e->last_ns);
    e->working_set = o->working_set;
    /* Pages that are never written do not get dirty in a long iteration. */
    e->predict.model.saturation_pages =
        xpc_engine_converged(&o->working_set) ?
        fmax(o->working_set.pages, o->dirty_pages) : 0;
    learn_dirtying(e, o);
    if (!learn_curve(e, o, curve))
        c = curve;
    learn_delay(e, c);
    s->downtime_ns = xpc_predict_cautious(&e->predict, o->dirty_pages, 0);
    s->next_ns = xpc_predict_send_ns(&e->predict, o->dirty_pages);
    s->later_downtime_ns = UINT64_MAX;
    xpc_rule_watch(&e->predict.rule, s);
    if (!is_steady(e, c))
        e->unsteady_ns = s->elapsed_ns;
    return c;
}

/*
 * If the downtime is within the limit, could another iteration change that? Not
 * if it stays within the limit with the guest as busy as at its busiest, or as
 * it can be at this time if it has regular phases.
 */
static bool may_leave_limit(const struct xpc_engine *e,
                            const struct xpc_curve *c, uint64_t next_ns)
{
    double now = e->state.elapsed_ns;
    double end = now + next_ns + LULL_SPARE * e->predict.cycle.period_ns;
    double pages = xpc_curve_pages(c, &e->predict.model,
                                   window_ns(e, now, end), 1);

    return xpc_predict_cautious(&e->predict, pages, 0) >
           e->params.downtime_ns;
}

/* The lowest downtime that copying can reach in the remaining time. */
static uint64_t best_downtime(const struct xpc_engine *e,
                              const struct xpc_curve *c)
{
    struct xpc_predict_state s = current_state(e);

    return xpc_predict_least(c, &e->predict, &s, 0);
}

/*
 * Would it come within the limit at its quietest, and slowed down as far as
 * that is allowed?
 */
static bool has_hope(struct xpc_engine *e, const struct xpc_curve *c)
{
    struct xpc_predict_state s;
    bool hope;

    e->predict.cpu_share = 1 - e->params.slow_down_percent / 100.0;
    s = current_state(e);
    hope = xpc_predict_reaches(c, &e->predict, &s, -1, e->params.downtime_ns);
    e->predict.cpu_share = 1;
    return hope;
}

/*
 * Was the guest not yet observed for long enough to have shown a lull? If it is
 * to be suspended anyway, it need only be steady now: that may be the lull.
 */
static bool may_have_lull(const struct xpc_engine *e)
{
    bool suspends = e->params.on_timeout == XPC_ON_TIMEOUT_SUSPEND;
    double elapsed = e->state.elapsed_ns, duration = e->params.duration_ns;
    double patience = PATIENCE_STEADY * duration;
    double steady = elapsed - e->unsteady_ns;

    return elapsed < patience ||
           (elapsed < PATIENCE * duration &&
            (suspends ? steady <= 0 : steady < patience));
}

/*
 * Resets or sets s->stalled. A stall ends precopy only if there is no hope: the
 * guest would not come within the limit even at its quietest, and it was
 * observed for long enough to have shown a lull.
 */
static void judge_stall(struct xpc_engine *e, const struct xpc_curve *c,
                        struct xpc_rule_state *s)
{
    const struct xpc_params *p = &e->params;

    /* Over the maximum even with nothing left to send: no lull helps. */
    if (xpc_predict_cautious(&e->predict, 0, 0) > xpc_params_max_downtime(p)) {
        s->stalled = e->predict.rule.stall_iterations;
        return;
    }
    if (s->stalled < e->predict.rule.stall_iterations)
        return;
    if (!p->duration_ns) {
        if (s->stalled < HOPEFUL_ITERATIONS && has_hope(e, c))
            s->stalled = 0;
        return;
    }
    /* The simulation comes last: it takes the longest. */
    if ((p->on_timeout == XPC_ON_TIMEOUT_ABORT &&
         p->early_abort == XPC_EARLY_ABORT_OFF) ||
        may_have_lull(e) || has_hope(e, c))
        s->stalled = 0;
}

/*
 * Sets e->predict.cpu_share, the share of its CPU time that the guest is to get
 * in the next iteration. Returns whether it is slowed down.
 */
static bool choose_share(struct xpc_engine *e, const struct xpc_curve *c,
                         struct xpc_decision *d)
{
    const struct xpc_params *p = &e->params;
    unsigned int percent = XPC_ALL_PERCENT;
    struct xpc_slow w;

    e->predict.cpu_share = 1;
    if (p->slow_down_percent && e->state.downtime_ns > p->downtime_ns) {
        w = (struct xpc_slow){
            .c = c, .p = &e->predict, .s = current_state(e),
            .least_percent = XPC_ALL_PERCENT - p->slow_down_percent,
            .now_percent = e->cpu_percent,
            .failed = e->slow_failed,
        };
        if (p->duration_ns > e->state.elapsed_ns)
            w.time_left_ns = p->duration_ns - e->state.elapsed_ns;
        percent = xpc_slow_choose(&w);
        e->slow_failed = w.failed;
        if (percent < XPC_ALL_PERCENT)
            d->slow_down_ns = w.ns;
        e->predict.cpu_share = percent / (double)XPC_ALL_PERCENT;
    }
    return percent < XPC_ALL_PERCENT;
}

/*
 * Sets what the rule needs to know of further copying. Returns the lowest
 * downtime within a period, if there is one.
 */
static uint64_t simulate(struct xpc_engine *e,
                         const struct xpc_observation *o,
                         const struct xpc_curve *c, struct xpc_rule_state *s,
                         struct xpc_decision *d)
{
    struct xpc_predict_state now;
    struct xpc_skip_curve skip;
    struct xpc_curve_fit fit;
    uint64_t least = UINT64_MAX;

    xpc_curve_fit_init(&fit, c, &e->predict.model);
    xpc_skip_curve_init(&skip, &fit);
    learn_skipping(e, o, &skip);
    e->predict.fit = &fit;
    e->predict.skip_curve = &skip;
    e->predict.cpu_share = 1;
    now = current_state(e);
    if (e->predict.cycle.period_ns)
        least = xpc_lulls_least(&e->lulls, c, &e->predict, &now,
                                s->downtime_ns);
    /*
     * If it keeps the limit when slowed down, there is no stall. It is not
     * slowed down if it keeps the limit in a lull.
     */
    if (least > e->params.downtime_ns && choose_share(e, c, d))
        s->stalled = 0;
    else
        judge_stall(e, c, s);
    now = current_state(e);
    s->next_ns = xpc_predict_next_ns(c, &e->predict, &now);
    d->best_downtime_ns = best_downtime(e, c);
    /* Within the limit, it is not slowed down for a lower downtime. */
    if (e->cpu_percent == XPC_ALL_PERCENT &&
        !may_leave_limit(e, c, s->next_ns))
        s->later_downtime_ns = d->best_downtime_ns;
    e->predict.skip_curve = NULL;
    e->predict.fit = NULL;
    return least;
}

/* c: NULL if nothing is known. */
static void apply_rule(struct xpc_engine *e, const struct xpc_observation *o,
                       const struct xpc_curve *c, struct xpc_decision *d)
{
    struct xpc_rule_state s = e->state;
    uint64_t least = UINT64_MAX;

    d->best_downtime_ns = s.downtime_ns;
    if (c)
        least = simulate(e, o, c, &s, d);
    d->action = xpc_rule_decide(&e->predict.rule, &s, &d->reason);
    if (c && e->predict.cycle.period_ns)
        xpc_lulls_decide(&e->lulls, &e->params, &e->predict, &s,
                         e->state.stalled, least, d);
    if (d->action == XPC_CONTINUE)
        d->slow_down_percent = XPC_ALL_PERCENT -
                               lround(e->predict.cpu_share * XPC_ALL_PERCENT);
    else
        d->slow_down_ns = 0;
}

/* Sets enough_*: what would have been enough for an aborted migration. */
static void set_enough(const struct xpc_engine *e, struct xpc_decision *d)
{
    struct xpc_predict_params pp = e->predict;
    struct xpc_predict_state s = current_state(e);
    struct xpc_curve curve;
    struct xpc_advice a;

    if (xpc_learn_curve(&e->learn, e->total_pages, 0, &curve))
        return;
    /* For a new migration like this one. */
    s = (struct xpc_predict_state){
        .pages = e->total_pages - e->first_zero_pages,
        .zero_pages = e->first_zero_pages,
    };
    pp.cpu_share = 1;
    /* It would begin in another phase. */
    pp.cycle.period_ns = 0;
    if (e->params.on_timeout == XPC_ON_TIMEOUT_SUSPEND)
        pp.rule.downtime_ns = pp.rule.max_downtime_ns;
    xpc_advise(&a, &curve, &pp, &s);
    if (a.least_downtime_ns != UINT64_MAX)
        d->enough_downtime_ns = a.least_downtime_ns;
    d->enough_bandwidth_bytes_per_s = a.least_bandwidth_bytes_per_s;
}

int xpc_engine_decide(struct xpc_engine *e, const struct xpc_observation *o,
                      struct xpc_iteration *it)
{
    const struct xpc_params *p = &e->params;
    struct xpc_decision *d = &it->decision;
    const struct xpc_curve *c;
    struct xpc_curve curve;

    *it = (struct xpc_iteration){
        .number = e->state.iterations + 1,
        .pages = o->pages_sent,
        .zero_pages = o->zero_pages,
        .skipped_pages = o->skipped_pages,
        .bytes = o->bytes_sent,
        .start_ns = e->last_ns - e->start_ns,
        .duration_ns = o->now_ns - e->last_ns,
        .dirty_pages = o->dirty_pages,
    };
    if (!e->state.iterations && o->zero_pages <= e->total_pages)
        e->first_zero_pages = o->zero_pages;
    learn_bitmap(e, o);
    learn_link(e, o, it->duration_ns);
    if (o->peek_ns)
        e->predict.peek_ns = o->peek_ns;
    c = update_state(e, o, &curve);
    e->last_ns = o->now_ns;
    d->dirty_pages = o->dirty_pages;
    d->working_set = o->working_set;
    d->overhead_ns = e->predict.overhead_ns;
    d->bitmap_ns = e->predict.bitmap_ns;
    d->bandwidth_bytes_per_s = e->predict.switchover_bytes_per_s;
    d->measured_bytes_per_s = xpc_link_measured(&e->link);
    d->cautious_downtime_ns = e->state.downtime_ns;
    d->predicted_downtime_ns =
        xpc_predict_switchover(&e->predict, o->dirty_pages, 0);
    if (p->duration_ns > e->state.elapsed_ns)
        d->time_left_ns = p->duration_ns - e->state.elapsed_ns;

    if (p->policy == XPC_POLICY_STOCK) {
        d->reason = XPC_REASON_STOCK;
        d->action = xpc_stock_decide(p, it->number, -1);
        return d->action;
    }
    apply_rule(e, o, c, d);
    if (d->action == XPC_ABORT)
        set_enough(e, d);
    return d->action;
}

void xpc_engine_waited(struct xpc_engine *e, uint64_t now_ns)
{
    e->last_ns = now_ns;
    e->state.stalled = 0;
}
