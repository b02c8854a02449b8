/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xenprecopy/error.h>
#include <xenprecopy/measure.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/xenprecopy.h>

#include "sources/clock.h"
#include "sources/process/maps.h"
#include "sources/process/open.h"
#include "sources/process/track.h"

/* ---- sampling -------------------------------------------------------- */

/* Bits 63 and 62 of a pagemap entry: present, swapped. */
static bool is_populated(struct source_process *s, const struct view *v,
                         uint64_t addr)
{
    uint64_t entry = 0;

    if (pread(s->process[v->process].pagemap, &entry, sizeof(entry),
              addr / XPC_PAGE_SIZE * sizeof(entry)) != sizeof(entry))
        return false;
    return entry >> 62;
}

static int take_page(struct source_process *s, uint64_t pfn, bool *hole)
{
    struct region *r = process_find_region(s, pfn);

    *hole = true;
    for (size_t k = 0; r && *hole && k < r->nr_views; k++) {
        uint64_t addr = r->view[k].start + (pfn - r->pfn) * XPC_PAGE_SIZE;

        if (!is_populated(s, &r->view[k], addr))
            continue;
        if (s->nr_taken == s->room_taken) {
            size_t room = s->room_taken * 2 + 1024;
            void *p = realloc(s->taken, room * sizeof(*s->taken));

            if (!p)
                return xpc_source_fail(&s->src, ENOMEM, "out of memory");
            s->taken = p;
            s->room_taken = room;
        }
        s->taken[s->nr_taken++] = (struct taken){ r->view[k].process, addr };
        *hole = false;
    }
    return 0;
}

static int process_take(struct xpc_source *src, const uint64_t *pfn,
                        size_t nr, bool *hole)
{
    for (size_t i = 0; i < nr; i++) {
        if (take_page((struct source_process *)src, pfn[i], &hole[i]))
            return -1;
    }
    return 0;
}

/*
 * Reads nr pages of one process. Returns how many were read before one that is
 * gone, or -1.
 */
static int read_pages(struct source_process *s, size_t process,
                      const uint64_t *addr, size_t nr, const void **page)
{
    struct iovec local[XPC_LOOK_MAX], remote[XPC_LOOK_MAX];
    ssize_t len;

    for (size_t k = 0; k < nr; k++) {
        local[k] = (struct iovec){ (void *)page[k], XPC_PAGE_SIZE };
        remote[k] = (struct iovec){ (void *)(uintptr_t)addr[k],
                                    XPC_PAGE_SIZE };
    }
    len = process_vm_readv(s->process[process].pid, local, nr, remote, nr, 0);
    if (len < 0 && errno != EFAULT)
        return xpc_source_fail(&s->src, errno, "process %d: reading its "
                               "memory: %s", s->process[process].pid,
                               errno == ESRCH ? "it has ended" :
                               strerror(errno));
    return len < 0 ? 0 : len / XPC_PAGE_SIZE;
}

static int process_look(struct xpc_source *src, const uint32_t *index,
                        size_t nr, const void **page)
{
    struct source_process *s = (struct source_process *)src;
    uint64_t addr[XPC_LOOK_MAX];
    size_t k = 0, same;
    int got;

    for (size_t i = 0; i < nr; i++) {
        addr[i] = s->taken[index[i]].addr;
        page[i] = s->pages + i * XPC_PAGE_SIZE;
    }
    while (k < nr) {
        size_t process = s->taken[index[k]].process;

        for (same = 1; k + same < nr; same++) {
            if (s->taken[index[k + same]].process != process)
                break;
        }
        got = read_pages(s, process, addr + k, same, page + k);
        if (got < 0)
            return -1;
        k += got;
        if ((size_t)got < same)
            page[k++] = NULL;
    }
    return 0;
}

static void process_drop(struct xpc_source *src)
{
    struct source_process *s = (struct source_process *)src;

    free(s->taken);
    s->taken = NULL;
    s->nr_taken = s->room_taken = 0;
}

/* ---- the processes --------------------------------------------------- */

static uint64_t rss_pages(pid_t pid)
{
    unsigned long size, rss = 0;
    char path[64];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%lu %lu", &size, &rss) != 2)
            rss = 0;
        fclose(f);
    }
    return rss;
}

