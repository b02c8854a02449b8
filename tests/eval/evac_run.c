/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An evacuation of a case by a policy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/schedule_forecast.h>
#include <xenprecopy/schedule_pace.h>
#include <xenprecopy/units.h>

#include "evac.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
/* Part of the overhead during which the link is the guest's own. */
#define BEFORE 0.3
#define TRIES 2
/* Iterations in a row that do not help, while there is hope. */
#define HOPEFUL 30
/* Periods of the measurement before the evacuation. */
#define PERIODS 12
#define WINDOWS 4
#define LAST_RANK 2
/* How often guests that can't be moved are measured again. */
#define AGAIN_S 30.0
/* How often the front end looks, at most. */
#define TICK_S 0.05

struct world {
    const struct evac_case *c;
    int policy;
    struct fluid *f;
    struct xpc_schedule s;
    struct xpc_move moves[EVAC_GUESTS_MAX];
    struct xpc_schedule_target targets[EVAC_TARGETS_MAX];
    struct xpc_curve curves[EVAC_GUESTS_MAX];
    unsigned int tries[EVAC_GUESTS_MAX];
    double near_s[EVAC_GUESTS_MAX]; /* since when its suspend is near */
    double measured_s;              /* when those that wait were, again */
    double observed[EVAC_GUESTS_MAX];   /* dirty pages, of those expected */
    struct sim_rng rng;
    bool failed;                    /* the target that fails */
    size_t nr_ended;
    bool changed;                   /* since the last forecast */
    bool disturbed;                 /* as by one that was aborted */
    struct xpc_pace paces[EVAC_PACES];
    struct evac_forecast forecasts[EVAC_FORECASTS];
    size_t aborts;
    uint64_t turn;
};

/* ---- what is known ------------------------------------------------------ */

/*
 * D(t) as measured by page-sampling at a time of the trace, over a minute, with
 * its errors.
 */
static void measure(struct world *w, size_t i, double at_s)
{
    const struct evac_guest *g = &w->c->guests[i];
    struct xpc_curve *c = &w->curves[i];

    *c = (struct xpc_curve){
        .total_pages = g->pages, .zero_pages = g->zero_pages,
    };
    for (int k = 0; k < PERIODS; k++) {
        double t = 0.05 * pow(1.6, k), sum = 0, squares = 0, v, sd;

        for (int n = 0; n < WINDOWS; n++) {
            double at = at_s + n * 15, pages;

            pages = g->scale * evac_truth_pages(g->truth, at, at + t) *
                    (1 + 0.02 * sim_normal(&w->rng));
            sum += pages;
            squares += pages * pages;
        }
        v = sum / WINDOWS;
        sd = sqrt(fmax(0, squares / WINDOWS - v * v));
        xpc_curve_add(c, t * XPC_S, v, fmax(0, v - 1.96 * sd),
                      v + 1.96 * sd);
    }
}

static void fill_params(struct xpc_predict_params *p,
                        const struct evac_guest *g, bool skips)
{
    xpc_predict_params_init(p, 0, g->limit_ns);
    p->setup_ns = g->setup_s * XPC_S;
    p->overhead_ns = g->overhead_s * XPC_S;
    p->suspend_pages = XPC_DEFAULT_SUSPEND_PAGES;
    p->iteration_ns = SIM_ITERATION_NS;
    xpc_predict_params_live(p, 95);
    p->rule.gain = 0;
    p->bandwidth_cv = XPC_UNKNOWN_CV;
    p->skip_dirty = skips;
}

static void init_moves(struct world *w)
{
    const struct evac_case *c = w->c;

    for (size_t i = 0; i < c->nr; i++) {
        w->moves[i] = (struct xpc_move){
            .curve = &w->curves[i], .target = XPC_NO_TARGET,
            .memory_bytes = c->guests[i].pages * XPC_PAGE_SIZE,
        };
        fill_params(&w->moves[i].params, &c->guests[i], c->skips);
        measure(w, i, c->guests[i].offset_s);
    }
    memcpy(w->targets, c->targets, sizeof(w->targets));
    w->s = (struct xpc_schedule){
        .moves = w->moves, .nr_moves = c->nr, .targets = w->targets,
        .nr_targets = c->nr_targets, .link_bytes_per_s = c->link,
        .stream_bytes_per_s = c->stream,
    };
}

/* ---- the world ---------------------------------------------------------- */

static double share(struct fluid *f, double *until)
{
    const struct world *w = f->opaque;
    uint64_t second = f->now + 1e-6;

    *until = second + 1;
    return evac_share(w->c, second);
}

