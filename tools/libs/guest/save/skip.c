/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "save/interpose.h"
#include "save/skip.h"

static uint64_t nr_words(uint64_t pfns)
{
    return (pfns + 63) / 64;
}

/* Of a bitmap in whole pages. */
static int buffer_pages(const struct save_skip *k)
{
    return (nr_words(k->nr_pfns) * sizeof(uint64_t) + XPC_PAGE_SIZE - 1) /
           XPC_PAGE_SIZE;
}

/* ---- its life -------------------------------------------------------- */

/* What was dropped so far stays to be restored. */
static void end_dropping(struct save_skip *k, const char *why)
{
    k->off = true;
    xpc_engine_end_skipping(&k->ctx->engine);
    save_log(k->ctx, "pages that are dirty again are sent from now on: %s",
             why);
}

static void not_in_force(struct save_context *ctx)
{
    ctx->params.skip_dirty = XPC_SKIP_DIRTY_OFF;
    ctx->report.params.skip_dirty = XPC_SKIP_DIRTY_OFF;
}

static void not_possible(struct save_skip *k, const char *why)
{
    struct save_context *ctx = k->ctx;

    k->nr_pfns = 0;
    not_in_force(ctx);
    save_log(ctx, "pages that are dirty again are sent, too: %s", why);
}

/* Returns 0 or -1. */
static int allocate(struct save_skip *k)
{
    DECLARE_HYPERCALL_BUFFER_SHADOW(uint64_t, buffer, &k->buffer);

    k->dropped = calloc(nr_words(k->nr_pfns), sizeof(*k->dropped));
    if (!k->dropped)
        return -1;
    buffer = xc_hypercall_buffer_alloc_pages(k->ctx->xch, buffer,
                                             buffer_pages(k));
    if (buffer)
        return 0;
    free(k->dropped);
    k->dropped = NULL;
    return -1;
}

void save_skip_start(struct save_skip *k, struct save_context *ctx,
                     struct save_sampler *sampler)
{
    xen_pfn_t last;

    *k = (struct save_skip){ .ctx = ctx, .sampler = sampler };
    if (ctx->params.policy == XPC_POLICY_STOCK)
        not_in_force(ctx);
    if (ctx->params.skip_dirty == XPC_SKIP_DIRTY_OFF)
        return;
    if (xc_domain_maximum_gpfn(ctx->xch, ctx->domid, &last) < 0) {
        not_possible(k, strerror(errno));
        return;
    }
    k->nr_pfns = (uint64_t)last + 1;
    if (allocate(k))
        not_possible(k, "out of memory");
    else
        xpc_skip_init(&k->when, k->nr_pfns);
}

void save_skip_stop(struct save_skip *k)
{
    DECLARE_HYPERCALL_BUFFER_SHADOW(uint64_t, buffer, &k->buffer);

    if (k->nr_pfns)
        xc_hypercall_buffer_free_pages(k->ctx->xch, buffer, buffer_pages(k));
    free(k->dropped);
    k->dropped = NULL;
    k->nr_pfns = 0;
}

/* ---- bitmaps --------------------------------------------------------- */

void save_skip_clean(struct save_skip *k)
{
    xpc_skip_clean(&k->when, clock_now_ns());
    k->peeked = false;
}

/* Moves the dropped pages to the bitmap. Returns how many it lacked. */
static uint64_t move_dropped(struct save_skip *k, uint64_t *bitmap)
{
    uint64_t lacked = 0;

    for (uint64_t i = k->first_word; i < k->end_word; i++) {
        lacked += __builtin_popcountll(k->dropped[i] & ~bitmap[i]);
        bitmap[i] |= k->dropped[i];
        k->dropped[i] = 0;
    }
    k->first_word = k->end_word = 0;
    return lacked;
}

int save_skip_restore(struct save_skip *k, xc_hypercall_buffer_t *bitmap,
                      unsigned long pages, xc_shadow_op_stats_t *stats)
{
    DECLARE_HYPERCALL_BUFFER_ARGUMENT(bitmap);

    k->lacked = 0;
    if (k->end_word == k->first_word)
        return 0;
    /* libxenguest sends no page that its bitmap does not have. */
    if (nr_words(pages) < k->end_word) {
        save_log(k->ctx, "pages that were left out can't be sent any more: "
                 "the dirty bitmap of libxenguest has only %lu pages", pages);
        errno = ERANGE;
        return -1;
    }
    k->lacked = move_dropped(k, (uint64_t *)HYPERCALL_BUFFER_AS_ARG(bitmap));
    if (stats)
        stats->dirty_count += k->lacked;
    return 0;
}

