/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_report.h"

static const char *const splits[REPORT_SPLITS] = { "held-out", "tuned",
                                                   "phased", "ph-tuned" };

struct report_trace {
    char name[64];
    struct sim_sum sums[SIM_POLICIES];
};

/* ---- the split -------------------------------------------------------- */

struct split {
    size_t nr;
    char (*tuned)[64];
};

/* Lines "tuned NAME" and "held-out NAME", of which the latter are ignored. */
struct split *split_read(const char *path)
{
    struct split *s = calloc(1, sizeof(*s));
    FILE *f = path ? fopen(path, "r") : NULL;
    char line[256], name[64];

    if (!s || (path && !f)) {
        free(s);
        return NULL;
    }
    while (f && fgets(line, sizeof(line), f)) {
        void *p;

        if (sscanf(line, "tuned %63s", name) != 1)
            continue;
        p = realloc(s->tuned, (s->nr + 1) * sizeof(*s->tuned));
        if (!p)
            break;
        s->tuned = p;
        memcpy(s->tuned[s->nr++], name, sizeof(name));
    }
    if (f)
        fclose(f);
    return s;
}

bool split_tuned(const struct split *s, const char *name)
{
    for (size_t i = 0; i < s->nr; i++) {
        if (!strcmp(s->tuned[i], name))
            return true;
    }
    return false;
}

void split_free(struct split *s)
{
    if (s)
        free(s->tuned);
    free(s);
}

/* ---- gathering -------------------------------------------------------- */

int report_set_worst(struct report *r, const char *kind)
{
    static const char *const kinds[] = { "none", "over", "abort", "downtime",
                                         "total", "error" };

    for (size_t i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kind, kinds[i])) {
            r->worst = i;
            return 0;
        }
    }
    return -1;
}

/* How bad a migration of ours is, by the requested measure; 0: not. */
static double badness(const struct report *r, const struct run *run,
                      const struct sim_score *s)
{
    switch (r->worst) {
    case WORST_OVER: return s->over ? s->over_factor : 0;
    case WORST_ABORT:
        /* Those with the shortest limits first. */
        return s->clearly_needless ? 1e9 / run->c.limit_ns : 0;
    case WORST_DOWNTIME: return s->downtime_ratio;
    case WORST_TOTAL: return s->total_ratio;
    case WORST_ERROR: return s->downtime_error;
    default: return 0;
    }
}

static void keep_worst(struct report *r, const struct run *run,
                       const struct sim_score *s)
{
    struct report_case c = { badness(r, run, s), run->number };

    if (c.badness <= 0)
        return;
    for (size_t i = 0; i < REPORT_WORST; i++) {
        if (c.badness > r->cases[i].badness) {
            struct report_case old = r->cases[i];

            r->cases[i] = c;
            c = old;
        }
    }
    if (r->nr_cases < REPORT_WORST)
        r->nr_cases++;
}

int report_add_case(struct report *r, const char *number)
{
    uint64_t n = strtoull(number, NULL, 10);

    if (!n || r->nr_cases == REPORT_WORST)
        return -1;
    r->cases[r->nr_cases++].number = n;
    return 0;
}

bool report_shows(const struct report *r, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < r->nr_cases; i++) {
        if (r->cases[i].number >= first && r->cases[i].number <= last)
            return true;
    }
    return false;
}

static struct report_trace *find_trace(struct report *r, const char *name)
{
    struct report_trace *p = r->traces;

    if (r->nr_traces && !strcmp(p[r->nr_traces - 1].name, name))
        return &p[r->nr_traces - 1];
    p = realloc(p, (r->nr_traces + 1) * sizeof(*p));
    if (!p)
        return NULL;
    r->traces = p;
    p += r->nr_traces++;
    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s", name);
    return p;
}

int report_add(struct report *r, const struct sim_trace *t, int policy,
               const struct run *run, const struct sim_score *s)
{
    struct report_trace *rt = find_trace(r, t->name);

    if (!rt || sim_sum_add(&rt->sums[policy], s))
        return -1;
    if (policy == SIM_OURS) {
        r->migrations++;
        keep_worst(r, run, s);
    }
    return sim_sum_add(&r->sums[t->tuned + 2 * t->phased][policy], s);
}

/* oracle: what the oracle does in this case. */
static void show_policy(int policy, const struct sim_path *p,
                        const struct run *run, struct sim_result oracle)
{
    const struct sim_start *start = &run->start;
    struct sim_path own = { 0 };
    struct sim_result r;

    printf("  %s\n", sim_policies[policy].name);
    if (policy != SIM_OURS_SLOW_DOWN)
        sim_run(&sim_policies[policy], &run->c, p, true);
    else if (sim_run_slow(&r, &sim_policies[policy], &run->c, start, p, &own,
                          true))
        printf("  no memory\n");
    sim_path_free(&own);
    printf("  the oracle %s after iteration %zu, %.3f s: %.1f ms\n",
           oracle.outcome == SIM_SUSPENDED ? "suspends" :
           "aborts; its least was", oracle.step + 1,
           oracle.path->seen[oracle.step].end_ns / 1e9,
           oracle.path->truth[oracle.step].downtime_ns / 1e6);
}

