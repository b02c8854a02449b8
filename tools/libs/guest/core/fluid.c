/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include <xenprecopy/units.h>

#include "core/fluid.h"

/* While another guest has its turn, as in save/policy.c and save/turn.h. */
#define HOLD_S 0.02
#define HOLDS_MAX_S 10
#define RESERVE_S 1
/* Fewer bytes than this are none. */
#define NO_BYTES 0.5
#define NO_TIME 1e-9
#define LINKS_MAX 64
/* Rates that differ by a smaller share are the same. */
#define SAME_RATE 0.05

/* ---- sharing the links ----------------------------------------------- */

static double limit_of(const struct fluid *f, const struct fluid_flow *w)
{
    double limit = f->stream > 0 ? f->stream : INFINITY;

    if (w->limit > 0)
        limit = fmin(limit, w->limit);
    return w->phase == FLUID_COPIES && w->cap > 0 ? fmin(limit, w->cap) :
                                                    limit;
}

static bool sends(const struct fluid_flow *w)
{
    return w->left > NO_BYTES;
}

/* What each flow may have if what is left is shared evenly. */
struct sharing {
    double left, links[LINKS_MAX];
    size_t nr, nr_on[LINKS_MAX];
};

static double fair(const struct sharing *s, size_t target)
{
    return fmax(0, fmin(s->left / s->nr,
                        s->links[target] / s->nr_on[target]));
}

static void settle(struct sharing *s, struct fluid_flow *w, double rate)
{
    w->rate = rate;
    s->left -= rate;
    s->links[w->target] -= rate;
    s->nr--;
    s->nr_on[w->target]--;
}

/* Max-min fairness: the flows with the lowest limit are settled first. */
static void share_links(struct fluid *f, double share)
{
    struct sharing s = { .left = f->link * share };

    for (size_t i = 0; i < f->nr_links; i++)
        s.links[i] = f->links[i];
    for (size_t i = 0; i < f->nr_active; i++) {
        struct fluid_flow *w = &f->flows[f->active[i]];

        w->rate = sends(w) ? -1 : 0;
        s.nr += sends(w);
        s.nr_on[w->target] += sends(w);
    }
    while (s.nr) {
        double least = INFINITY;
        struct sharing before;

        for (size_t i = 0; i < f->nr_active; i++) {
            struct fluid_flow *w = &f->flows[f->active[i]];

            if (w->rate < 0)
                least = fmin(least, fmin(fair(&s, w->target),
                                         limit_of(f, w)));
        }
        before = s;
        for (size_t i = 0; i < f->nr_active; i++) {
            struct fluid_flow *w = &f->flows[f->active[i]];

            if (w->rate < 0 && fmin(fair(&before, w->target),
                                    limit_of(f, w)) <= least * (1 + 1e-9))
                settle(&s, w, least);
        }
    }
}

/* ---- phases ---------------------------------------------------------- */

static void begin(struct fluid *f, struct fluid_flow *w,
                  enum fluid_phase phase, double bytes, double time)
{
    w->phase = phase;
    w->began = f->now;
    w->left = w->bytes = bytes;
    w->until = f->now + time;
}

static void end_flow(struct fluid *f, size_t i, bool moved)
{
    struct fluid_flow *w = &f->flows[i];

    w->phase = FLUID_ENDED;
    w->moved = moved;
    w->end = f->now;
    for (size_t k = 0; k < f->nr_active; k++) {
        if (f->active[k] == i)
            f->active[k] = f->active[--f->nr_active];
    }
    if (f->ops->ended)
        f->ops->ended(f, i);
}

void fluid_start(struct fluid *f, size_t i, size_t target)
{
    struct fluid_flow *w = &f->flows[i];
    double cap = w->cap;

    *w = (struct fluid_flow){ .target = target, .cap = cap, .start = f->now };
    begin(f, w, FLUID_SETUP, 0, 0);
    w->until = f->now + f->ops->setup(f, i, &w->bytes);
    f->active[f->nr_active++] = i;
    if (f->nr_active > f->most)
        f->most = f->nr_active;
}

void fluid_break(struct fluid *f, size_t i)
{
    end_flow(f, i, false);
}

/* A guest's turn ends when the target has started it. */
static bool switchover_elsewhere(const struct fluid *f)
{
    for (size_t i = 0; f->exclusive && i < f->nr_active; i++) {
        enum fluid_phase phase = f->flows[f->active[i]].phase;

        if (phase == FLUID_SUSPENDED || phase == FLUID_STARTS)
            return true;
    }
    return false;
}

static bool holds(const struct fluid *f, struct fluid_flow *w)
{
    if (w->hurries || !switchover_elsewhere(f))
        return false;
    if (!w->held)
        w->held = f->now;
    return f->now - w->held < HOLDS_MAX_S;
}

static void copy(struct fluid *f, struct fluid_flow *w, double bytes,
                 double time)
{
    begin(f, w, FLUID_COPIES, bytes, time);
    w->window = f->now - w->clean;
    w->clean = f->now;
    w->share = 0;
}

/* Leaves out what will be dirty again, by what the rate is now. */
static void leave_out(struct fluid *f)
{
    for (size_t k = 0; f->ops->sent && k < f->nr_active; k++) {
        struct fluid_flow *w = &f->flows[f->active[k]];
        double before = w->left, all = w->share > 0 ? before / w->share :
                                                      before;

        if (w->phase != FLUID_COPIES || !(w->rate > 0) ||
            (w->share > 0 && fabs(w->rate / w->share_rate - 1) <= SAME_RATE))
            continue;
        w->share = f->ops->sent(f, f->active[k], all, w->rate);
        w->share_rate = w->rate;
        w->left = all * w->share;
        w->bytes += w->left - before;
    }
}

