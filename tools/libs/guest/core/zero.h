/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds pages of zeros, as fast as memory can be read.
 *
 * There is one version for each vector width. The widest one that the processor
 * supports is selected once, at run time. Pages are only read. If a page
 * changes meanwhile, each of its bytes is read at some moment between call and
 * return.
 */
#ifndef CORE_ZERO_H
#define CORE_ZERO_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes to zero_r[i] whether the XPC_PAGE_SIZE bytes at page[i] are all zero.
 * Fastest if the pages are aligned and consecutive in memory.
 */
typedef void xpc_zero_fn(const void *const *page, size_t nr, bool *zero_r);
void xpc_zero_pages(const void *const *page, size_t nr, bool *zero_r);

/*
 * Lists the versions that this processor can run, narrowest first, for tests
 * and benchmarks. xpc_zero_pages() is the last one. Returns their number, at
 * most XPC_ZERO_VERSIONS_MAX.
 */
#define XPC_ZERO_VERSIONS_MAX 4
struct xpc_zero_version {
    const char *name;
    xpc_zero_fn *fn;
};
size_t xpc_zero_versions(struct xpc_zero_version to[XPC_ZERO_VERSIONS_MAX]);

#endif
