/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy: what to do when an iteration's pages have been sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "xpc_policy.h"
#include "xpc_units.h"

/* What stock Xen's save loop does when nobody gives it a policy. */
#define STOCK_ITERATIONS 5
#define STOCK_THRESHOLD 50

/* Of a guest that lives, no two rounds are the same. */
#define LIVE_SHRINKING 0.95

/*
 * The bandwidth is that of about the last so many bytes: enough that pipes
 * and socket buffers, which swallow a small iteration at memory speed, don't
 * count for much.
 */
#define BANDWIDTH_BYTES 0x1p23

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

/* What predictions rest on; the bandwidth is learned. */
static void predict_params(struct xpc_predict_params *pp,
                           const struct xpc_params *p)
{
    xpc_predict_params_init(pp, p->bandwidth_bytes_per_s, p->downtime_ns);
    xpc_rule_from_params(&pp->rule, p);
    pp->rule.shrinking = LIVE_SHRINKING;
    pp->overhead_ns = xpc_params_overhead(p);
    pp->suspend_pages = XPC_DEFAULT_SUSPEND_PAGES;
}

int xpc_engine_preflight(const struct xpc_params *p, uint64_t total_pages,
                         char *err, size_t len)
{
    uint64_t max = xpc_params_max_downtime(p);
    uint64_t overhead = xpc_params_overhead(p), first;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];
    struct xpc_predict_params pp;

    if (p->policy == XPC_POLICY_STOCK)
        return 0;
    errno = EINVAL;
    if (max <= overhead) {
        snprintf(err, len, "a downtime of %s can't be met: the switchover "
                 "alone takes %s; allow more, or state a switchover overhead "
                 "that you have measured", xpc_format_time(a, max),
                 xpc_format_time(b, overhead));
        return -1;
    }
    if (!p->duration_ns || !p->bandwidth_bytes_per_s)
        return 0;
    predict_params(&pp, p);
    first = xpc_predict_send_ns(&pp, total_pages);
    if (first > p->duration_ns) {
        snprintf(err, len, "a precopy duration of %s can't be met: the first "
                 "copy alone takes %s at %s", xpc_format_time(a,
                 p->duration_ns), xpc_format_time(b, first),
                 xpc_format_bandwidth(c, p->bandwidth_bytes_per_s));
        return -1;
    }
    return 0;
}

void xpc_engine_init(struct xpc_engine *e, const struct xpc_params *params,
                     uint64_t now_ns)
{
    *e = (struct xpc_engine){
        .params = *params, .start_ns = now_ns, .last_ns = now_ns,
    };
    predict_params(&e->predict, params);
}

/*
 * Bytes over time of the recent past. A user's value is an upper bound: the
 * link can't give more, but may give less, and only what it gives keeps the
 * guest's downtime short.
 */
static uint64_t learn_bandwidth(struct xpc_engine *e, uint64_t bytes,
                                uint64_t ns)
{
    double keep = exp2(-(double)bytes / BANDWIDTH_BYTES);
    uint64_t given = e->params.bandwidth_bytes_per_s, measured;

    e->recent_bytes = e->recent_bytes * keep + bytes;
    e->recent_s = e->recent_s * keep + ns / 1e9;
    if (e->recent_bytes <= 0 || e->recent_s <= 0)
        return given;
    measured = e->recent_bytes / e->recent_s;
    return given && given < measured ? given : measured;
}

/* What would have been enough, for a user whose migration is aborted. */
static void advise(const struct xpc_engine *e, struct xpc_decision *d)
{
    uint64_t limit = e->params.on_timeout == XPC_ON_TIMEOUT_SUSPEND ?
                     xpc_params_max_downtime(&e->params) :
                     e->params.downtime_ns;
    struct xpc_predict_params pp = e->predict;
    double best = e->state.best_dirty_pages;
    uint64_t data_ns;

    /* A tenth more, since no two rounds leave the same. */
    d->enough_downtime_ns = 1.1 * xpc_predict_switchover(&pp, best, 0);
    if (limit <= d->overhead_ns)
        return;
    pp.overhead_ns = 0;
    data_ns = xpc_predict_switchover(&pp, best, 0);
    d->enough_bandwidth_bytes_per_s = 1.1 * d->bandwidth_bytes_per_s *
        ((double)data_ns / (limit - d->overhead_ns));
}

