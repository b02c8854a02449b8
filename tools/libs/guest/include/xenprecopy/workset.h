/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writable working set, watched over successive intervals on a sample of
 * pfns: of every block of 2^n pfns the one that XXH64 of the block's number
 * names. So the same pages are watched every time, by everybody, and two
 * intervals can be compared. The sample need not be listed, every pfn is in it
 * with the same chance, and no part of the guest is watched more than another.
 * Pure.
 *
 * A guest of fewer than twice XPC_WORKSET_PFNS pages is watched whole; of any
 * larger one, XPC_WORKSET_PFNS to twice as many are in the sample, and an
 * interval's bitmap takes 32 to 64 KiB.
 */
#ifndef XENPRECOPY_WORKSET_H
#define XENPRECOPY_WORKSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/measure.h>
#include <xenprecopy/xenprecopy.h>

#define XPC_WORKSET_PFNS (UINT64_C(1) << 18)
/* The union has converged when it grows by less than this an interval. */
#define XPC_WORKSET_GROWTH 0.02

struct xpc_workset {
    uint64_t nr_pfns;       /* pfns are below it */
    uint64_t sampled;       /* of them in the sample */
    unsigned int block_shift;   /* one in 2^block_shift is */
    uint64_t *now, *last, *all; /* bitmaps: this interval, the one before,
                                 * the union of the finished ones */
    size_t nr_words;
    uint64_t start_ns;      /* of the interval under way */
    uint64_t intervals;     /* finished */
    uint64_t length_ns;     /* of all finished ones together */
    uint64_t union_pages, last_pages;   /* in the sample */
    uint64_t again;         /* in the sample, by the last interval: dirty in
                             * the one before, too */
    uint64_t grown[2];      /* in the sample, by the last two intervals */
    uint64_t grown_ns[2];   /* the lengths of those */
    double jaccard;         /* of the last two intervals */
};

/*
 * For the pfns below nr_pfns, however many. Returns 0, or -1 with errno ENOMEM
 * or EINVAL.
 */
int xpc_workset_init(struct xpc_workset *w, uint64_t nr_pfns);
void xpc_workset_dispose(struct xpc_workset *w);

/* Bytes of one interval's bitmap. */
size_t xpc_workset_interval_bytes(const struct xpc_workset *w);

/* Whether a pfn is in the sample. */
bool xpc_workset_sampled(const struct xpc_workset *w, uint64_t pfn);

/* Starts an interval. What was marked since the last end is dropped. */
void xpc_workset_begin(struct xpc_workset *w, uint64_t now_ns);

/* Marks a run of dirty pfns. */
void xpc_workset_run(struct xpc_workset *w, uint64_t pfn, uint64_t nr);

/* Marks the set bits of a bitmap over the pfns from 0 to nr - 1. */
void xpc_workset_bitmap(struct xpc_workset *w, const uint64_t *bitmap,
                        uint64_t nr);

/* Ends the interval: union, growth and overlap take it in. */
void xpc_workset_end(struct xpc_workset *w, uint64_t now_ns);

/* What is known after the finished intervals. */
void xpc_workset_result(const struct xpc_workset *w,
                        struct xpc_workset_result *result_r);

/* The same as the policy wants it; all 0 before two are finished. */
void xpc_workset_tell(const struct xpc_workset *w,
                      struct xpc_working_set *set_r);

/*
 * For who counts them otherwise: union_pages in all; of the last interval's
 * dirty pages again had been dirty in the one before, fresh never.
 */
void xpc_working_set_fill(struct xpc_working_set *set_r, double union_pages,
                          uint64_t dirty, uint64_t again, uint64_t fresh);

#endif
