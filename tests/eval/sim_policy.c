/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policies that are compared, and the oracle. */
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
    [SIM_OURS_SLOW_DOWN] = { "ours-slow-down", SIM_SKIP, sim_slow_begin,
                             sim_ours_decide, true },
    [SIM_STOCK] = { "stock", SIM_PLAIN, stock_begin, stock_decide, false },
    [SIM_FITS_NOW] = { "fits-now", SIM_PLAIN, fits_begin, fits_decide, false },
    [SIM_LOCAL_MINIMUM] = { "local-minimum", SIM_PLAIN, rival_begin,
                            minimum_decide, false },
    [SIM_AUTO_CONVERGE] = { "auto-converge", SIM_THROTTLE, rival_begin,
                            converge_decide, false },
    [SIM_ORACLE] = { "oracle", SIM_PLAIN, NULL, NULL, true },
    [SIM_ORACLE_LEVERS] = { "oracle-levers", SIM_SKIP, NULL, NULL, true },
    [SIM_ORACLE_SLOW_DOWN] = { "oracle-slow-down", SIM_SHARE_60, NULL, NULL,
                               true },
};
