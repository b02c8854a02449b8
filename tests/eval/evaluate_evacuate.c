/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares ways to empty a host, over simulated evacuations: docs/evacuate.md.
 * usage: evaluate-evacuate JSON TRACE-OR-FOLDER...
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evac.h"

#define CASES 200
#define TRUTHS_MAX 32
#define BOUND EVAC_POLICIES

static const char *const names[EVAC_POLICIES + 1] = {
    [EVAC_OURS] = "ours", [EVAC_ONE] = "one-by-one",
    [EVAC_TEN] = "ten-at-once", [EVAC_ALL] = "all-at-once",
    [BOUND] = "bound",
};

struct score {
    struct sim_values ratio;
    size_t guests, moved, over, left;
};

static struct score scores[EVAC_POLICIES + 1];
static struct evac_truth truths[TRUTHS_MAX];
static size_t nr_truths, later, later_alike;
static struct sim_values against_best;
/* Of ours with enough targets, in GiB per minute, by link. */
static const double links[] = { 125e6, 312.5e6, 1250e6, 3125e6 };
static struct sim_values speeds[4];

/*
 * How far the forecasts of ours were off, as a share of the time that was left:
 * as simulated; if pages that are dirty again are not sent, over a link that
 * always has its rate, as what it lacks at times would hide the difference; and
 * if all data takes longer than is known.
 */
#define DRAG 1.4
/* Many guests take long to forecast. */
#define OTHERS_GUESTS 50
enum { USUAL, SKIPPED, DRAGGED, WORLDS };
static struct sim_values off[WORLDS][EVAC_FORECASTS][EVAC_PACES];

static int is_trace(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && !strcmp(dot, ".xpctrace");
}

static int add_trace(const char *path)
{
    struct sim_trace t;
    char err[256];
    int r;

    if (nr_truths == TRUTHS_MAX)
        return 0;
    if (sim_trace_load(&t, path, err, sizeof(err))) {
        fprintf(stderr, "evaluate-evacuate: %s\n", err);
        return -1;
    }
    r = evac_truth_init(&truths[nr_truths++], &t);
    sim_trace_free(&t);
    return r;
}

static int add_folder(const char *path)
{
    struct dirent **list;
    int nr = scandir(path, &list, is_trace, alphasort), r = 0;
    char file[4096];

    if (nr < 0)
        return add_trace(path);
    for (int i = 0; i < nr; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
        r = r ? r : add_trace(file);
        free(list[i]);
    }
    free(list);
    return r;
}

static double ratio_of(const struct evac_case *c, const struct evac_result *r)
{
    double bound = evac_bound(c, r->is_moved);

    return bound > 0 ? r->makespan_s / bound : -1;
}

static int add_speed(const struct evac_case *c, const struct evac_result *r)
{
    double gib = 0;

    for (size_t i = 0; i < c->nr; i++)
        gib += r->is_moved[i] ? c->guests[i].pages / 262144.0 : 0;
    for (int l = 0; l < 4; l++) {
        if (c->link == links[l] && c->targets[0].link_bytes_per_s >= c->link)
            return sim_values_add(&speeds[l], gib / r->makespan_s * 60);
    }
    return 0;
}

static int add_forecasts(int world, const struct evac_result *r)
{
    int rc = 0;

    for (int k = 0; !rc && k < EVAC_FORECASTS; k++) {
        const struct evac_forecast *f = &r->forecasts[k];
        double left = r->makespan_s - f->at_s;

        if (!f->end_s[EVAC_PLAIN] || left <= 0)
            continue;
        for (int p = 0; !rc && p < EVAC_PACES; p++)
            rc = sim_values_add(&off[world][k][p],
                                fabs(f->end_s[p] - r->makespan_s) / left);
    }
    return rc;
}

/* One with the pace of an earlier one. */
static int run_ours(struct evac_result *r, const struct evac_case *c, int world)
{
    static struct evac_case again, earlier;

    evac_case_earlier(&earlier, c);
    if (evac_run(r, &earlier, EVAC_OURS))
        return -1;
    again = *c;
    again.earlier_pace = r->pace;
    return evac_run(r, &again, EVAC_OURS) ? -1 : add_forecasts(world, r);
}

static int run_other_worlds(const struct evac_case *c)
{
    struct evac_case skipped = *c, dragged = *c;
    struct evac_result r;

    if (c->nr > OTHERS_GUESTS)
        return 0;
    skipped.skips = skipped.steady = true;
    dragged.drag = DRAG;
    return run_ours(&r, &skipped, SKIPPED) ||
           run_ours(&r, &dragged, DRAGGED) ? -1 : 0;
}

static int run_case(uint64_t seed)
{
    static struct evac_case c;
    /* Of the others, and of those that kept as many limits as ours. */
    double best = INFINITY, best_alike = INFINITY, ours = 0;
    struct evac_result r;
    size_t kept = 0;

    evac_case_init(&c, seed, truths, nr_truths);
    for (int p = 0; p < EVAC_POLICIES; p++) {
        struct score *s = &scores[p];

        if (p == EVAC_OURS ? run_ours(&r, &c, USUAL) : evac_run(&r, &c, p))
            return -1;
        s->guests += c.nr;
        s->moved += r.moved;
        s->over += r.over;
        s->left += r.left;
        if (sim_values_add(&s->ratio, ratio_of(&c, &r)))
            return -1;
        if (p == EVAC_OURS) {
            if (add_speed(&c, &r))
                return -1;
            ours = r.makespan_s;
            kept = r.moved - r.over;
        } else {
            best = fmin(best, r.makespan_s);
            if (r.moved - r.over >= kept)
                best_alike = fmin(best_alike, r.makespan_s);
        }
    }
    scores[BOUND].guests += c.nr;
    later += ours > 1.02 * best;
    later_alike += ours > 1.02 * best_alike;
    return sim_values_add(&against_best, ours / best) ||
           sim_values_add(&scores[BOUND].ratio, 1) || run_other_worlds(&c) ?
           -1 : 0;
}

