/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest is migrated next, and what each may send. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/schedule.h>

#include "core/schedule.h"

/* Of a link, taken as full. */
#define FULL 0.97
/* A migration with less than this would not make any progress. */
#define LEAST_SHARE 0.05
/* Of the least rate for the first copy: its pages may be a few more. */
#define FIRST_COPY 1.1
/* The lookahead for the end of precopy. */
#define AHEAD 12
#define TAILS 2
/* A setup ends so long before the switchover that it could disturb. */
#define EARLY_NS UINT64_C(500000000)

/* ---- rates ----------------------------------------------------------- */

double schedule_link(const struct xpc_schedule *s, int target)
{
    double link = s->targets[target].link_bytes_per_s;

    return link > 0 && link < s->link_bytes_per_s ? link :
                                                   s->link_bytes_per_s;
}

double schedule_best_rate(const struct xpc_schedule *s, int target)
{
    double rate = target < 0 ? s->link_bytes_per_s : schedule_link(s, target);

    return s->stream_bytes_per_s ? fmin(rate, s->stream_bytes_per_s) : rate;
}

/* The same of this guest, with its own limits. */
double schedule_rate_of(const struct xpc_schedule *s,
                        const struct xpc_move *m)
{
    double best = schedule_best_rate(s, m->target);
    double limit = xpc_predict_page_limit(&m->params, &m->params.first_page);

    if (m->own_bytes_per_s)
        best = fmin(best, m->own_bytes_per_s);
    return limit > 0 ? fmin(best, limit) : best;
}

/* ---- predictions ----------------------------------------------------- */

static void predict_at(struct xpc_prediction *r, const struct xpc_move *m,
                       double bytes_per_s, double side)
{
    struct xpc_predict_params p = m->params;
    struct xpc_predict_state state;

    p.bandwidth_bytes_per_s = bytes_per_s;
    if (m->own_bytes_per_s && m->own_bytes_per_s < bytes_per_s)
        p.bandwidth_bytes_per_s = m->own_bytes_per_s;
    xpc_predict_start(&state, m->curve, &p);
    xpc_predict_run(r, m->curve, &p, &state, side, NULL);
}

/* The least of a few shares of the best rate with which it converges. */
static double least_rate(const struct xpc_move *m, double best)
{
    static const double shares[] = { 0.75, 0.5, 0.35, 0.25, 0.15, 0.1,
                                     LEAST_SHARE };
    double least = best;
    struct xpc_prediction r;

    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        predict_at(&r, m, best * shares[i], 0);
        if (!r.converges)
            break;
        least = best * shares[i];
    }
    return least;
}

size_t schedule_find_root(size_t *root, size_t i)
{
    while (root[i] != i)
        i = root[i] = root[root[i]];
    return i;
}

void schedule_unite(const struct xpc_schedule *s, size_t *root)
{
    for (size_t i = 0; i < s->nr_moves; i++)
        root[i] = i;
    for (size_t i = 0; i < s->nr_affinities; i++) {
        const struct xpc_affinity *a = &s->affinities[i];

        if (a->together)
            root[schedule_find_root(root, a->a)] =
                schedule_find_root(root, a->b);
    }
}

bool schedule_fits(const struct xpc_schedule *s, const struct xpc_move *m,
                   int target)
{
    double best = schedule_best_rate(s, target);
    struct xpc_prediction r;

    predict_at(&r, m, best, 0);
    if (r.converges && m->must_be_sure)
        predict_at(&r, m, best, 1);
    return r.converges;
}

void schedule_predict_move(const struct xpc_schedule *s, struct xpc_move *m)
{
    double best = schedule_best_rate(s, m->target);
    struct xpc_prediction r;

    predict_at(&r, m, best, 0);
    m->possible = r.converges;
    m->alone_ns = r.total_time_ns;
    m->alone_bytes = r.bytes;
    m->alone_downtime_ns = r.converges ? r.downtime_ns : r.least_downtime_ns;
    m->need_bytes_per_s = r.converges ? least_rate(m, best) : best;
    predict_at(&r, m, best, 1);
    m->sure = m->possible && r.converges;
    if (m->must_be_sure)
        m->possible = m->sure;
}

