/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evaluate: replays thousands of migrations on dirty traces under several
 * policies and compares them. docs/evaluation.md describes it.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/value.h"
#include "sim.h"
#include "sim_report.h"

/* The grid. Each trace is used with all combinations. */
static const double bandwidths[] = { 50e6, 125e6, 312.5e6, 625e6 };
static const uint64_t limits[] = { 100 * XPC_MS, 200 * XPC_MS, 300 * XPC_MS,
                                   500 * XPC_MS, 1000 * XPC_MS };
static const uint64_t durations[] = { 5 * XPC_S, 15 * XPC_S, 30 * XPC_S };
#define OFFSETS 6
#define LONGEST (30 * XPC_S)

static const struct sim_target targets[] = {
    { 20e6, 5e6, 60, 0.1 },
    { 50e6, 10e6, 150, 0.1 },
    { 90e6, 20e6, 400, 0.1 },
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))
#define CASES_PER_PATH (NR(limits) * NR(durations))
#define CASES_PER_TRACE (OFFSETS * NR(bandwidths) * CASES_PER_PATH)

struct eval {
    struct report report;
    struct split *split;
    uint64_t number;            /* of the current migration */
    const char *only;           /* traces whose names contain this */
    bool tuned;                 /* only those on which policies may be tuned */
    uint64_t confidence_percent;        /* of our policies; 0: the default */
    bool showing;               /* shows some migrations, judges none */
    /* Traces so far. Of two with the same name, the first one counts. */
    char (*names)[sizeof(((struct sim_trace *)NULL)->name)];
    size_t nr_names;
};

static const char usage[] =
    "usage: evaluate [options] TRACE-OR-FOLDER…\n"
    "      --split=FILE     which traces are tuned on and which held out\n"
    "      --json=FILE      the results\n"
    "      --no-synthetic   without the synthetic writers\n"
    "      --only=TEXT      traces whose names contain this\n"
    "      --tuned          only the traces on which policies may be tuned\n"
    "      --confidence=N   of our policies, as --precopy-confidence\n"
    "      --by-trace       a table for each trace, too\n"
    "      --worst=WHAT     the ten worst of ours, step by step: over, abort,\n"
    "                       downtime, total, error\n"
    "      --case=N         one migration step by step (again for more)\n";

/* Users state nothing, the truth, or a quarter too much. */
static uint64_t stated_bandwidth(double bandwidth, struct sim_rng *r)
{
    switch (sim_random(r) % 3) {
    case 0: return 0;
    case 1: return bandwidth;
    default: return bandwidth * 1.25;
    }
}

/* A policy in one case. */
struct outcome {
    struct sim_result r, forced;        /* the latter: on_timeout SUSPEND */
    struct sim_path own;                /* of a guest that is slowed down */
};

/*
 * Runs a policy, also with a suspend when the duration is over, which differs
 * only if it aborted. Not with a guest that is slowed down.
 */
static int run_policy(int i, const struct run *run, const struct sim_path *p,
                      struct outcome *o)
{
    struct sim_case force = run->c;

    if (i == SIM_OURS_SLOW_DOWN)
        return sim_run_slow(&o->r, &sim_policies[i], &run->c, &run->start, p,
                            &o->own, false);
    force.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    o->r = sim_run(&sim_policies[i], &run->c, p, false);
    o->forced = o->r.outcome == SIM_SUSPENDED ? o->r :
                sim_run(&sim_policies[i], &force, p, false);
    return 0;
}

static int judge_policy(struct eval *e, const struct sim_trace *t, int i,
                        const struct sim_path p[SIM_LEVERS],
                        const struct run *run, const struct outcome *o,
                        const struct sim_others *others)
{
    bool slow = i == SIM_OURS_SLOW_DOWN || i == SIM_ORACLE_SLOW_DOWN;
    struct sim_result oracle = slow ? sim_oracle_slow(&run->c, p) :
                               sim_oracle(&run->c,
                                          &p[sim_policies[i].lever]);
    bool knows = !sim_policies[i].decide;
    const struct sim_result *r = knows ? &oracle : &o->r;
    struct sim_score s;

    s = sim_judge(&run->c, r, &oracle);
    sim_compare(&s, &run->c, r, knows || slow ? NULL : &o->forced, others);
    return report_add(&e->report, t, i, run, &s);
}