static int process_check(struct xpc_source *src,
                         struct xpc_source_state *state_r)
{
    struct source_process *s = (struct source_process *)src;
    int64_t grown = 0;

    for (size_t i = 0; i < s->nr_processes; i++) {
        struct pollfd p = { .fd = s->process[i].pidfd, .events = POLLIN };

        if (poll(&p, 1, 0) > 0)
            return xpc_source_fail(src, ESRCH, "process %d has ended",
                                   s->process[i].pid);
        grown += (int64_t)rss_pages(s->process[i].pid) -
                 (int64_t)s->process[i].rss_pages;
    }
    /* A process's size always changes a little. */
    if ((uint64_t)llabs(grown) < src->total_pages / 100)
        grown = 0;
    if (grown < 0 && (uint64_t)-grown > src->total_pages)
        grown = -(int64_t)src->total_pages;
    *state_r = (struct xpc_source_state){
        .total_pages = src->total_pages + grown,
    };
    return 0;
}

static void process_close(struct xpc_source *src)
{
    struct source_process *s = (struct source_process *)src;

    process_untrack(src);
    process_drop(src);
    process_free_regions(s);
    for (size_t i = 0; i < s->nr_processes; i++) {
        if (s->process[i].pidfd >= 0)
            close(s->process[i].pidfd);
        if (s->process[i].pagemap >= 0)
            close(s->process[i].pagemap);
    }
    free(s->process);
    free(s->pages);
    free(s);
}

static const struct xpc_source_ops process_ops = {
    .kind    = XPC_SOURCE_PROCESS,
    .take    = process_take,
    .look    = process_look,
    .drop    = process_drop,
    .track   = process_track,
    .count   = process_count,
    .read    = process_read,
    .untrack = process_untrack,
    .check   = process_check,
    .now     = source_clock_now,
    .wait    = source_clock_wait,
    .close   = process_close,
};

static int open_process(struct source_process *s, pid_t pid)
{
    struct process *p = &s->process[s->nr_processes];
    char path[64];

    *p = (struct process){ .pid = pid, .pagemap = -1, .uffd = -1 };
    p->pidfd = syscall(SYS_pidfd_open, pid, 0);
    s->nr_processes++;
    if (p->pidfd < 0)
        return xpc_source_fail(&s->src, errno, "process %d: %s", pid,
                               strerror(errno));
    snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
    p->pagemap = open(path, O_RDONLY | O_CLOEXEC);
    if (p->pagemap < 0)
        return xpc_source_fail(&s->src, errno, "%s: %s", path,
                               strerror(errno));
    p->rss_pages = rss_pages(pid);
    return 0;
}

static void name_source(struct source_process *s, pid_t pid)
{
    char path[64], comm[32] = "";
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    f = fopen(path, "re");
    if (f) {
        if (!fgets(comm, sizeof(comm), f))
            comm[0] = 0;
        fclose(f);
    }
    comm[strcspn(comm, "\n")] = 0;
    s->src.id = pid;
    snprintf(s->src.name, sizeof(s->src.name), "%s", comm);
    /* Any process may call itself anything. */
    xpc_plain_line(s->src.name);
}

struct xpc_source *xpc_source_process(const pid_t *pid, size_t nr,
                                      char err[XPC_ERR_LEN])
{
    struct source_process *s = calloc(1, sizeof(*s));

    snprintf(err, XPC_ERR_LEN, "out of memory");
    if (!s)
        return NULL;
    s->src.ops = &process_ops;
    s->process = calloc(nr, sizeof(*s->process));
    s->pages = malloc(XPC_LOOK_MAX * XPC_PAGE_SIZE);
    if (!s->process || !s->pages)
        goto fail;
    name_source(s, pid[0]);
    for (size_t i = 0; i < nr; i++) {
        if (open_process(s, pid[i]))
            goto fail;
    }
    if (process_read_maps(s) || process_count_populated(s, &s->populated))
        goto fail;
    s->src.total_pages = s->populated;
    return &s->src;

 fail:
    if (s->src.err[0])
        snprintf(err, XPC_ERR_LEN, "%s", s->src.err);
    nr = errno;
    process_close(&s->src);
    errno = nr;
    return NULL;
}
