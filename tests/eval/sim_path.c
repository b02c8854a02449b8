/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link, the target, and the iterations of precopy. */
#include <math.h>
#include <stdlib.h>

#include <xenprecopy/units.h>
#include <xenprecopy/workset.h>

#include "sim.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

/* The link's share of its nominal rate: small correlated noise … */
#define NOISE_SIGMA 0.03
#define NOISE_MEMORY 0.9
/* … and sometimes nothing for one or two slots. */
#define STALL_EVERY_NS (60 * XPC_S)
#define LINK_SLOTS 4096

/* The times in an iteration at which the dirty count is read. */
#define SAMPLE_FIRST_NS (10 * XPC_MS)
#define SAMPLE_LONGEST_NS XPC_S

int sim_link_init(struct sim_link *l, double bytes_per_s, uint64_t seed)
{
    struct sim_rng r = sim_rng(seed);
    double x = 0;

    *l = (struct sim_link){ .bytes_per_s = bytes_per_s, .nr = LINK_SLOTS };
    l->share = malloc(l->nr * sizeof(*l->share));
    if (!l->share)
        return -1;
    for (size_t i = 0; i < l->nr; i++) {
        x = NOISE_MEMORY * x + NOISE_SIGMA * sim_normal(&r) *
            sqrt(1 - NOISE_MEMORY * NOISE_MEMORY);
        l->share[i] = fmax(0.5, 1 + x);
    }
    for (size_t i = 0; i + 1 < l->nr; i++) {
        if (sim_uniform(&r) * STALL_EVERY_NS >= SIM_SLOT_NS)
            continue;
        l->share[i] = 0;
        if (sim_uniform(&r) < 0.5)
            l->share[++i] = 0;
    }
    return 0;
}

void sim_link_free(struct sim_link *l)
{
    free(l->share);
}

uint64_t sim_link_send(const struct sim_link *l, uint64_t ns, double bytes)
{
    uint64_t slot = ns / SIM_SLOT_NS;

    for (;; slot++) {
        double rate = l->bytes_per_s * l->share[slot % l->nr] / 1e9;
        uint64_t end = (slot + 1) * SIM_SLOT_NS;

        if (bytes <= rate * (end - ns))
            return ns + (bytes > 0 ? ceil(bytes / rate) : 0);
        bytes -= rate * (end - ns);
        ns = end;
    }
}

static void add_sample(struct sim_seen *s, uint64_t t_ns, uint64_t pages)
{
    size_t n = 0;

    if (s->nr_samples == SIM_SAMPLES) {
        for (size_t i = 1; i < SIM_SAMPLES; i += 2)
            s->samples[n++] = s->samples[i];
        s->nr_samples = n;
    }
    s->samples[s->nr_samples].t_ns = t_ns;
    s->samples[s->nr_samples++].pages = pages;
}

/* Lets the guest run from the clean at clean_ns to end_ns. */
static void watch(struct sim_seen *s, struct sim_walker *w,
                  uint64_t clean_ns, uint64_t end_ns)
{
    uint64_t t = SAMPLE_FIRST_NS;

    sim_walker_clean(w, clean_ns);
    while (clean_ns + t < end_ns) {
        uint64_t step = t / 4;

        add_sample(s, t, sim_walker_count(w, clean_ns + t));
        if (step < SAMPLE_FIRST_NS)
            step = SAMPLE_FIRST_NS;
        t += step < SAMPLE_LONGEST_NS ? step : SAMPLE_LONGEST_NS;
    }
    s->dirty_pages = sim_walker_count(w, end_ns);
    s->since_clean_ns = end_ns - clean_ns;
}

/*
 * The switchover of this migration, at any time. It is drawn once, so that the
 * oracle cannot choose the luckiest of many draws.
 */
struct switchover {
    uint64_t suspend_ns, overhead_ns, extra_pages;
};

static struct switchover draw_switchover(const struct sim_target *t,
                                         struct sim_rng *r)
{
    return (struct switchover){
        .suspend_ns = sim_lognormal(r, t->suspend_ns, t->sigma),
        .overhead_ns = sim_lognormal(r, t->overhead_ns, t->sigma),
        .extra_pages = sim_lognormal(r, t->extra_pages, 2 * t->sigma),
    };
}

/* The number of earlier migrations that a policy has learned from. */
#define HISTORY 10

