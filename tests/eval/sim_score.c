/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scores. docs/evaluation.md explains them. */
#include <math.h>
#include <stdlib.h>

#include "sim.h"

/* Below this share of the limit, the oracle's success is clear. */
#define CLEARLY 0.9

static double error_of(double predicted, double actual)
{
    return fabs(predicted - actual) / actual;
}

static const struct sim_truth *truth_of(const struct sim_result *r)
{
    return &r->path->truth[r->step];
}

static uint64_t end_of(const struct sim_result *r)
{
    return r->path->seen[r->step].end_ns;
}

struct sim_score sim_judge(const struct sim_case *c,
                           const struct sim_result *r,
                           const struct sim_result *oracle)
{
    const struct sim_truth *t = truth_of(r), *best = truth_of(oracle);
    struct sim_score s = {
        .suspended = r->outcome == SIM_SUSPENDED,
        .feasible = oracle->outcome == SIM_SUSPENDED,
        .downtime_ratio = -1, .total_ratio = -1,
        .downtime_error = -1, .total_error = -1, .vain = -1,
        .pages_error = -1, .overhead_error = -1,
        .pages_ratio = -1, .forced_ratio = -1, .lost_s = -1,
        .slowed_lost_s = -1,
    };

    s.needless = s.feasible && !s.suspended;
    s.clearly_needless = s.needless &&
                         best->downtime_ns <= CLEARLY * c->limit_ns;
    s.refused = s.needless && r->refused;
    if (!s.suspended && !s.feasible)
        s.vain = (double)r->aborted_ns / c->duration_ns;
    if (!s.suspended)
        return s;
    s.over_factor = (double)t->downtime_ns / c->limit_ns;
    s.over = t->downtime_ns > c->limit_ns;
    if (s.feasible) {
        s.downtime_ratio = (double)t->downtime_ns / best->downtime_ns;
        s.total_ratio = (double)t->total_ns / best->total_ns;
    }
    if (r->predicted_ns && r->predicted_ns != t->downtime_ns) {
        double off = c->prior.overhead_ns - (double)t->overhead_ns;

        s.overhead_error = fabs(off) / t->downtime_ns;
        s.pages_error = error_of(r->predicted_ns - off, t->downtime_ns);
    }
    if (r->predicted_ns) {
        s.downtime_error = error_of(r->predicted_ns, t->downtime_ns);
        /* Predicted when it decided to suspend. */
        s.total_error = error_of(end_of(r) + r->predicted_ns,
                                 t->total_ns);
    }
    return s;
}

static uint64_t downtime_of(const struct sim_result *r)
{
    return r->outcome == SIM_SUSPENDED ? truth_of(r)->downtime_ns : 0;
}

/* Stock does not keep to the duration. */
static bool within(const struct sim_case *c, const struct sim_result *r)
{
    return downtime_of(r) && downtime_of(r) <= c->limit_ns &&
           end_of(r) <= c->duration_ns;
}

void sim_compare(struct sim_score *s, const struct sim_case *c,
                 const struct sim_result *r, const struct sim_result *forced,
                 const struct sim_others *others)
{
    const struct sim_result *plain = &others->plain;
    uint64_t ours, theirs;

    s->infeasible_plain = others->plain_oracle.outcome != SIM_SUSPENDED;
    s->completed = s->infeasible_plain && within(c, r);
    if (within(c, r) && within(c, plain))
        s->pages_ratio = (double)truth_of(r)->sent_pages /
                         truth_of(plain)->sent_pages;
    if (r->outcome == SIM_SUSPENDED)
        s->lost_s = truth_of(r)->lost_ns / 1e9;
    s->slowed = others->slowed;
    if (s->slowed) {
        s->slowed_kept = within(c, r);
        s->slowed_lost_s = truth_of(r)->lost_ns / 1e9;
    }
    if (!forced)
        return;
    ours = downtime_of(forced);
    theirs = downtime_of(&others->plain_forced);
    if (ours > c->limit_ns && theirs > c->limit_ns)
        s->forced_ratio = (double)ours / theirs;
}

int sim_values_add(struct sim_values *v, double x)
{
    if (x < 0)
        return 0;
    if (v->nr == v->max) {
        size_t max = v->max ? 2 * v->max : 1024;
        void *p = realloc(v->v, max * sizeof(*v->v));

        if (!p)
            return -1;
        v->v = p;
        v->max = max;
    }
    v->v[v->nr++] = x;
    return 0;
}

int sim_sum_add(struct sim_sum *s, const struct sim_score *score)
{
    s->migrations++;
    s->suspended += score->suspended;
    s->over += score->over;
    s->feasible += score->feasible;
    s->needless += score->needless;
    s->clearly_needless += score->clearly_needless;
    s->refused += score->refused;
    s->infeasible_plain += score->infeasible_plain;
    s->completed += score->completed;
    s->slowed += score->slowed;
    s->slowed_kept += score->slowed_kept;
    return sim_values_add(&s->downtime_ratio, score->downtime_ratio) ||
           sim_values_add(&s->total_ratio, score->total_ratio) ||
           sim_values_add(&s->downtime_error, score->downtime_error) ||
           sim_values_add(&s->total_error, score->total_error) ||
           sim_values_add(&s->pages_error, score->pages_error) ||
           sim_values_add(&s->overhead_error, score->overhead_error) ||
           sim_values_add(&s->vain, score->vain) ||
           sim_values_add(&s->pages_ratio, score->pages_ratio) ||
           sim_values_add(&s->forced_ratio, score->forced_ratio) ||
           sim_values_add(&s->lost_s, score->lost_s) ||
           sim_values_add(&s->slowed_lost_s, score->slowed_lost_s) ? -1 : 0;
}

void sim_sum_free(struct sim_sum *s)
{
    free(s->downtime_ratio.v);
    free(s->total_ratio.v);
    free(s->downtime_error.v);
    free(s->total_error.v);
    free(s->pages_error.v);
    free(s->overhead_error.v);
    free(s->vain.v);
    free(s->pages_ratio.v);
    free(s->forced_ratio.v);
    free(s->lost_s.v);
    free(s->slowed_lost_s.v);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double sim_quantile(struct sim_values *v, double p)
{
    size_t i;

    if (!v->nr)
        return NAN;
    qsort(v->v, v->nr, sizeof(*v->v), compare);
    i = ceil(p * v->nr);
    return v->v[i ? i - 1 : 0];
}
