/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cost of measuring: hashing compared with reading memory, a default
 * measurement of 24 GiB, the sketch of the working set for 1 TiB; and the time
 * for the last dirty bitmap, while the guest is suspended.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "mapped_source.h"

#define GIB (UINT64_C(1) << 30)
#define REGION (2 * GIB)

static volatile uint64_t sink;

/* ---- hashing --------------------------------------------------------- */

typedef uint64_t vec __attribute__((vector_size(64)));

static uint64_t read_page(const char *page)
{
    const vec *v = (const vec *)page;
    vec sum = { 0 };
    uint64_t s = 0;

    for (size_t i = 0; i < XPC_PAGE_SIZE / sizeof(*v); i += 4)
        sum += (v[i] ^ v[i + 1]) + (v[i + 2] ^ v[i + 3]);
    for (size_t i = 0; i < 8; i++)
        s += sum[i];
    return s;
}

/* GB/s for all pages in order, so that none of them is cached. */
static double pass(const char *mem, bool hash)
{
    uint64_t start = cpu_ns(), sum = 0;

    for (uint64_t at = 0; at < REGION; at += XPC_PAGE_SIZE)
        sum += hash ? xpc_page_hash(mem + at) : read_page(mem + at);
    sink = sum;
    return (double)REGION / (cpu_ns() - start);
}

/* The best of several runs, alternating, so that load affects both. */
static void bench_hashing(const char *mem)
{
    double hash = 0, read = 0;

    for (int i = 0; i < 7; i++) {
        double h = pass(mem, true), r = pass(mem, false);

        hash = h > hash ? h : hash;
        read = r > read ? r : read;
    }
    figure("hashing cold pages, reading beside (0.8 is wanted)", hash,
           "GB/s", read);
}

/* ---- a default measurement of 24 GiB --------------------------------- */

/*
 * To sample a domain, its pages are mapped one after the other, up to 1024 in
 * a call (xen/source.c). This does the same with the pages of a file. It has 2
 * instead of 24 GiB: a sample of 48 MiB exceeds the cache either way.
 * Neighbours in the file are not neighbours in memory (fill()), so that a
 * mapping is like Xen's. The time that Xen needs for a mapping is not
 * included.
 */
struct window {
    struct mapped_source s;
    char *at;
    int fd;
    uint64_t map_ns;
};

static int window_take(struct xpc_source *src, const uint64_t *pfn,
                       size_t nr, bool *hole)
{
    struct window *w = (struct window *)src;
    uint64_t place[1024], start = cpu_ns();

    (void)pfn;
    for (size_t i = 0; i < nr; i++)
        place[i] = w->s.nr + i;
    if (mmap(w->at + place[0] * XPC_PAGE_SIZE, nr * XPC_PAGE_SIZE, PROT_READ,
             MAP_SHARED | MAP_FIXED | MAP_POPULATE, w->fd,
             place[0] * XPC_PAGE_SIZE) == MAP_FAILED)
        abort();
    w->map_ns += cpu_ns() - start;
    return mapped_take(src, place, nr, hole);
}

/*
 * Nothing is written, so that every page is hashed at every period: the most
 * expensive case.
 */
static void bench_default(int fd)
{
    struct xpc_source_ops ops = mapped_ops;
    struct window w = { .fd = fd };
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct xpc_meter meter;
    uint64_t start, used;

    w.at = mmap(NULL, GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
                MAP_NORESERVE, -1, 0);
    if (w.at == MAP_FAILED)
        abort();
    mapped_source_init(&w.s, w.at, 24 * GIB / XPC_PAGE_SIZE);
    ops.take = window_take;
    w.s.src.ops = &ops;
    xpc_meter_request_init(&req);
    start = cpu_ns();
    if (xpc_meter_start(&meter, &w.s.src, &req))
        abort();
    while (!meter.finished) {
        mapped_wait(NULL, meter.next_ns);
        if (xpc_meter_step(&meter))
            abort();
    }
    xpc_measurement_init(&m);
    xpc_meter_end(&meter, false, &m);
    used = cpu_ns() - start;
    figure("default measurement of 24 GiB, share of a core (1 is allowed)",
           100.0 * used / req.calc_ns, "%", 1);
    figure("default measurement of 24 GiB, mapping's part of that",
           100.0 * w.map_ns / req.calc_ns, "%", 1);
    figure("default measurement of 24 GiB, hashed", m.cost.hashed_bytes / 1e6,
           "MB", m.n_sampled * (m.nr_periods + 1.0) * XPC_PAGE_SIZE / 1e6);
    xpc_measurement_dispose(&m);
    munmap(w.at, GIB);
}

