/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it costs to measure how well pages compress.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "channels/measure.h"
#include "core/compress_sample.h"
#include "mapped_source.h"

#define PAGES 65536
#define RUNS 5

/* Words of eight bytes, of which half are random. */
static void fill(uint64_t *to, size_t nr)
{
    uint64_t rng[2] = { 1 };

    for (size_t i = 0; i < nr; i++)
        to[i] = i & 1 ? xpc_random_below(rng, UINT64_MAX) :
                        xpc_random_below(rng, 64) * 0x0101010101;
}

/* Milliseconds for 512 pages, and what is left of them by the first method. */
static double measure(struct mapped_source *src, struct xpc_compressor *c,
                      uint64_t seed, double *share_r)
{
    struct xpc_compress_result results[XPC_COMPRESS_METHODS_MAX];
    struct xpc_compress_with with = {
        c, xpc_compress_defaults, xpc_nr_compress_defaults
    };
    struct xpc_compress_sample *s = xpc_compress_sample_new(seed);
    uint64_t start = cpu_ns(), pages;

    for (uint64_t i = 0; s && i < 512; i++)
        xpc_compress_sample_offer(s, (i * 7919 + seed) % PAGES);
    if (!s || xpc_compress_sample_take(s, &src->src, 0) ||
        xpc_compress_sample_measure(s, &src->src, &with, false, NULL,
                                    results))
        abort();
    mapped_drop(&src->src);
    xpc_compress_sample_free(s);
    pages = results[0].kept.pages;
    *share_r = results[0].kept.share;
    return (cpu_ns() - start) / 1e6 * 512 / pages;
}

int main(void)
{
    struct xpc_compressor *c = channel_measure_open();
    uint64_t *mem = malloc((size_t)PAGES * XPC_PAGE_SIZE);
    struct mapped_source src;
    double best = 1e9, share = 0;

    if (!c || !mem)
        abort();
    fill(mem, (size_t)PAGES * XPC_PAGE_SIZE / sizeof(*mem));
    mapped_source_init(&src, (char *)mem, PAGES);
    for (int i = 0; i < RUNS; i++) {
        double ms = measure(&src, c, i, &share);

        best = ms < best ? ms : best;
    }
    figure("how well 512 pages compress, by all methods (100 is allowed)",
           best, "ms", 100);
    figure("what lz4 leaves of them", 100 * share, "%", 100);
    figures_end();
    free(mem);
    channel_measure_close(c);
    return 0;
}