/* The state that the rule judges by. */
static void observe(struct xpc_engine *e, const struct xpc_observation *o)
{
    struct xpc_rule_state *s = &e->state;

    s->elapsed_ns = o->now_ns - e->start_ns;
    s->iterations++;
    s->dirty_pages = o->dirty_pages;
    s->downtime_ns = xpc_predict_switchover(&e->predict, o->dirty_pages, 0);
    s->next_ns = xpc_predict_send_ns(&e->predict, o->dirty_pages);
    s->next_downtime_ns = UINT64_MAX;
    xpc_rule_watch(&e->predict.rule, s);
}

int xpc_engine_decide(struct xpc_engine *e, const struct xpc_observation *o,
                      struct xpc_iteration *it)
{
    const struct xpc_params *p = &e->params;
    struct xpc_decision *d = &it->decision;

    *it = (struct xpc_iteration){
        .number = e->state.iterations + 1,
        .pages = o->pages_sent,
        .bytes = o->bytes_sent,
        .start_ns = e->last_ns - e->start_ns,
        .duration_ns = o->now_ns - e->last_ns,
        .dirty_pages = o->dirty_pages,
    };
    e->last_ns = o->now_ns;
    e->predict.bandwidth_bytes_per_s = learn_bandwidth(e, o->bytes_sent,
                                                       it->duration_ns);
    observe(e, o);
    d->dirty_pages = o->dirty_pages;
    d->overhead_ns = e->predict.overhead_ns;
    d->bandwidth_bytes_per_s = e->predict.bandwidth_bytes_per_s;
    d->predicted_downtime_ns = e->state.downtime_ns;
    if (p->duration_ns > e->state.elapsed_ns)
        d->time_left_ns = p->duration_ns - e->state.elapsed_ns;

    if (p->policy == XPC_POLICY_STOCK) {
        d->reason = XPC_REASON_STOCK;
        d->action = xpc_stock_decide(p, it->number, -1);
        return d->action;
    }
    d->action = xpc_rule_decide(&e->predict.rule, &e->state, &d->reason);
    if (d->action == XPC_ABORT)
        advise(e, d);
    return d->action;
}

/* The clause that says why, without its numbers. */
static const char *because(int reason)
{
    switch (reason) {
    case XPC_REASON_CONVERGING:   return "copying on helps";
    case XPC_REASON_WITHIN_LIMIT: return "the downtime limit can be met";
    case XPC_REASON_THRESHOLD:    return "few pages are left";
    case XPC_REASON_DURATION:     return "the precopy duration is over";
    case XPC_REASON_ITERATIONS:   return "the iterations are used up";
    case XPC_REASON_STALLED:
        return "the guest writes as fast as the link carries: "
               "copying on does not help";
    case XPC_REASON_OVER_MAXIMUM:
        return "even the maximum downtime can't be met";
    case XPC_REASON_CANCELLED:    return "it was cancelled";
    default:                      return "stock Xen decides so";
    }
}

const char *xpc_decision_text(const struct xpc_params *p,
                              const struct xpc_decision *d, char *buf,
                              size_t len)
{
    static const char *const verbs[] = { "continuing", "suspending",
                                         "aborted" };
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];
    size_t n;

    if (d->reason == XPC_REASON_CANCELLED) {
        snprintf(buf, len, "aborted: it was cancelled");
        return buf;
    }
    n = snprintf(buf, len, "%s: %s (%"PRIu64" pages dirty at %s: downtime "
                 "would be %s, the limit is %s)", verbs[d->action],
                 because(d->reason), d->dirty_pages,
                 xpc_format_bandwidth(a, d->bandwidth_bytes_per_s),
                 xpc_format_time(b, d->predicted_downtime_ns),
                 xpc_format_time(c, d->reason == XPC_REASON_OVER_MAXIMUM ?
                                    xpc_params_max_downtime(p) :
                                    p->downtime_ns));
    if (d->action != XPC_ABORT || n >= len)
        return buf;
    n += snprintf(buf + n, len - n, "; a downtime of %s",
                  xpc_format_time(a, d->enough_downtime_ns));
    if (d->enough_bandwidth_bytes_per_s && n < len)
        n += snprintf(buf + n, len - n, " or a bandwidth of %s",
                      xpc_format_bandwidth(a,
                                           d->enough_bandwidth_bytes_per_s));
    if (n < len)
        snprintf(buf + n, len - n, " would have been enough");
    return buf;
}