void xpc_schedule_predict(struct xpc_schedule *s)
{
    for (size_t i = 0; i < s->nr_moves; i++) {
        struct xpc_move *m = &s->moves[i];

        if (m->state == XPC_MOVE_WAITS || m->state == XPC_MOVE_RUNS)
            schedule_predict_move(s, m);
    }
}

double schedule_copy_on(const struct xpc_move *m, double window_ns,
                        double bytes_per_s, double *dirty_r)
{
    struct xpc_predict_params p = m->params;
    double left = 0;

    p.bandwidth_bytes_per_s = bytes_per_s;
    for (int i = 0;; i++) {
        *dirty_r = xpc_curve_pages(m->curve, &p.model, window_ns, 0);
        if (xpc_predict_cautious(&p, *dirty_r, 0) <= p.rule.downtime_ns ||
            i == AHEAD)
            return left;
        window_ns = xpc_predict_send_ns(&p, *dirty_r);
        left += window_ns;
    }
}

uint64_t xpc_schedule_left(const struct xpc_move *m, double pages,
                           uint64_t since_clean_ns, double bytes_per_s)
{
    struct xpc_predict_params p = m->params;
    double left, dirty;

    if (bytes_per_s < 1)
        return UINT64_MAX;
    p.bandwidth_bytes_per_s = bytes_per_s;
    left = xpc_predict_send_ns(&p, pages);
    return left + schedule_copy_on(m, since_clean_ns + left, bytes_per_s,
                                   &dirty);
}

/* ---- what to start next ---------------------------------------------- */

bool xpc_schedule_is_near(const struct xpc_move *m)
{
    return m->sent || m->left_ns <= m->params.setup_ns;
}

/* Could a setup that takes so long make its switchover too long? */
static bool is_tight(const struct xpc_move *m, uint64_t setup_ns)
{
    uint64_t most = m->params.rule.max_downtime_ns;

    return most <= m->alone_downtime_ns ||
           most - m->alone_downtime_ns < setup_ns;
}

/* Whether a setup has to wait until it has been suspended and started. */
static bool holds_back(const struct xpc_move *m, uint64_t setup_ns)
{
    return (m->sent || m->left_ns <= setup_ns) && is_tight(m, setup_ns) &&
           m->near_ns < XPC_SCHEDULE_HOLD_NS;
}

/* How long before the suspend of m the setup of another begins. */
static uint64_t lead_of(const struct xpc_move *m, uint64_t setup_ns)
{
    return setup_ns + (is_tight(m, setup_ns) ? EARLY_NS : 0);
}

/* What runs, for all targets. */
struct running {
    bool hold;                      /* nothing may be started */
    size_t nr, nr_on[XPC_SCHEDULE_TARGETS_MAX];
    /* Of these, those that will still be copying when a new one begins. */
    size_t copying, copying_on[XPC_SCHEDULE_TARGETS_MAX];
    double sends_on[XPC_SCHEDULE_TARGETS_MAX];  /* at most */
    double need, need_on[XPC_SCHEDULE_TARGETS_MAX];
    uint64_t wake_ns;
};

static void wake_within(struct running *r, uint64_t ns)
{
    if (ns < r->wake_ns)
        r->wake_ns = ns;
}

