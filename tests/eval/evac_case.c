/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "evac.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define FIRST_S 0.004
#define LEAST_LINK 125e6

/* ---- what the guests truly write -------------------------------------- */

int evac_truth_init(struct evac_truth *r, const struct sim_trace *t)
{
    struct sim_walker w;

    *r = (struct evac_truth){
        .total_pages = t->total_pages, .duration_s = t->duration_ns / 1e9,
    };
    for (int k = 0; k < EVAC_TIMES; k++)
        r->t_s[k] = FIRST_S * pow(r->duration_s / FIRST_S,
                                  k / (EVAC_TIMES - 1.0));
    if (sim_walker_init(&w, t))
        return -1;
    for (int p = 0; p < EVAC_PHASES; p++) {
        /* In the p-th lap, as a walker only goes forwards. */
        uint64_t clean = t->duration_ns * (uint64_t)(2 * p) +
                         t->duration_ns / EVAC_PHASES * p;

        sim_walker_clean(&w, clean);
        for (int k = 0; k < EVAC_TIMES; k++)
            r->pages[p][k] = sim_walker_count(&w, clean + r->t_s[k] * 1e9);
    }
    sim_walker_free(&w);
    return 0;
}

static double in_phase(const struct evac_truth *r, int phase, double t)
{
    const float *v = r->pages[phase];
    double x = log(t / FIRST_S) / log(r->duration_s / FIRST_S) *
               (EVAC_TIMES - 1);
    int k = x;

    if (t <= FIRST_S)
        return v[0] * fmax(t, 0) / FIRST_S;
    if (k >= EVAC_TIMES - 1)
        return v[EVAC_TIMES - 1];
    return v[k] + (v[k + 1] - v[k]) * (x - k);
}

static int phase_at(const struct evac_truth *r, double clean_s)
{
    double lap = fmod(clean_s, r->duration_s) / r->duration_s;

    return (int)(lap * EVAC_PHASES) % EVAC_PHASES;
}

double evac_truth_pages(const struct evac_truth *r, double clean_s,
                        double now_s)
{
    return in_phase(r, phase_at(r, clean_s), now_s - clean_s);
}

void evac_truth_curve(const struct evac_truth *r, double clean_s, double scale,
                      struct xpc_curve *c)
{
    const float *v = r->pages[phase_at(r, clean_s)];

    for (int k = 0; k < EVAC_TIMES; k++)
        xpc_curve_add(c, r->t_s[k] * XPC_S, scale * v[k], scale * v[k],
                      scale * v[k]);
}

double evac_truth_least(const struct evac_truth *r, double t)
{
    double least = INFINITY;

    for (int p = 0; p < EVAC_PHASES; p++)
        least = fmin(least, in_phase(r, p, t));
    return least;
}

/* ---- cases -------------------------------------------------------------- */

static double log_between(struct sim_rng *r, double a, double b)
{
    return a * pow(b / a, sim_uniform(r));
}

static void make_guest(struct evac_guest *g, struct sim_rng *r,
                       const struct evac_truth *truths, size_t nr)
{
    static const uint64_t limits_ms[] = { 200, 300, 500, 1000, 2000 };
    const struct evac_truth *t = &truths[sim_random(r) % nr];
    double scale = log_between(r, 0.5, 4);
    double pages = log_between(r, 1 << 18, 1 << 24);    /* 1 to 64 GiB */

    *g = (struct evac_guest){
        .truth = t, .scale = scale,
        .offset_s = sim_uniform(r) * t->duration_s,
        .pages = fmax(pages, scale * t->total_pages),
        .limit_ns = limits_ms[sim_random(r) % 5] * XPC_MS,
        .setup_s = 0.3 + 0.7 * sim_uniform(r),
        .overhead_s = 0.06 + 0.08 * sim_uniform(r),
    };
    g->zero_pages = (g->pages - scale * t->total_pages) * 0.4 *
                    sim_uniform(r);
}

static void make_targets(struct evac_case *c, struct sim_rng *r)
{
    static const double parts[] = { 1, 1, 0.4 };
    double part = parts[sim_random(r) % 3];
    double bytes = 0, largest = 0;

    for (size_t i = 0; i < c->nr; i++) {
        bytes += c->guests[i].pages * (double)XPC_PAGE_SIZE;
        largest = fmax(largest, c->guests[i].pages * (double)XPC_PAGE_SIZE);
    }
    for (size_t i = 0; i < c->nr_targets; i++)
        c->targets[i] = (struct xpc_schedule_target){
            .free_bytes = (bytes / c->nr_targets + largest) *
                          (1.5 + sim_uniform(r)),
            .link_bytes_per_s = fmax(c->link * part, LEAST_LINK),
        };
}