void report_steps(const struct sim_trace *t,
                  const struct sim_path p[SIM_LEVERS], const struct run *run)
{
    const struct sim_case *c = &run->c;

    printf("migration %"PRIu64": %s%s from %.3f s, %u pages, link %.1f MB/s "
           "(stated %.1f), limit %.0f ms, duration %.0f s, overhead about "
           "%.1f ms\n", run->number, t->name, t->tuned ? " (tuned)" : "",
           run->start.start_ns / 1e9, t->total_pages, run->bandwidth / 1e6,
           c->given_bytes_per_s / 1e6, c->limit_ns / 1e6,
           c->duration_ns / 1e9, c->prior.overhead_ns / 1e6);
    show_policy(SIM_OURS, &p[SIM_SKIP], run, sim_oracle(c, &p[SIM_SKIP]));
    show_policy(SIM_OURS_PLAIN, &p[SIM_PLAIN], run,
                sim_oracle(c, &p[SIM_PLAIN]));
    show_policy(SIM_OURS_SLOW_DOWN, &p[SIM_SKIP], run, sim_oracle_slow(c, p));
    printf("\n");
}

/* ---- output ----------------------------------------------------------- */

static double share(uint64_t n, uint64_t of)
{
    return of ? (double)n / of : NAN;
}

/* Each value's name in JSON, its heading in the table, and in percent? */
static const struct column {
    const char *key, *head1, *head2;
    bool percent;
} columns[] = {
    { "over-limit-share", "over", "limit", true },
    { "needless-abort-share", "needless", "abort", true },
    { "clearly-needless-abort-share", "clearly", "needless", true },
    { "needless-refusal-share", "of it", "refused", true },
    { "downtime-vs-oracle-median", "downtime", "median", false },
    { "downtime-vs-oracle-p95", "/oracle", "p95", false },
    { "total-time-vs-oracle-median", "total", "median", false },
    { "total-time-vs-oracle-p95", "/oracle", "p95", false },
    { "downtime-error-median", "error dt", "median", true },
    { "downtime-error-p95", "", "p95", true },
    { "total-time-error-median", "error tot", "median", true },
    { "total-time-error-p95", "", "p95", true },
    { "justified-abort-after-median", "aborted", "after", false },
    /* The second table. */
    { "completed-of-infeasible-share", "completed", "of infeas", true },
    { "pages-vs-plain-median", "pages", "/plain", false },
    { "forced-downtime-vs-plain-median", "forced dt", "/plain", false },
    { "guest-time-lost-median-s", "lost [s]", "median", false },
    { "guest-time-lost-p95-s", "", "p95", false },
    { "slowed-kept-share", "slowed", "kept", true },
    { "slowed-lost-median-s", "lost [s]", "median", false },
    { "slowed-lost-p95-s", "", "p95", false },
    { "pages-error-p95", "error dt", "pages p95", true },
    { "overhead-error-p95", "overhead", "p95", true },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define COLUMNS_FIRST 13

static void values_of(struct sim_sum *s, double v[COLUMNS])
{
    v[0] = share(s->over, s->suspended);
    v[1] = share(s->needless, s->feasible);
    v[2] = share(s->clearly_needless, s->feasible);
    v[3] = share(s->refused, s->feasible);
    v[4] = sim_quantile(&s->downtime_ratio, 0.5);
    v[5] = sim_quantile(&s->downtime_ratio, 0.95);
    v[6] = sim_quantile(&s->total_ratio, 0.5);
    v[7] = sim_quantile(&s->total_ratio, 0.95);
    v[8] = sim_quantile(&s->downtime_error, 0.5);
    v[9] = sim_quantile(&s->downtime_error, 0.95);
    v[10] = sim_quantile(&s->total_error, 0.5);
    v[11] = sim_quantile(&s->total_error, 0.95);
    v[12] = sim_quantile(&s->vain, 0.5);
    v[13] = share(s->completed, s->infeasible_plain);
    v[14] = sim_quantile(&s->pages_ratio, 0.5);
    v[15] = sim_quantile(&s->forced_ratio, 0.5);
    v[16] = sim_quantile(&s->lost_s, 0.5);
    v[17] = sim_quantile(&s->lost_s, 0.95);
    v[18] = share(s->slowed_kept, s->slowed);
    v[19] = sim_quantile(&s->slowed_lost_s, 0.5);
    v[20] = sim_quantile(&s->slowed_lost_s, 0.95);
    v[21] = sim_quantile(&s->pages_error, 0.95);
    v[22] = sim_quantile(&s->overhead_error, 0.95);
}

/* The columns from `from` to `to`. */
static void print_head(size_t from, size_t to)
{
    printf("%-16s %-9s %6s %6s %6s", "", "", "migra-", "sus-",
           from ? "feas." : "feas-");
    for (size_t i = from; i < to; i++)
        printf(" %9s", columns[i].head1);
    printf("\n%-16s %-9s %6s %6s %6s", "policy", "split", "tions", "pended",
           from ? "plain" : "ible");
    for (size_t i = from; i < to; i++)
        printf(" %9s", columns[i].head2);
    printf("\n");
}

static uint64_t feasible_plain(const struct sim_sum *s)
{
    return s->migrations - s->infeasible_plain;
}

static void print_row(const char *policy, const char *split,
                      struct sim_sum *s, size_t from, size_t to)
{
    double v[COLUMNS];

    values_of(s, v);
    printf("%-16s %-9s %6"PRIu64" %6"PRIu64" %6"PRIu64, policy, split,
           s->migrations, s->suspended, from ? feasible_plain(s) :
           s->feasible);
    for (size_t i = from; i < to; i++) {
        if (isnan(v[i]))
            printf(" %9s", "-");
        else if (columns[i].percent)
            printf(" %8.2f%%", 100 * v[i]);
        else
            printf(" %9.3f", v[i]);
    }
    printf("\n");
}

static void print_rows(struct report *r, size_t from, size_t to)
{
    print_head(from, to);
    for (int i = 0; i < REPORT_SPLITS; i++) {
        for (int k = 0; k < SIM_POLICIES; k++) {
            if (r->sums[i][k].migrations)
                print_row(sim_policies[k].name, splits[i], &r->sums[i][k],
                          from, to);
        }
    }
}

static void write_row(FILE *f, int policy, int split, struct sim_sum *s)
{
    double v[COLUMNS];

    values_of(s, v);
    fprintf(f, "\n    { \"name\": \"%s\", \"split\": \"%s\", "
            "\"migrations\": %"PRIu64", \"suspended\": %"PRIu64", "
            "\"feasible\": %"PRIu64", \"feasible-plain\": %"PRIu64
            ", \"slowed\": %"PRIu64,
            sim_policies[policy].name, splits[split], s->migrations,
            s->suspended, s->feasible, feasible_plain(s), s->slowed);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (isnan(v[i]))
            fprintf(f, ", \"%s\": null", columns[i].key);
        else
            fprintf(f, ", \"%s\": %.6g", columns[i].key, v[i]);
    }
    fprintf(f, " }");
}