static void count_running(const struct xpc_schedule *s,
                          const struct schedule_queue *q, uint64_t setup_ns,
                          struct running *r)
{
    *r = (struct running){ .nr = q->nr_running, .wake_ns = UINT64_MAX };
    for (size_t i = 0; i < q->nr_running; i++) {
        const struct xpc_move *m = &s->moves[q->running[i]];
        uint64_t lead_ns = lead_of(m, setup_ns);

        if (holds_back(m, setup_ns)) {
            r->hold = true;
            wake_within(r, XPC_SCHEDULE_HOLD_NS - m->near_ns);
        }
        if (m->sent)
            continue;
        r->nr_on[m->target]++;
        if (m->left_ns <= lead_ns)
            continue;
        if (m->left_ns != UINT64_MAX)
            wake_within(r, m->left_ns - lead_ns);
        r->copying++;
        r->copying_on[m->target]++;
        r->sends_on[m->target] += schedule_rate_of(s, m);
        r->need += m->need_bytes_per_s;
        r->need_on[m->target] += m->need_bytes_per_s;
    }
}

/* What those that copy can send at most. */
static double sending(const struct xpc_schedule *s, const struct running *r)
{
    double sum = 0;

    for (int t = 0; t < (int)s->nr_targets; t++)
        sum += fmin(schedule_link(s, t), r->sends_on[t]);
    return sum;
}

static bool may_start(const struct xpc_schedule *s, const struct xpc_move *m,
                      const struct running *r)
{
    double link = s->link_bytes_per_s, target = schedule_link(s, m->target);
    size_t there = r->copying_on[m->target];

    if (r->nr_on[m->target] - there >= TAILS)
        return false;
    if (there && r->sends_on[m->target] >= FULL * target)
        return false;
    /* Its share is the fair one; the others' needs are kept by its cap. */
    return (!r->copying ||
            (r->need + m->need_bytes_per_s <= link &&
             m->need_bytes_per_s * (r->copying + 1) <= link)) &&
           (!there || (r->need_on[m->target] + m->need_bytes_per_s <= target &&
                       m->need_bytes_per_s * (there + 1) <= target));
}

bool schedule_is_waiting(const struct xpc_schedule *s,
                         const struct xpc_move *m)
{
    return m->state == XPC_MOVE_WAITS && m->possible && m->target >= 0 &&
           !s->targets[m->target].out;
}

static int by_turn(const void *a, const void *b, void *opaque)
{
    const struct xpc_schedule *s = opaque;
    const struct xpc_move *x = &s->moves[*(const size_t *)a];
    const struct xpc_move *y = &s->moves[*(const size_t *)b];

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->alone_ns != y->alone_ns)
        return x->alone_ns > y->alone_ns ? -1 : 1;
    return (x > y) - (x < y);
}

int schedule_queue_init(struct schedule_queue *q, struct xpc_schedule *s)
{
    *q = (struct schedule_queue){ .waiting = calloc(2 * s->nr_moves,
                                           sizeof(*q->waiting)) };
    if (!q->waiting)
        return -1;
    q->running = q->waiting + s->nr_moves;
    for (size_t i = 0; i < s->nr_moves; i++) {
        if (schedule_is_waiting(s, &s->moves[i]))
            q->waiting[q->nr_waiting++] = i;
        if (s->moves[i].state == XPC_MOVE_RUNS)
            q->running[q->nr_running++] = i;
    }
    qsort_r(q->waiting, q->nr_waiting, sizeof(*q->waiting), by_turn, s);
    return 0;
}

void schedule_queue_start(struct schedule_queue *q, size_t nth)
{
    q->running[q->nr_running++] = q->waiting[nth];
    memmove(&q->waiting[nth], &q->waiting[nth + 1],
            (--q->nr_waiting - nth) * sizeof(*q->waiting));
}

void schedule_queue_end(struct schedule_queue *q, size_t move)
{
    for (size_t i = 0; i < q->nr_running; i++) {
        if (q->running[i] == move)
            q->running[i] = q->running[--q->nr_running];
    }
}

