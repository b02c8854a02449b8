/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What leaving out dirty pages costs a guest of 1 TiB: reading the bitmap,
 * without Xen's part of it; looking up the pages of a batch; and restoring them
 * in the next bitmap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench.h"
#include "save/interpose.h"
#include "save/skip.h"
#include "support/fake_xenctrl.h"

#define TIB_PAGES (UINT64_C(1) << 28)
#define BITMAP (TIB_PAGES / 8)
#define PEEKS 20
#define BATCHES 20000

/* ---- Xen, and the rest of the plug-in ---------------------------------- */

/* Every second page is dirty. */
static uint64_t *log_bits;

long long interpose_real_logdirty(xc_interface *xch, uint32_t domid,
                                  unsigned int sop,
                                  xc_hypercall_buffer_t *bitmap,
                                  unsigned long pages, unsigned int mode,
                                  xc_shadow_op_stats_t *stats)
{
    (void)xch;
    (void)domid;
    (void)sop;
    (void)mode;
    (void)stats;
    memcpy(bitmap->hbuf, log_bits, BITMAP);
    return pages;
}

void *xc__hypercall_buffer_alloc_pages(xc_interface *xch,
                                       xc_hypercall_buffer_t *b, int nr)
{
    (void)xch;
    b->hbuf = malloc((size_t)nr * XPC_PAGE_SIZE);
    if (b->hbuf)
        memset(b->hbuf, 0, (size_t)nr * XPC_PAGE_SIZE);
    return b->hbuf;
}

void xc__hypercall_buffer_free_pages(xc_interface *xch,
                                     xc_hypercall_buffer_t *b, int nr)
{
    (void)xch;
    (void)nr;
    free(b->hbuf);
}

void save_log(struct save_context *ctx, const char *fmt, ...)
{
    (void)ctx;
    (void)fmt;
    abort();
}

/* There is no sampler. */
void save_sampler_hold(struct save_sampler *s) { (void)s; abort(); }
void save_sampler_release(struct save_sampler *s) { (void)s; abort(); }

/* ---- libxenguest's batches --------------------------------------------- */

static struct save_context ctx;
static struct save_skip skip;
static struct save_stream stream;
static char pages[SAVE_BATCH][XPC_PAGE_SIZE];

/* The n-th batch of the guest. Returns the CPU time in ns. */
static uint64_t look_up(uint64_t n)
{
    static uint64_t pfn[SAVE_BATCH];
    uint32_t head[4] = { 1, 8 + SAVE_BATCH * (8 + XPC_PAGE_SIZE), SAVE_BATCH,
                         0 };
    struct iovec iov[3] = {
        { head, sizeof(head) }, { pfn, sizeof(pfn) }, { pages, sizeof(pages) },
    };
    uint64_t start;

    for (int i = 0; i < SAVE_BATCH; i++)
        pfn[i] = n * SAVE_BATCH + i;
    start = cpu_ns();
    if (!save_skip_rewrite(&skip, &stream, iov, 3))
        abort();
    return cpu_ns() - start;
}

/* Makes the next batch read the bitmap. */
static void wait_for_peek(void)
{
    save_skip_clean(&skip);
    while (!xpc_skip_due(&skip.when, clock_now_ns()))
        ;
}

int main(void)
{
    uint64_t reads = 0, batches = 0, restores = 0, start;
    xc_hypercall_buffer_t bitmap;

    fake_gpfns = TIB_PAGES;
    log_bits = malloc(BITMAP);
    bitmap = (xc_hypercall_buffer_t){ .hbuf = malloc(BITMAP) };
    if (!log_bits || !bitmap.hbuf)
        abort();
    memset(log_bits, 0x55, BITMAP);
    xpc_params_init(&ctx.params);
    ctx.params.skip_dirty = XPC_SKIP_DIRTY_ON;
    ctx.live = true;
    save_skip_start(&skip, &ctx, NULL);
    for (uint64_t i = 0; i < PEEKS; i++) {
        wait_for_peek();
        reads += look_up(i);
    }
    for (uint64_t i = 0; i < BATCHES; i++)
        batches += look_up(i * (TIB_PAGES / SAVE_BATCH / BATCHES));
    memset(bitmap.hbuf, 0x55, BITMAP);
    start = cpu_ns();
    save_skip_restore(&skip, &bitmap, TIB_PAGES, NULL);
    restores = cpu_ns() - start;
    if (skip.off)
        abort();
    save_skip_stop(&skip);
    /* As is assumed until it was measured. */
    figure("skip: reading the bitmap of 1 TiB, without Xen's part",
           reads / 1e6 / PEEKS, "ms", xpc_skip_peek_ns(TIB_PAGES) / 1e6);
    /* A hundredth of what sending them at 10 Gbit/s takes. */
    figure("skip: looking up a batch of 1,024 pages", batches / 1e3 / BATCHES,
           "us", 33.6);
    /* A tenth of what reading and searching the bitmap takes anyway. */
    figure("skip: restoring the pages in the next bitmap of 1 TiB",
           restores / 1e6, "ms", 20);
    figures_end();
    free(log_bits);
    free(bitmap.hbuf);
    return 0;
}