static double setup(struct fluid *f, size_t i, double *bytes)
{
    struct world *w = f->opaque;
    const struct evac_guest *g = &w->c->guests[i];

    *bytes = (g->pages - g->zero_pages) * (double)PAGE_BYTES +
             g->zero_pages * (double)XPC_PAGE_HEADER;
    *bytes *= w->c->drag;
    return sim_lognormal(&w->rng, g->setup_s, 0.1);
}

static double dirty(struct fluid *f, size_t i)
{
    const struct world *w = f->opaque;
    const struct evac_guest *g = &w->c->guests[i];
    const struct fluid_flow *flow = &f->flows[i];

    return fmin(g->pages, g->scale *
                evac_truth_pages(g->truth, g->offset_s + flow->clean,
                                 g->offset_s + f->now));
}

static double bytes_of(struct fluid *f, size_t i, double pages)
{
    const struct world *w = f->opaque;

    (void)i;
    return pages * PAGE_BYTES * w->c->drag;
}

/* The pages that are dirty again follow from how the guest truly writes. */
static double sent(struct fluid *f, size_t i, double bytes, double rate)
{
    const struct world *w = f->opaque;
    const struct evac_guest *g = &w->c->guests[i];
    const struct fluid_flow *flow = &f->flows[i];
    struct xpc_predict_params p = w->moves[i].params;
    struct xpc_curve c = { .total_pages = g->pages };

    if (!w->c->skips)
        return 1;
    /* As evac_truth_pages(). */
    p.model.beyond[XPC_BAND_EXPECTED] = XPC_BEYOND_FLAT;
    evac_truth_curve(g->truth, g->offset_s + flow->clean, g->scale, &c);
    return fluid_sent(flow, f->now, &c, &p, bytes, rate);
}

/* Stock Xen: five rounds, or fewer than 50 pages. */
static enum xpc_action decide_stock(struct fluid_flow *flow, double pages)
{
    return ++flow->rule.iterations >= 5 || pages < 50 ? XPC_STOP_AND_COPY :
                                                        XPC_CONTINUE;
}

/* As the live policy: would it come within the limit at its quietest? */
static bool has_hope(const struct world *w, size_t i, double pages,
                     double rate)
{
    const struct xpc_move *m = &w->moves[i];
    struct xpc_predict_params p = m->params;
    struct xpc_predict_state s = { .iterations = 2, .dirty_pages = pages };

    p.bandwidth_bytes_per_s = rate < 1 ? 1 : rate;
    return xpc_predict_least(m->curve, &p, &s, -1) <= p.rule.downtime_ns;
}

static enum xpc_action decide(struct fluid *f, size_t i, double pages,
                              double rate)
{
    struct world *w = f->opaque;
    struct fluid_flow *flow = &f->flows[i];
    enum xpc_action action;
    double expected;

    if (w->policy != EVAC_OURS)
        return decide_stock(flow, pages);
    expected = xpc_curve_pages(&w->curves[i], &w->moves[i].params.model,
                               (f->now - flow->clean) * 1e9, 0);
    if (expected > 1)
        w->observed[i] = fmax(w->observed[i], pages / expected);
    action = fluid_decide(flow, f->now, &w->moves[i].params, pages, rate);
    return action == XPC_ABORT && flow->rule.stalled < HOPEFUL &&
           has_hope(w, i, pages, rate) ? XPC_CONTINUE : action;
}

static void switchover(struct fluid *f, size_t i, double *bytes,
                       double *before, double *after)
{
    struct world *w = f->opaque;
    double overhead = sim_lognormal(&w->rng, w->c->guests[i].overhead_s, 0.1);

    *bytes = sim_lognormal(&w->rng, XPC_DEFAULT_SUSPEND_PAGES, 0.1) *
             PAGE_BYTES;
    *before = BEFORE * overhead;
    *after = (1 - BEFORE) * overhead;
}

/* It showed that it writes more than was measured. */
static void raise_curve(struct xpc_curve *c, double factor)
{
    for (size_t k = 0; k < c->nr; k++) {
        c->pt[k].pages = fmin(c->total_pages, c->pt[k].pages * factor);
        c->pt[k].low = fmin(c->total_pages, c->pt[k].low * factor);
        c->pt[k].high = fmin(c->total_pages, c->pt[k].high * factor);
    }
}

static void ended(struct fluid *f, size_t i)
{
    struct world *w = f->opaque;
    struct xpc_move *m = &w->moves[i];

    w->nr_ended++;
    w->changed = true;
    if (f->flows[i].moved) {
        for (int k = EVAC_PACED; k < EVAC_PACES; k++)
            xpc_pace_moved(&w->paces[k], &w->s, f->now * XPC_S);
        m->state = XPC_MOVE_MOVED;
        return;
    }
    m->state = XPC_MOVE_WAITS;
    w->disturbed = true;
    if (w->targets[m->target].out)
        return;
    w->aborts++;
    m->rank = LAST_RANK;
    if (++w->tries[i] >= TRIES)
        m->state = XPC_MOVE_LEFT;
    if (w->observed[i] > 1)
        raise_curve(&w->curves[i], w->observed[i]);
    w->observed[i] = 0;
    xpc_schedule_predict(&w->s);
}

