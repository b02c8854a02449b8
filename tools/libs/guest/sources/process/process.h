/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of processes as a source: for trying things on a machine without
 * Xen, for benchmarks, and to record traces of real programs.
 *
 * All writable mappings count. A region is one mapping of one process, or one
 * shared mapping of several: then it has a view in each. pfns number the
 * pages of the regions one after the other; mappings that appear later come
 * last. Pages never touched are holes.
 *
 * Sampling reads the pages with process_vm_readv(). Tracking is by userfaultfd
 * in asynchronous write-protect mode and PAGEMAP_SCAN (Linux 6.7 and later,
 * x86-64): the process's own descriptor of it is made by a system call that
 * is injected with ptrace, and taken over at once. Nothing of it remains in
 * the process, and it ends when we do, however we do.
 */
#ifndef SOURCES_PROCESS_PROCESS_H
#define SOURCES_PROCESS_PROCESS_H

#include <sys/types.h>

#include <xenprecopy/source.h>

#define SOURCE_PROCESS_MAX 256

/* One process or several. NULL: errno, and one line in err. */
struct xpc_source *xpc_source_process(const pid_t *pid, size_t nr,
                                      char err[XPC_ERR_LEN]);

/* ---- between the files of this source -------------------------------- */

struct process {
    pid_t pid;
    int pidfd, pagemap, uffd;
    uint64_t rss_pages;         /* when opened */
};

struct view {
    size_t process;             /* its number */
    uint64_t start;             /* address */
};

struct region {
    uint64_t pfn, nr;           /* its pages */
    uint64_t dev, inode, offset;/* of a shared mapping; inode 0: private */
    struct view *view;
    size_t nr_views;
    uint64_t *dirty;            /* bitmap; tracking only */
};

struct source_process {
    struct xpc_source src;
    struct process *process;
    size_t nr_processes;
    struct region *region;      /* in rising order of pfn */
    size_t nr_regions;
    uint64_t populated;
    bool tracking;

    struct taken { size_t process; uint64_t addr; } *taken;
    size_t nr_taken, room_taken;
    char *pages;                /* room for XPC_LOOK_MAX of them */
};

/* PAGEMAP_SCAN, as Linux 6.7 brought it; older headers don't have it. */
struct pagemap_run {
    uint64_t start, end, categories;
};

#define PAGEMAP_WRITTEN (UINT64_C(1) << 1)
#define PAGEMAP_PRESENT (UINT64_C(1) << 3)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 4)
#define PAGEMAP_ZERO    (UINT64_C(1) << 5)

/*
 * Calls fn with the runs of pages from start to end that have all of the
 * categories `all`, none of `none`, and if not 0 any of `any`; protect: and
 * protects them from then on. Returns 0, or -1 with errno.
 */
typedef void pagemap_fn(void *opaque, uint64_t start, uint64_t end);
int process_scan(int pagemap, uint64_t start, uint64_t end, uint64_t all,
                 uint64_t none, uint64_t any, bool protect, pagemap_fn *fn,
                 void *opaque);

/*
 * Reads the mappings of all processes; new parts of them become regions.
 * With tracking, they are registered with it.
 */
int process_regions(struct source_process *s);
/* The pages of all regions that have memory behind them. */
int process_count_populated(struct source_process *s, uint64_t *pages_r);
/* The region of a pfn, and NULL for none. */
struct region *process_region_of(struct source_process *s, uint64_t pfn);
void process_free_regions(struct source_process *s);

/* Registers a view's pages for tracking; they start out written. */
int process_register(struct source_process *s, const struct view *v,
                     uint64_t nr);
int process_track(struct xpc_source *src);
int process_count(struct xpc_source *src, uint64_t *pages_r);
int process_read(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                 void *opaque);
int process_untrack(struct xpc_source *src);

/*
 * Makes a userfaultfd in the process and takes it over. Returns a descriptor
 * of ours, or -1 with errno.
 */
int process_inject_uffd(pid_t pid, int pidfd);

#endif
