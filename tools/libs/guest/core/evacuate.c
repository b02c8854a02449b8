/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/evacuate.h>
#include <xenprecopy/predict_any.h>

#define LANES XPC_EVACUATE_LANES_MAX
/* The highest number of nodes that branch and bound visits per phase. */
#define NODES_MAX 20000

/* The prediction for a domain with k migrations at once, at[k - 1]. */
struct outlook {
    struct xpc_prediction at[LANES];
};

/* One domain of a phase. */
struct job {
    size_t domain;
    uint64_t ns;
    unsigned int lane;
};

/* The assignment of the jobs of a phase to its lanes. */
struct deal {
    struct job *jobs;               /* longest first */
    size_t nr;
    unsigned int lanes;
    uint64_t load[LANES];
    unsigned int *lane;             /* of each job, in the current trial */
    uint64_t best;                  /* lowest end of the last lane so far */
    unsigned int nodes;
};

struct plan {
    const struct outlook *outlooks;
    size_t nr;
    unsigned int lanes;             /* highest number */
    struct job *jobs;               /* room for nr */
    unsigned int *scratch;          /* room for nr */
    struct xpc_evacuation_step *steps;      /* NULL: only compute the time */
};

static uint64_t share_of_link(const struct xpc_evacuate_params *p, size_t k)
{
    uint64_t part = p->link_bytes_per_s / k;

    return p->stream_bytes_per_s && p->stream_bytes_per_s < part ?
           p->stream_bytes_per_s : part;
}

static void predict(struct xpc_prediction *r, const struct xpc_evacuee *d,
                    uint64_t bytes_per_s)
{
    struct xpc_predict_params p = d->params;
    struct xpc_predict_state s;

    p.bandwidth_bytes_per_s = bytes_per_s;
    xpc_predict_start(&s, d->curve, &p);
    xpc_predict_any(r, d->curve, &p, &s, 0);
}

/* ---- assigning jobs to lanes ----------------------------------------- */

static int longest_first(const void *a, const void *b)
{
    const struct job *x = a, *y = b;

    if (x->ns != y->ns)
        return x->ns < y->ns ? 1 : -1;
    return (x->domain > y->domain) - (x->domain < y->domain);
}

static uint64_t last_end(const struct deal *d)
{
    uint64_t end = 0;

    for (unsigned int l = 0; l < d->lanes; l++) {
        if (d->load[l] > end)
            end = d->load[l];
    }
    return end;
}

static void store_best(struct deal *d)
{
    d->best = last_end(d);
    for (size_t i = 0; i < d->nr; i++)
        d->jobs[i].lane = d->lane[i];
}

/* Assigns each job to the lane that is free first. */
static void assign_greedily(struct deal *d)
{
    for (size_t i = 0; i < d->nr; i++) {
        unsigned int least = 0;

        for (unsigned int l = 1; l < d->lanes; l++) {
            if (d->load[l] < d->load[least])
                least = l;
        }
        d->load[least] += d->jobs[i].ns;
        d->lane[i] = least;
    }
    store_best(d);
}

static bool same_load_before(const struct deal *d, unsigned int lane)
{
    for (unsigned int l = 0; l < lane; l++) {
        if (d->load[l] == d->load[lane])
            return true;
    }
    return false;
}

/* Tries all other assignments of the jobs from i on that may end sooner. */
static void improve_assignment(struct deal *d, size_t i)
{
    if (i == d->nr) {
        store_best(d);
        return;
    }
    for (unsigned int l = 0; l < d->lanes; l++) {
        if (d->nodes++ > NODES_MAX)
            return;
        if (d->load[l] + d->jobs[i].ns >= d->best || same_load_before(d, l))
            continue;
        d->load[l] += d->jobs[i].ns;
        d->lane[i] = l;
        improve_assignment(d, i + 1);
        d->load[l] -= d->jobs[i].ns;
    }
}

/* Assigns a lane to each job. Returns the end of the last lane. */
static uint64_t assign_lanes(struct job *jobs, size_t nr, unsigned int lanes,
                             unsigned int *scratch)
{
    struct deal d = { .jobs = jobs, .nr = nr, .lanes = lanes,
                      .lane = scratch };

    qsort(jobs, nr, sizeof(*jobs), longest_first);
    assign_greedily(&d);
    memset(d.load, 0, sizeof(d.load));
    improve_assignment(&d, 0);
    return d.best;
}

/* ---- planning ------------------------------------------------------- */

/* The highest number at once, at most limit, with which it fits; 0: none. */
static unsigned int most_at_once(const struct outlook *o, unsigned int limit)
{
    while (limit && !o->at[limit - 1].converges)
        limit--;
    return limit;
}

