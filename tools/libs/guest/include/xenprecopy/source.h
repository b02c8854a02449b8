/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A source of pages and dirty counts: a Xen domain, a process or a recorded
 * trace. Each implements struct xpc_source_ops, which is all that measuring
 * code uses.
 *
 * pfns are the numbers that the source gives its pages, below nr_pfns. A pfn
 * without a page is a hole. Times are ns of the source's clock.
 */
#ifndef XENPRECOPY_SOURCE_H
#define XENPRECOPY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/error.h>
#include <xenprecopy/measure.h>

struct xpc_source;

/* Called for each run of nr dirty pages, in increasing order of pfn. */
typedef void xpc_run_fn(void *opaque, uint64_t pfn, uint64_t nr);

/* The current state of a source. */
struct xpc_source_state {
    uint64_t total_pages;   /* populated now */
    bool paused;            /* not running now */
};

/*
 * Operations return 0, or -1 with errno and one line for people in src->err.
 * A member is NULL if the source does not support the operation.
 */
struct xpc_source_ops {
    enum xpc_measure_source kind;

    /*
     * Adds pages to the sample: those of the nr pfns that have a page, in the
     * order given. Sets hole[i] for those that have none.
     */
    int (*take)(struct xpc_source *src, const uint64_t *pfn, size_t nr,
                bool *hole);
    /*
     * Points page[k] to the current content of sample page index[k], counted
     * in the order of take, for k below nr (at most XPC_LOOK_MAX). NULL if the
     * page is gone. The pointers are valid until the next call; the content
     * may change while it is read.
     */
    int (*look)(struct xpc_source *src, const uint32_t *index, size_t nr,
                const void **page);
    /* Empties the sample, which may be empty already. Cannot fail. */
    void (*drop)(struct xpc_source *src);

    /*
     * Starts to track writes, from a clean state. EBUSY: tracking is in use by
     * somebody else. EOPNOTSUPP: tracking is not possible.
     */
    int (*track)(struct xpc_source *src);
    /*
     * Counts the distinct pages written since the clean state, without
     * cleaning. EBUSY: somebody else has taken over the tracking; untrack then
     * leaves it on.
     */
    int (*count)(struct xpc_source *src, uint64_t *pages_r);
    /* Calls fn for the written pages. With clean, cleans the state. */
    int (*read)(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                void *opaque);
    /* Stops tracking, if it is on. Errors are written to err. */
    int (*untrack)(struct xpc_source *src);

    /* Checks the source. ESRCH: it died, restarted or moved away. */
    int (*check)(struct xpc_source *src, struct xpc_source_state *state_r);

    /* The time of the source's clock, which is monotonic. */
    uint64_t (*now)(struct xpc_source *src);
    /*
     * Blocks until that time. Fails early with EINTR if a signal arrived or
     * the wait was cancelled.
     */
    int (*wait)(struct xpc_source *src, uint64_t until_ns);

    /* Stops tracking, empties the sample, and frees the source. */
    void (*close)(struct xpc_source *src);
};

/* The common part of all sources: the first member of each one's structure. */
struct xpc_source {
    const struct xpc_source_ops *ops;
    uint64_t nr_pfns;       /* pfns are below this */
    uint64_t total_pages;   /* populated when opened */
    uint64_t zero_pages;    /* of them, if take and look are NULL */
    uint64_t id;            /* domid or pid */
    bool clean_is_costly;   /* for the guest: more than a fault for each page
                             * that it writes */
    uint64_t end_ns;        /* when it ends, by its clock; 0: unknown */
    char name[64];
    char err[XPC_ERR_LEN];
};

/* Writes a line to src->err and sets errno to err. Returns -1. */
__attribute__((format(printf, 3, 4)))
int xpc_source_fail(struct xpc_source *src, int err, const char *fmt, ...);

#endif