static double part(size_t n, size_t of)
{
    return of ? (double)n / of : 0;
}

static void print_table(void)
{
    printf("%d evacuations, %zu traces\n", CASES, nr_truths);
    printf("%-12s %16s %8s %11s %8s\n", "policy", "makespan/bound", "p95",
           "over limit", "left");
    for (int p = 0; p <= BOUND; p++) {
        struct score *s = &scores[p];

        printf("%-12s %16.3f %8.3f %10.2f%% %7.2f%%\n", names[p],
               sim_quantile(&s->ratio, 0.5), sim_quantile(&s->ratio, 0.95),
               100 * part(s->over, s->moved), 100 * part(s->left, s->guests));
    }
    printf("ours against the best of the others: median %.3f, p95 %.3f, worst "
           "%.3f; over 2%% later in %zu, in %zu of them than one that kept as "
           "many limits\n", sim_quantile(&against_best, 0.5),
           sim_quantile(&against_best, 0.95), sim_quantile(&against_best, 1),
           later, later_alike);
}

static void print_speeds(void)
{
    for (int l = 0; l < 4; l++)
        printf("%s over %4.1f Gbit/s: %.0f GiB a minute (median)\n", names[0],
               links[l] * 8e-9, sim_quantile(&speeds[l], 0.5));
}

static void print_forecasts(void)
{
    static const char *const when[] = {
        [EVAC_BEFORE] = "before", [EVAC_FIRST] = "after the first",
        [EVAC_QUARTER] = "after a quarter", [EVAC_HALF] = "after half",
    };
    static const char *const how[] = {
        [EVAC_PLAIN] = "without", [EVAC_PACED] = "with the pace",
        [EVAC_EARLIER] = "and an earlier one",
    };

    printf("%-37s %16s %17s %17s\n", "forecasts off by (median, p95)",
           "as simulated", "pages left out", "data slower");
    for (int k = 0; k < EVAC_FORECASTS; k++) {
        for (int p = 0; p < EVAC_PACES; p++) {
            if (k == EVAC_BEFORE && p == EVAC_PACED)
                continue;       /* nothing was learned yet */
            printf("  %-16s %-18s", when[k], k != EVAC_BEFORE || !p ? how[p] :
                   "with an earlier one");
            for (int w = 0; w < WORLDS; w++)
                printf(" %8.1f%% %6.1f%%",
                       100 * sim_quantile(&off[w][k][p], 0.5),
                       100 * sim_quantile(&off[w][k][p], 0.95));
            printf("\n");
        }
    }
}

static int write_json(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return -1;
    fprintf(f, "{\n  \"cases\": %d,\n  \"policies\": [\n", CASES);
    for (int p = 0; p <= BOUND; p++) {
        struct score *s = &scores[p];

        fprintf(f, "    {\"name\": \"%s\", \"makespan-vs-bound-median\": %.4f, "
                "\"makespan-vs-bound-p95\": %.4f, \"over-limit-share\": %.5f, "
                "\"left-share\": %.5f}%s\n", names[p],
                sim_quantile(&s->ratio, 0.5), sim_quantile(&s->ratio, 0.95),
                part(s->over, s->moved), part(s->left, s->guests),
                p == BOUND ? "" : ",");
    }
    fprintf(f, "  ]\n}\n");
    return fclose(f);
}

/*
 * The aims of docs/evacuate.md. A policy that leaves fewer guests may be faster
 * by luck.
 */
static bool is_good(void)
{
    const struct score *ours = &scores[EVAC_OURS];

    return sim_quantile(&scores[EVAC_OURS].ratio, 0.5) <= 1.1 &&
           part(ours->over, ours->moved) < 0.01 &&
           later_alike <= 0.01 * CASES;
}

int main(int argc, char **argv)
{
    bool good;

    for (int i = 2; i < argc; i++) {
        if (add_folder(argv[i]))
            return 1;
    }
    if (argc < 3 || !nr_truths) {
        fprintf(stderr, "usage: evaluate-evacuate JSON TRACE-OR-FOLDER...\n");
        return 2;
    }
    for (uint64_t i = 0; i < CASES; i++) {
        if (run_case(sim_hash("evacuate", i))) {
            fprintf(stderr, "evaluate-evacuate: out of memory\n");
            return 1;
        }
    }
    print_table();
    print_speeds();
    print_forecasts();
    good = is_good();
    if (write_json(argv[1])) {
        perror(argv[1]);
        return 1;
    }
    for (int p = 0; p <= BOUND; p++)
        free(scores[p].ratio.v);
    for (int l = 0; l < 4; l++)
        free(speeds[l].v);
    free(against_best.v);
    for (int i = 0; i < WORLDS * EVAC_FORECASTS * EVAC_PACES; i++)
        free((&off[0][0][0])[i].v);
    return good ? 0 : 1;
}