static void store_steps(const struct plan *plan, size_t nr,
                        unsigned int lanes, uint64_t start)
{
    uint64_t load[LANES] = { 0 };

    for (size_t i = 0; i < nr; i++) {
        const struct job *j = &plan->jobs[i];
        struct xpc_evacuation_step *s = &plan->steps[j->domain];

        s->possible = true;
        s->concurrency = lanes;
        s->lane = j->lane;
        s->start_ns = start + load[j->lane];
        s->end_ns = s->start_ns + j->ns;
        load[j->lane] += j->ns;
        s->prediction = plan->outlooks[j->domain].at[lanes - 1];
    }
}

/* Plans the evacuation with at most plan->lanes at once. Returns its end. */
static uint64_t run_plan(const struct plan *plan)
{
    uint64_t end = 0;

    for (unsigned int k = 1; k <= plan->lanes; k++) {
        uint64_t start = end;
        size_t nr = 0;

        for (size_t i = 0; i < plan->nr; i++) {
            const struct outlook *o = &plan->outlooks[i];

            if (most_at_once(o, plan->lanes) == k)
                plan->jobs[nr++] = (struct job){
                    .domain = i, .ns = o->at[k - 1].total_time_ns,
                };
        }
        if (!nr)
            continue;
        end += assign_lanes(plan->jobs, nr, k, plan->scratch);
        if (plan->steps)
            store_steps(plan, nr, k, start);
    }
    return end;
}

static int by_start(const void *a, const void *b)
{
    const struct xpc_evacuation_step *x = a, *y = b;

    if (x->possible != y->possible)
        return x->possible ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return (x->domain > y->domain) - (x->domain < y->domain);
}

static void predict_all_at_once(struct xpc_evacuation *e,
                                struct xpc_evacuation_step *s,
                                const struct xpc_evacuee *d,
                                uint64_t bytes_per_s)
{
    predict(&s->all_at_once, d, bytes_per_s);
    if (!s->all_at_once.converges)
        e->at_once_over_limit++;
    if (s->all_at_once.total_time_ns > e->at_once_total_time_ns)
        e->at_once_total_time_ns = s->all_at_once.total_time_ns;
}

static void find_best(struct plan *plan, struct xpc_evacuation *e,
                      unsigned int lanes)
{
    for (unsigned int k = 1; k <= lanes; k++) {
        uint64_t end;

        plan->lanes = k;
        end = run_plan(plan);
        if (k == 1 || end < e->total_time_ns) {
            e->total_time_ns = end;
            e->concurrency = k;
        }
    }
}

static void complete_steps(struct xpc_evacuation *e,
                           struct xpc_evacuation_step *steps,
                           const struct xpc_evacuee *domains, size_t nr,
                           const struct outlook *outlooks,
                           const struct xpc_evacuate_params *p)
{
    for (size_t i = 0; i < nr; i++) {
        struct xpc_evacuation_step *s = &steps[i];

        s->domain = i;
        if (!s->possible) {
            s->concurrency = 1;
            s->prediction = outlooks[i].at[0];
        }
        e->possible += s->possible;
        s->bandwidth_bytes_per_s = share_of_link(p, s->concurrency);
        predict_all_at_once(e, s, &domains[i], share_of_link(p, nr));
    }
    qsort(steps, nr, sizeof(*steps), by_start);
}

int xpc_evacuate(struct xpc_evacuation *e, struct xpc_evacuation_step *steps,
                 const struct xpc_evacuee *domains, size_t nr,
                 const struct xpc_evacuate_params *p)
{
    unsigned int lanes = p->concurrency && p->concurrency < LANES ?
                         p->concurrency : LANES;
    struct plan plan = { .nr = nr };
    struct outlook *outlooks;

    *e = (struct xpc_evacuation){ 0 };
    if (!nr || nr > XPC_EVACUATE_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (lanes > nr)
        lanes = nr;
    plan.outlooks = outlooks = calloc(nr, sizeof(*outlooks));
    plan.jobs = calloc(nr, sizeof(*plan.jobs));
    plan.scratch = calloc(nr, sizeof(*plan.scratch));
    if (outlooks && plan.jobs && plan.scratch) {
        for (size_t i = 0; i < nr * lanes; i++)
            predict(&outlooks[i / lanes].at[i % lanes], &domains[i / lanes],
                    share_of_link(p, i % lanes + 1));
        find_best(&plan, e, lanes);
        memset(steps, 0, nr * sizeof(*steps));
        plan.steps = steps;
        plan.lanes = e->concurrency;
        run_plan(&plan);
        complete_steps(e, steps, domains, nr, outlooks, p);
        errno = 0;
    } else {
        errno = ENOMEM;
    }
    free(outlooks);
    free(plan.jobs);
    free(plan.scratch);
    return errno ? -1 : 0;
}
