/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <xenprecopy/rule.h>

/*
 * The rounds of a simulation decrease without noise, so even a small decrease
 * is real. With a coarser value, the verdict would depend on where the three
 * rounds happen to begin, and a faster link could fail where a slower one
 * succeeds.
 */
#define DEFAULT_SHRINKING 0.999
#define DEFAULT_STALL_ITERATIONS 3
/* worth_it(): the next iteration must have a tenth of its length to spare. */
#define TO_SPARE 10

void xpc_rule_init(struct xpc_rule *r, uint64_t downtime_ns)
{
    *r = (struct xpc_rule){
        .downtime_ns = downtime_ns,
        .max_downtime_ns = downtime_ns,
        .on_timeout = XPC_ON_TIMEOUT_ABORT,
        .min_iterations = 1,
        .shrinking = DEFAULT_SHRINKING,
        .stall_iterations = DEFAULT_STALL_ITERATIONS,
    };
}

void xpc_rule_from_params(struct xpc_rule *r, const struct xpc_params *p)
{
    xpc_rule_init(r, p->downtime_ns);
    r->max_downtime_ns = xpc_params_max_downtime(p);
    r->on_timeout = p->on_timeout;
    r->duration_ns = p->duration_ns;
    r->iterations = p->iterations;
    r->threshold_pages = p->threshold_pages;
}

void xpc_rule_watch(const struct xpc_rule *r, struct xpc_rule_state *s)
{
    bool first = !s->best_dirty_pages;

    /* With nothing dirty, nothing can get better. */
    if (s->dirty_pages > 0 &&
        (first || s->dirty_pages < s->best_dirty_pages * r->shrinking)) {
        s->best_dirty_pages = s->dirty_pages;
        s->stalled = 0;
    } else {
        s->stalled++;
    }
}

/* Would the next iteration end after the duration? */
static bool no_time(const struct xpc_rule *r, const struct xpc_rule_state *s)
{
    return r->duration_ns && (s->elapsed_ns > r->duration_ns ||
                              s->next_ns > r->duration_ns - s->elapsed_ns);
}

static bool no_iterations(const struct xpc_rule *r,
                          const struct xpc_rule_state *s)
{
    return r->iterations && s->iterations >= r->iterations;
}

/* Within the limit, is another iteration worthwhile? */
static bool worth_it(const struct xpc_rule *r, const struct xpc_rule_state *s)
{
    struct xpc_rule_state slow = *s;

    /* Don't risk the limit: the link may be slower for a moment. */
    slow.next_ns += s->next_ns / TO_SPARE;
    return s->later_downtime_ns < s->downtime_ns &&
           s->later_downtime_ns <= s->downtime_ns * r->gain &&
           !no_time(r, &slow) && !no_iterations(r, s);
}

/* The reason to end precopy, or XPC_REASON_CONVERGING. */
static int end_reason(const struct xpc_rule *r, const struct xpc_rule_state *s)
{
    if (no_time(r, s))
        return XPC_REASON_DURATION;
    if (no_iterations(r, s))
        return XPC_REASON_ITERATIONS;
    if (r->stall_iterations && s->stalled >= r->stall_iterations)
        return XPC_REASON_STALLED;
    return XPC_REASON_CONVERGING;
}

enum xpc_action xpc_rule_decide(const struct xpc_rule *r,
                                const struct xpc_rule_state *s,
                                enum xpc_reason *reason_r)
{
    bool bearable = s->downtime_ns <= r->max_downtime_ns;

    *reason_r = XPC_REASON_CONVERGING;
    if (s->iterations < r->min_iterations)
        return XPC_CONTINUE;
    if (s->downtime_ns <= r->downtime_ns) {
        if (worth_it(r, s))
            return XPC_CONTINUE;
        *reason_r = XPC_REASON_WITHIN_LIMIT;
        return XPC_STOP_AND_COPY;
    }
    if (bearable && s->dirty_pages < r->threshold_pages) {
        *reason_r = XPC_REASON_THRESHOLD;
        return XPC_STOP_AND_COPY;
    }
    *reason_r = end_reason(r, s);
    if (*reason_r == XPC_REASON_CONVERGING)
        return XPC_CONTINUE;
    if (r->on_timeout == XPC_ON_TIMEOUT_SUSPEND) {
        if (bearable)
            return XPC_STOP_AND_COPY;
        *reason_r = XPC_REASON_OVER_MAXIMUM;
    }
    return XPC_ABORT;
}
