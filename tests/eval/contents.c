/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/sample.h>
#include <xenprecopy/units.h>

#include "channels/measure.h"
#include "contents.h"

#define BLOCK XPC_COMPRESS_BLOCK
/* As long as a typical iteration. */
#define WINDOW_NS XPC_S

struct page {
    uint64_t now;               /* hash of what it held last; 0: not seen */
    uint64_t before;            /* at the end of an earlier window */
    bool in_window;             /* written in this window */
    bool counted;               /* written in the recording */
};

struct counts {
    uint64_t written, same;     /* pages that were written before, too */
};

struct contents {
    struct xpc_compressor *compressor;
    struct page *page;          /* by number */
    size_t nr, max;
    uint64_t window_ns;         /* its end */
    uint64_t rng[2];
    struct counts scan, window;
    struct xpc_compress_sums kept[XPC_COMPRESS_METHODS_MAX];
    struct xpc_compress_sums changed[XPC_COMPRESS_METHODS_MAX];
};

struct contents *contents_new(void)
{
    struct contents *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->compressor = channel_measure_open();
    if (c->compressor)
        return c;
    free(c);
    return NULL;
}

void contents_free(struct contents *c)
{
    if (!c)
        return;
    channel_measure_close(c->compressor);
    free(c->page);
    free(c);
}

static int make_room(struct contents *c, size_t nr)
{
    struct page *p;

    if (nr > c->max) {
        p = realloc(c->page, 2 * nr * sizeof(*p));
        if (!p)
            return -1;
        c->page = p;
        c->max = 2 * nr;
    }
    if (nr > c->nr) {
        memset(c->page + c->nr, 0, (nr - c->nr) * sizeof(*c->page));
        c->nr = nr;
    }
    return 0;
}

/* Compresses up to BLOCK successive pages of a list. */
static int compress(struct contents *c, const struct track *t,
                    struct xpc_compress_sums *sums, const uint32_t *pages,
                    size_t nr)
{
    char data[BLOCK * XPC_PAGE_SIZE];
    uint64_t ns = 0;
    size_t n = 0, size;

    for (size_t i = 0; i < nr && i < BLOCK; i++) {
        char *to = data + n * XPC_PAGE_SIZE;

        n += track_read(t, pages[i], to) && !xpc_page_is_zero(to);
    }
    for (size_t i = 0; n && i < xpc_nr_compress_defaults; i++) {
        size = c->compressor->compress(c->compressor,
                                       &xpc_compress_defaults[i], data,
                                       n * XPC_PAGE_SIZE, &ns);
        if (!size)
            return -1;
        xpc_compress_add(&sums[i], n, size, ns);
    }
    return 0;
}

/* Counts the pages of a window that hold what they held before it. */
static void end_window(struct contents *c)
{
    for (size_t i = 0; i < c->nr; i++) {
        struct page *p = &c->page[i];

        if (!p->in_window)
            continue;
        c->window.written += p->before != 0;
        c->window.same += p->before && p->before == p->now;
        p->before = p->now;
        p->in_window = false;
    }
}

int contents_look(struct contents *c, const struct track *t, uint64_t now_ns,
                  const uint32_t *pages, size_t nr, bool count)
{
    char data[XPC_PAGE_SIZE];
    uint64_t hash;
    size_t first;

    if (nr && make_room(c, pages[nr - 1] + 1))
        return -1;
    for (size_t i = 0; i < nr; i++) {
        struct page *p = &c->page[pages[i]];

        if (!track_read(t, pages[i], data))
            continue;
        hash = xpc_page_hash(data);
        hash += !hash;
        c->scan.written += count && p->now;
        c->scan.same += count && p->now == hash;
        p->now = hash;
        p->in_window = true;
        p->counted = p->counted || count;
    }
    if (now_ns >= c->window_ns) {
        end_window(c);
        if (!count)
            c->window = (struct counts){ 0 };
        c->window_ns = now_ns + WINDOW_NS;
    }
    if (!count || !nr)
        return 0;
    first = nr > BLOCK ? xpc_random_below(c->rng, nr - BLOCK + 1) : 0;
    return compress(c, t, c->changed, pages + first, nr - first);
}

/* Blocks of successive pages that were not written in the recording. */
static int look_at_kept(struct contents *c, const struct track *t)
{
    uint32_t pages[BLOCK];

    for (int i = 0; c->nr > BLOCK && i < 8 * (int)XPC_COMPRESS_BLOCKS; i++) {
        uint32_t first = xpc_random_below(c->rng, c->nr / BLOCK) * BLOCK;
        size_t nr = 0;

        for (uint32_t k = first; k < first + BLOCK; k++) {
            if (c->page[k].now && !c->page[k].counted)
                pages[nr++] = k;
        }
        if (compress(c, t, c->kept, pages, nr))
            return -1;
    }
    return 0;
}

static void write_fit(FILE *f, const char *name,
                      const struct xpc_compress_sums *s)
{
    struct xpc_compress_fit fit;

    xpc_compress_fit(&fit, s);
    fprintf(f, "\"%s\": { \"pages\": %"PRIu64", \"blocks\": %"PRIu64", "
            "\"share\": %.4f, \"share-low\": %.4f, \"share-high\": %.4f, "
            "\"page-ns\": %.0f, \"page-ns-low\": %.0f, "
            "\"page-ns-high\": %.0f }", name, fit.pages, fit.blocks, fit.share,
            fit.share_low, fit.share_high, fit.page_ns, fit.page_ns_low,
            fit.page_ns_high);
}

int contents_write(struct contents *c, const struct track *t, FILE *f)
{
    if (look_at_kept(c, t))
        return -1;
    fprintf(f, "{ \"written-again\": %"PRIu64", \"same\": %"PRIu64",\n"
            "  \"written-again-in-1s\": %"PRIu64", \"same-in-1s\": %"PRIu64
            ",\n  \"compression\": [", c->scan.written, c->scan.same,
            c->window.written, c->window.same);
    for (size_t i = 0; i < xpc_nr_compress_defaults; i++) {
        const struct xpc_compress_method *m = &xpc_compress_defaults[i];

        fprintf(f, "%s\n    { \"compress\": \"%s\", \"level\": %"PRIu64
                ",\n      ", i ? "," : "",
                m->compress == XPC_COMPRESS_LZ4 ? "lz4" : "zstd", m->level);
        write_fit(f, "kept", &c->kept[i]);
        fputs(",\n      ", f);
        write_fit(f, "changed", &c->changed[i]);
        fputs(" }", f);
    }
    fputs("\n  ] }\n", f);
    return ferror(f) ? -1 : 0;
}