/* ---- the working set of 1 TiB ---------------------------------------- */

static void bench_workset(void)
{
    const uint64_t nr = UINT64_C(1) << 28;
    uint64_t *bitmap = malloc(nr / 8), start, took = UINT64_MAX, rng = 1;
    struct xpc_workset w;

    if (!bitmap)
        abort();
    start = cpu_ns();
    if (xpc_workset_init(&w, nr))
        abort();
    figure("working set of 1 TiB, until it can be watched (50 is allowed)",
           (cpu_ns() - start) / 1e6, "ms", 50);
    for (int i = 0; i < 5; i++) {
        /* 32 MiB, written again, so that not all of it is cached. */
        for (uint64_t k = 0; k < nr / 64; k++)
            bitmap[k] = rng = rng * UINT64_C(6364136223846793005) + 1;
        start = cpu_ns();
        xpc_workset_bitmap(&w, bitmap, nr);
        xpc_workset_end(&w, i + 1);
        if (cpu_ns() - start < took)
            took = cpu_ns() - start;
    }
    figure("working set of 1 TiB, an interval (10 is allowed)", took / 1e6,
           "ms", 10);
    figure("working set of 1 TiB, an interval (64 is allowed)",
           xpc_workset_interval_bytes(&w) / 1024.0, "KiB", 64);
    figure("working set of 1 TiB, all its memory (1024 is allowed)",
           3 * xpc_workset_interval_bytes(&w) / 1024.0, "KiB", 1024);
    xpc_workset_dispose(&w);
    free(bitmap);
}

/* ---- the last bitmap -------------------------------------------------- */

/* The loop of libxenguest over all pfns, without dirty pages. */
static uint64_t count_dirty(const unsigned long *bitmap, uint64_t nr)
{
    uint64_t dirty = 0;

    for (uint64_t pfn = 0; pfn < nr; pfn++) {
        /* Keeps the compiler from testing several bits at once. */
        __asm__ volatile("" : "+r" (pfn));
        if (bitmap[pfn / 64] >> pfn % 64 & 1)
            dirty++;
    }
    return dirty;
}

static void bench_bitmap(void)
{
    const uint64_t nr = (UINT64_C(1) << 40) / XPC_PAGE_SIZE;
    unsigned long *bitmap = calloc(nr / 64, sizeof(*bitmap)),
                  *read = calloc(nr / 64, sizeof(*read));
    uint64_t took = UINT64_MAX, start;

    if (!bitmap || !read)
        abort();
    for (int i = 0; i < 5; i++) {
        start = cpu_ns();
        memcpy(read, bitmap, nr / 8);   /* Xen's copy */
        sink = count_dirty(read, nr);
        if (cpu_ns() - start < took)
            took = cpu_ns() - start;
    }
    figure("dirty bitmap of 1 TiB, read and searched (as assumed)",
           took / 1e6, "ms", nr * XPC_DEFAULT_PFN_PS / 1e9);
    free(read);
    free(bitmap);
}

/*
 * Allocates the pages of the file in an order without neighbours: with an odd
 * step, modulo a power of two.
 */
static void fill(char *mem)
{
    const uint64_t pages = REGION / XPC_PAGE_SIZE, step = 331777;

    for (uint64_t i = 0; i < pages; i++) {
        uint64_t *page = (uint64_t *)(mem + i * step % pages * XPC_PAGE_SIZE);

        for (size_t k = 0; k < XPC_PAGE_SIZE / sizeof(*page); k++)
            page[k] = (i * 512 + k) * UINT64_C(0x9e3779b97f4a7c15);
    }
}

int main(void)
{
    int fd = memfd_create("bench", MFD_CLOEXEC);
    char *mem;

    if (fd < 0 || ftruncate(fd, REGION))
        abort();
    mem = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mem == MAP_FAILED)
        abort();
    fill(mem);
    bench_hashing(mem);
    bench_default(fd);
    bench_workset();
    bench_bitmap();
    figures_end();
    return 0;
}
