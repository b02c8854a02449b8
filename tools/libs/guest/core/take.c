/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "core/take.h"

/* pfns passed to the source at once. */
#define TAKE_BATCH 1024u
/*
 * How many pfns may be drawn in vain, besides some for every page wanted. An
 * address space may be thousands of times as large as the memory in it.
 */
#define HOLES_MAX 1000000u
#define HOLES_PER_PAGE 8u

static int by_pfn(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/*
 * A batch is never larger than what is missing, as dropping the rest of a
 * sorted batch would favour low pfns.
 */
int xpc_take_pages(struct xpc_source *src, struct xpc_take *take, size_t *nr_r)
{
    uint64_t pfn[TAKE_BATCH];
    uint64_t holes = 0, holes_max = HOLES_MAX + HOLES_PER_PAGE * take->want;
    bool hole[TAKE_BATCH], more = true;
    struct xpc_draw draw;
    size_t got = 0;

    if (xpc_draw_init(&draw, src->nr_pfns, take->want, take->seed))
        return xpc_source_fail(src, ENOMEM, "out of memory");
    while (got < take->want && more && holes < holes_max) {
        size_t nr = 0, room = take->want - got;

        while (nr < room && nr < TAKE_BATCH && more) {
            more = xpc_draw_next(&draw, &pfn[nr]);
            nr += more;
        }
        qsort(pfn, nr, sizeof(pfn[0]), by_pfn);
        if (nr && src->ops->take(src, pfn, nr, hole)) {
            xpc_draw_dispose(&draw);
            return -1;
        }
        for (size_t i = 0; i < nr; i++) {
            got += !hole[i];
            holes += hole[i];
            if (!hole[i] && take->compress)
                xpc_compress_sample_offer(take->compress, pfn[i]);
        }
    }
    xpc_draw_dispose(&draw);
    take->holes = holes;
    *nr_r = got;
    return 0;
}
