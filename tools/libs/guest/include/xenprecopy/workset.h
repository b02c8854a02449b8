/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writable working set, watched over successive intervals on a sample of
 * pfns: of every block of 2^n pfns, the one selected by XXH64 of the block's
 * number. The same pages are thus watched every time, so that two intervals
 * can be compared. The sample does not have to be stored, every pfn is in it
 * with the same probability, and it is spread evenly over the guest. Pure.
 *
 * A guest of fewer than twice XPC_WORKSET_PFNS pages is watched completely. For
 * any larger one, the sample has XPC_WORKSET_PFNS to twice as many pfns, and
 * the bitmap of an interval takes 32 to 64 KiB.
 */
#ifndef XENPRECOPY_WORKSET_H
#define XENPRECOPY_WORKSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/measure.h>
#include <xenprecopy/xenprecopy.h>

#define XPC_WORKSET_PFNS (UINT64_C(1) << 18)
/* The union has converged if it grows by less than this share per interval. */
#define XPC_WORKSET_GROWTH 0.02

/* Owns its bitmaps, see xpc_workset_dispose(). */
struct xpc_workset {
    uint64_t nr_pfns;       /* pfns are below this */
    uint64_t sampled;       /* number of pfns in the sample */
    unsigned int block_shift;   /* one in 2^block_shift pfns is sampled */
    uint64_t *now, *last, *all; /* bitmaps of this interval, the previous
                                 * one, and the union of all finished ones */
    size_t nr_words;
    uint64_t start_ns;      /* of the current interval */
    uint64_t intervals;     /* finished */
    uint64_t length_ns;     /* sum of all finished intervals */
    uint64_t union_pages, last_pages;   /* in the sample */
    uint64_t again;         /* in the sample: dirty in the last interval and
                             * in the one before it */
    uint64_t grown[2];      /* in the sample: growth of the union in the last
                             * two intervals */
    uint64_t grown_ns[2];   /* their lengths */
    double jaccard;         /* of the last two intervals */
};

/*
 * Prepares for the pfns below nr_pfns, of any number. Returns 0, or -1 with
 * errno ENOMEM or EINVAL.
 */
int xpc_workset_init(struct xpc_workset *w, uint64_t nr_pfns);
void xpc_workset_dispose(struct xpc_workset *w);

/* Size of the bitmap of one interval, in bytes. */
size_t xpc_workset_interval_bytes(const struct xpc_workset *w);

/* Is pfn in the sample? */
bool xpc_workset_sampled(const struct xpc_workset *w, uint64_t pfn);

/* Starts an interval. Discards marks since the end of the last one. */
void xpc_workset_begin(struct xpc_workset *w, uint64_t now_ns);

/* Marks nr dirty pfns, starting with pfn. */
void xpc_workset_run(struct xpc_workset *w, uint64_t pfn, uint64_t nr);

/* Marks the set bits of a bitmap of the pfns 0 to nr - 1. */
void xpc_workset_bitmap(struct xpc_workset *w, const uint64_t *bitmap,
                        uint64_t nr);

/* Ends the interval and updates union, growth and overlap. */
void xpc_workset_end(struct xpc_workset *w, uint64_t now_ns);

/* The result of the finished intervals. */
void xpc_workset_result(const struct xpc_workset *w,
                        struct xpc_workset_result *result_r);

/* The same in the form for the policy; all 0 before two are finished. */
void xpc_workset_tell(const struct xpc_workset *w,
                      struct xpc_working_set *set_r);

/*
 * Computes the policy's form from counts made elsewhere: union_pages in total;
 * of the dirty pages of the last interval, `again` had been dirty in the
 * previous one, and `fresh` never.
 */
void xpc_working_set_fill(struct xpc_working_set *set_r, double union_pages,
                          uint64_t dirty, uint64_t again, uint64_t fresh);

#endif
