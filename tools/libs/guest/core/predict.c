/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forward simulation of a live migration. Formulas: xenprecopy/predict.h.
 */
#include <math.h>

#include <xenprecopy/predict.h>

#include "core/bounds.h"
#include "core/cost.h"

/* Fewer expected pages than this count as none. */
#define NO_PAGES 0.5
/* No page gets smaller by compression than this. */
#define LEAST_SHARE 0.001

/* What a simulation keeps for itself, if the caller keeps nothing. */
struct kept {
    struct xpc_curve_fit fit;
    struct xpc_skip_curve skip;
};

void xpc_predict_params_init(struct xpc_predict_params *p,
                             uint64_t bandwidth_bytes_per_s,
                             uint64_t downtime_ns)
{
    *p = (struct xpc_predict_params){
        .bandwidth_bytes_per_s = bandwidth_bytes_per_s,
        .page_bytes = XPC_PAGE_SIZE,
        .header_bytes = XPC_PAGE_HEADER,
        .zero_page_bytes = XPC_PAGE_HEADER,
        .overhead_ns = XPC_DEFAULT_OVERHEAD_NS,
        .cpu_share = 1,
        .skip_scale = 1,
    };
    xpc_rule_init(&p->rule, downtime_ns);
    xpc_curve_model_init(&p->model);
}

void xpc_predict_start(struct xpc_predict_state *s, const struct xpc_curve *c,
                       const struct xpc_predict_params *p)
{
    *s = (struct xpc_predict_state){
        .elapsed_ns = p->setup_ns,
        .pages = c->total_pages - c->zero_pages,
        .zero_pages = c->zero_pages,
    };
}

/* Rounds to an integer, as llround(), saturating at UINT64_MAX. */
static uint64_t to_u64(double v)
{
    int64_t whole = v >= 0 && v < 0x1p63 ? (int64_t)v : -1;

    if (whole < 0)
        return v < 0x1p63 ? (uint64_t)llround(v) : UINT64_MAX;
    return (uint64_t)whole + (v - whole >= 0.5);
}

double xpc_predict_page_bytes(const struct xpc_predict_params *p,
                              const struct xpc_compress_page *kind)
{
    double bytes = p->page_bytes + p->header_bytes;

    return kind->share > 0 ? bytes * kind->share : bytes;
}

double xpc_predict_page_limit(const struct xpc_predict_params *p,
                              const struct xpc_compress_page *kind)
{
    return kind->ns > 0 ? xpc_predict_page_bytes(p, kind) * p->processors *
                          1e9 / kind->ns : 0;
}

static struct kind kind_of(const struct xpc_predict_params *p,
                           const struct xpc_compress_page *page)
{
    return (struct kind){ xpc_predict_page_bytes(p, page), page->ns };
}

static struct cost cost_from(const struct xpc_predict_params *p)
{
    struct cost c = {
        .first = kind_of(p, &p->first_page),
        .later = kind_of(p, &p->later_page),
        .zero_bytes = p->zero_page_bytes,
        .processors = p->processors,
        .bytes_per_s = p->bandwidth_bytes_per_s,
        .final_bytes_per_s = p->switchover_bytes_per_s ?
                             p->switchover_bytes_per_s :
                             p->bandwidth_bytes_per_s,
        .iteration_ns = p->iteration_ns,
        .bitmap_ns = p->bitmap_ns,
        .overhead_ns = p->overhead_ns,
        .suspend_pages = p->suspend_pages,
        .z = p->confidence_z,
        .bandwidth_cv = p->bandwidth_cv,
        .overhead_sd_ns = p->overhead_sd_ns,
    };

    c.suspend_sd_ns = cost_ns(&c, &c.later, p->suspend_pages_sd, 0,
                              c.final_bytes_per_s);
    return c;
}

uint64_t xpc_predict_bitmap_ns(uint64_t pfns)
{
    return to_u64((double)pfns * XPC_DEFAULT_PFN_PS / 1000);
}

uint64_t xpc_predict_bitmap_part(uint64_t measured_ns, uint64_t pfns)
{
    uint64_t most = 4 * xpc_predict_bitmap_ns(pfns);

    return measured_ns < most ? measured_ns : most;
}