static void end_iteration(struct fluid *f, size_t i)
{
    struct fluid_flow *w = &f->flows[i];
    double dirty = f->ops->dirty(f, i), rate = w->rate;
    double bytes = f->ops->bytes(f, i, dirty), extra, before, after;

    if (f->now > w->began && w->bytes > 0)
        rate = w->bytes / (f->now - w->began);
    switch (f->ops->decide(f, i, dirty, rate)) {
    case XPC_CONTINUE:
        copy(f, w, bytes, 0);
        return;
    case XPC_ABORT:
        end_flow(f, i, false);
        return;
    case XPC_STOP_AND_COPY:
        break;
    }
    if (holds(f, w)) {
        copy(f, w, bytes, HOLD_S);
        return;
    }
    f->ops->switchover(f, i, &extra, &before, &after);
    w->suspended = f->now;
    w->after = after;
    begin(f, w, FLUID_SUSPENDED, bytes + extra, before);
}

static void end_phase(struct fluid *f, size_t i)
{
    struct fluid_flow *w = &f->flows[i];

    switch (w->phase) {
    case FLUID_SETUP:
        copy(f, w, w->bytes, 0);
        break;
    case FLUID_COPIES:
        end_iteration(f, i);
        break;
    case FLUID_SUSPENDED:
        begin(f, w, FLUID_STARTS, 0, w->after);
        break;
    default:
        end_flow(f, i, true);
        break;
    }
}

/* ---- time ------------------------------------------------------------ */

static double phase_end(const struct fluid *f, const struct fluid_flow *w)
{
    if (!sends(w))
        return w->until;
    return w->rate > 0 ? fmax(w->until, f->now + w->left / w->rate) :
                         INFINITY;
}

static void advance(struct fluid *f, double to)
{
    for (size_t i = 0; i < f->nr_active; i++) {
        struct fluid_flow *w = &f->flows[f->active[i]];
        double bytes = fmin(w->left, w->rate * (to - f->now));

        w->left -= bytes;
        w->sent += bytes;
    }
    f->now = to;
}

static void end_phases(struct fluid *f)
{
    /* Backwards, as a flow that ends is replaced by the last one. */
    for (size_t i = f->nr_active; i-- > 0;) {
        const struct fluid_flow *w = &f->flows[f->active[i]];

        if (!sends(w) && w->until <= f->now + NO_TIME)
            end_phase(f, f->active[i]);
    }
}

void fluid_run(struct fluid *f)
{
    for (;;) {
        double changes = INFINITY, next;
        double share = f->ops->share ? f->ops->share(f, &changes) : 1;

        share_links(f, share);
        leave_out(f);
        next = f->ops->dispatch(f);
        share_links(f, share);
        for (size_t i = 0; i < f->nr_active; i++)
            next = fmin(next, phase_end(f, &f->flows[f->active[i]]));
        if (f->nr_active)
            next = fmin(next, changes);
        if (next == INFINITY)
            return;
        advance(f, fmax(next, f->now + NO_TIME));
        end_phases(f);
    }
}

double fluid_sent(const struct fluid_flow *w, double now,
                  const struct xpc_curve *c,
                  const struct xpc_predict_params *p, double bytes,
                  double rate)
{
    const struct xpc_skip_window window = {
        .first = !w->rule.iterations, .ns = w->window * XPC_S,
    };
    double page = xpc_predict_page_bytes(p, window.first ? &p->first_page :
                                                           &p->later_page);
    uint64_t peek_ns = p->peek_ns ? p->peek_ns :
                                    xpc_skip_peek_ns(c->total_pages);
    struct xpc_skip_curve skip;
    struct xpc_curve_fit fit;
    double share;

    if (!p->skip_dirty)
        return 1;
    xpc_curve_fit_init(&fit, c, &p->model);
    xpc_skip_curve_init(&skip, &fit);
    xpc_skip_sending_ns(&skip, &window, bytes / page,
                        (now - w->clean) * XPC_S + p->iteration_ns,
                        bytes / rate * XPC_S, peek_ns, &share);
    return share;
}

enum xpc_action fluid_decide(struct fluid_flow *w, double now,
                             const struct xpc_predict_params *params,
                             double dirty, double rate)
{
    struct xpc_predict_params p = *params;
    enum xpc_reason reason;

    p.bandwidth_bytes_per_s = rate < 1 ? 1 : rate;
    w->rule.elapsed_ns = (now - w->start) * 1e9;
    w->hurries = p.rule.duration_ns &&
                 w->rule.elapsed_ns + RESERVE_S * XPC_S >= p.rule.duration_ns;
    w->rule.iterations++;
    w->rule.dirty_pages = dirty;
    w->rule.downtime_ns = xpc_predict_cautious(&p, dirty, 0);
    w->rule.next_ns = xpc_predict_send_ns(&p, dirty);
    w->rule.later_downtime_ns = UINT64_MAX;
    w->predicted = xpc_predict_switchover(&p, dirty, 0) / 1e9;
    xpc_rule_watch(&p.rule, &w->rule);
    return xpc_rule_decide(&p.rule, &w->rule, &reason);
}