/* Mean and standard deviation of HISTORY values. */
static void moments(const double *v, double *mean_r, double *sd_r)
{
    double sum = 0, square = 0;

    for (int i = 0; i < HISTORY; i++)
        sum += v[i];
    *mean_r = sum / HISTORY;
    for (int i = 0; i < HISTORY; i++)
        square += (v[i] - *mean_r) * (v[i] - *mean_r);
    *sd_r = sqrt(square / (HISTORY - 1));
}

struct sim_prior sim_learn(const struct sim_target *t, struct sim_rng *r)
{
    double overhead[HISTORY], pages[HISTORY];
    struct sim_prior p;

    for (int i = 0; i < HISTORY; i++) {
        struct switchover s = draw_switchover(t, r);

        overhead[i] = s.overhead_ns;
        pages[i] = s.extra_pages;
    }
    moments(overhead, &p.overhead_ns, &p.overhead_sd_ns);
    moments(pages, &p.suspend_pages, &p.suspend_pages_sd);
    return p;
}

/*
 * A suspend at end_ns of the migration, with that many dirty pages. The guest
 * runs until it has suspended. ahead counts what it dirties until then.
 */
static struct sim_truth suspend(struct sim_walker *ahead,
                                const struct sim_walker *w,
                                uint64_t start_ns, uint64_t end_ns,
                                const struct sim_link *l,
                                const struct switchover *s)
{
    uint64_t asleep = end_ns + s->suspend_ns, sent;
    struct sim_truth t = {
        .suspend_ns = s->suspend_ns, .overhead_ns = s->overhead_ns,
        .final_pages = sim_walker_peek(ahead, w, start_ns + asleep) +
                       s->extra_pages,
    };

    if (t.final_pages > w->t->total_pages)
        t.final_pages = w->t->total_pages;
    sent = sim_link_send(l, asleep, (double)t.final_pages * PAGE_BYTES);
    t.downtime_ns = sent - asleep + t.overhead_ns;
    t.total_ns = asleep + t.downtime_ns;
    return t;
}

static int grow(struct sim_path *p)
{
    size_t max = p->max ? 2 * p->max : 16;
    void *a, *b;

    if (p->nr < p->max)
        return 0;
    a = realloc(p->seen, max * sizeof(*p->seen));
    if (a)
        p->seen = a;
    b = realloc(p->truth, max * sizeof(*p->truth));
    if (b)
        p->truth = b;
    if (!a || !b)
        return -1;
    p->max = max;
    return 0;
}

int sim_path_init(struct sim_path *p, const struct sim_trace *t,
                  uint64_t start_ns, const struct sim_link *l,
                  const struct sim_target *target, uint64_t length_ns,
                  size_t least_steps, uint64_t seed)
{
    struct sim_rng r = sim_rng(seed);
    struct switchover s = draw_switchover(target, &r);
    struct sim_walker w = { 0 }, ahead = { 0 };
    uint64_t now = 0, pages = t->total_pages;
    int rc = -1;

    *p = (struct sim_path){ .total_pages = t->total_pages };
    if (sim_walker_init(&w, t) || sim_walker_init(&ahead, t))
        goto out;
    while ((now <= length_ns || p->nr < least_steps) &&
           p->nr < SIM_STEPS_MAX) {
        struct sim_seen seen = { .start_ns = now, .pages_sent = pages,
                                 .bytes_sent = pages * PAGE_BYTES };

        if (grow(p))
            goto out;
        /* Two bitmaps were read. */
        if (w.epoch >= 2)
            xpc_working_set_fill(&seen.working_set, w.all, w.count, w.again,
                                 w.fresh);
        seen.end_ns = sim_link_send(l, now + SIM_ITERATION_NS,
                                    seen.bytes_sent);
        watch(&seen, &w, start_ns + now, start_ns + seen.end_ns);
        p->truth[p->nr] = suspend(&ahead, &w, start_ns, seen.end_ns, l, &s);
        p->seen[p->nr++] = seen;
        now = seen.end_ns;
        pages = seen.dirty_pages;
    }
    rc = 0;
out:
    sim_walker_free(&w);
    sim_walker_free(&ahead);
    return rc;
}

void sim_path_free(struct sim_path *p)
{
    free(p->seen);
    free(p->truth);
}