static uint64_t switchover(const struct cost *c, double pages, double zero)
{
    return to_u64(cost_ns(c, &c->later, pages + c->suspend_pages, zero,
                          c->final_bytes_per_s) +
                  c->bitmap_ns + c->overhead_ns);
}

uint64_t xpc_predict_switchover(const struct xpc_predict_params *p,
                                double pages, double zero)
{
    struct cost c = cost_from(p);

    return switchover(&c, pages, zero);
}

static uint64_t cautious(const struct cost *c, double pages, double zero)
{
    double expected = switchover(c, pages, zero), data;

    if (c->z <= 0)
        return to_u64(expected);
    data = (expected - c->bitmap_ns - c->overhead_ns) * c->bandwidth_cv;
    return to_u64(expected + c->z *
                  sqrt(data * data + c->suspend_sd_ns * c->suspend_sd_ns +
                       c->overhead_sd_ns * c->overhead_sd_ns));
}

uint64_t xpc_predict_cautious(const struct xpc_predict_params *p,
                              double pages, double zero)
{
    struct cost c = cost_from(p);

    return cautious(&c, pages, zero);
}

double xpc_confidence_z(uint64_t percent)
{
    /* Abramowitz and Stegun, 26.2.23: error under 4.5e-4. */
    double t = sqrt(-2 * log(1 - percent / 100.0));

    return fmax(0, t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
}

void xpc_predict_params_live(struct xpc_predict_params *p, uint64_t percent)
{
    p->confidence_z = xpc_confidence_z(percent);
    p->bandwidth_cv = XPC_BANDWIDTH_CV_MIN;
    p->overhead_sd_ns = XPC_UNKNOWN_CV * p->overhead_ns;
    p->suspend_pages_sd = XPC_UNKNOWN_CV * p->suspend_pages;
    p->rule.gain = XPC_LIVE_GAIN;
}

uint64_t xpc_predict_send_ns(const struct xpc_predict_params *p, double pages)
{
    struct cost c = cost_from(p);

    return to_u64(cost_ns(&c, &c.later, pages, 0, c.bytes_per_s) +
                  c.iteration_ns);
}

double xpc_predict_first_rate(const struct xpc_predict_params *p, double pages)
{
    double bytes = pages * xpc_predict_page_bytes(p, &p->first_page);

    return p->rule.duration_ns ? bytes * 1e9 / p->rule.duration_ns : 0;
}

/* The state of a simulation. Times in ns, as doubles. */
struct run {
    const struct xpc_curve *c;
    const struct xpc_predict_params *p;
    struct cost cost;               /* of p */
    struct xpc_curve_fit *fit;
    double side, total, peek_ns;
    struct xpc_prediction *r;
    struct xpc_predict_trace *trace;
    double elapsed, bytes;          /* bytes: since the initial state */
    double pages, zero;             /* to send in this iteration */
    double dirty, since_clean;      /* dirty now; time since the clean */
    struct xpc_skip_window window;  /* in which the pages to send got dirty */
    struct xpc_skip_curve *skip;    /* NULL: all are sent */
    double next_ns, next_sent;      /* of the next iteration, if known */
    bool next_known;
    bool waits;                     /* for a lull of the guest, ... */
    double wait_until;              /* ... until then; 0: not yet known */
    struct xpc_rule_state rule;
};

/* The kind of the pages that this iteration sends. */
static const struct kind *kind_to_send(const struct run *run)
{
    return run->window.first ? &run->cost.first : &run->cost.later;
}

static double bytes_to_send(const struct run *run)
{
    return cost_bytes(&run->cost, kind_to_send(run), run->pages, run->zero);
}

static double compute_iteration(const struct run *run, double *sent_r)
{
    const struct cost *c = &run->cost;
    double ns = cost_ns(c, kind_to_send(run), run->pages, run->zero,
                        c->bytes_per_s);

    *sent_r = 1;
    if (run->skip) {
        run->skip->clean_ns = run->elapsed - run->since_clean;
        ns = xpc_skip_sending_ns(run->skip, &run->window,
                                 run->pages + run->zero,
                                 run->since_clean + c->iteration_ns, ns,
                                 run->peek_ns, sent_r);
    }
    return ns + c->iteration_ns;
}

/*
 * How long this iteration takes. *sent_r is the share of its pages that is
 * sent.
 */
static double iteration_ns(struct run *run, double *sent_r)
{
    if (!run->next_known)
        run->next_ns = compute_iteration(run, &run->next_sent);
    run->next_known = true;
    *sent_r = run->next_sent;
    return run->next_ns;
}

/* The window from the clean to ns from now, in the busy time of the guest. */
static double window_ns(const struct run *run, double ns)
{
    double clean = run->elapsed - run->since_clean;

    if (!run->p->cycle.period_ns)
        return run->since_clean + ns;
    return xpc_cycle_active_ns(&run->p->cycle, clean, run->elapsed + ns);
}

/* D(t), t in ns of this guest. */
static double curve_pages(const struct run *run, double t)
{
    return xpc_curve_fit_pages(run->fit, t * run->p->cpu_share, run->side);
}

/* The pages that will be dirty after another ns of this iteration. */
static double dirty_after(const struct run *run, double ns)
{
    double then = curve_pages(run, window_ns(run, ns)), now = 0, dirty;

    if (run->since_clean > 0)
        now = curve_pages(run, window_ns(run, 0));
    dirty = at_most(run->dirty + at_least(then - now, 0), run->total);
    return dirty < NO_PAGES ? 0 : dirty;
}

/*
 * Computes the downtime if the guest were suspended now with these pages to
 * send, and records the lowest one.
 */
static void record_downtime(struct run *run, double pages, double zero)
{
    struct xpc_rule_state *s = &run->rule;
    struct xpc_prediction *r = run->r;

    s->elapsed_ns = to_u64(run->elapsed);
    s->dirty_pages = pages + zero;
    s->downtime_ns = cautious(&run->cost, pages, zero);
    s->later_downtime_ns = UINT64_MAX;
    if (s->iterations < run->p->rule.min_iterations ||
        s->downtime_ns >= r->least_downtime_ns)
        return;
    r->least_downtime_ns = s->downtime_ns;
    r->least_at_ns = s->elapsed_ns;
    r->least_iteration = s->iterations;
}

static void store_round(struct run *run, double ns, double pages)
{
    struct xpc_predict_trace *t = run->trace;

    if (!t || t->nr == t->max)
        return;
    t->rounds[t->nr++] = (struct xpc_predict_round){
        .number = run->rule.iterations,
        .start_ns = to_u64(run->elapsed - ns),
        .duration_ns = to_u64(ns),
        .pages = pages,
        .dirty_pages = run->dirty,
        .downtime_ns = run->rule.downtime_ns,
    };
}

/* Simulates sending the pages of this iteration. */
static void send_iteration(struct run *run)
{
    double share, ns = iteration_ns(run, &share);
    double pages = (run->pages + run->zero) * share;
    double bytes = bytes_to_send(run);

    run->dirty = dirty_after(run, ns);
    run->since_clean += ns;
    run->elapsed += ns;
    run->bytes += bytes * share;
    run->pages = run->zero = 0;
    run->next_known = false;
    run->rule.iterations++;
    record_downtime(run, run->dirty, 0);
    xpc_rule_watch(&run->p->rule, &run->rule);
    store_round(run, ns, pages);
}

/* Reads and cleans the bitmap: the next iteration sends what was dirty. */
static void clean_bitmap(struct run *run)
{
    run->pages = run->dirty;
    run->window = (struct xpc_skip_window){ .ns = window_ns(run, 0) };
    run->dirty = run->since_clean = 0;
    run->next_known = false;
}

/* The current state, with the next iteration still to send. */
static struct xpc_predict_state state_of(const struct run *run)
{
    return (struct xpc_predict_state){
        .elapsed_ns = run->rule.elapsed_ns,
        .iterations = run->rule.iterations,
        .pages = run->pages,
        .window_ns = to_u64(run->window.ns),
    };
}

/* Applies the rule at the end of an iteration, and prepares the next one. */
static int decide(struct run *run)
{
    struct xpc_rule_state *s = &run->rule;
    struct xpc_predict_state here;
    double left = run->dirty, share;

    clean_bitmap(run);
    s->next_ns = to_u64(iteration_ns(run, &share));
    if (run->p->rule.gain > 0 && s->downtime_ns <= run->p->rule.downtime_ns) {
        here = state_of(run);
        s->later_downtime_ns = xpc_predict_least(run->c, run->p, &here,
                                                 run->side);
    }
    run->r->dirty_pages = left;
    run->r->action = xpc_rule_decide(&run->p->rule, s, &run->r->reason);
    if (run->r->action == XPC_CONTINUE &&
        (s->iterations >= XPC_PREDICT_ITERATIONS_MAX ||
         s->elapsed_ns >= XPC_PREDICT_TIME_MAX_NS)) {
        run->r->action = XPC_ABORT;
        run->r->reason = XPC_REASON_STALLED;
    }
    return run->r->action;
}

/*
 * When copying no longer helps, goes on until the next lull begins, in the
 * middle of an iteration. Returns false if there is none to wait for.
 */
static bool wait_for_lull(struct run *run)
{
    const struct xpc_predict_params *p = run->p;
    struct xpc_rule_state *s = &run->rule;
    double lull, next, share, waited, n;

    if (!run->waits || !p->cycle.period_ns ||
        run->r->reason != XPC_REASON_STALLED)
        return false;
    if (run->wait_until == 0)
        run->wait_until = run->elapsed + p->cycle.period_ns;
    next = fmax(iteration_ns(run, &share), 1);
    lull = xpc_cycle_next_lull_ns(&p->cycle, run->elapsed);
    if (lull > run->wait_until ||
        (p->rule.duration_ns && lull + next / 2 > p->rule.duration_ns) ||
        s->iterations >= XPC_PREDICT_ITERATIONS_MAX)
        return false;
    waited = fmax(lull - next / 2 - run->elapsed, 0);
    n = floor(waited / next);
    s->iterations += n;
    run->bytes += n * bytes_to_send(run) * share;
    run->elapsed += waited;
    run->next_known = false;
    s->stalled = 0;
    return true;
}

/*
 * Decides before the first iteration, as the rule allows suspending the guest
 * then, to copy it while suspended. Returns whether the migration ends here.
 */
static bool stop_before_copying(struct run *run)
{
    struct xpc_rule_state *s = &run->rule;
    double share;

    record_downtime(run, run->pages + run->dirty, run->zero);
    s->next_ns = to_u64(iteration_ns(run, &share));
    run->r->dirty_pages = run->pages + run->dirty + run->zero;
    run->r->action = xpc_rule_decide(&run->p->rule, s, &run->r->reason);
    return run->r->action != XPC_CONTINUE;
}

static void finish(struct run *run, double pages, double zero)
{
    const struct cost *c = &run->cost;
    struct xpc_prediction *r = run->r;

    r->converges = r->action == XPC_STOP_AND_COPY;
    r->iterations = run->rule.iterations;
    r->downtime_ns = r->least_downtime_ns;
    if (r->converges) {
        r->downtime_ns = switchover(c, pages, zero);
        run->elapsed += r->downtime_ns;
        run->bytes += cost_bytes(c, &c->later, pages + c->suspend_pages, zero);
    }
    r->total_time_ns = to_u64(run->elapsed);
    r->bytes = to_u64(run->bytes);
}

/* kept: uninitialised memory. */
static struct run start_run(const struct xpc_curve *c,
                            const struct xpc_predict_params *p,
                            const struct xpc_predict_state *s, double side,
                            struct kept *kept)
{
    struct xpc_curve_fit *fit = p->fit ? p->fit : &kept->fit;
    struct xpc_skip_curve *skip = NULL;

    if (!p->fit)
        xpc_curve_fit_init(fit, c, &p->model);
    if (p->skip_dirty) {
        skip = p->skip_curve ? p->skip_curve : &kept->skip;
        if (!p->skip_curve)
            xpc_skip_curve_init(skip, fit);
        skip->cpu_share = p->cpu_share;
        skip->scale = p->skip_scale;
        skip->cycle = p->cycle.period_ns ? &p->cycle : NULL;
    }
    return (struct run){
        .c = c, .p = p, .side = side, .fit = fit, .skip = skip,
        .cost = cost_from(p), .total = c->total_pages,
        .peek_ns = p->peek_ns ? p->peek_ns : xpc_skip_peek_ns(c->total_pages),
        .elapsed = s->elapsed_ns,
        .pages = s->pages, .zero = s->zero_pages,
        .dirty = s->dirty_pages, .since_clean = s->since_clean_ns,
        .window = { .first = !s->iterations, .ns = s->window_ns },
        .rule = {
            .iterations = s->iterations,
            .best_dirty_pages = s->best_dirty_pages,
            .stalled = s->stalled,
        },
    };
}

uint64_t xpc_predict_next_ns(const struct xpc_curve *c,
                             const struct xpc_predict_params *p,
                             const struct xpc_predict_state *s)
{
    struct kept kept;
    struct run run = start_run(c, p, s, 0, &kept);
    double share;

    clean_bitmap(&run);
    return to_u64(iteration_ns(&run, &share));
}

/* Of compression, as of the curve, the worse end of the interval is high. */
static void take_side(struct xpc_compress_page *page, double side)
{
    if (page->share <= 0)
        return;
    if (side < 0) {
        page->share = fmax(page->share_low, LEAST_SHARE);
        page->ns = page->ns_low;
    } else if (side > 0) {
        page->share = page->share_high;
        page->ns = page->ns_high;
    }
}

static void simulate(struct xpc_prediction *r, const struct xpc_curve *c,
                     const struct xpc_predict_params *p,
                     const struct xpc_predict_state *s, double side,
                     bool waits, struct xpc_predict_trace *trace)
{
    struct xpc_predict_params of_side = *p, first;
    struct kept kept;
    struct run run;

    take_side(&of_side.first_page, side);
    take_side(&of_side.later_page, side);
    run = start_run(c, &of_side, s, side, &kept);
    run.r = r;
    run.trace = trace;
    run.waits = waits;
    *r = (struct xpc_prediction){ .least_downtime_ns = UINT64_MAX };
    if (!s->iterations && !p->rule.min_iterations) {
        /* The whole guest may be copied while it is suspended. */
        first = of_side;
        first.later_page = of_side.first_page;
        run.p = &first;
        run.cost = cost_from(&first);
        if (stop_before_copying(&run)) {
            finish(&run, run.pages + run.dirty, run.zero);
            return;
        }
        run.p = &of_side;
        run.cost = cost_from(&of_side);
        run.next_known = false;
    }
    if (run.pages + run.zero > 0)
        send_iteration(&run);
    else
        record_downtime(&run, run.dirty, 0);
    while (decide(&run) == XPC_CONTINUE || wait_for_lull(&run))
        send_iteration(&run);
    finish(&run, r->dirty_pages, 0);
}

void xpc_predict_run(struct xpc_prediction *r, const struct xpc_curve *c,
                     const struct xpc_predict_params *p,
                     const struct xpc_predict_state *s, double side,
                     struct xpc_predict_trace *trace)
{
    simulate(r, c, p, s, side, true, trace);
}

/*
 * The lowest downtime, or the first one that is within enough_ns. With 0, the
 * simulation continues for as long as copying helps. The threshold ends it when
 * few pages are left, compared with those that suspending dirties.
 */
static uint64_t find_least(const struct xpc_curve *c,
                           const struct xpc_predict_params *p,
                           const struct xpc_predict_state *s, double side,
                           bool waits, uint64_t enough_ns, uint64_t *at_ns_r)
{
    struct xpc_predict_params pp = *p;
    struct xpc_prediction r;

    pp.rule.downtime_ns = enough_ns;
    pp.rule.max_downtime_ns = XPC_NO_LIMIT;
    pp.rule.gain = 0;
    pp.rule.threshold_pages = pp.suspend_pages / 16;
    pp.rule.on_timeout = XPC_ON_TIMEOUT_ABORT;
    simulate(&r, c, &pp, s, side, waits, NULL);
    if (at_ns_r)
        *at_ns_r = r.least_at_ns;
    return r.least_downtime_ns;
}

uint64_t xpc_predict_least(const struct xpc_curve *c,
                           const struct xpc_predict_params *p,
                           const struct xpc_predict_state *s, double side)
{
    return find_least(c, p, s, side, false, 0, NULL);
}

bool xpc_predict_reaches(const struct xpc_curve *c,
                         const struct xpc_predict_params *p,
                         const struct xpc_predict_state *s, double side,
                         uint64_t downtime_ns)
{
    return find_least(c, p, s, side, false, downtime_ns, NULL) <= downtime_ns;
}

uint64_t xpc_predict_lull(const struct xpc_curve *c,
                          const struct xpc_predict_params *p,
                          const struct xpc_predict_state *s, double side,
                          uint64_t *at_ns_r)
{
    return find_least(c, p, s, side, true, 0, at_ns_r);
}
