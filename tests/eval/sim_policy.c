/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policies that are compared, and the oracle. */
#include <stdio.h>

#include "json/migration.h"
#include "sim.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

/* ---- stock Xen's ------------------------------------------------------ */

static int stock_begin(struct sim_state *s, const struct sim_case *c)
{
    (void)c;
    xpc_params_init(&s->params);
    s->iterations = 0;
    return 0;
}

/* Stock calls it twice: with the count before sending, and after it. */
static int stock_decide(struct sim_state *s, const struct sim_case *c,
                        const struct sim_seen *seen, uint64_t *predicted_ns)
{
    unsigned int done = s->iterations++;

    (void)c;
    *predicted_ns = 0;
    if (xpc_stock_decide(&s->params, done, seen->pages_sent) ==
        XPC_STOP_AND_COPY)
        return XPC_STOP_AND_COPY;
    return xpc_stock_decide(&s->params, done + 1, -1);
}

/* ---- QEMU's and cloud-hypervisor's ------------------------------------ */

static int fits_begin(struct sim_state *s, const struct sim_case *c)
{
    (void)s, (void)c;
    return 0;
}

/* Suspends when the rest fits into the limit, or the duration is over. */
static int fits_decide(struct sim_state *s, const struct sim_case *c,
                       const struct sim_seen *seen, uint64_t *predicted_ns)
{
    double rate = seen->bytes_sent / (seen->end_ns - seen->start_ns + 1.0);

    (void)s;
    *predicted_ns = rate > 0 ? seen->dirty_pages * (double)PAGE_BYTES / rate
                             : 0;
    return *predicted_ns <= c->limit_ns || seen->end_ns >= c->duration_ns ?
           XPC_STOP_AND_COPY : XPC_CONTINUE;
}

/* ---- rivals ----------------------------------------------------------- */

/*
 * What these two use as the downtime includes what is known of the target,
 * which QEMU and KubeVirt do not know.
 */
static uint64_t whole_downtime(const struct sim_case *c,
                               const struct sim_seen *seen)
{
    double rate = seen->bytes_sent / (seen->end_ns - seen->start_ns + 1.0);
    double pages = seen->dirty_pages + c->prior.suspend_pages;

    return c->prior.overhead_ns + (rate > 0 ? pages * PAGE_BYTES / rate : 0);
}

static int rival_begin(struct sim_state *s, const struct sim_case *c)
{
    (void)c;
    s->iterations = 0;
    s->best_pages = 0;
    return 0;
}

/* The replay has slowed the guest down. */
static int converge_decide(struct sim_state *s, const struct sim_case *c,
                           const struct sim_seen *seen,
                           uint64_t *predicted_ns)
{
    (void)s;
    *predicted_ns = whole_downtime(c, seen);
    return *predicted_ns <= c->limit_ns || seen->end_ns >= c->duration_ns ?
           XPC_STOP_AND_COPY : XPC_CONTINUE;
}

/*
 * KubeVirt's defaults: no progress means that nothing got more than 4% less
 * within 60 of the 150 s that a guest of 1 GiB is given.
 */
#define STALL_MARGIN 0.04
#define STALL_SHARE (60 / 150.0)
#define PATIENCE_DECAY 0.5

/* Is there a stall, and if so, since when? Sets best_pages, not below 1. */
static void find_stall(struct sim_state *s, const struct sim_case *c,
                       const struct sim_seen *seen, size_t step)
{
    const struct sim_seen *all = seen - step;
    uint64_t window = STALL_SHARE * c->duration_ns, least = UINT64_MAX;
    size_t at = 0;

    for (size_t i = 0; i < step && all[i].end_ns + window <= seen->end_ns;
         i++) {
        if (all[i].dirty_pages < least) {
            least = all[i].dirty_pages;
            at = i;
        }
    }
    if (least == UINT64_MAX ||
        seen->dirty_pages < least * (1 - STALL_MARGIN))
        return;
    for (size_t i = at; i <= step; i++)
        least = all[i].dirty_pages < least ? all[i].dirty_pages : least;
    s->best_pages = least ? least : 1;
    s->stall_step = at;
    s->stall_ns = seen->end_ns;
    s->patience_ns = window;
}

/* The least was not seen again: the next one, of those since the stall. */
static void relax(struct sim_state *s, const struct sim_seen *seen,
                  size_t step)
{
    uint64_t next = UINT64_MAX;

    if (seen->end_ns - s->stall_ns < s->patience_ns)
        return;
    for (size_t i = s->stall_step; i <= step; i++) {
        uint64_t pages = seen[(ptrdiff_t)i - (ptrdiff_t)step].dirty_pages;

        if (pages > s->best_pages && pages < next)
            next = pages;
    }
    if (next != UINT64_MAX)
        s->best_pages = next;
    s->stall_ns = seen->end_ns;
    s->patience_ns *= PATIENCE_DECAY;
}

