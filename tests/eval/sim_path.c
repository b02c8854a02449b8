/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link, the target, and the iterations of precopy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* A migration that never ends. */
struct sim_replay {
    const struct sim_trace *t;
    const struct sim_link *l;
    enum sim_lever lever;
    bool skip;                  /* pages that are dirty again are left out */
    struct switchover s;
    struct sim_clock clock;
    uint64_t now_ns;            /* end of the last iteration */
    struct sim_walker w, ahead;
    uint64_t sample_ns;         /* of the next sample, after the clean */
    uint64_t sent_pages, lost_ns;
    struct sim_throttle throttle;
    /* With skip: what was found with PEEK; the pages to send. */
    struct xpc_skip skipping;
    struct sim_walker peeked;
    uint32_t *pages;
    uint64_t nr;
};

static int replay_init(struct sim_replay *r)
{
    uint32_t total = r->t->total_pages;

    if (sim_walker_init(&r->w, r->t) || sim_walker_init(&r->ahead, r->t))
        return -1;
    r->nr = total;
    if (!r->skip)
        return 0;
    xpc_skip_init(&r->skipping, total);
    r->pages = malloc(total * sizeof(*r->pages));
    if (!r->pages || sim_walker_keep(&r->w) ||
        sim_walker_init(&r->peeked, r->t))
        return -1;
    for (uint32_t i = 0; i < total; i++)
        r->pages[i] = i;
    return 0;
}

/*
 * A suspend at end_ns, with the pages that are dirty then. The guest runs until
 * it has suspended, with all of its CPU time: only QEMU keeps it slow until
 * then.
 */
static struct sim_truth suspend(struct sim_replay *r, uint64_t end_ns)
{
    uint64_t asleep = end_ns + r->s.suspend_ns, sent;
    struct sim_clock clock = r->clock;
    struct sim_truth t;

    if (r->lever != SIM_THROTTLE)
        sim_clock_share(&clock, end_ns, 1);
    t = (struct sim_truth){
        .suspend_ns = r->s.suspend_ns, .overhead_ns = r->s.overhead_ns,
        .final_pages = sim_walker_peek(&r->ahead, &r->w,
                                       sim_clock_trace(&clock, asleep)) +
                       r->s.extra_pages,
        .lost_ns = r->lost_ns,
    };

    if (t.final_pages > r->t->total_pages)
        t.final_pages = r->t->total_pages;
    sent = sim_link_send(r->l, asleep, (double)t.final_pages * PAGE_BYTES);
    t.downtime_ns = sent - asleep + t.overhead_ns;
    t.total_ns = asleep + t.downtime_ns;
    t.sent_pages = r->sent_pages + t.final_pages;
    return t;
}

/* Reads the dirty count at the sampler's times before end_ns. */
static void sample_until(struct sim_replay *r, struct sim_seen *s,
                         uint64_t end_ns)
{
    while (s->start_ns + r->sample_ns < end_ns) {
        uint64_t t = r->sample_ns, step = t / 4;
        uint64_t at = sim_clock_trace(&r->clock, s->start_ns + t);

        add_sample(s, t, sim_walker_count(&r->w, at));
        if (step < SAMPLE_FIRST_NS)
            step = SAMPLE_FIRST_NS;
        r->sample_ns += step < SAMPLE_LONGEST_NS ? step : SAMPLE_LONGEST_NS;
    }
}

/*
 * The pages of the bitmap, in the order in which they are sent, which does not
 * matter for a single batch.
 */
static void list_pages(struct sim_replay *r)
{
    const struct sim_walker *w = &r->w;

    r->nr = w->count;
    if (w->count <= XPC_BATCH_PAGES) {
        memcpy(r->pages, w->counted, w->count * sizeof(*r->pages));
        return;
    }
    for (uint32_t i = 0, n = 0; i < w->t->total_pages; i++) {
        if (w->stamps[i] == w->epoch)
            r->pages[n++] = i;
    }
}

static void peek(struct sim_replay *r, struct sim_seen *s, uint64_t *now)
{
    uint64_t took = r->skipping.peek_ns;

    sample_until(r, s, *now);
    sim_walker_count(&r->peeked, sim_clock_trace(&r->clock, *now));
    sim_clock_pause(&r->clock, *now, took);
    xpc_skip_peeked(&r->skipping, *now, took);
    r->lost_ns += took;
    *now += took;
}

/*
 * Sends the pages batch by batch, without those that were dirty again at the
 * last PEEK. Returns when it is done.
 */
