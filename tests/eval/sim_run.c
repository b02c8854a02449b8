/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the policies, and the oracles. */
#include <stdio.h>

#include "core/slow.h"
#include "json/migration.h"
#include "sim.h"

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
    if (ours && s->last.decision.slow_down_percent)
        printf(", slowed down by %llu%%", (unsigned long long)
               s->last.decision.slow_down_percent);
    printf("\n");
}

/* A policy that runs. */
struct running {
    const struct sim_policy *policy;
    const struct sim_case *c;
    struct sim_state s;
    bool verbose;
};

/* Decides at the end of r->step. Returns whether that ends it. */
static bool step(struct running *run, struct sim_result *r)
{
    const struct sim_policy *policy = run->policy;
    const struct sim_seen *seen = &r->path->seen[r->step];
    const struct sim_case *c = run->c;
    int action;

    if (policy->deadline && c->on_timeout == XPC_ON_TIMEOUT_ABORT &&
        seen->end_ns > c->duration_ns) {
        if (run->verbose)
            printf("  the duration ends within iteration %zu\n",
                   r->step + 1);
        r->aborted_ns = c->duration_ns;
        return true;
    }
    action = policy->decide(&run->s, c, seen, &r->predicted_ns);
    if (run->verbose && (r->step < SHOWN_FIRST || action != XPC_CONTINUE ||
                         (r->step + 1) % SHOWN_EACH == 0))
        print_step(c, r->path, r->step, &run->s,
                   policy <= &sim_policies[SIM_OURS_SLOW_DOWN], action);
    if (action == XPC_CONTINUE)
        return false;
    if (action == XPC_STOP_AND_COPY)
        r->outcome = SIM_SUSPENDED;
    else
        r->aborted_ns = seen->end_ns;
    return true;
}

/* Returns whether the policy refuses. */
static bool begin(struct running *run, struct sim_result *r)
{
    r->refused = run->policy->begin(&run->s, run->c);
    if (r->refused && run->verbose)
        printf("  refused before the first copy\n");
    return r->refused;
}

/* The path ended: it never did. */
static void end(const struct running *run, struct sim_result *r)
{
    r->step = r->path->nr - 1;
    r->aborted_ns = run->c->duration_ns;
}

struct sim_result sim_run(const struct sim_policy *policy,
                          const struct sim_case *c,
                          const struct sim_path *p, bool verbose)
{
    struct running run = { .policy = policy, .c = c, .verbose = verbose };
    struct sim_result r = { .path = p, .outcome = SIM_ABORTED };

    if (begin(&run, &r))
        return r;
    for (; r.step < p->nr; r.step++) {
        if (step(&run, &r))
            return r;
    }
    end(&run, &r);
    return r;
}

/* The path from the start to the end of this step, which is to be changed. */
static struct sim_replay *replay_until(const struct sim_start *start,
                                       size_t step, struct sim_path *own)
{
    struct sim_replay *replay = sim_replay_start(start);

    while (replay && own->nr <= step) {
        if (sim_replay_next(replay, own)) {
            sim_replay_free(replay);
            return NULL;
        }
    }
    return replay;
}

int sim_run_slow(struct sim_result *r, const struct sim_policy *policy,
                 const struct sim_case *c, const struct sim_start *start,
                 const struct sim_path *p, struct sim_path *own,
                 bool verbose)
{
    struct running run = { .policy = policy, .c = c, .verbose = verbose };
    struct sim_replay *replay = NULL;
    unsigned int percent = XPC_ALL_PERCENT, now;
    int rc = -1;

    *r = (struct sim_result){ .path = p, .outcome = SIM_ABORTED };
    if (begin(&run, r))
        return 0;
    for (; r->step < SIM_STEPS_MAX; r->step++) {
        if (replay && sim_replay_next(replay, own))
            goto out;
        if (r->step == r->path->nr)
            break;
        if (step(&run, r)) {
            rc = 0;
            goto out;
        }
        now = XPC_ALL_PERCENT - run.s.last.decision.slow_down_percent;
        if (now != percent && !replay) {
            replay = replay_until(start, r->step, own);
            if (!replay)
                goto out;
            r->path = own;
            r->slowed = true;
        }
        if (now != percent)
            sim_replay_slow(replay, now / (double)XPC_ALL_PERCENT);
        percent = now;
    }
    end(&run, r);
    rc = 0;
out:
    sim_replay_free(replay);
    return rc;
}

/* ---- the oracles ------------------------------------------------------ */

struct sim_result sim_oracle(const struct sim_case *c,
                             const struct sim_path *p)
{
    struct sim_result r = { .path = p, .outcome = SIM_ABORTED };
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

struct sim_result sim_oracle_slow(const struct sim_case *c,
                                  const struct sim_path p[SIM_LEVERS])
{
    static const enum sim_lever levers[] = { SIM_SKIP, SIM_SHARE_80,
                                             SIM_SHARE_60 };
    struct sim_result r;

    for (size_t i = 0; i < sizeof(levers) / sizeof(levers[0]); i++) {
        r = sim_oracle(c, &p[levers[i]]);
        if (r.outcome == SIM_SUSPENDED)
            break;
    }
    return r;
}
