/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/compress_sample.h"

#define BLOCK XPC_COMPRESS_BLOCK
/* With fewer changed pages in the blocks, others are added, to at most ... */
#define CHANGED_MIN 128
#define CHANGED_MAX 256

_Static_assert(BLOCK <= XPC_LOOK_MAX, "a block is one look");

struct page {
    uint64_t hash;
    bool taken;                 /* it was there at the first look */
};

struct block {
    uint32_t first;             /* the source's index of its first page */
    size_t nr;
    struct page page[BLOCK];
};

/* Written pages, in the order of their pfns. */
struct group {
    uint64_t pfn[BLOCK];
    unsigned int nr;
};

struct xpc_compress_sample {
    uint64_t rng[2];
    uint64_t offered;
    uint64_t start[XPC_COMPRESS_TRIES];     /* first pfns of blocks */
    size_t nr_starts;
    struct block block[XPC_COMPRESS_BLOCKS];
    size_t nr_blocks;
    size_t taken;               /* pages that the source has given out */
    struct group group[XPC_COMPRESS_BLOCKS], filling;
    uint64_t nr_groups;         /* seen */
    size_t slot;                /* of the one being filled; none if too high */
};

/* What is measured: pages of one block, and the sums for each method. */
struct measuring {
    const struct xpc_compress_with *with;
    struct xpc_compress_sums kept[XPC_COMPRESS_METHODS_MAX];
    struct xpc_compress_sums changed[XPC_COMPRESS_METHODS_MAX];
    char data[BLOCK * XPC_PAGE_SIZE];   /* of pages that did not change */
    char other[BLOCK * XPC_PAGE_SIZE];  /* of those that did */
};

struct xpc_compress_sample *xpc_compress_sample_new(uint64_t seed)
{
    struct xpc_compress_sample *s = calloc(1, sizeof(*s));

    if (s)
        s->rng[0] = seed + 1;
    return s;
}

void xpc_compress_sample_free(struct xpc_compress_sample *s)
{
    free(s);
}

static int no_memory(struct xpc_source *src)
{
    return xpc_source_fail(src, ENOMEM, "out of memory");
}

/* ---- the first look ---------------------------------------------------- */

/* Reservoir sampling: every page offered is kept with equal probability. */
void xpc_compress_sample_offer(struct xpc_compress_sample *s, uint64_t pfn)
{
    size_t i = s->nr_starts;

    if (s->offered++ < XPC_COMPRESS_TRIES)
        s->nr_starts++;
    else
        i = xpc_random_below(s->rng, s->offered);
    if (i < XPC_COMPRESS_TRIES)
        s->start[i] = pfn / BLOCK * BLOCK;
}

static void shuffle_starts(struct xpc_compress_sample *s)
{
    for (size_t i = s->nr_starts; i > 1; i--) {
        size_t j = xpc_random_below(s->rng, i);
        uint64_t start = s->start[j];

        s->start[j] = s->start[i - 1];
        s->start[i - 1] = start;
    }
}

static bool drawn_before(const struct xpc_compress_sample *s, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (s->start[j] == s->start[i])
            return true;
    }
    return false;
}

/* Looks at nr successive pages of the source. */
static int look(struct xpc_source *src, uint32_t first, size_t nr,
                const void **page)
{
    uint32_t index[BLOCK];

    for (size_t i = 0; i < nr; i++)
        index[i] = first + i;
    return src->ops->look(src, index, nr, page);
}

/* Takes a block. It is used if it has a page with data. */
static int take_block(struct xpc_compress_sample *s, struct xpc_source *src,
                      uint64_t start)
{
    struct block *b = &s->block[s->nr_blocks];
    uint64_t pfn[BLOCK];
    bool hole[BLOCK], data = false;
    const void *page[BLOCK];
    size_t nr = 0, got = 0;

    for (; nr < BLOCK && start + nr < src->nr_pfns; nr++)
        pfn[nr] = start + nr;
    if (src->ops->take(src, pfn, nr, hole))
        return -1;
    for (size_t i = 0; i < nr; i++)
        got += !hole[i];
    if (look(src, s->taken, got, page))
        return -1;
    *b = (struct block){ .first = s->taken, .nr = got };
    s->taken += got;
    for (size_t i = 0; i < got; i++) {
        if (!page[i])
            continue;
        b->page[i] = (struct page){ xpc_page_hash(page[i]), true };
        data = data || !xpc_page_is_zero(page[i]);
    }
    s->nr_blocks += data;
    return 0;
}

int xpc_compress_sample_take(struct xpc_compress_sample *s,
                             struct xpc_source *src, size_t taken)
{
    s->taken = taken;
    shuffle_starts(s);
    for (size_t i = 0; i < s->nr_starts &&
                       s->nr_blocks < XPC_COMPRESS_BLOCKS; i++) {
        if (!drawn_before(s, i) && take_block(s, src, s->start[i]))
            return -1;
    }
    return 0;
}

/* ---- compressing ------------------------------------------------------- */

/* Compresses the pages of a block with each method. Returns 0 or -1. */
static int compress(const struct xpc_compress_with *with,
                    struct xpc_compress_sums *sums, const char *data,
                    size_t pages)
{
    const struct xpc_compressor *c = with->compressor;
    size_t n;
    uint64_t ns = 0;

    for (size_t i = 0; pages && i < with->nr_methods; i++) {
        n = c->compress(c, &with->methods[i], data, pages * XPC_PAGE_SIZE,
                        &ns);
        if (!n)
            return -1;
        xpc_compress_add(&sums[i], pages, n, ns);
    }
    return 0;
}