ssize_t schedule_queue_next(const struct xpc_schedule *s,
                            const struct schedule_queue *q,
                            uint64_t *wake_ns)
{
    unsigned int most = s->concurrency ? s->concurrency :
                                         XPC_SCHEDULE_CONCURRENCY_MAX;
    struct running r;
    uint64_t setup_ns;

    *wake_ns = UINT64_MAX;
    if (!q->nr_waiting || q->nr_running >= most)
        return -1;
    setup_ns = s->moves[q->waiting[0]].params.setup_ns;
    count_running(s, q, setup_ns, &r);
    if (r.hold ||
        (r.copying && sending(s, &r) >= FULL * s->link_bytes_per_s)) {
        *wake_ns = r.wake_ns;
        return -1;
    }
    for (size_t i = 0; i < q->nr_waiting; i++) {
        const struct xpc_move *m = &s->moves[q->waiting[i]];

        if (m->rank != s->moves[q->waiting[0]].rank)
            break;
        if (may_start(s, m, &r))
            return i;
    }
    *wake_ns = r.wake_ns;
    return -1;
}

ssize_t xpc_schedule_next(struct xpc_schedule *s, uint64_t *wake_ns)
{
    struct schedule_queue q;
    ssize_t nth, move;

    *wake_ns = UINT64_MAX;
    if (schedule_queue_init(&q, s))
        return -1;
    nth = schedule_queue_next(s, &q, wake_ns);
    move = nth < 0 ? -1 : (ssize_t)q.waiting[nth];
    free(q.waiting);
    return move;
}

/*
 * Does what was started after it leave the links to it? While the target starts
 * it, they are free; but to receive at full speed takes processor time there,
 * too.
 */
static bool goes_first(const struct xpc_move *o, const struct xpc_move *m)
{
    return o->turn < m->turn &&
           (!o->sent || holds_back(o, m->params.setup_ns));
}

/* Is one that was started before m about to be suspended? */
static bool has_tail_before(const struct xpc_schedule *s,
                            const struct schedule_queue *q,
                            const struct xpc_move *m, int target)
{
    for (size_t i = 0; i < q->nr_running; i++) {
        const struct xpc_move *o = &s->moves[q->running[i]];

        if (goes_first(o, m) &&
            o->left_ns <= lead_of(o, m->params.setup_ns) &&
            (target == XPC_NO_TARGET || o->target == target))
            return true;
    }
    return false;
}

/* What those that were started before do not need. */
static double share_of(const struct xpc_schedule *s,
                       const struct schedule_queue *q,
                       const struct xpc_move *m, double link, int target)
{
    bool tail = has_tail_before(s, q, m, target);
    double needs = 0;

    for (size_t i = 0; i < q->nr_running; i++) {
        const struct xpc_move *o = &s->moves[q->running[i]];

        if (goes_first(o, m) &&
            (target == XPC_NO_TARGET || o->target == target))
            needs += tail ? schedule_rate_of(s, o) : o->need_bytes_per_s;
    }
    return fmax(link - needs, LEAST_SHARE * link);
}

void schedule_queue_caps(struct xpc_schedule *s,
                         const struct schedule_queue *q)
{
    for (size_t i = 0; i < q->nr_running; i++) {
        struct xpc_move *m = &s->moves[q->running[i]];
        double cap;

        m->cap_bytes_per_s = 0;
        if (q->nr_running < 2 || m->sent)
            continue;
        cap = fmin(share_of(s, q, m, s->link_bytes_per_s, XPC_NO_TARGET),
                   share_of(s, q, m, schedule_link(s, m->target), m->target));
        /* With less, xl migrate would refuse it, as xpc_engine_preflight(). */
        cap = fmax(cap, FIRST_COPY *
                        xpc_predict_first_rate(&m->params,
                                               m->curve->total_pages));
        if (cap < schedule_best_rate(s, m->target))
            m->cap_bytes_per_s = cap;
    }
}

void xpc_schedule_caps(struct xpc_schedule *s)
{
    struct schedule_queue q;

    if (schedule_queue_init(&q, s))
        return;                 /* the caps stay as they are */
    schedule_queue_caps(s, &q);
    free(q.waiting);
}
