/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which pages a process writes. With userfaultfd's asynchronous write
 * protection the first write to a page removes its protection without stopping
 * the process. PAGEMAP_SCAN finds the pages that are not protected and
 * protects them in one step, so that no write is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xenprecopy/xenprecopy.h>

#include "sources/process/inject.h"
#include "sources/process/maps.h"
#include "sources/process/register.h"
#include "sources/process/scan.h"
#include "sources/process/track.h"

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/* Smaller than a huge page: protecting a part of one splits it. */
#define SPLIT_BYTES (UINT64_C(1) << 20)

static void close_uffds(struct source_process *s)
{
    for (size_t i = 0; i < s->nr_processes; i++) {
        /* Closing the last descriptor unregisters everything. */
        if (s->process[i].uffd >= 0)
            close(s->process[i].uffd);
        s->process[i].uffd = -1;
    }
}

static int open_uffd(struct source_process *s, struct process *p)
{
    struct uffdio_api api = {
        .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC,
    };

    p->uffd = process_inject_uffd(p->pid, p->pidfd);
    if (p->uffd < 0 && errno == ENOEXEC)
        return xpc_source_fail(&s->src, EOPNOTSUPP, "process %d is no 64-bit "
                               "program, and its writes can't be tracked: use "
                               "--mode=page-sampling", p->pid);
    if (p->uffd < 0 && errno == ETIMEDOUT)
        return xpc_source_fail(&s->src, ETIMEDOUT, "process %d can't be "
                               "stopped, as it waits for a device (state D): "
                               "try again, or use --mode=page-sampling",
                               p->pid);
    if (p->uffd < 0)
        return xpc_source_fail(&s->src, errno, "process %d: userfaultfd: %s",
                               p->pid, strerror(errno));
    if (ioctl(p->uffd, UFFDIO_API, &api))
        return xpc_source_fail(&s->src, EOPNOTSUPP, "this kernel can't track "
                               "a process's writes (Linux 6.7 or later is "
                               "needed)");
    return 0;
}

/* ---- scanning -------------------------------------------------------- */

struct marks {
    struct region *r;
    uint64_t start;     /* of the view */
};

static void set_dirty(void *opaque, uint64_t start, uint64_t end)
{
    struct marks *m = opaque;

    for (uint64_t a = start; a < end; a += XPC_PAGE_SIZE) {
        uint64_t i = (a - m->start) / XPC_PAGE_SIZE;

        m->r->dirty[i / 64] |= UINT64_C(1) << i % 64;
    }
}

/*
 * Sets the dirty bits of the pages written in a region. With protect, they are
 * protected, and count anew from then on.
 */
static int scan_region(struct source_process *s, struct region *r,
                       bool protect)
{
    for (size_t k = 0; k < r->nr_views; k++) {
        const struct view *v = &r->view[k];
        struct marks m = { r, v->start };

        /*
         * A mapping of the zero page was only read, never written. Pages
         * without memory are reported as written.
         */
        if (process_scan(s->process[v->process].pagemap, v->start,
                         v->start + r->nr * XPC_PAGE_SIZE, PAGEMAP_WRITTEN,
                         PAGEMAP_ZERO, PAGEMAP_PRESENT | PAGEMAP_SWAPPED,
                         protect, set_dirty, &m))
            return -1;
    }
    return 0;
}

static int scan_all(struct source_process *s, bool protect)
{
    if (process_read_maps(s))
        return -1;
    for (size_t i = 0; i < s->nr_regions; i++) {
        if (scan_region(s, &s->region[i], protect))
            return xpc_source_fail(&s->src, errno, "%s: PAGEMAP_SCAN: %s",
                                   s->src.name, strerror(errno));
    }
    return 0;
}

/*
 * Protects a region for the first time, in parts that split its huge pages.
 * The first write to a huge page would otherwise count as 512 pages.
 */
static int protect_region(struct source_process *s, const struct region *r)
{
    for (size_t k = 0; k < r->nr_views; k++) {
        const struct view *v = &r->view[k];
        uint64_t end = v->start + r->nr * XPC_PAGE_SIZE, part;

        for (uint64_t a = v->start; a < end; a = part) {
            part = (a / SPLIT_BYTES + 1) * SPLIT_BYTES;
            if (part > end)
                part = end;
            if (process_scan(s->process[v->process].pagemap, a, part,
                             PAGEMAP_WRITTEN, PAGEMAP_ZERO,
                             PAGEMAP_PRESENT | PAGEMAP_SWAPPED, true, NULL,
                             NULL))
                return -1;
        }
    }
    return 0;
}

static void clear_dirty(struct source_process *s)
{
    for (size_t i = 0; i < s->nr_regions; i++)
        memset(s->region[i].dirty, 0, (s->region[i].nr + 63) / 64 * 8);
}

/* ---- operations ------------------------------------------------------ */

int process_track(struct xpc_source *src)
{
    struct source_process *s = (struct source_process *)src;

    for (size_t i = 0; i < s->nr_processes; i++) {
        if (open_uffd(s, &s->process[i])) {
            close_uffds(s);
            return -1;
        }
    }
    s->tracking = true;
    for (size_t i = 0; i < s->nr_regions; i++) {
        for (size_t k = 0; k < s->region[i].nr_views; k++) {
            const struct view *v = &s->region[i].view[k];

            if (process_register(s->process[v->process].uffd, v->start,
                                 s->region[i].nr) && errno == EBUSY) {
                process_untrack(src);
                return xpc_source_fail(src, EBUSY, "%s: somebody else "
                                       "tracks its writes", src->name);
            }
        }
    }
    for (size_t i = 0; i < s->nr_regions; i++) {
        if (protect_region(s, &s->region[i])) {
            int err = errno;

            process_untrack(src);
            return xpc_source_fail(src, err, "%s: PAGEMAP_SCAN: %s",
                                   src->name, strerror(err));
        }
    }
    /* Start all regions from the same point in time. */
    if (scan_all(s, true)) {
        process_untrack(src);
        return -1;
    }
    clear_dirty(s);
    return 0;
}

int process_count(struct xpc_source *src, uint64_t *pages_r)
{
    struct source_process *s = (struct source_process *)src;
    uint64_t pages = 0;

    if (scan_all(s, false))
        return -1;
    for (size_t i = 0; i < s->nr_regions; i++) {
        const struct region *r = &s->region[i];

        for (uint64_t w = 0; w < (r->nr + 63) / 64; w++)
            pages += __builtin_popcountll(r->dirty[w]);
    }
    *pages_r = pages;
    return 0;
}

static void report_runs(const struct region *r, xpc_run_fn *fn, void *opaque)
{
    uint64_t i = 0, from;

    while (i < r->nr) {
        uint64_t word = r->dirty[i / 64] >> i % 64;

        if (!word) {
            i = (i / 64 + 1) * 64;
            continue;
        }
        from = i += __builtin_ctzll(word);
        while (i < r->nr && r->dirty[i / 64] >> i % 64 & 1)
            i++;
        fn(opaque, r->pfn + from, i - from);
    }
}

int process_read(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                 void *opaque)
{
    struct source_process *s = (struct source_process *)src;

    if (scan_all(s, clean))
        return -1;
    for (size_t i = 0; i < s->nr_regions; i++)
        report_runs(&s->region[i], fn, opaque);
    if (clean)
        clear_dirty(s);
    return 0;
}

int process_untrack(struct xpc_source *src)
{
    struct source_process *s = (struct source_process *)src;

    close_uffds(s);
    clear_dirty(s);
    s->tracking = false;
    return 0;
}
