/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which pages are all zero: as fast as memory can be read.
 *
 * There is a version for each width of vector; the widest that this processor
 * has is chosen once, at run time. Pages are only read, and may change
 * meanwhile: then the answer is of some moment between call and return for
 * each of their bytes.
 */
#ifndef CORE_ZERO_H
#define CORE_ZERO_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes to zero_r[i] whether the XPC_PAGE_SIZE bytes that page[i] points to
 * are all zero. Quickest where they are aligned to pages and lie one behind
 * the other.
 */
typedef void xpc_zero_fn(const void *const *page, size_t nr, bool *zero_r);
void xpc_zero_pages(const void *const *page, size_t nr, bool *zero_r);

/*
 * The versions that this processor can run, narrowest first, for tests and
 * benchmarks; xpc_zero_pages() is the last of them. Returns how many; at most
 * XPC_ZERO_VERSIONS_MAX.
 */
#define XPC_ZERO_VERSIONS_MAX 4
struct xpc_zero_version {
    const char *name;
    xpc_zero_fn *fn;
};
size_t xpc_zero_versions(struct xpc_zero_version to[XPC_ZERO_VERSIONS_MAX]);

#endif