/* Reads the bitmap, without cleaning it. Returns false if it can't be read. */
static bool peek(struct save_skip *k)
{
    struct save_context *ctx = k->ctx;
    xc_shadow_op_stats_t stats = { 0 };
    uint64_t begun, took;
    long long rc;

    /*
     * The call may be preempted half-way, and the sampler's count would make it
     * begin again.
     */
    if (k->sampler)
        save_sampler_hold(k->sampler);
    begun = clock_now_ns();
    rc = interpose_real_logdirty(ctx->xch, ctx->domid,
                                 XEN_DOMCTL_SHADOW_OP_PEEK, &k->buffer,
                                 k->nr_pfns, 0, &stats);
    took = clock_now_ns() - begun;
    if (k->sampler)
        save_sampler_release(k->sampler);
    xpc_skip_peeked(&k->when, begun, took);
    k->peeked = rc >= 0 && (uint64_t)rc == k->nr_pfns;
    if (!k->peeked)
        end_dropping(k, rc < 0 ? strerror(errno) :
                     "the bitmap is shorter than the guest");
    return k->peeked;
}

/* ---- a record -------------------------------------------------------- */

/*
 * Puts the data of each page into page[]; NULL: it has none, or it comes with
 * the next call, since a call takes only so many pieces. Returns its length.
 */
static size_t find_pages(struct save_skip *k, struct save_cursor *c)
{
    const struct save_batch *b = &k->batch;
    size_t len = 0;
    bool all = true;
    const char *p;

    for (uint32_t i = 0; i < b->count; i++) {
        k->page[i] = NULL;
        if (!save_entry_has_data(b->pfn[i]) || !all)
            continue;
        all = save_cursor_here(c, &p) >= XPC_PAGE_SIZE;
        if (!all)
            continue;
        k->page[i] = p;
        c->at += XPC_PAGE_SIZE;
        len += XPC_PAGE_SIZE;
    }
    return len;
}

/* May the i-th page be dropped? Not a page table, and only with its data. */
static bool is_dirty(const struct save_skip *k, const uint64_t *bitmap,
                     uint32_t i)
{
    uint64_t entry = k->batch.pfn[i], pfn = entry & SAVE_PFN_MASK;

    return k->page[i] && save_entry_type(entry) == SAVE_TYPE_NOTAB &&
           bitmap[pfn / 64] >> pfn % 64 & 1;
}

static void mark_dropped(struct save_skip *k, uint64_t entry)
{
    uint64_t pfn = entry & SAVE_PFN_MASK, word = pfn / 64;

    k->dropped[word] |= UINT64_C(1) << pfn % 64;
    if (k->end_word == k->first_word || word < k->first_word)
        k->first_word = word;
    if (word >= k->end_word)
        k->end_word = word + 1;
}

/* Drops what is dirty from the list and from page[]. Returns how many. */
static uint32_t drop_dirty(struct save_skip *k)
{
    DECLARE_HYPERCALL_BUFFER_SHADOW(uint64_t, buffer, &k->buffer);
    struct save_batch *b = &k->batch;
    uint32_t nr = 0, dropped;

    for (uint32_t i = 0; i < b->count; i++) {
        if (is_dirty(k, buffer, i)) {
            mark_dropped(k, b->pfn[i]);
            continue;
        }
        k->page[nr] = k->page[i];
        b->pfn[nr++] = b->pfn[i];
    }
    dropped = b->count - nr;
    b->length -= dropped * (sizeof(b->pfn[0]) + XPC_PAGE_SIZE);
    b->count = nr;
    k->pages += dropped;
    return dropped;
}

static void write_out(struct save_skip *k)
{
    const struct save_batch *b = &k->batch;

    k->out.nr = 0;
    if (!b->count)
        return;
    save_out_add(&k->out, b, save_batch_size(b));
    for (uint32_t i = 0; i < b->count; i++)
        if (k->page[i])
            save_out_add(&k->out, k->page[i], XPC_PAGE_SIZE);
}

size_t save_skip_rewrite(struct save_skip *k, const struct save_stream *s,
                         const struct iovec *iov, int iovcnt)
{
    struct save_cursor c = { iov, iovcnt, 0 };
    uint32_t pages, dropped;
    size_t size;

    if (!k->nr_pfns || k->off || !k->ctx->live || s->skip || s->have ||
        s->lost || s->verifies || !save_stream_pages_next(s, iov) ||
        !save_batch_read(&k->batch, &c, k->nr_pfns))
        return 0;
    if (xpc_skip_due(&k->when, clock_now_ns()) && !peek(k))
        return 0;
    if (!k->peeked)
        return 0;
    size = save_batch_size(&k->batch) + find_pages(k, &c);
    pages = k->batch.count;
    dropped = drop_dirty(k);
    xpc_skip_add(&k->when, pages, dropped);
    if (!dropped)
        return 0;
    write_out(k);
    return size;
}
