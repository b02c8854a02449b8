/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page sampling: which pages to look at, which of them changed, and what that
 * means for the whole guest. Pure: pages and times are passed in.
 *
 * Looking at many pages takes time, in which the guest keeps writing. Each page
 * therefore has its own clock, which starts at its first look. Every later look
 * shows whether the page was written within its own interval. Estimates are
 * made from these intervals.
 */
#ifndef XENPRECOPY_SAMPLE_H
#define XENPRECOPY_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages that share one time stamp: hashing them takes less than 10 us. */
#define XPC_LOOK_MAX 32u

/* ---- drawing --------------------------------------------------------- */

/*
 * Draws pfns below nr_pfns with equal probability and without repetition. Owns
 * its table.
 */
struct xpc_draw {
    uint64_t nr_pfns, drawn;
    uint64_t rng[2];
    uint64_t *table;    /* a shuffled deck (if deck), or an open hash set */
    size_t size;
    bool deck;
};

/*
 * Prepares to draw about `want` of nr_pfns, or more if some are holes. Returns
 * 0, or -1 with errno ENOMEM.
 */
int xpc_draw_init(struct xpc_draw *d, uint64_t nr_pfns, uint64_t want,
                  uint64_t seed);
/* Draws one. Returns false if all were drawn, or if out of memory. */
bool xpc_draw_next(struct xpc_draw *d, uint64_t *pfn_r);
void xpc_draw_dispose(struct xpc_draw *d);

/* A uniformly distributed random number below n, which must not be 0. */
uint64_t xpc_random_below(uint64_t rng[2], uint64_t n);

/* The sample size for per_gib pages per GiB: at least per_gib, at most all. */
uint64_t xpc_sample_want(uint64_t total_pages, uint64_t per_gib);

/* ---- looking --------------------------------------------------------- */

struct xpc_sample_page {
    uint64_t hash;
    uint64_t first_ns;      /* time of its first look */
    uint64_t last_ns;       /* since first_ns: the last look that found it
                             * clean */
    uint64_t now_ns;        /* since first_ns: the look in this round */
    bool dirty, newly, looked;
};

/* Owns page. */
struct xpc_sample {
    struct xpc_sample_page *page;
    size_t nr;
    uint64_t n_dirty, n_zero, hashed_bytes;
    double log_clean;       /* log of the share still clean, corrected */
    double at_ns;           /* the time for which log_clean holds */
};

/* The result of a round. */
struct xpc_sample_round {
    uint64_t period_ns;     /* mean of the pages' own intervals */
    uint64_t n_dirty;       /* changed since their first look */
    double share;           /* of pages dirty after period_ns, corrected */
    double low, high;       /* its 95% confidence interval */
};

/* Allocates nr pages. Returns 0, or -1 with errno ENOMEM. */
int xpc_sample_init(struct xpc_sample *s, size_t nr);
void xpc_sample_dispose(struct xpc_sample *s);

/* The first look at the nr pages index[k], whose contents are at page[k]. */
void xpc_sample_first(struct xpc_sample *s, const uint32_t *index, size_t nr,
                      const void *const *page, uint64_t now_ns);

/*
 * A later look. If page[k] is NULL, the page is gone and counts as dirty. A
 * page that was found dirty stays dirty and need not be looked at again.
 */
void xpc_sample_again(struct xpc_sample *s, const uint32_t *index, size_t nr,
                      const void *const *page, uint64_t now_ns);

/*
 * Ends a round in which all pages that were still clean were looked at, and
 * computes the estimate. period_ns is nominal_ns if no page was left to look
 * at. total is the size of the population.
 */
void xpc_sample_round(struct xpc_sample *s, uint64_t nominal_ns,
                      uint64_t total, struct xpc_sample_round *round_r);

/* XXH3 of a page of XPC_PAGE_SIZE bytes. */
uint64_t xpc_page_hash(const void *page);
bool xpc_page_is_zero(const void *page);

#endif