static void fail_target(struct world *w)
{
    struct fluid *f = w->f;
    int out = w->c->fails;

    w->failed = true;
    w->targets[out].out = true;
    for (size_t k = f->nr_active; k-- > 0;) {
        if (f->flows[f->active[k]].target == w->c->fails)
            fluid_break(f, f->active[k]);
    }
    for (size_t i = 0; i < w->c->nr; i++) {
        if (w->moves[i].state == XPC_MOVE_WAITS && w->moves[i].target == out)
            w->moves[i].target = XPC_NO_TARGET;
    }
    xpc_schedule_place(&w->s);
    xpc_schedule_predict(&w->s);
}

/* ---- policies ------------------------------------------------------------ */

static double best_rate(const struct world *w, int target)
{
    double rate = fmin(w->c->link, w->targets[target].link_bytes_per_s);

    return w->c->stream ? fmin(rate, w->c->stream) : rate;
}

/* As far as the front end can tell: from the last iteration, and the rate. */
static void update_left(struct world *w, size_t i)
{
    const struct fluid *f = w->f;
    const struct fluid_flow *flow = &f->flows[i];
    struct xpc_move *m = &w->moves[i];
    double pages = flow->left / w->c->drag / PAGE_BYTES;
    double best = best_rate(w, m->target), rate = flow->rate / w->c->drag;
    uint64_t since_ns = (f->now - flow->clean) * XPC_S;

    m->sent = flow->phase == FLUID_STARTS;
    m->left_ns = flow->phase == FLUID_SETUP ? UINT64_MAX : 0;
    m->setup_left_ns = fmax(0, flow->until - f->now) * XPC_S;
    m->left_bytes = 0;
    if (flow->phase != FLUID_COPIES)
        return;
    m->left_ns = xpc_schedule_left(m, pages, since_ns, rate);
    m->left_bytes = best * xpc_schedule_left(m, pages, since_ns,
                                             fmax(best, rate)) / 1e9;
}

static void update_running(struct world *w)
{
    struct fluid *f = w->f;

    for (size_t k = 0; k < f->nr_active; k++) {
        size_t i = f->active[k];
        struct xpc_move *m = &w->moves[i];

        update_left(w, i);
        if (!xpc_schedule_is_near(m))
            w->near_s[i] = f->now;
        m->near_ns = (f->now - w->near_s[i]) * XPC_S;
    }
}

/* As the front end after each migration. */
static void forecast(struct world *w)
{
    struct xpc_schedule_forecast f;
    size_t nr = w->c->nr, points[EVAC_FORECASTS] = { 0, 1, nr / 4, nr / 2 };
    double now = w->f->now;

    if (xpc_schedule_forecast(&w->s, &f, 0))
        return;
    for (int k = 0; k < EVAC_FORECASTS; k++) {
        struct evac_forecast *to = &w->forecasts[k];

        if (w->nr_ended < points[k] || to->end_s[EVAC_PLAIN])
            continue;
        to->at_s = now;
        for (int p = 0; p < EVAC_PACES; p++)
            to->end_s[p] = now + xpc_pace(&w->paces[p]) * f.end_ns / 1e9;
    }
    for (int p = EVAC_PACED; p < EVAC_PACES; p++) {
        if (!w->paces[p].nr_ends || w->disturbed)
            xpc_pace_follow(&w->paces[p], &w->s, now * XPC_S);
    }
    w->disturbed = false;
}

/*
 * Those that can't be moved are measured again and again, in case of a lull.
 * Returns when to do it next.
 */
static double measure_again(struct world *w)
{
    bool any = false;

    if (w->f->now < w->measured_s + AGAIN_S && w->f->nr_active)
        return w->measured_s + AGAIN_S;
    w->measured_s = w->f->now;
    for (size_t i = 0; i < w->c->nr; i++) {
        if (w->moves[i].state != XPC_MOVE_WAITS || w->moves[i].possible)
            continue;
        w->moves[i].rank = LAST_RANK;
        measure(w, i, w->c->guests[i].offset_s + w->f->now);
        any = true;
    }
    if (!any)
        return INFINITY;
    xpc_schedule_predict(&w->s);
    for (size_t i = 0; i < w->c->nr; i++) {
        struct xpc_move *m = &w->moves[i];

        if (m->state == XPC_MOVE_WAITS && m->rank >= LAST_RANK)
            m->possible = m->sure;
    }
    return w->f->nr_active ? w->f->now + AGAIN_S : INFINITY;
}

