/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking a sample of a source's pages. */
#ifndef CORE_TAKE_H
#define CORE_TAKE_H

#include <xenprecopy/sample.h>
#include <xenprecopy/source.h>

#include "core/compress_sample.h"

struct xpc_take {
    uint64_t want;
    uint64_t seed;
    struct xpc_compress_sample *compress;   /* offered those taken; or NULL */
    uint64_t holes;             /* result: drawn in vain */
};

/*
 * Draws pfns until the pages are taken, the source has no more, or too many
 * were holes: the sample is smaller then, and still uniform. Sets *nr_r to the
 * number taken. Returns 0, or -1 with errno and one line in src->err.
 */
int xpc_take_pages(struct xpc_source *src, struct xpc_take *take, size_t *nr_r);

#endif
