/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where pages and dirty counts come from: a Xen domain, a process, a recorded
 * trace. One table of operations each; whoever measures knows no more.
 *
 * pfns are whatever numbers the source gives its pages, below nr_pfns. Some
 * may have no page behind them (holes).
 */
#ifndef XENPRECOPY_SOURCE_H
#define XENPRECOPY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>
#include <xenprecopy/measure.h>

struct xpc_source;

/* A run of dirty pages. Runs come in rising order. */
typedef void xpc_run_fn(void *opaque, uint64_t pfn, uint64_t nr);

/* Is the source as it was when it was opened? */
struct xpc_source_state {
    uint64_t total_pages;   /* populated now */
    bool paused;            /* not running now */
};

/*
 * Operations return 0, or -1 with errno and one line for people in
 * src->err. A NULL member: the source can't do that.
 */
struct xpc_source_ops {
    enum xpc_measure_source kind;

    /*
     * Adds pages to the sample: those of the nr pfns that have a page, in
     * their order. Sets hole[i] for those that have none.
     */
    int (*take)(struct xpc_source *src, const uint64_t *pfn, size_t nr,
                bool *hole);
    /*
     * Points page[k] at the present content of sample page index[k], numbered
     * as taken, for nr of them (XPC_LOOK_MAX at most); NULL for one that is
     * gone. Valid until the next call. The content may change while it is
     * read.
     */
    int (*look)(struct xpc_source *src, const uint32_t *index, size_t nr,
                const void **page);
    /* Empties the sample. Can't fail; nothing to do is fine. */
    void (*drop)(struct xpc_source *src);

    /*
     * Starts to track writes, from a clean state. EBUSY: somebody else does.
     * EOPNOTSUPP: it can't be tracked.
     */
    int (*track)(struct xpc_source *src);
    /*
     * Distinct pages written since the clean state, which stays. EBUSY:
     * somebody else has taken over the tracking; then untrack leaves it be.
     */
    int (*count)(struct xpc_source *src, uint64_t *pages_r);
    /* The pages themselves, and then, with clean, a clean state again. */
    int (*read)(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                void *opaque);
    /* Stops tracking. Nothing to stop is fine; errors are logged in err. */
    int (*untrack)(struct xpc_source *src);

    /* Still there? ESRCH: it died, restarted or moved away. */
    int (*check)(struct xpc_source *src, struct xpc_source_state *state_r);

    /* The clock that the source lives by: monotonic. */
    uint64_t (*now)(struct xpc_source *src);
    /*
     * Waits until that time. Returns early with EINTR when a signal came or
     * the wait was called off.
     */
    int (*wait)(struct xpc_source *src, uint64_t until_ns);

    /* Untracks, drops, and frees the source. */
    void (*close)(struct xpc_source *src);
};

/* The part that all sources have; each puts it first in its own. */
struct xpc_source {
    const struct xpc_source_ops *ops;
    uint64_t nr_pfns;       /* pfns are below it */
    uint64_t total_pages;   /* populated when opened */
    uint64_t zero_pages;    /* of them, where pages can't be looked at */
    uint64_t id;            /* domid or pid */
    uint64_t end_ns;        /* by its clock, it ends; 0: nobody knows when */
    char name[64];
    char err[XPC_ERR_LEN];
};

/* Puts a line in src->err and errno in place. Returns -1. */
__attribute__((format(printf, 3, 4)))
int xpc_source_fail(struct xpc_source *src, int err, const char *fmt, ...);

#endif
