/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When all guests will be there, and which to leave for a deadline. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/schedule_forecast.h>

#include "core/fluid.h"
#include "core/schedule.h"

/* When to look at it again after a change. */
#define SOON_S 0.01

struct forecast {
    struct xpc_schedule *s;
    struct schedule_queue q;
    double side;
    uint64_t turn;
    double *estimate;               /* of each flow: when precopy ends */
    double *rate;                   /* with this rate */
    double *near;                   /* since when its suspend is near, or
                                     * INFINITY */
    bool *resumed;                  /* it ran when the forecast began */
    double links[XPC_SCHEDULE_TARGETS_MAX];
    struct xpc_move *before;        /* as they were then */
};

static void set_left(struct fluid *f, struct forecast *fc, size_t i)
{
    struct xpc_move *m = &fc->s->moves[i];
    const struct fluid_flow *w = &f->flows[i];
    double left;

    m->sent = w->phase == FLUID_STARTS;
    if (w->phase == FLUID_SETUP || (w->phase == FLUID_COPIES && w->rate < 1)) {
        m->left_ns = UINT64_MAX;    /* a new iteration has no rate yet */
        return;
    }
    if (w->phase != FLUID_COPIES || fc->resumed[i]) {
        m->left_ns = w->phase == FLUID_COPIES ?
                     w->left / w->rate * 1e9 : 0;
        return;
    }
    if (fabs(w->rate / fc->rate[i] - 1) > 0.05 || !fc->estimate[i]) {
        left = xpc_schedule_left(m, w->left / xpc_predict_page_bytes(
                                 &m->params, &m->params.later_page),
                                 (f->now - w->clean) * 1e9, w->rate);
        fc->rate[i] = w->rate;
        fc->estimate[i] = f->now + left / 1e9;
    }
    m->left_ns = fmax(0, fc->estimate[i] - f->now) * 1e9;
}

/* Updates what those that run have left. */
static void update_left(struct fluid *f, struct forecast *fc, size_t i)
{
    struct xpc_move *m = &fc->s->moves[i];

    set_left(f, fc, i);
    if (!xpc_schedule_is_near(m))
        fc->near[i] = INFINITY;
    else
        fc->near[i] = fmin(fc->near[i], f->now);
    m->near_ns = fc->near[i] == INFINITY ? 0 : (f->now - fc->near[i]) * 1e9;
}

static double cap_of(const struct xpc_move *m)
{
    return m->own_bytes_per_s && (!m->cap_bytes_per_s ||
                                  m->own_bytes_per_s < m->cap_bytes_per_s) ?
           m->own_bytes_per_s : m->cap_bytes_per_s;
}

/* Returns whether any is another than before. */
static bool set_caps(struct fluid *f, const struct xpc_schedule *s)
{
    bool changes = false;

    for (size_t k = 0; k < f->nr_active; k++) {
        double cap = cap_of(&s->moves[f->active[k]]);

        changes |= f->flows[f->active[k]].cap != cap;
        f->flows[f->active[k]].cap = cap;
    }
    return changes;
}

static double forecast_dispatch(struct fluid *f)
{
    struct forecast *fc = f->opaque;
    struct xpc_schedule *s = fc->s;
    uint64_t wake_ns;
    ssize_t nth;

    for (size_t k = 0; k < f->nr_active; k++)
        update_left(f, fc, f->active[k]);
    while ((nth = schedule_queue_next(s, &fc->q, &wake_ns)) >= 0) {
        size_t i = fc->q.waiting[nth];

        schedule_queue_start(&fc->q, nth);
        s->moves[i].state = XPC_MOVE_RUNS;
        s->moves[i].left_ns = UINT64_MAX;
        s->moves[i].turn = ++fc->turn;
        s->moves[i].near_ns = 0;
        fc->near[i] = INFINITY;
        fluid_start(f, i, s->moves[i].target);
    }
    schedule_queue_caps(s, &fc->q);
    /* What is left is known when the links have been shared accordingly. */
    if (set_caps(f, s))
        return f->now + SOON_S;
    /* A new one has no rate yet, and the others' are about to change. */
    return wake_ns == UINT64_MAX ? INFINITY :
                                   f->now + fmax(wake_ns / 1e9, SOON_S);
}

static double forecast_setup(struct fluid *f, size_t i, double *bytes)
{
    struct forecast *fc = f->opaque;
    const struct xpc_move *m = &fc->s->moves[i];

    *bytes = (m->curve->total_pages - m->curve->zero_pages) *
             xpc_predict_page_bytes(&m->params, &m->params.first_page) +
             m->curve->zero_pages * (double)m->params.zero_page_bytes;
    f->flows[i].limit = xpc_predict_page_limit(&m->params,
                                               &m->params.first_page);
    return m->params.setup_ns / 1e9;
}

