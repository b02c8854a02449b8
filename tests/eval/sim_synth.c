/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synthetic writers with known properties, generated from their names. They
 * write the same on every machine.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "sim.h"

#define INTERVAL_NS (25 * XPC_MS)
#define LENGTH_NS (75 * XPC_S)

/* Random writes per second to that many pages. */
struct load {
    double writes_per_s;
    uint32_t pages;
};

enum kind { UNIFORM, ZIPF, SWEEP, PHASED, BURST, LATER };

static const struct writer {
    const char *name;
    enum kind kind;
    uint32_t total;
    struct load busy, calm;
    double zipf;                /* exponent, of ZIPF */
    double busy_s, calm_s;      /* PHASED; BURST: length, mean distance;
                                 * LATER: busy from calm_s on */
} writers[] = {
    { "synth-uniform", UNIFORM, 65536, { 20000, 40000 }, { 0, 0 }, 0, 0, 0 },
    { "synth-uniform-fast", UNIFORM, 65536, { 80000, 30000 }, { 0, 0 }, 0, 0, 0 },
    { "synth-zipf", ZIPF, 65536, { 60000, 60000 }, { 0, 0 }, 0.9, 0, 0 },
    { "synth-zipf-wide", ZIPF, 131072, { 60000, 100000 }, { 0, 0 }, 0.6, 0, 0 },
    { "synth-sweep", SWEEP, 65536, { 15000, 30000 }, { 0, 0 }, 0, 0, 0 },
    { "synth-phased", PHASED, 65536, { 60000, 40000 }, { 1000, 2000 }, 0,
      5, 5 },
    { "synth-burst", BURST, 65536, { 40000, 50000 }, { 1000, 4000 }, 0,
      0.3, 3 },
    { "synth-busy-later", LATER, 65536, { 80000, 40000 }, { 500, 1000 }, 0,
      0, 35 },
};

/* Judged apart from the others. */
static const struct phased {
    struct writer w;
    enum kind in;               /* the kind of its phases */
    double jitter;              /* each is longer or shorter by this share */
} phased[] = {
    { { "synth-phases-1s", PHASED, 65536, { 40000, 30000 }, { 400, 800 }, 0,
        0.5, 0.5 }, UNIFORM, 0 },
    { { "synth-phases-3s", PHASED, 65536, { 60000, 40000 }, { 600, 1000 }, 0,
        2, 1 }, UNIFORM, 0.03 },
    { { "synth-phases-zipf", PHASED, 65536, { 60000, 50000 }, { 300, 2000 },
        0.9, 1.4, 0.8 }, ZIPF, 0 },
    { { "synth-phases-2s", PHASED, 65536, { 80000, 30000 }, { 800, 1500 }, 0,
        1.2, 0.8 }, UNIFORM, 0 },
    { { "synth-phases-5s", PHASED, 65536, { 50000, 45000 }, { 1000, 3000 },
        0, 3, 2 }, UNIFORM, 0 },
    { { "synth-phases-sweep", PHASED, 65536, { 40000, 32000 }, { 200, 500 },
        0, 0.8, 1.7 }, SWEEP, 0 },
    { { "synth-phases-jitter", PHASED, 65536, { 70000, 35000 },
        { 700, 1200 }, 0, 1, 1 }, UNIFORM, 0.08 },
    { { "synth-phases-slow", PHASED, 65536, { 15000, 20000 },
        { 1500, 4000 }, 0.9, 1.5, 1.5 }, ZIPF, 0 },
};

#define WRITERS (sizeof(writers) / sizeof(writers[0]))
#define PHASED_WRITERS (sizeof(phased) / sizeof(phased[0]))

struct synth {
    const struct writer *w;
    const struct phased *p;     /* NULL: it is none of these */
    struct sim_rng r;
    double *cdf;                /* ZIPF */
    double swept;               /* SWEEP: pages written so far */
    double change_s;            /* BURST, jitter: when the next phase begins */
    bool bursting;
};

/* How pages are chosen. */
static enum kind kind_of(const struct synth *s)
{
    return s->p ? s->p->in : s->w->kind;
}

const char *sim_synth_name(size_t i)
{
    if (i < WRITERS)
        return writers[i].name;
    i -= WRITERS;
    return i < PHASED_WRITERS ? phased[i].w.name : NULL;
}

static int make_cdf(struct synth *s)
{
    uint32_t n = s->w->busy.pages;
    double sum = 0;

    s->cdf = malloc(n * sizeof(*s->cdf));
    if (!s->cdf)
        return -1;
    for (uint32_t i = 0; i < n; i++)
        s->cdf[i] = sum += pow(i + 1, -s->w->zipf);
    for (uint32_t i = 0; i < n; i++)
        s->cdf[i] /= sum;
    return 0;
}

static uint32_t zipf(struct synth *s)
{
    double u = sim_uniform(&s->r);
    uint32_t low = 0, high = s->w->busy.pages - 1;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (s->cdf[mid] < u)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Is the writer in its busy state at this time? */
static bool busy(struct synth *s, double now_s)
{
    const struct writer *w = s->w;

    if (s->p && s->p->jitter > 0) {
        while (now_s >= s->change_s) {
            s->bursting = !s->bursting;
            s->change_s += (s->bursting ? w->busy_s : w->calm_s) *
                           (1 + s->p->jitter * (2 * sim_uniform(&s->r) - 1));
        }
        return s->bursting;
    }
    switch (w->kind) {
    case PHASED: return fmod(now_s, w->busy_s + w->calm_s) < w->busy_s;
    case LATER: return now_s >= w->calm_s;
    case BURST:
        while (now_s >= s->change_s) {
            s->bursting = !s->bursting;
            s->change_s += s->bursting ? w->busy_s :
                -log(1 - sim_uniform(&s->r)) * w->calm_s;
        }
        return s->bursting;
    default: return true;
    }
}

static uint32_t next_page(struct synth *s, const struct load *load)
{
    switch (kind_of(s)) {
    case ZIPF: return zipf(s);
    case SWEEP: return (uint64_t)s->swept++ % load->pages;
    default: return (sim_random(&s->r) >> 32) * load->pages >> 32;
    }
}

int sim_synth(struct sim_trace *t, const char *name)
{
    struct synth s = { .r = sim_rng(sim_hash(name, 2)) };
    uint32_t *pages;
    int rc = 0;

    for (size_t i = 0; i < WRITERS; i++) {
        if (!strcmp(writers[i].name, name))
            s.w = &writers[i];
    }
    for (size_t i = 0; i < PHASED_WRITERS; i++) {
        if (!strcmp(phased[i].w.name, name)) {
            s.p = &phased[i];
            s.w = &phased[i].w;
        }
    }
    *t = (struct sim_trace){ 0 };
    if (!s.w)
        return -1;
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->total_pages = s.w->total;
    t->phased = s.p;
    pages = malloc(s.w->total * sizeof(*pages));
    if (!pages || (kind_of(&s) == ZIPF && make_cdf(&s)))
        rc = -1;
    for (uint64_t now = 0; !rc && now < LENGTH_NS; now += INTERVAL_NS) {
        const struct load *load = busy(&s, now / 1e9) ? &s.w->busy
                                                      : &s.w->calm;
        size_t nr = load->writes_per_s * INTERVAL_NS / 1e9 +
                    sim_uniform(&s.r);

        for (size_t i = 0; i < nr; i++)
            pages[i] = next_page(&s, load);
        rc = sim_trace_add(t, now + INTERVAL_NS, pages, nr);
    }
    free(pages);
    free(s.cdf);
    if (rc)
        sim_trace_free(t);
    return rc;
}