static uint64_t send_batches(struct sim_replay *r, struct sim_seen *s,
                             uint64_t now)
{
    xpc_skip_clean(&r->skipping, s->start_ns);
    for (uint64_t i = 0; i < r->nr; i += XPC_BATCH_PAGES) {
        uint64_t nr = r->nr - i < XPC_BATCH_PAGES ? r->nr - i :
                      XPC_BATCH_PAGES, left = nr;

        if (xpc_skip_due(&r->skipping, now))
            peek(r, s, &now);
        for (uint64_t k = i; k < i + nr; k++)
            left -= r->peeked.stamps[r->pages[k]] == r->peeked.epoch;
        xpc_skip_add(&r->skipping, nr, nr - left);
        now = sim_link_send(r->l, now, left * PAGE_BYTES);
        s->pages_sent += left;
    }
    return now;
}

/* An iteration from s->start_ns on. */
static void iterate(struct sim_replay *r, struct sim_seen *s)
{
    uint64_t clean = sim_clock_trace(&r->clock, s->start_ns);
    uint64_t begin = s->start_ns + SIM_ITERATION_NS;

    sim_walker_clean(&r->w, clean);
    r->sample_ns = SAMPLE_FIRST_NS;
    if (r->skip) {
        sim_walker_clean(&r->peeked, clean);
        s->end_ns = send_batches(r, s, begin);
    } else {
        s->pages_sent = r->nr;
        s->end_ns = sim_link_send(r->l, begin, r->nr * PAGE_BYTES);
    }
    s->skipped_pages = r->nr - s->pages_sent;
    s->bytes_sent = s->pages_sent * PAGE_BYTES;
    r->sent_pages += s->pages_sent;
    sample_until(r, s, s->end_ns);
    s->dirty_pages = sim_walker_count(&r->w, sim_clock_trace(&r->clock,
                                                             s->end_ns));
    s->since_clean_ns = s->end_ns - s->start_ns;
    r->nr = s->dirty_pages;
    if (r->skip)
        list_pages(r);
    r->lost_ns += (1 - r->clock.share) * s->since_clean_ns;
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

struct sim_replay *sim_replay_start(const struct sim_start *s)
{
    struct sim_rng rng = sim_rng(s->seed);
    struct sim_replay *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->t = s->trace;
    r->l = s->link;
    r->lever = s->lever;
    r->skip = s->lever != SIM_PLAIN && s->lever != SIM_THROTTLE;
    r->s = draw_switchover(s->target, &rng);
    r->clock = (struct sim_clock){
        .trace_ns = s->start_ns, .share = sim_lever_share(s->lever),
    };
    if (replay_init(r)) {
        sim_replay_free(r);
        return NULL;
    }
    return r;
}

void sim_replay_free(struct sim_replay *r)
{
    if (!r)
        return;
    sim_walker_free(&r->w);
    sim_walker_free(&r->ahead);
    sim_walker_free(&r->peeked);
    free(r->pages);
    free(r);
}

int sim_replay_next(struct sim_replay *r, struct sim_path *p)
{
    struct sim_seen seen = { .start_ns = r->now_ns };

    if (grow(p))
        return -1;
    p->total_pages = r->t->total_pages;
    seen.cpu_percent = lround(100 * r->clock.share);
    /* Two bitmaps were read. */
    if (r->w.epoch >= 2)
        xpc_working_set_fill(&seen.working_set, r->w.all, r->w.count,
                             r->w.again, r->w.fresh);
    iterate(r, &seen);
    p->truth[p->nr] = suspend(r, seen.end_ns);
    p->seen[p->nr++] = seen;
    r->now_ns = seen.end_ns;
    if (r->lever == SIM_THROTTLE)
        sim_replay_slow(r, sim_throttle(&r->throttle, r->now_ns,
                                        seen.dirty_pages * XPC_PAGE_SIZE,
                                        seen.bytes_sent));
    return 0;
}

void sim_replay_slow(struct sim_replay *r, double share)
{
    sim_clock_share(&r->clock, r->now_ns, share);
}

int sim_path_init(struct sim_path *p, const struct sim_start *s,
                  uint64_t length_ns, size_t least_steps)
{
    struct sim_replay *r = sim_replay_start(s);
    int rc = r ? 0 : -1;

    *p = (struct sim_path){ 0 };
    while (!rc && (r->now_ns <= length_ns || p->nr < least_steps) &&
           p->nr < SIM_STEPS_MAX)
        rc = sim_replay_next(r, p);
    sim_replay_free(r);
    return rc;
}

void sim_path_free(struct sim_path *p)
{
    free(p->seen);
    free(p->truth);
    *p = (struct sim_path){ 0 };
}