static double forecast_dirty(struct fluid *f, size_t i)
{
    struct forecast *fc = f->opaque;
    const struct xpc_move *m = &fc->s->moves[i];
    const struct fluid_flow *w = &f->flows[i];
    double dirty, rate = schedule_best_rate(fc->s, fc->s->moves[i].target);

    fc->estimate[i] = 0;
    if (!fc->resumed[i])
        return xpc_curve_pages(m->curve, &m->params.model,
                               (f->now - w->clean) * 1e9, fc->side);
    /* What was left were several iterations. */
    if (w->bytes > 0 && f->now > w->began)
        rate = w->bytes / (f->now - w->began);
    schedule_copy_on(m, (f->now - w->clean) * 1e9, rate, &dirty);
    return dirty;
}

static double forecast_bytes(struct fluid *f, size_t i, double pages)
{
    const struct forecast *fc = f->opaque;
    const struct xpc_predict_params *p = &fc->s->moves[i].params;

    f->flows[i].limit = xpc_predict_page_limit(p, &p->later_page);
    return pages * xpc_predict_page_bytes(p, &p->later_page);
}

/* Of one that ran, left_bytes is all that it sends. */
static double forecast_sent(struct fluid *f, size_t i, double bytes,
                            double rate)
{
    const struct forecast *fc = f->opaque;
    const struct xpc_move *m = &fc->s->moves[i];

    return fc->resumed[i] ? 1 : fluid_sent(&f->flows[i], f->now, m->curve,
                                           &m->params, bytes, rate);
}

static enum xpc_action forecast_decide(struct fluid *f, size_t i, double dirty,
                                       double rate)
{
    struct forecast *fc = f->opaque;

    if (fc->resumed[i])
        return XPC_STOP_AND_COPY;
    return fluid_decide(&f->flows[i], f->now, &fc->s->moves[i].params, dirty,
                        rate);
}

static void forecast_switchover(struct fluid *f, size_t i, double *bytes,
                                double *before, double *after)
{
    struct forecast *fc = f->opaque;
    const struct xpc_predict_params *p = &fc->s->moves[i].params;

    *bytes = p->suspend_pages * xpc_predict_page_bytes(p, &p->later_page);
    *before = p->bitmap_ns / 1e9;
    *after = p->overhead_ns / 1e9;
}

static void forecast_ended(struct fluid *f, size_t i)
{
    struct forecast *fc = f->opaque;
    struct xpc_move *m = &fc->s->moves[i];
    const struct fluid_flow *w = &f->flows[i];

    schedule_queue_end(&fc->q, i);
    m->state = w->moved ? XPC_MOVE_MOVED : XPC_MOVE_LEFT;
    m->moved = w->moved;
    m->sent = false;
    m->start_ns = w->start * 1e9;
    m->end_ns = w->end * 1e9;
    m->downtime_ns = w->moved ? (w->end - w->suspended) * 1e9 : 0;
}

static const struct fluid_ops forecast_ops = {
    .dispatch = forecast_dispatch,
    .setup = forecast_setup,
    .dirty = forecast_dirty,
    .bytes = forecast_bytes,
    .sent = forecast_sent,
    .decide = forecast_decide,
    .switchover = forecast_switchover,
    .ended = forecast_ended,
};

/*
 * Those that run are in their last iteration, of left_bytes, or are being set
 * up.
 */
static void resume_flow(struct fluid *f, struct forecast *fc, size_t i)
{
    const struct xpc_move *m = &fc->s->moves[i];
    struct fluid_flow *w = &f->flows[i];

    if (m->turn > fc->turn)
        fc->turn = m->turn;
    fc->near[i] = m->near_ns ? -(m->near_ns / 1e9) : INFINITY;
    fluid_start(f, i, m->target);
    w->until = m->setup_left_ns / 1e9;
    if (m->left_ns == UINT64_MAX)
        return;
    w->phase = FLUID_COPIES;
    w->until = 0;
    w->limit = 0;                   /* left_bytes has it */
    w->bytes = w->left = m->left_bytes ? m->left_bytes :
                         m->left_ns / 1e9 * schedule_rate_of(fc->s, m);
    fc->resumed[i] = true;
}

static void run_forecast(struct fluid *f, struct forecast *fc,
                         struct xpc_schedule_forecast *r)
{
    struct xpc_schedule *s = fc->s;

    f->links = fc->links;
    f->nr_links = s->nr_targets;
    for (int t = 0; t < (int)s->nr_targets; t++)
        fc->links[t] = schedule_link(s, t);
    for (size_t i = 0; i < s->nr_moves; i++) {
        s->moves[i].moved = false;
        s->moves[i].start_ns = s->moves[i].end_ns = 0;
        if (s->moves[i].state == XPC_MOVE_RUNS)
            resume_flow(f, fc, i);
    }
    fluid_run(f);
    *r = (struct xpc_schedule_forecast){ .at_once = f->most };
    for (size_t i = 0; i < s->nr_moves; i++) {
        struct xpc_move *m = &s->moves[i];
        enum xpc_move_state before = fc->before[i].state;

        if (s->pace > 0) {
            m->start_ns *= s->pace;
            m->end_ns *= s->pace;
        }
        if (before == XPC_MOVE_WAITS || before == XPC_MOVE_RUNS) {
            r->moved += m->moved;
            r->left += !m->moved;
            r->end_ns = m->end_ns > r->end_ns ? m->end_ns : r->end_ns;
        }
    }
}