/* Returns whether any is another than before. */
static bool set_caps(struct world *w)
{
    struct fluid *f = w->f;
    bool changes = false;

    for (size_t k = 0; k < f->nr_active; k++) {
        struct fluid_flow *flow = &f->flows[f->active[k]];
        double cap = w->moves[f->active[k]].cap_bytes_per_s;

        changes |= flow->cap != cap;
        flow->cap = cap;
    }
    return changes;
}

static double dispatch_ours(struct fluid *f)
{
    struct world *w = f->opaque;
    double again = f->now > 0 ? measure_again(w) : AGAIN_S;
    uint64_t wake_ns;
    ssize_t i;

    update_running(w);
    if (w->changed)
        forecast(w);
    w->changed = false;
    while ((i = xpc_schedule_next(&w->s, &wake_ns)) >= 0) {
        w->moves[i].state = XPC_MOVE_RUNS;
        w->moves[i].left_ns = UINT64_MAX;
        w->moves[i].turn = ++w->turn;
        fluid_start(f, i, w->moves[i].target);
    }
    xpc_schedule_caps(&w->s);
    if (set_caps(w))
        return f->now + TICK_S;
    if (!f->nr_active)
        return INFINITY;
    return wake_ns == UINT64_MAX ? again :
           fmin(again, f->now + fmax(wake_ns / 1e9, TICK_S));
}

static double dispatch_others(struct fluid *f, size_t at_once)
{
    struct world *w = f->opaque;

    for (size_t i = 0; i < w->c->nr && f->nr_active < at_once; i++) {
        struct xpc_move *m = &w->moves[i];

        if (m->state == XPC_MOVE_WAITS && m->target >= 0) {
            m->state = XPC_MOVE_RUNS;
            fluid_start(f, i, m->target);
        }
    }
    return INFINITY;
}

static double dispatch(struct fluid *f)
{
    static const size_t at_once[] = {
        [EVAC_ONE] = 1, [EVAC_TEN] = 10, [EVAC_ALL] = EVAC_GUESTS_MAX,
    };
    struct world *w = f->opaque;
    double wake;

    if (!w->failed && f->now >= w->c->fails_s - 1e-6)
        fail_target(w);
    wake = w->policy == EVAC_OURS ? dispatch_ours(f) :
                                    dispatch_others(f, at_once[w->policy]);
    return w->failed || !f->nr_active ? wake : fmin(wake, w->c->fails_s);
}

static const struct fluid_ops ops = {
    .share = share,
    .dispatch = dispatch,
    .setup = setup,
    .dirty = dirty,
    .bytes = bytes_of,
    .sent = sent,
    .decide = decide,
    .switchover = switchover,
    .ended = ended,
};

static void judge(struct evac_result *r, const struct world *w)
{
    const struct evac_case *c = w->c;

    *r = (struct evac_result){
        .aborts = w->aborts, .pace = xpc_pace_seen(&w->paces[EVAC_PACED]),
    };
    memcpy(r->forecasts, w->forecasts, sizeof(r->forecasts));
    for (size_t i = 0; i < c->nr; i++) {
        const struct fluid_flow *flow = &w->f->flows[i];

        r->is_moved[i] = flow->moved;
        r->makespan_s = fmax(r->makespan_s, flow->end);
        r->moved += flow->moved;
        r->left += !flow->moved;
        r->over += flow->moved && flow->end - flow->suspended >
                                  c->guests[i].limit_ns / 1e9;
    }
}

int evac_run(struct evac_result *r, const struct evac_case *c, int policy)
{
    struct fluid_flow flows[EVAC_GUESTS_MAX] = { 0 };
    size_t active[EVAC_GUESTS_MAX];
    double links[EVAC_TARGETS_MAX];
    struct world *w = calloc(1, sizeof(*w));
    struct fluid f = {
        .ops = &ops, .opaque = w, .flows = flows, .nr = c->nr,
        .active = active, .links = links, .nr_links = c->nr_targets,
        .link = c->link, .stream = c->stream,
        .exclusive = policy == EVAC_OURS,
    };

    if (!w)
        return -1;
    w->c = c;
    w->policy = policy;
    w->paces[EVAC_EARLIER].before = c->earlier_pace;
    w->changed = policy == EVAC_OURS;
    w->f = &f;
    w->rng = sim_rng(c->seed + 1);
    for (size_t i = 0; i < c->nr_targets; i++)
        links[i] = c->targets[i].link_bytes_per_s;
    init_moves(w);
    if (xpc_schedule_place(&w->s) < 0) {
        free(w);
        return -1;
    }
    xpc_schedule_predict(&w->s);
    fluid_run(&f);
    judge(r, w);
    for (int p = 0; p < EVAC_PACES; p++)
        xpc_pace_dispose(&w->paces[p]);
    free(w);
    return 0;
}
