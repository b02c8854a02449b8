/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evaluate-predict: measures the writers with regular phases, and some without,
 * predicts their migrations with and without what was found of the phases, and
 * lets the policy carry them out. docs/predict.md has the result.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/cells.h>
#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>

#include "sim.h"
#include "sim_report.h"

#define NR(a) (sizeof(a) / sizeof((a)[0]))
#define CALC_NS (10 * XPC_S)
#define OFFSETS 6
#define LONGEST (30 * XPC_S)
#define CONFIDENCE 95

static const double bandwidths[] = { 50e6, 125e6, 312.5e6, 625e6 };
static const uint64_t limits[] = { 100 * XPC_MS, 200 * XPC_MS, 300 * XPC_MS,
                                   500 * XPC_MS, 1000 * XPC_MS };
static const struct sim_target target = { 50e6, 10e6, 150, 0.1 };

/* ---- measuring -------------------------------------------------------- */

struct writer {
    struct xpc_source src;
    struct sim_walker walker;
    uint64_t now_ns;
};

static struct writer *to_writer(struct xpc_source *src)
{
    return (struct writer *)src;
}

static int track(struct xpc_source *src)
{
    sim_walker_clean(&to_writer(src)->walker, to_writer(src)->now_ns);
    return 0;
}

static int count(struct xpc_source *src, uint64_t *pages_r)
{
    *pages_r = sim_walker_count(&to_writer(src)->walker,
                                to_writer(src)->now_ns);
    return 0;
}

/* The working set is not looked at. */
static int read_dirty(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                      void *opaque)
{
    (void)fn;
    (void)opaque;
    return clean ? track(src) : 0;
}

static int untrack(struct xpc_source *src)
{
    (void)src;
    return 0;
}

static void drop(struct xpc_source *src)
{
    (void)src;
}

static uint64_t now(struct xpc_source *src)
{
    return to_writer(src)->now_ns;
}

static const struct xpc_source_ops writer_ops = {
    .kind    = XPC_SOURCE_TRACE,
    .drop    = drop,
    .track   = track,
    .count   = count,
    .read    = read_dirty,
    .untrack = untrack,
    .now     = now,
};

/* What is known of a writer. */
struct known {
    struct xpc_curve curve;
    struct xpc_phased phased;
    bool has_phases;
};

static int measure(const struct sim_trace *t, uint64_t start_ns,
                   struct known *k)
{
    struct writer w = {
        .src = { .ops = &writer_ops, .nr_pfns = t->total_pages,
                 .total_pages = t->total_pages },
        .now_ns = start_ns,
    };
    struct xpc_measurement m;
    struct xpc_meter_request req;
    struct xpc_meter meter;
    int rc = sim_walker_init(&w.walker, t);

    xpc_meter_request_init(&req);
    xpc_meter_request_periods(&req, CALC_NS);
    req.mode = XPC_MODE_DIRTY_BITMAP;
    if (!rc)
        rc = xpc_meter_start(&meter, &w.src, &req);
    while (!rc && !meter.finished) {
        w.now_ns = meter.next_ns;
        rc = xpc_meter_step(&meter);
    }
    xpc_measurement_init(&m);
    xpc_meter_end(&meter, rc, &m);
    if (!rc)
        rc = xpc_measurement_curve(&m, &k->curve, w.src.err);
    k->has_phases = !rc && xpc_measurement_phased(&m, &k->curve, &k->phased);
    xpc_measurement_dispose(&m);
    sim_walker_free(&w.walker);
    return rc;
}

/* ---- scores ----------------------------------------------------------- */

struct sum {
    unsigned int migrations, right, converging, within;
    struct sim_values error;
};

static struct xpc_cell predict(const struct known *k, bool phased,
                               double bandwidth, const struct sim_case *c)
{
    struct xpc_cell cell = { 0 };
    struct xpc_predict_params p;

    xpc_predict_params_init(&p, bandwidth, c->limit_ns);
    p.overhead_ns = c->prior.overhead_ns;
    p.suspend_pages = c->prior.suspend_pages;
    p.iteration_ns = SIM_ITERATION_NS;
    p.skip_dirty = true;
    xpc_predict_params_live(&p, CONFIDENCE);
    p.overhead_sd_ns = c->prior.overhead_sd_ns;
    p.suspend_pages_sd = c->prior.suspend_pages_sd;
    p.rule.duration_ns = c->duration_ns;
    p.phased = phased ? &k->phased : NULL;
    xpc_cell_compute(&cell, &k->curve, &p, bandwidth, c->limit_ns);
    return cell;
}

/*
 * What the overhead differs from the mean of the target is left out: nobody can
 * predict it.
 */
