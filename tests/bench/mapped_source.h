/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of this process as a source, which is read in place, like the
 * mapped pages of a domain.
 */
#ifndef MAPPED_SOURCE_H
#define MAPPED_SOURCE_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

struct mapped_source {
    struct xpc_source src;
    const char *mem;
    uint64_t *taken;
    size_t nr, room;
};

static int mapped_take(struct xpc_source *src, const uint64_t *pfn,
                       size_t nr, bool *hole)
{
    struct mapped_source *s = (struct mapped_source *)src;

    if (s->nr + nr > s->room) {
        s->room = (s->nr + nr) * 2;
        s->taken = realloc(s->taken, s->room * sizeof(*s->taken));
        if (!s->taken)
            abort();
    }
    memcpy(s->taken + s->nr, pfn, nr * sizeof(*pfn));
    memset(hole, 0, nr * sizeof(*hole));
    s->nr += nr;
    return 0;
}

static int mapped_look(struct xpc_source *src, const uint32_t *index,
                       size_t nr, const void **page)
{
    struct mapped_source *s = (struct mapped_source *)src;

    for (size_t i = 0; i < nr; i++)
        page[i] = s->mem + s->taken[index[i]] * XPC_PAGE_SIZE;
    return 0;
}

static void mapped_drop(struct xpc_source *src)
{
    struct mapped_source *s = (struct mapped_source *)src;

    free(s->taken);
    s->taken = NULL;
    s->nr = s->room = 0;
}

static uint64_t mapped_now(struct xpc_source *src)
{
    struct timespec ts;

    (void)src;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

static int mapped_wait(struct xpc_source *src, uint64_t until_ns)
{
    struct timespec ts = { until_ns / XPC_S, until_ns % XPC_S };

    (void)src;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
    return 0;
}

static const struct xpc_source_ops mapped_ops = {
    .take = mapped_take,
    .look = mapped_look,
    .drop = mapped_drop,
    .now  = mapped_now,
    .wait = mapped_wait,
};

static inline void mapped_source_init(struct mapped_source *s,
                                      const char *mem, uint64_t pages)
{
    *s = (struct mapped_source){ .mem = mem };
    s->src.ops = &mapped_ops;
    s->src.nr_pfns = s->src.total_pages = pages;
    strcpy(s->src.name, "mapped");
}

#endif