static int judge_case(struct eval *e, const struct sim_trace *t,
                      const struct sim_path p[SIM_LEVERS], struct run *run)
{
    struct outcome o[SIM_POLICIES] = { 0 };
    struct sim_others others;
    int rc = 0;

    run->number = ++e->number;
    if (e->showing) {
        if (report_shows(&e->report, run->number, run->number))
            report_steps(t, p, run);
        return 0;
    }
    for (int i = 0; !rc && i < SIM_POLICIES; i++) {
        if (sim_policies[i].decide)
            rc = run_policy(i, run, &p[sim_policies[i].lever], &o[i]);
    }
    others = (struct sim_others){
        .plain_oracle = sim_oracle(&run->c, &p[SIM_PLAIN]),
        .plain = o[SIM_OURS_PLAIN].r,
        .plain_forced = o[SIM_OURS_PLAIN].forced,
        .slowed = o[SIM_OURS_SLOW_DOWN].r.slowed,
    };
    for (int i = 0; !rc && i < SIM_POLICIES; i++)
        rc = judge_policy(e, t, i, p, run, &o[i], &others);
    for (int i = 0; i < SIM_POLICIES; i++)
        sim_path_free(&o[i].own);
    return rc;
}

/* All limits and durations over the paths from one start. */
static int judge_path(struct eval *e, const struct sim_trace *t,
                      size_t offset, double bandwidth)
{
    uint64_t seed = sim_hash(t->name, offset * 1000003 + bandwidth);
    struct sim_rng r = sim_rng(seed);
    const struct sim_target *target = &targets[sim_random(&r) % NR(targets)];
    struct run run = {
        .bandwidth = bandwidth,
        .c.total_pages = t->total_pages,
        .c.prior = sim_learn(target, &r),
        .c.given_bytes_per_s = stated_bandwidth(bandwidth, &r),
        .c.confidence_percent = e->confidence_percent,
    };
    uint64_t cases = CASES_PER_PATH;
    uint64_t room = t->duration_ns > LONGEST ? t->duration_ns - LONGEST
                                             : t->duration_ns;
    struct sim_path p[SIM_LEVERS] = { 0 };
    struct sim_link link;
    int rc;

    if (e->showing && !report_shows(&e->report, e->number + 1,
                                    e->number + cases)) {
        e->number += cases;
        return 0;
    }
    run.start = (struct sim_start){
        .trace = t, .link = &link, .target = target,
        .start_ns = (offset + sim_uniform(&r)) * room / OFFSETS,
    };
    rc = sim_link_init(&link, bandwidth, sim_random(&r));
    run.start.seed = sim_random(&r);
    for (int i = 0; !rc && i < SIM_LEVERS; i++) {
        run.start.lever = i;
        rc = sim_path_init(&p[i], &run.start, LONGEST, 6);
    }
    run.start.lever = SIM_SKIP;
    for (size_t i = 0; !rc && i < cases; i++) {
        run.c.limit_ns = limits[i / NR(durations)];
        run.c.duration_ns = durations[i % NR(durations)];
        rc = judge_case(e, t, p, &run);
    }
    for (int i = 0; i < SIM_LEVERS; i++)
        sim_path_free(&p[i]);
    sim_link_free(&link);
    return rc;
}

/* Returns 1: the name is new; 0: it is not; -1: out of memory. */
static int take_name(struct eval *e, const char *name)
{
    void *p;

    for (size_t i = 0; i < e->nr_names; i++) {
        if (!strcmp(e->names[i], name))
            return 0;
    }
    p = realloc(e->names, (e->nr_names + 1) * sizeof(*e->names));
    if (!p)
        return -1;
    e->names = p;
    strcpy(e->names[e->nr_names++], name);
    return 1;
}

static int judge_trace(struct eval *e, struct sim_trace *t)
{
    int rc = take_name(e, t->name);

    if (rc <= 0)
        return rc;
    rc = 0;
    t->tuned = split_tuned(e->split, t->name);
    if (e->tuned && !t->tuned) {
        e->number += CASES_PER_TRACE;
        return 0;
    }
    for (size_t i = 0; !rc && i < OFFSETS * NR(bandwidths); i++)
        rc = judge_path(e, t, i / NR(bandwidths),
                        bandwidths[i % NR(bandwidths)]);
    return rc;
}