static int judge(struct sum *s, const struct xpc_cell *cell,
                 const struct sim_result *r, const struct sim_case *c)
{
    const struct sim_truth *t = &r->path->truth[r->step];
    double off = t->overhead_ns - c->prior.overhead_ns;
    double actual = t->downtime_ns - off;

    s->migrations++;
    s->right += cell->converges == (r->outcome == SIM_SUSPENDED);
    if (!cell->converges || r->outcome != SIM_SUSPENDED)
        return 0;
    s->converging++;
    s->within += cell->predicted_low_ns <= actual * 1.05 &&
                 cell->predicted_high_ns >= actual * 0.95;
    return sim_values_add(&s->error,
                          fabs(cell->predicted_ns - actual) / actual);
}

static void print_row(const char *split, const char *what, struct sum *s)
{
    printf("%-8s  %-9s %10u %7.1f%% %8u %8.1f%% %7.1f%% %7.1f%%\n", split,
           what, s->migrations, 100.0 * s->right / s->migrations,
           s->converging, 100 * sim_quantile(&s->error, 0.5),
           100 * sim_quantile(&s->error, 0.95),
           100.0 * s->within / s->converging);
    free(s->error.v);
}

/* ---- migrations ------------------------------------------------------- */

/* Of writers whose phases were found, and with what is known of these. */
struct tally {
    struct sum without, with;
    unsigned int measured, found, steady, mistaken;
};

static int judge_path(struct tally *s, const struct known *k,
                      const struct sim_path *p, struct sim_case *c,
                      double bandwidth)
{
    for (size_t i = 0; i < NR(limits); i++) {
        struct xpc_cell without, with;
        struct sim_result r;

        c->limit_ns = limits[i];
        c->duration_ns = LONGEST;
        r = sim_run(&sim_policies[SIM_OURS], c, p, false);
        without = predict(k, false, bandwidth, c);
        with = predict(k, true, bandwidth, c);
        if (judge(&s->without, &without, &r, c) ||
            judge(&s->with, &with, &r, c))
            return -1;
    }
    return 0;
}

static int judge_start(struct tally *s, const struct sim_trace *t,
                       size_t offset, double bandwidth)
{
    struct sim_rng r = sim_rng(sim_hash(t->name, offset * 1000003 +
                                        bandwidth));
    struct sim_case c = {
        .total_pages = t->total_pages, .prior = sim_learn(&target, &r),
        .given_bytes_per_s = bandwidth,
    };
    struct sim_start start = { .trace = t, .target = &target,
                               .lever = SIM_SKIP };
    struct sim_path p = { 0 };
    struct sim_link link = { 0 };
    struct known k;
    int rc;

    rc = measure(t, sim_uniform(&r) * (t->duration_ns - 2 * CALC_NS), &k);
    s->measured += t->phased;
    s->found += t->phased && k.has_phases;
    s->steady += !t->phased;
    s->mistaken += !t->phased && k.has_phases;
    if (rc || !t->phased || !k.has_phases)
        return rc;
    start.start_ns = (offset + sim_uniform(&r)) *
                     (t->duration_ns - LONGEST) / OFFSETS;
    rc = sim_link_init(&link, bandwidth, sim_random(&r));
    start.link = &link;
    start.seed = sim_random(&r);
    if (!rc)
        rc = sim_path_init(&p, &start, LONGEST, 6) ||
             judge_path(s, &k, &p, &c, bandwidth);
    sim_path_free(&p);
    sim_link_free(&link);
    return rc;
}

static int judge_writer(struct tally s[2], const struct split *names,
                        const char *name)
{
    struct sim_trace t;
    int rc = sim_synth(&t, name);

    for (size_t i = 0; !rc && i < OFFSETS * NR(bandwidths); i++)
        rc = judge_start(&s[!split_tuned(names, name)], &t,
                         i / NR(bandwidths), bandwidths[i % NR(bandwidths)]);
    sim_trace_free(&t);
    return rc;
}

static void print(struct tally s[2])
{
    static const char *const splits[] = { "tuned", "held out" };

    printf("%-8s  %-9s %10s %8s %8s %9s %8s %8s\n", "split", "phases",
           "migrations", "right", "both fit", "error dt", "p95", "within");
    for (int i = 0; i < 2; i++) {
        print_row(splits[i], "not known", &s[i].without);
        print_row(splits[i], "measured", &s[i].with);
    }
    for (int i = 0; i < 2; i++)
        printf("%s: phases found in %u of %u measurements; of other writers, "
               "in %u of %u\n", splits[i],
               s[i].found, s[i].measured, s[i].mistaken, s[i].steady);
}

int main(int argc, char **argv)
{
    struct split *names = argc > 1 ? split_read(argv[1]) : NULL;
    struct tally s[2] = { 0 };
    const char *name;
    int rc = names ? 0 : -1;

    for (size_t i = 0; !rc && (name = sim_synth_name(i)); i++)
        rc = judge_writer(s, names, name);
    if (!rc)
        print(s);
    else
        fprintf(stderr, "evaluate-predict: %s\n", names ? "out of memory" :
                "which split?");
    split_free(names);
    return rc ? 1 : 0;
}
