/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures on a source what compression makes of its pages: of blocks of
 * successive pfns, drawn by their pages, which are looked at twice to tell the
 * pages that changed.
 */
#ifndef CORE_COMPRESS_SAMPLE_H
#define CORE_COMPRESS_SAMPLE_H

#include <xenprecopy/compress.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/source.h>

/* Blocks to look at; those with nothing but zeros are not measured. */
#define XPC_COMPRESS_TRIES 2048

/* What to compress with. */
struct xpc_compress_with {
    const struct xpc_compressor *compressor;
    const struct xpc_compress_method *methods;
    size_t nr_methods;              /* at most XPC_COMPRESS_METHODS_MAX */
};

struct xpc_compress_sample;

/* Returns NULL if out of memory. */
struct xpc_compress_sample *xpc_compress_sample_new(uint64_t seed);
void xpc_compress_sample_free(struct xpc_compress_sample *s);

/* Offers a page that was drawn at random: its block may be used. */
void xpc_compress_sample_offer(struct xpc_compress_sample *s, uint64_t pfn);

/*
 * Takes the blocks from the source, which has given out `taken` pages so far,
 * and looks at them for the first time. Returns 0, or -1 with errno and one
 * line in src->err.
 */
int xpc_compress_sample_take(struct xpc_compress_sample *s,
                             struct xpc_source *src, size_t taken);

/*
 * The second look: compresses the pages. results has an entry for each method.
 * The pages that changed are those of the blocks, and
 * - if tracked, instead those that the source has found to be written;
 * - else, if they are few, those that are dirty in `other`, which may be NULL.
 * Returns as above.
 */
int xpc_compress_sample_measure(struct xpc_compress_sample *s,
                                struct xpc_source *src,
                                const struct xpc_compress_with *with,
                                bool tracked, const struct xpc_sample *other,
                                struct xpc_compress_result *results);

#endif
