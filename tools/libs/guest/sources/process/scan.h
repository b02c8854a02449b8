/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ioctl PAGEMAP_SCAN of Linux 6.7, which older headers don't have. */
#ifndef SOURCES_PROCESS_SCAN_H
#define SOURCES_PROCESS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

/* Categories of pages. */
#define PAGEMAP_WRITTEN (UINT64_C(1) << 1)
#define PAGEMAP_PRESENT (UINT64_C(1) << 3)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 4)
#define PAGEMAP_ZERO    (UINT64_C(1) << 5)

/* Called with the addresses of a run of pages, end excluded. */
typedef void pagemap_fn(void *opaque, uint64_t start, uint64_t end);

/*
 * Calls fn (NULL: not) for each run of pages from start to end that has all of
 * the categories all, none of none and, if any is not 0, at least one of any.
 * With protect these pages are write-protected in the same step, so no write
 * is lost between. pagemap is a descriptor of /proc/PID/pagemap. Returns 0, or
 * -1 with errno.
 */
int process_scan(int pagemap, uint64_t start, uint64_t end, uint64_t all,
                 uint64_t none, uint64_t any, bool protect, pagemap_fn *fn,
                 void *opaque);

#endif