/* The writers with regular phases are listed last. */
static int write_json(struct report *r, const char *path)
{
    FILE *f = fopen(path, "w");
    const char *comma = "";

    if (!f)
        return -1;
    fprintf(f, "{\n  \"migrations\": %"PRIu64",\n  \"policies\": [",
            r->migrations);
    for (int i = 0; i < REPORT_SPLITS; i += 2) {
        for (int k = 0; k < 2 * SIM_POLICIES; k++) {
            int policy = k / 2, split = i + k % 2;

            if (!r->sums[split][policy].migrations)
                continue;
            fputs(comma, f);
            write_row(f, policy, split, &r->sums[split][policy]);
            comma = ",";
        }
    }
    fprintf(f, "\n  ]\n}\n");
    return fclose(f);
}

int report_finish(struct report *r, const char *json)
{
    print_rows(r, 0, COLUMNS_FIRST);
    printf("\n");
    print_rows(r, COLUMNS_FIRST, COLUMNS);
    for (size_t t = 0; r->by_trace && t < r->nr_traces; t++) {
        printf("\n%s\n", r->traces[t].name);
        for (int k = 0; k < SIM_POLICIES; k++)
            print_row(sim_policies[k].name, "", &r->traces[t].sums[k], 0,
                      COLUMNS_FIRST);
        for (int k = 0; k < SIM_POLICIES; k++)
            print_row(sim_policies[k].name, "", &r->traces[t].sums[k],
                      COLUMNS_FIRST, COLUMNS);
    }
    if (r->worst)
        printf("\nThe worst of ours in what was asked:\n\n");
    if (json && write_json(r, json)) {
        fprintf(stderr, "evaluate: %s: %s\n", json, strerror(errno));
        return -1;
    }
    return 0;
}

void report_free(struct report *r)
{
    for (int k = 0; k < REPORT_SPLITS * SIM_POLICIES; k++)
        sim_sum_free(&r->sums[k % REPORT_SPLITS][k / REPORT_SPLITS]);
    for (size_t t = 0; t < r->nr_traces; t++) {
        for (int k = 0; k < SIM_POLICIES; k++)
            sim_sum_free(&r->traces[t].sums[k]);
    }
    free(r->traces);
}