static int do_file(struct eval *e, const char *path)
{
    struct sim_trace t;
    char err[512];
    int rc;

    if (sim_trace_load(&t, path, err, sizeof(err))) {
        fprintf(stderr, "evaluate: %s\n", err);
        return -1;
    }
    rc = judge_trace(e, &t);
    sim_trace_free(&t);
    return rc;
}

static int is_trace(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && !strcmp(dot, ".xpctrace");
}

/* In sorted order, so that migrations keep their numbers. */
static int do_folder(struct eval *e, const char *path)
{
    struct dirent **list;
    int n = scandir(path, &list, is_trace, alphasort), rc = 0;

    if (n < 0 && errno == ENOTDIR)
        return do_file(e, path);
    if (n < 0) {
        fprintf(stderr, "evaluate: %s: %s\n", path, strerror(errno));
        return -1;
    }
    for (int i = 0; i < n; i++) {
        char file[4096];

        snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
        if (!rc && (!e->only || strstr(list[i]->d_name, e->only)))
            rc = do_file(e, file);
        free(list[i]);
    }
    free(list);
    return rc;
}

static int do_synthetic(struct eval *e, bool phased)
{
    const char *name;
    int rc = 0;

    for (size_t i = 0; !rc && (name = sim_synth_name(i)); i++) {
        struct sim_trace t;

        if (e->only && !strstr(name, e->only))
            continue;
        if (sim_synth(&t, name))
            return -1;
        rc = t.phased == phased ? judge_trace(e, &t) : 0;
        sim_trace_free(&t);
    }
    return rc;
}

/*
 * Judges all traces, or shows the migrations that are to be shown. The writers
 * with regular phases come last, so that the others keep their numbers.
 */
static int do_all(struct eval *e, bool showing, bool synthetic, char **paths)
{
    int rc = 0;

    e->showing = showing;
    e->number = 0;
    e->nr_names = 0;
    if (synthetic)
        rc = do_synthetic(e, false);
    for (; !rc && *paths; paths++)
        rc = do_folder(e, *paths);
    if (!rc && synthetic)
        rc = do_synthetic(e, true);
    return rc;
}

static int take_confidence(struct eval *e, const char *s)
{
    char why[XPC_ERR_LEN];

    if (!xpc_value_confidence(s, &e->confidence_percent, why))
        return 0;
    fprintf(stderr, "evaluate: --confidence=%s: %s\n", s, why);
    return -1;
}

static const struct option long_options[] = {
    { "split", required_argument, NULL, 's' },
    { "json", required_argument, NULL, 'j' },
    { "no-synthetic", no_argument, NULL, 'n' },
    { "only", required_argument, NULL, 'o' },
    { "tuned", no_argument, NULL, 'u' },
    { "confidence", required_argument, NULL, 'f' },
    { "by-trace", no_argument, NULL, 't' },
    { "worst", required_argument, NULL, 'w' },
    { "case", required_argument, NULL, 'c' },
    { "help", no_argument, NULL, 'h' },
    { 0 }
};

int main(int argc, char **argv)
{
    const char *json = NULL, *split = NULL;
    bool synthetic = true;
    struct eval e = { 0 };
    int c, rc = 0;

    while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
        switch (c) {
        case 's': split = optarg; break;
        case 'j': json = optarg; break;
        case 'n': synthetic = false; break;
        case 'o': e.only = optarg; break;
        case 'u': e.tuned = true; break;
        case 'f': rc |= take_confidence(&e, optarg); break;
        case 't': e.report.by_trace = true; break;
        case 'w': rc |= report_set_worst(&e.report, optarg); break;
        case 'c': rc |= report_add_case(&e.report, optarg); break;
        case 'h': fputs(usage, stdout); return 0;
        default: rc = -1;
        }
    }
    if (rc) {
        fputs(usage, stderr);
        return 2;
    }
    e.split = split_read(split);
    if (!e.split) {
        fprintf(stderr, "evaluate: %s: %s\n", split, strerror(errno));
        return 1;
    }
    /* With --case, nothing is judged. */
    if (!e.report.nr_cases) {
        rc = do_all(&e, false, synthetic, argv + optind);
        if (!rc && !e.nr_names) {
            fprintf(stderr, "evaluate: no traces\n");
            rc = -1;
        }
        if (!rc)
            rc = report_finish(&e.report, json);
    }
    if (!rc && e.report.nr_cases)
        rc = do_all(&e, true, synthetic, argv + optind);
    report_free(&e.report);
    split_free(e.split);
    free(e.names);
    return rc ? 1 : 0;
}
