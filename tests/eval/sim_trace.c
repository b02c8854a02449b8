/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces in memory, and counts of distinct pages between two times. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "sim.h"
#include "trace_file.h"

/*
 * A page that is dirty in most of the recent intervals is assumed to be written
 * more than once in each, as a Poisson process.
 */
#define SHARE_FADE (1 / 16.0)
#define SHARE_MAX 0.95
#define WRITES_MAX 6

/* splitmix64: the state is a counter, and all seeds are equally good. */
struct sim_rng sim_rng(uint64_t seed)
{
    return (struct sim_rng){ seed };
}

uint64_t sim_random(struct sim_rng *r)
{
    uint64_t z = r->s += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t sim_hash(const char *text, uint64_t seed)
{
    return XXH64(text, strlen(text), seed);
}

double sim_uniform(struct sim_rng *r)
{
    return (sim_random(r) >> 11) * 0x1p-53;
}

double sim_normal(struct sim_rng *r)
{
    double u = 1 - sim_uniform(r), v = sim_uniform(r);

    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

double sim_lognormal(struct sim_rng *r, double mean, double sigma)
{
    return mean * exp(sigma * sim_normal(r) - sigma * sigma / 2);
}

/* Grows an array when nr, the number of elements, is a power of 2. */
static void *room(void *p, size_t nr, size_t size)
{
    if (nr & (nr - 1))
        return p;
    return realloc(p, (nr ? 2 * nr : 1) * size);
}

int sim_trace_add(struct sim_trace *t, uint64_t end_ns,
                  const uint32_t *pages, size_t nr)
{
    size_t n = t->nr_intervals, from = n ? t->first[n] : 0;
    void *p;

    p = room(t->end_ns, n, sizeof(*t->end_ns));
    if (!p)
        return -1;
    t->end_ns = p;
    p = room(t->first, n + 1, sizeof(*t->first));
    if (!p)
        return -1;
    t->first = p;
    for (size_t i = 0; i < nr; i++) {
        p = room(t->pages, from + i, sizeof(*t->pages));
        if (!p)
            return -1;
        t->pages = p;
        t->pages[from + i] = pages[i];
    }
    t->first[0] = 0;
    t->first[n + 1] = from + nr;
    t->end_ns[n] = t->duration_ns = end_ns;
    t->nr_intervals++;
    return 0;
}

static void shuffle(struct sim_trace *t, struct sim_rng *r)
{
    for (size_t i = 0; i < t->nr_intervals; i++) {
        uint32_t *p = t->pages + t->first[i];

        for (size_t n = t->first[i + 1] - t->first[i]; n > 1; n--) {
            size_t k = (sim_random(r) >> 32) * n >> 32;
            uint32_t page = p[n - 1];

            p[n - 1] = p[k];
            p[k] = page;
        }
    }
}

/* Draws how often a page is written in an interval in which it is dirty. */
static unsigned int draw_writes(double share, struct sim_rng *r)
{
    double mean = -log(1 - fmin(share, SHARE_MAX)), p = exp(-mean), cdf = p;
    double u = p + sim_uniform(r) * (1 - p);
    unsigned int n = 0;

    while (u > cdf && n < WRITES_MAX) {
        p *= mean / ++n;
        cdf += p;
    }
    return n ? n : 1;
}

/*
 * Adds an interval with repeated writes. share[] is the share of the recent
 * intervals in which a page was dirty, computed in interval seen[].
 */
static int refine_interval(struct sim_trace *to, const struct sim_trace *t,
                           size_t i, float *share, size_t *seen,
                           struct sim_rng *r)
{
    size_t nr = t->first[i + 1] - t->first[i], n = 0;
    uint32_t *pages = malloc((nr * WRITES_MAX + 1) * sizeof(*pages));
    int rc;

    if (!pages)
        return -1;
    for (size_t k = 0; k < nr; k++) {
        uint32_t page = t->pages[t->first[i] + k];
        unsigned int writes;

        share[page] = share[page] * pow(1 - SHARE_FADE, i - seen[page]) +
                      SHARE_FADE;
        seen[page] = i;
        for (writes = draw_writes(share[page], r); writes; writes--)
            pages[n++] = page;
    }
    rc = sim_trace_add(to, t->end_ns[i], pages, n);
    free(pages);
    return rc;
}

int sim_trace_refine(struct sim_trace *t)
{
    struct sim_rng r = sim_rng(sim_hash(t->name, 1));
    struct sim_trace to = { .tuned = t->tuned, .phased = t->phased,
                            .total_pages = t->total_pages };
    float *share = calloc(t->total_pages, sizeof(*share));
    size_t *seen = calloc(t->total_pages, sizeof(*seen));
    int rc = share && seen ? 0 : -1;

    memcpy(to.name, t->name, sizeof(to.name));
    for (size_t i = 0; !rc && i < t->nr_intervals; i++)
        rc = refine_interval(&to, t, i, share, seen, &r);
    free(share);
    free(seen);
    if (rc) {
        sim_trace_free(&to);
        return -1;
    }
    shuffle(&to, &r);
    sim_trace_free(t);
    *t = to;
    return 0;
}

void sim_trace_free(struct sim_trace *t)
{
    free(t->end_ns);
    free(t->first);
    free(t->pages);
    *t = (struct sim_trace){ 0 };
}

static int add_interval(struct sim_trace *t,
                        const struct xpc_trace_interval *in)
{
    uint32_t *pages = malloc((in->pages + 1) * sizeof(*pages));
    size_t nr = 0;
    int rc;

    if (!pages)
        return -1;
    for (size_t i = 0; i < in->nr_runs; i++) {
        for (uint64_t k = 0; k < in->runs[i].nr; k++)
            pages[nr++] = in->runs[i].first + k;
    }
    rc = sim_trace_add(t, in->end_ns, pages, nr);
    free(pages);
    return rc;
}

int sim_trace_load(struct sim_trace *t, const char *path, char *err,
                   size_t len)
{
    char line[XPC_TRACE_ERR_LEN] = "out of memory";
    const char *base = strrchr(path, '/');
    struct xpc_trace_interval in;
    struct trace_file tf;
    int rc;

    *t = (struct sim_trace){ 0 };
    base = base ? base + 1 : path;
    snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(base, "."), base);
    rc = trace_open(&tf, path, line);
    if (!rc) {
        const struct xpc_trace_info *info = xpc_trace_info(tf.t);

        t->total_pages = info->total_pages;
        if (info->total_pages > UINT32_MAX || !info->total_pages ||
            info->duration_ns < UINT64_C(1000000000)) {
            snprintf(line, sizeof(line), "no use for a trace of %llu pages "
                     "over %llu ms", (unsigned long long)info->total_pages,
                     (unsigned long long)info->duration_ns / 1000000);
            rc = -1;
        }
        while (!rc && (rc = xpc_trace_next(tf.t, &in, line)) > 0)
            rc = add_interval(t, &in);
        trace_close(&tf);
    }
    if (rc) {
        snprintf(err, len, "%s: %s", path, line);
        sim_trace_free(t);
        return -1;
    }
    if (sim_trace_refine(t)) {
        snprintf(err, len, "%s: out of memory", path);
        sim_trace_free(t);
        return -1;
    }
    return 0;
}

/* ---- walking --------------------------------------------------------- */

int sim_walker_init(struct sim_walker *w, const struct sim_trace *t)
{
    *w = (struct sim_walker){ .t = t };
    w->stamps = calloc(t->total_pages, sizeof(*w->stamps));
    return w->stamps ? 0 : -1;
}

int sim_walker_keep(struct sim_walker *w)
{
    w->counted = calloc(w->t->total_pages, sizeof(*w->counted));
    return w->counted ? 0 : -1;
}

void sim_walker_free(struct sim_walker *w)
{
    free(w->stamps);
    free(w->counted);
}

/*
 * Advances to ns, counting. Event k of n in an interval happens (k + 1/2)/n of
 * its length after its start.
 */
static void advance(struct sim_walker *w, uint64_t ns, bool counting)
{
    const struct sim_trace *t = w->t;

    for (;;) {
        size_t i = w->interval;
        uint64_t start = w->lap_ns + (i ? t->end_ns[i - 1] : 0);
        uint64_t end = w->lap_ns + t->end_ns[i];
        size_t n = t->first[i + 1] - t->first[i], to = n;

        if (ns < start)
            return;
        if (ns < end)
            to = (double)(ns - start) / (end - start) * n + 0.5;
        for (; w->next < to; w->next++) {
            uint32_t page = t->pages[t->first[i] + w->next];

            if (counting && w->stamps[page] != w->epoch &&
                !(w->past && w->past->stamps[page] == w->past->epoch)) {
                w->again += w->stamps[page] && w->stamps[page] + 1 == w->epoch;
                w->fresh += !w->stamps[page];
                w->all += !w->stamps[page];
                w->stamps[page] = w->epoch;
                if (w->counted)
                    w->counted[w->count] = page;
                w->count++;
            }
        }
        if (ns < end)
            return;
        w->next = 0;
        if (++w->interval == t->nr_intervals) {
            w->interval = 0;
            w->lap_ns += t->duration_ns;
        }
    }
}

/* Goes to the interval that contains ns, without visiting those before. */
static void jump(struct sim_walker *w, uint64_t ns)
{
    const struct sim_trace *t = w->t;
    uint64_t lap = ns / t->duration_ns * t->duration_ns;
    size_t low = 0, high = t->nr_intervals - 1;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (lap + t->end_ns[mid] <= ns)
            low = mid + 1;
        else
            high = mid;
    }
    if (lap > w->lap_ns || low > w->interval) {
        w->lap_ns = lap;
        w->interval = low;
        w->next = 0;
    }
}

void sim_walker_clean(struct sim_walker *w, uint64_t ns)
{
    jump(w, ns);
    advance(w, ns, false);
    w->epoch++;
    w->count = w->again = w->fresh = 0;
}

uint64_t sim_walker_count(struct sim_walker *w, uint64_t ns)
{
    advance(w, ns, true);
    return w->count;
}

uint64_t sim_walker_peek(struct sim_walker *ahead, const struct sim_walker *w,
                         uint64_t ns)
{
    ahead->lap_ns = w->lap_ns;
    ahead->interval = w->interval;
    ahead->next = w->next;
    ahead->past = w;
    ahead->epoch++;
    ahead->count = w->count;
    return sim_walker_count(ahead, ns);
}