/* Only what was forecast differs afterwards. */
static void restore(struct xpc_schedule *s, const struct xpc_move *before)
{
    for (size_t i = 0; i < s->nr_moves; i++) {
        struct xpc_move *m = &s->moves[i], now = *m;

        *m = before[i];
        m->moved = now.moved;
        m->start_ns = now.start_ns;
        m->end_ns = now.end_ns;
        m->downtime_ns = now.downtime_ns;
    }
}

int xpc_schedule_forecast(struct xpc_schedule *s,
                          struct xpc_schedule_forecast *r, double side)
{
    struct forecast fc = { .s = s, .side = side };
    struct fluid f = {
        .ops = &forecast_ops, .opaque = &fc, .nr = s->nr_moves,
        .link = s->link_bytes_per_s, .stream = s->stream_bytes_per_s,
        .exclusive = true,
    };

    f.flows = calloc(s->nr_moves, sizeof(*f.flows));
    f.active = calloc(s->nr_moves, sizeof(*f.active));
    fc.estimate = calloc(s->nr_moves, sizeof(*fc.estimate));
    fc.rate = calloc(s->nr_moves, sizeof(*fc.rate));
    fc.near = calloc(s->nr_moves, sizeof(*fc.near));
    fc.resumed = calloc(s->nr_moves, sizeof(*fc.resumed));
    fc.before = calloc(s->nr_moves, sizeof(*fc.before));
    if (!schedule_queue_init(&fc.q, s) && f.flows && f.active &&
        fc.estimate && fc.rate && fc.near && fc.resumed && fc.before) {
        memcpy(fc.before, s->moves, s->nr_moves * sizeof(*fc.before));
        run_forecast(&f, &fc, r);
        restore(s, fc.before);
        errno = 0;
    } else {
        errno = ENOMEM;
    }
    free(fc.before);
    free(f.flows);
    free(f.active);
    free(fc.estimate);
    free(fc.rate);
    free(fc.near);
    free(fc.resumed);
    free(fc.q.waiting);
    return errno ? -1 : 0;
}

/* ---- a deadline ------------------------------------------------------ */

struct candidate {
    size_t move;
    uint64_t bytes;
};

static int by_bytes(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x->move > y->move) - (x->move < y->move);
}

/* The forecast without the first nr candidates. */
static int forecast_without(struct xpc_schedule *s,
                            const struct candidate *c, size_t nr,
                            struct xpc_schedule_forecast *f)
{
    int r;

    for (size_t i = 0; i < nr; i++)
        s->moves[c[i].move].state = XPC_MOVE_LEFT;
    r = xpc_schedule_forecast(s, f, 0);
    for (size_t i = 0; i < nr; i++)
        s->moves[c[i].move].state = XPC_MOVE_WAITS;
    return r;
}

/* The lowest number of candidates to leave; high is enough. */
static ssize_t find_fewest(struct xpc_schedule *s, const struct candidate *c,
                           size_t high, uint64_t deadline_ns,
                           struct xpc_schedule_forecast *f)
{
    size_t low = 0;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (forecast_without(s, c, mid, f))
            return -1;
        if (f->end_ns <= deadline_ns)
            high = mid;
        else
            low = mid + 1;
    }
    return forecast_without(s, c, high, f) ? -1 : (ssize_t)high;
}

ssize_t xpc_schedule_fit(struct xpc_schedule *s, uint64_t deadline_ns,
                         bool *leave, struct xpc_schedule_forecast *f)
{
    struct candidate *c = calloc(s->nr_moves, sizeof(*c));
    size_t nr = 0;
    ssize_t fewest;

    if (!c)
        return -1;
    for (size_t i = 0; i < s->nr_moves; i++) {
        leave[i] = false;
        if (schedule_is_waiting(s, &s->moves[i]) && s->moves[i].rank >= 0)
            c[nr++] = (struct candidate){ i, s->moves[i].alone_bytes };
    }
    qsort(c, nr, sizeof(*c), by_bytes);
    fewest = forecast_without(s, c, nr, f) ? -1 : 0;
    if (!fewest && f->end_ns > deadline_ns) {
        errno = ERANGE;
        fewest = -1;
    }
    if (!fewest)
        fewest = find_fewest(s, c, nr, deadline_ns, f);
    for (ssize_t i = 0; i < fewest; i++)
        leave[c[i].move] = true;
    free(c);
    return fewest;
}
