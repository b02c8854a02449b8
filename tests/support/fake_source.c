/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_source.h"

static double next_random(struct fake_source *f)
{
    return ((f->rng = f->rng * UINT64_C(6364136223846793005) + 1) >> 11) *
           0x1p-53;
}

static double gap(struct fake_source *f, uint64_t pfn)
{
    return f->rate[pfn] > 0 ? -log1p(-next_random(f)) / f->rate[pfn] :
           INFINITY;
}

static double busy_ns(const struct fake_source *f)
{
    return xpc_cycle_active_ns(&f->cycle, 0, f->now_ns);
}

static void catch_up(struct fake_source *f, uint64_t pfn)
{
    double now = busy_ns(f);

    while (f->next_s[pfn] * 1e9 <= now) {
        f->version[pfn]++;
        f->nr_dirty += !f->dirty[pfn];
        f->dirty[pfn] = true;
        f->next_s[pfn] += gap(f, pfn);
    }
}

static int take(struct xpc_source *src, const uint64_t *pfn, size_t nr,
                bool *hole)
{
    struct fake_source *f = (void *)src;

    f->taken = realloc(f->taken, (f->nr_taken + nr) * sizeof(*f->taken));
    for (size_t i = 0; i < nr; i++) {
        hole[i] = f->rate[pfn[i]] < 0;
        if (!hole[i])
            f->taken[f->nr_taken++] = pfn[i];
    }
    return 0;
}

static int look(struct xpc_source *src, const uint32_t *index,
                size_t nr, const void **page)
{
    struct fake_source *f = (void *)src;

    for (size_t k = 0; k < nr; k++) {
        uint64_t pfn = f->taken[index[k]];

        catch_up(f, pfn);
        memcpy(f->page[k], &f->version[pfn], sizeof(f->version[pfn]));
        page[k] = f->page[k];
    }
    f->now_ns += nr * f->look_ns;
    return 0;
}

static void drop(struct xpc_source *src)
{
    ((struct fake_source *)src)->nr_taken = 0;
    ((struct fake_source *)src)->dropped++;
}

static int track(struct xpc_source *src)
{
    struct fake_source *f = (void *)src;

    if (f->busy)
        return xpc_source_fail(src, EBUSY, "somebody else tracks writes");
    for (uint64_t i = 0; i < src->nr_pfns; i++) {
        catch_up(f, i);
        f->dirty[i] = false;
    }
    f->nr_dirty = 0;
    f->tracking = true;
    return 0;
}

int fake_source_count(struct xpc_source *src, uint64_t *pages_r)
{
    struct fake_source *f = (void *)src;

    if (f->stolen)
        return xpc_source_fail(src, EBUSY, "taken over");
    for (uint64_t i = 0; i < src->nr_pfns; i++)
        catch_up(f, i);
    *pages_r = f->nr_dirty;
    f->now_ns += f->count_ns;
    return 0;
}

static int read_dirty(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                 void *opaque)
{
    struct fake_source *f = (void *)src;

    for (uint64_t i = 0; i < src->nr_pfns; i++) {
        catch_up(f, i);
        if (f->dirty[i])
            fn(opaque, i, 1);
        if (clean)
            f->dirty[i] = false;
    }
    if (clean) {
        f->cleaned += f->nr_dirty;
        f->cleans++;
        f->nr_dirty = 0;
    }
    return 0;
}

static int untrack(struct xpc_source *src)
{
    struct fake_source *f = (void *)src;

    f->tracking = false;
    f->untracked++;
    return 0;
}

static int check(struct xpc_source *src, struct xpc_source_state *state)
{
    struct fake_source *f = (void *)src;

    if (f->gone)
        return xpc_source_fail(src, ESRCH, "the guest has died");
    state->total_pages = src->total_pages - f->balloon;
    state->paused = f->paused;
    return 0;
}

static uint64_t now(struct xpc_source *src)
{
    return ((struct fake_source *)src)->now_ns;
}

int fake_source_wait(struct xpc_source *src, uint64_t until_ns)
{
    struct fake_source *f = (void *)src;

    if (f->now_ns < until_ns)
        f->now_ns = until_ns;
    return 0;
}

void fake_source_close(struct xpc_source *src)
{
    struct fake_source *f = (void *)src;

    free(f->rate);
    free(f->next_s);
    free(f->version);
    free(f->dirty);
    free(f->taken);
    free(f);
}

const struct xpc_source_ops fake_source_ops = {
    .kind    = XPC_SOURCE_UNKNOWN,
    .take    = take,
    .look    = look,
    .drop    = drop,
    .track   = track,
    .count   = fake_source_count,
    .read    = read_dirty,
    .untrack = untrack,
    .check   = check,
    .now     = now,
    .wait    = fake_source_wait,
    .close   = fake_source_close,
};

struct fake_source *fake_source(uint64_t nr, uint64_t seed)
{
    struct fake_source *f = calloc(1, sizeof(*f));

    f->src.ops = &fake_source_ops;
    f->src.nr_pfns = f->src.total_pages = nr;
    strcpy(f->src.name, "fake");
    f->rate = calloc(nr, sizeof(*f->rate));
    f->next_s = calloc(nr, sizeof(*f->next_s));
    f->version = calloc(nr, sizeof(*f->version));
    f->dirty = calloc(nr, sizeof(*f->dirty));
    f->rng = seed * 2 + 1;
    f->now_ns = 1000000000;
    for (int i = 0; i < 10; i++)
        next_random(f);
    return f;
}

void fake_source_begin(struct fake_source *f)
{
    for (uint64_t i = 0; i < f->src.nr_pfns; i++)
        f->next_s[i] = busy_ns(f) / 1e9 + gap(f, i);
}

double fake_source_truth(const struct fake_source *f, uint64_t t_ns)
{
    double d = 0;

    for (uint64_t i = 0; i < f->src.nr_pfns; i++)
        d += f->rate[i] > 0 ? -expm1(-f->rate[i] * t_ns / 1e9) : 0;
    return d;
}