static int minimum_decide(struct sim_state *s, const struct sim_case *c,
                          const struct sim_seen *seen,
                          uint64_t *predicted_ns)
{
    size_t step = s->iterations++;

    if (converge_decide(s, c, seen, predicted_ns) == XPC_STOP_AND_COPY)
        return XPC_STOP_AND_COPY;
    if (s->best_pages)
        relax(s, seen, step);
    else
        find_stall(s, c, seen, step);
    return s->best_pages &&
           seen->dirty_pages <= s->best_pages * (1 + STALL_MARGIN) ?
           XPC_STOP_AND_COPY : XPC_CONTINUE;
}

const struct sim_policy sim_policies[SIM_POLICIES] = {
    [SIM_OURS] = { "ours", SIM_SKIP, sim_ours_begin, sim_ours_decide, true },
    [SIM_OURS_PLAIN] = { "ours-plain", SIM_PLAIN, sim_plain_begin,
                         sim_ours_decide, true },
    [SIM_STOCK] = { "stock", SIM_PLAIN, stock_begin, stock_decide, false },
    [SIM_FITS_NOW] = { "fits-now", SIM_PLAIN, fits_begin, fits_decide, false },
    [SIM_LOCAL_MINIMUM] = { "local-minimum", SIM_PLAIN, rival_begin,
                            minimum_decide, false },
    [SIM_AUTO_CONVERGE] = { "auto-converge", SIM_THROTTLE, rival_begin,
                            converge_decide, false },
    [SIM_ORACLE] = { "oracle", SIM_PLAIN, NULL, NULL, true },
    [SIM_ORACLE_LEVERS] = { "oracle-levers", SIM_SKIP, NULL, NULL, true },
};

/* ---- running ---------------------------------------------------------- */

/* Of many steps, the first ones are shown, and then some of them. */
#define SHOWN_FIRST 15
#define SHOWN_EACH 100

static void print_step(const struct sim_case *c, const struct sim_path *p,
                       size_t i, const struct sim_state *s, bool ours,
                       int action)
{
    const struct sim_seen *seen = &p->seen[i];
    double truth = p->truth[i].downtime_ns / 1e6;

    printf("  %3zu  %7.3f s  sent %6llu  dirty %6llu  truly %7.1f ms%c",
           i + 1, seen->end_ns / 1e9, (unsigned long long)seen->pages_sent,
           (unsigned long long)seen->dirty_pages, truth,
           p->truth[i].downtime_ns <= c->limit_ns ? '*' : ' ');
    if (ours)
        printf("  predicted %7.1f ms at %5.1f MB/s  %s: %s",
               s->last.decision.predicted_downtime_ns / 1e6,
               s->last.decision.bandwidth_bytes_per_s / 1e6,
               xpc_action_names[action],
               xpc_reason_names[s->last.decision.reason]);
    printf("\n");
}

struct sim_result sim_run(const struct sim_policy *policy,
                          const struct sim_case *c,
                          const struct sim_path *p, bool verbose)
{
    struct sim_result r = { .outcome = SIM_ABORTED };
    struct sim_state s = { 0 };

    if (policy->begin(&s, c)) {
        if (verbose)
            printf("  refused before the first copy\n");
        r.refused = true;
        return r;
    }
    for (; r.step < p->nr; r.step++) {
        const struct sim_seen *seen = &p->seen[r.step];
        int action;

        if (policy->deadline && c->on_timeout == XPC_ON_TIMEOUT_ABORT &&
            seen->end_ns > c->duration_ns) {
            if (verbose)
                printf("  the duration ends within iteration %zu\n",
                       r.step + 1);
            r.aborted_ns = c->duration_ns;
            return r;
        }
        action = policy->decide(&s, c, seen, &r.predicted_ns);
        if (verbose && (r.step < SHOWN_FIRST || action != XPC_CONTINUE ||
                        (r.step + 1) % SHOWN_EACH == 0))
            print_step(c, p, r.step, &s,
                       policy <= &sim_policies[SIM_OURS_PLAIN], action);
        if (action == XPC_CONTINUE)
            continue;
        if (action == XPC_STOP_AND_COPY)
            r.outcome = SIM_SUSPENDED;
        else
            r.aborted_ns = seen->end_ns;
        return r;
    }
    r.step = p->nr - 1;
    r.aborted_ns = c->duration_ns;
    return r;
}

struct sim_result sim_oracle(const struct sim_case *c,
                             const struct sim_path *p)
{
    struct sim_result r = { .outcome = SIM_ABORTED };
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < p->nr && p->seen[i].end_ns <= c->duration_ns;
         i++) {
        if (p->truth[i].downtime_ns < least) {
            least = p->truth[i].downtime_ns;
            r.step = i;
        }
    }
    r.predicted_ns = least;
    if (least <= c->limit_ns)
        r.outcome = SIM_SUSPENDED;
    return r;
}