/* Appends a page to a buffer of *nr, unless it is gone or zero. */
static void append(char *data, size_t *nr, const void *page)
{
    char *to = data + *nr * XPC_PAGE_SIZE;

    if (!page)
        return;
    /* It may change while it is read. */
    memcpy(to, page, XPC_PAGE_SIZE);
    *nr += !xpc_page_is_zero(to);
}

static int measure_block(struct measuring *m, struct xpc_source *src,
                         const struct block *b, bool changed)
{
    const void *page[BLOCK];
    size_t nr = 0, nr_other = 0;

    if (look(src, b->first, b->nr, page))
        return -1;
    for (size_t i = 0; i < b->nr; i++) {
        if (!page[i] || !b->page[i].taken)
            continue;
        if (xpc_page_hash(page[i]) == b->page[i].hash)
            append(m->data, &nr, page[i]);
        else if (changed)
            append(m->other, &nr_other, page[i]);
    }
    return compress(m->with, m->kept, m->data, nr) ||
           compress(m->with, m->changed, m->other, nr_other) ?
           no_memory(src) : 0;
}

/* ---- pages that were written ------------------------------------------- */

static void end_group(struct xpc_compress_sample *s)
{
    if (s->filling.nr && s->slot < XPC_COMPRESS_BLOCKS)
        s->group[s->slot] = s->filling;
    s->nr_groups += s->filling.nr > 0;
    s->filling.nr = 0;
}

/* Groups successive dirty pages, and keeps each with equal probability. */
static void group_run(void *opaque, uint64_t pfn, uint64_t nr)
{
    struct xpc_compress_sample *s = opaque;
    struct group *g = &s->filling;

    while (nr--) {
        if (!g->nr)
            s->slot = s->nr_groups < XPC_COMPRESS_BLOCKS ? s->nr_groups :
                      xpc_random_below(s->rng, s->nr_groups + 1);
        g->pfn[g->nr++] = pfn++;
        if (g->nr == BLOCK)
            end_group(s);
    }
}

static int measure_group(struct xpc_compress_sample *s, struct measuring *m,
                         struct xpc_source *src, const struct group *g)
{
    const void *page[BLOCK];
    bool hole[BLOCK];
    size_t got = 0, nr = 0;

    if (src->ops->take(src, g->pfn, g->nr, hole))
        return -1;
    for (size_t i = 0; i < g->nr; i++)
        got += !hole[i];
    if (look(src, s->taken, got, page))
        return -1;
    s->taken += got;
    for (size_t i = 0; i < got; i++)
        append(m->other, &nr, page[i]);
    return compress(m->with, m->changed, m->other, nr) ? no_memory(src) : 0;
}

static int measure_written(struct xpc_compress_sample *s, struct measuring *m,
                           struct xpc_source *src)
{
    if (src->ops->read(src, false, group_run, s))
        return -1;
    end_group(s);
    for (size_t i = 0; i < XPC_COMPRESS_BLOCKS && i < s->nr_groups; i++) {
        if (measure_group(s, m, src, &s->group[i]))
            return -1;
    }
    return 0;
}

/* Compresses some of the dirty pages of a sample, spread over all of them. */
static int measure_sampled(struct measuring *m, struct xpc_source *src,
                           const struct xpc_sample *other)
{
    uint64_t step = other->n_dirty / CHANGED_MAX + 1, seen = 0;
    uint32_t index[BLOCK];
    const void *page[BLOCK];
    size_t nr = 0, pages = 0;

    for (size_t i = 0; i < other->nr; i++) {
        if (other->page[i].dirty && seen++ % step == 0)
            index[nr++] = i;
        if (nr < BLOCK && (i + 1 < other->nr || !nr))
            continue;
        if (src->ops->look(src, index, nr, page))
            return -1;
        for (size_t k = 0; k < nr; k++)
            append(m->other, &pages, page[k]);
        if (compress(m->with, m->changed, m->other, pages))
            return no_memory(src);
        nr = pages = 0;
    }
    return 0;
}

/* ---- the second look --------------------------------------------------- */

int xpc_compress_sample_measure(struct xpc_compress_sample *s,
                                struct xpc_source *src,
                                const struct xpc_compress_with *with,
                                bool tracked, const struct xpc_sample *other,
                                struct xpc_compress_result *results)
{
    struct measuring *m = calloc(1, sizeof(*m));
    int rc = 0;

    if (!m)
        return no_memory(src);
    m->with = with;
    tracked = tracked && src->ops->read;
    for (size_t i = 0; !rc && i < s->nr_blocks; i++)
        rc = measure_block(m, src, &s->block[i], !tracked);
    if (!rc && tracked)
        rc = measure_written(s, m, src);
    else if (!rc && other && m->changed[0].x < CHANGED_MIN)
        rc = measure_sampled(m, src, other);
    for (size_t i = 0; !rc && i < with->nr_methods; i++) {
        results[i] = (struct xpc_compress_result){
            .compress = with->methods[i].compress,
            .level = with->methods[i].level,
        };
        xpc_compress_fit(&results[i].kept, &m->kept[i]);
        xpc_compress_fit(&results[i].changed, &m->changed[i]);
    }
    free(m);
    return rc;
}
