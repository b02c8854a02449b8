/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source of measurements whose D(t) is known: each page is written at random
 * times, at its own rate. Its clock is its own, and is advanced by waiting and
 * by reading pages.
 */
#ifndef TESTS_SUPPORT_FAKE_SOURCE_H
#define TESTS_SUPPORT_FAKE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/measure.h>
#include <xenprecopy/period.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/source.h>
#include <xenprecopy/xenprecopy.h>

struct fake_source {
    struct xpc_source src;
    uint64_t now_ns;
    uint64_t look_ns;           /* the time to read one page, ... */
    uint64_t count_ns;          /* ... and to count the dirty ones */
    struct xpc_cycle cycle;     /* its regular phases, by its clock */
    double *rate;               /* writes per second, when it is busy, by
                                 * pfn; < 0: a hole */
    double *next_s;             /* the page's next write, in busy time */
    uint64_t *version;          /* the number of writes: the page's contents */
    bool *dirty;
    uint64_t nr_dirty;
    uint64_t rng;
    uint64_t *taken;
    size_t nr_taken;
    char page[XPC_LOOK_MAX][XPC_PAGE_SIZE];
    bool tracking, busy, stolen, gone, paused;
    uint64_t balloon;           /* how many pages check() finds missing */
    unsigned int untracked, dropped, cleans;
    uint64_t cleaned;           /* pages that were dirty then */
};

extern const struct xpc_source_ops fake_source_ops;

/*
 * Creates a source of nr pages. The caller sets the rates, and then calls
 * fake_source_begin().
 */
struct fake_source *fake_source(uint64_t nr, uint64_t seed);
void fake_source_begin(struct fake_source *f);

/* The operations that tests call or replace. */
int fake_source_count(struct xpc_source *src, uint64_t *pages_r);
int fake_source_wait(struct xpc_source *src, uint64_t until_ns);
void fake_source_close(struct xpc_source *src);

/* D(t), computed from the rates, of a guest without phases. */
double fake_source_truth(const struct fake_source *f, uint64_t t_ns);

#endif
