/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/ioctl.h>

#include "sources/process/scan.h"

#define SCAN_RUNS 512

/* struct page_region and struct pm_scan_arg of <linux/fs.h>. */
struct pagemap_run {
    uint64_t start, end, categories;
};

struct scan_arg {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages,
             category_inverted, category_mask, category_anyof_mask,
             return_mask;
};

#define SCAN_PROTECT 1
#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)

int process_scan(int pagemap, uint64_t start, uint64_t end, uint64_t all,
                 uint64_t none, uint64_t any, bool protect, pagemap_fn *fn,
                 void *opaque)
{
    struct pagemap_run run[SCAN_RUNS];
    struct scan_arg arg = {
        .size = sizeof(arg), .flags = protect ? SCAN_PROTECT : 0,
        .start = start, .end = end, .vec = (uintptr_t)run,
        .vec_len = SCAN_RUNS, .category_mask = all | none,
        .category_inverted = none, .category_anyof_mask = any,
        .return_mask = all | any,
    };
    int n;

    while (arg.start < end) {
        n = ioctl(pagemap, SCAN_IOCTL, &arg);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        for (int i = 0; fn && i < n; i++)
            fn(opaque, run[i].start, run[i].end);
        /* It stopped because the vector is full, or at the end. */
        if (arg.walk_end <= arg.start)
            break;
        arg.start = arg.walk_end;
    }
    return 0;
}
