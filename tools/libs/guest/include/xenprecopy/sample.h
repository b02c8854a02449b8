/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Page sampling: which pages to look at, what became of them, and what that
 * says about the whole guest. Pure: pages and times are passed in.
 *
 * Looking at many pages takes time, in which the guest goes on writing. So
 * every page has its own clock: it starts at its own first look, and every
 * later look says that the page was, or was not, written within its own
 * interval. Estimates are made from those intervals.
 */
#ifndef XENPRECOPY_SAMPLE_H
#define XENPRECOPY_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages that share one time stamp: under 10 us of hashing. */
#define XPC_LOOK_MAX 32u

/* ---- drawing --------------------------------------------------------- */

/* Draws pfns below nr_pfns, each equally likely, none twice. */
struct xpc_draw {
    uint64_t nr_pfns, drawn;
    uint64_t rng[2];
    uint64_t *table;    /* a shuffled deck, or an open hash set */
    size_t size;
    bool deck;
};

/*
 * Sets up to draw about `want` of nr_pfns (and more, if some turn out to be
 * holes). Returns 0, or -1 with errno ENOMEM.
 */
int xpc_draw_init(struct xpc_draw *d, uint64_t nr_pfns, uint64_t want,
                  uint64_t seed);
/* Draws one. Returns false when every pfn has been drawn, or no memory. */
bool xpc_draw_next(struct xpc_draw *d, uint64_t *pfn_r);
void xpc_draw_dispose(struct xpc_draw *d);

/* A number below n, each equally likely. n must not be 0. */
uint64_t xpc_random_below(uint64_t rng[2], uint64_t n);

/* Pages to sample for per_gib a GiB: at least per_gib, at most all. */
uint64_t xpc_sample_want(uint64_t total_pages, uint64_t per_gib);

/* ---- looking --------------------------------------------------------- */

struct xpc_sample_page {
    uint64_t hash;
    uint64_t first_ns;      /* its first look */
    uint64_t last_ns;       /* since first_ns: the last look it was clean */
    uint64_t now_ns;        /* since first_ns: the look of this round */
    bool dirty, newly, looked;
};

struct xpc_sample {
    struct xpc_sample_page *page;
    size_t nr;
    uint64_t n_dirty, n_zero, hashed_bytes;
    double log_clean;       /* log of the share still clean, corrected */
    double at_ns;           /* the time that it holds for */
};

/* What a round found. */
struct xpc_sample_round {
    uint64_t period_ns;     /* the mean of the pages' own intervals */
    uint64_t n_dirty;       /* changed since their first look */
    double share;           /* of pages dirty after period_ns, corrected */
    double low, high;       /* its 95% confidence interval */
};

/* nr pages. Returns 0, or -1 with errno ENOMEM. */
int xpc_sample_init(struct xpc_sample *s, size_t nr);
void xpc_sample_dispose(struct xpc_sample *s);

/* The first look at page index[k], for k below nr. */
void xpc_sample_first(struct xpc_sample *s, const uint32_t *index, size_t nr,
                      const void *const *page, uint64_t now_ns);

/*
 * A later look. A page that is NULL is gone, and counts as dirtied. Pages
 * found dirty once stay so and need not be looked at again.
 */
void xpc_sample_again(struct xpc_sample *s, const uint32_t *index, size_t nr,
                      const void *const *page, uint64_t now_ns);

/*
 * Ends a round of looks at all pages still clean, and estimates. nominal_ns
 * is what period_ns is when no page was left to look at. total is the size of
 * the population.
 */
void xpc_sample_round(struct xpc_sample *s, uint64_t nominal_ns,
                      uint64_t total, struct xpc_sample_round *round_r);

/* XXH3 of a page. */
uint64_t xpc_page_hash(const void *page);
bool xpc_page_is_zero(const void *page);

#endif
