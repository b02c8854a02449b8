/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL

#include <xxhash.h>

#include <xenprecopy/workset.h>

/* The sampled pfn of a block. */
static uint64_t sampled_pfn(const struct xpc_workset *w, uint64_t block)
{
    if (!w->block_shift)
        return block;
    return block << w->block_shift |
           XXH64(&block, sizeof(block), 0) >> (64 - w->block_shift);
}

bool xpc_workset_sampled(const struct xpc_workset *w, uint64_t pfn)
{
    return pfn < w->nr_pfns && sampled_pfn(w, pfn >> w->block_shift) == pfn;
}

int xpc_workset_init(struct xpc_workset *w, uint64_t nr_pfns)
{
    *w = (struct xpc_workset){ .nr_pfns = nr_pfns };
    if (!nr_pfns || nr_pfns >> 52) {
        errno = EINVAL;
        return -1;
    }
    while (nr_pfns >> w->block_shift >= 2 * XPC_WORKSET_PFNS)
        w->block_shift++;
    w->sampled = ((nr_pfns - 1) >> w->block_shift) + 1;
    /* The last block may be incomplete and lack its pfn. */
    if (sampled_pfn(w, w->sampled - 1) >= nr_pfns)
        w->sampled--;
    w->nr_words = (w->sampled + 63) / 64;
    w->now = calloc(w->nr_words, sizeof(*w->now));
    w->last = calloc(w->nr_words, sizeof(*w->last));
    w->all = calloc(w->nr_words, sizeof(*w->all));
    if (w->now && w->last && w->all)
        return 0;
    xpc_workset_dispose(w);
    errno = ENOMEM;
    return -1;
}

void xpc_workset_dispose(struct xpc_workset *w)
{
    free(w->now);
    free(w->last);
    free(w->all);
    *w = (struct xpc_workset){ 0 };
}

size_t xpc_workset_interval_bytes(const struct xpc_workset *w)
{
    return w->nr_words * sizeof(*w->now);
}

/* ---- one interval ---------------------------------------------------- */

static void mark(struct xpc_workset *w, uint64_t block)
{
    w->now[block / 64] |= UINT64_C(1) << block % 64;
}

void xpc_workset_begin(struct xpc_workset *w, uint64_t now_ns)
{
    memset(w->now, 0, w->nr_words * sizeof(*w->now));
    w->start_ns = now_ns;
}

void xpc_workset_run(struct xpc_workset *w, uint64_t pfn, uint64_t nr)
{
    uint64_t end = nr < w->nr_pfns && pfn < w->nr_pfns - nr ? pfn + nr :
                   w->nr_pfns;
    uint64_t block = pfn >> w->block_shift, at;

    for (; block < w->sampled && (at = sampled_pfn(w, block)) < end; block++) {
        if (at >= pfn)
            mark(w, block);
    }
}

void xpc_workset_bitmap(struct xpc_workset *w, const uint64_t *bitmap,
                        uint64_t nr)
{
    uint64_t at;

    /* A small guest is watched completely: copy the bitmap. */
    if (w->sampled == w->nr_pfns && nr >= w->nr_pfns) {
        memcpy(w->now, bitmap, w->nr_words * sizeof(*w->now));
        if (w->nr_pfns % 64)
            w->now[w->nr_words - 1] &= (UINT64_C(1) << w->nr_pfns % 64) - 1;
        return;
    }
    for (uint64_t block = 0; block < w->sampled &&
         (at = sampled_pfn(w, block)) < nr; block++) {
        if (bitmap[at / 64] >> at % 64 & 1)
            mark(w, block);
    }
}

void xpc_workset_end(struct xpc_workset *w, uint64_t now_ns)
{
    uint64_t now = 0, both = 0, either = 0, all = 0, *swap;

    for (size_t i = 0; i < w->nr_words; i++) {
        now += __builtin_popcountll(w->now[i]);
        both += __builtin_popcountll(w->now[i] & w->last[i]);
        either += __builtin_popcountll(w->now[i] | w->last[i]);
        w->all[i] |= w->now[i];
        all += __builtin_popcountll(w->all[i]);
    }
    w->again = both;
    /* Two idle intervals overlap completely. */
    w->jaccard = w->intervals ? either ? (double)both / either : 1 : 0;
    w->grown[0] = w->grown[1];
    w->grown_ns[0] = w->grown_ns[1];
    w->grown[1] = all - w->union_pages;
    w->grown_ns[1] = now_ns - w->start_ns;
    w->union_pages = all;
    w->last_pages = now;
    w->length_ns += now_ns - w->start_ns;
    w->intervals++;
    swap = w->last;
    w->last = w->now;
    w->now = swap;
    xpc_workset_begin(w, now_ns);
}

/* ---- results --------------------------------------------------------- */

static bool converged(const struct xpc_workset *w)
{
    double limit = w->union_pages * XPC_WORKSET_GROWTH;

    return w->intervals >= 3 && w->grown[0] <= limit && w->grown[1] <= limit;
}

void xpc_workset_result(const struct xpc_workset *w,
                        struct xpc_workset_result *result_r)
{
    double scale = w->sampled ? (double)w->nr_pfns / w->sampled : 0;
    uint64_t ns = w->grown_ns[1], grown = w->grown[1];

    *result_r = (struct xpc_workset_result){
        .intervals = w->intervals,
        .interval_ns = w->intervals ? w->length_ns / w->intervals : 0,
        .sampled_pfns = w->sampled,
        .union_pages = w->union_pages * scale,
        .jaccard = w->jaccard,
        .converged = converged(w),
    };
    /* The growth of the first interval starts from nothing. */
    if (w->intervals > 2) {
        ns += w->grown_ns[0];
        grown += w->grown[0];
    }
    if (w->intervals > 1 && ns)
        result_r->growth_pages_per_s = grown * scale / (ns / 1e9);
    xpc_interval(w->union_pages, w->sampled, w->nr_pfns,
                 &result_r->union_low, &result_r->union_high);
    if (result_r->union_low > result_r->union_pages)
        result_r->union_low = result_r->union_pages;
    if (result_r->union_high < result_r->union_pages)
        result_r->union_high = result_r->union_pages;
}

static uint64_t percent(uint64_t part, uint64_t of, uint64_t of_none)
{
    return of ? llround(100.0 * part / of) : of_none;
}

void xpc_working_set_fill(struct xpc_working_set *set, double union_pages,
                          uint64_t dirty, uint64_t again, uint64_t fresh)
{
    *set = (struct xpc_working_set){
        .pages = llround(union_pages),
        /* An idle guest writes no new pages. */
        .repeat_percent = percent(again, dirty, 100),
        .new_percent = percent(fresh, dirty, 0),
    };
}

void xpc_workset_tell(const struct xpc_workset *w,
                      struct xpc_working_set *set)
{
    *set = (struct xpc_working_set){ 0 };
    if (w->intervals >= 2)
        xpc_working_set_fill(set, (double)w->union_pages * w->nr_pfns /
                             w->sampled, w->last_pages, w->again,
                             w->grown[1]);
}