void evac_case_init(struct evac_case *c, uint64_t seed,
                    const struct evac_truth *truths, size_t nr_truths)
{
    static const size_t numbers[] = { 8, 20, 50, 100, 200 };
    static const size_t hosts[] = { 1, 2, 5, 20 };
    static const double links[] = { 125e6, 312.5e6, 1250e6, 3125e6 };
    struct sim_rng r = sim_rng(seed);

    *c = (struct evac_case){
        .seed = seed, .nr = numbers[sim_random(&r) % 5],
        .nr_targets = hosts[sim_random(&r) % 4],
        .link = links[sim_random(&r) % 4],
        .noise = 0.05 * sim_uniform(&r), .fails_s = INFINITY,
        .drag = 1,
    };
    if (c->link > 1e9)
        c->stream = log_between(&r, 0.4e9, 1.25e9);
    for (size_t i = 0; i < c->nr; i++)
        make_guest(&c->guests[i], &r, truths, nr_truths);
    make_targets(c, &r);
    if (c->nr_targets > 1 && sim_uniform(&r) < 0.3) {
        bool all[EVAC_GUESTS_MAX];

        memset(all, true, sizeof(all));
        c->fails_s = evac_bound(c, all) * (0.1 + 0.5 * sim_uniform(&r));
        c->fails = sim_random(&r) % c->nr_targets;
        /* The others have room for what was to go there. */
        for (size_t i = 0; i < c->nr_targets; i++)
            c->targets[i].free_bytes *= 2;
    }
}

void evac_case_earlier(struct evac_case *to, const struct evac_case *c)
{
    struct sim_rng r = sim_rng(c->seed + 2);

    *to = *c;
    to->seed = sim_random(&r);
    to->fails_s = INFINITY;
    for (size_t i = 0; i < c->nr; i++)
        to->guests[i].offset_s = sim_uniform(&r) *
                                 c->guests[i].truth->duration_s;
}

double evac_share(const struct evac_case *c, uint64_t second)
{
    struct sim_rng r = sim_rng(c->seed ^ (second * 0x9e3779b97f4a7c15));
    struct sim_rng ten = sim_rng(c->seed ^ (second / 10 * 0xbf58476d1ce4e5b9));
    double share = exp(c->noise * sim_normal(&r));

    if (c->steady)
        return 1;
    /* Somebody else needs the link now and then. */
    if (sim_random(&ten) % 32 == 0)
        share *= 0.6;
    return fmin(share, 1);
}

/* ---- the bound ---------------------------------------------------------- */

static double least_bytes(const struct evac_guest *g, double rate)
{
    double first = (g->pages - g->zero_pages) * (double)PAGE_BYTES +
                   g->zero_pages * (double)XPC_PAGE_HEADER;

    return first + g->scale * evac_truth_least(g->truth, first / rate) *
           PAGE_BYTES;
}

double evac_bound(const struct evac_case *c, const bool *moved)
{
    double bytes = 0, slowest = 0, fixed = INFINITY, to = 0, rate = c->link;
    double time = 0;

    if (c->stream)
        rate = fmin(rate, c->stream);
    for (size_t i = 0; i < c->nr_targets; i++)
        to += c->targets[i].link_bytes_per_s;
    rate = fmin(rate, c->targets[0].link_bytes_per_s);
    for (size_t i = 0; i < c->nr; i++) {
        const struct evac_guest *g = &c->guests[i];
        double least;

        if (!moved[i])
            continue;
        least = least_bytes(g, rate);
        bytes += least;
        slowest = fmax(slowest, least / rate);
        /* The link is idle for the first setup and the last start. */
        fixed = fmin(fixed, 0.5 * (g->setup_s + g->overhead_s));
    }
    if (!bytes)
        return 0;
    for (uint64_t second = 0; bytes > 0; second++) {
        double sent = fmin(c->link, to) * evac_share(c, second);

        time += fmin(1, bytes / sent);
        bytes -= sent;
    }
    return fmax(time, slowest) + fixed;
}
