/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cost and gain of omitting zero pages: 2 GiB of a guest, through a pipe to
 * a process that reads it, by the share of zero pages and the number of
 * threads, compared with the unchanged stream; and finding zero pages, compared
 * with the bandwidth of memory.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/xenprecopy.h>

#include "base/clock.h"
#include "base/workers.h"
#include "batch.h"
#include "bench.h"
#include "core/zero.h"
#include "save/stream/zero.h"

#define STREAM_PAGES (UINT64_C(2) << 18)        /* 2 GiB */
#define MEMORY_PAGES (UINT64_C(1) << 18)        /* sent again and again */
#define TRIES 3
#define THREADS_MAX 4

static const unsigned int shares[] = { 0, 25, 50, 75, 90, 100 };

static unsigned char *memory;

/* ---- through a pipe ----------------------------------------------------- */

struct sink {
    pid_t pid;
    int fd;
};

static struct sink open_sink(void)
{
    struct sink s;
    int fd[2];

    if (pipe(fd) || (s.pid = fork()) < 0)
        err(1, "pipe");
    if (!s.pid) {
        static char buf[1 << 20];

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fd[1]);
        while (read(fd[0], buf, sizeof(buf)) > 0)
            ;
        _exit(0);
    }
    close(fd[0]);
    s.fd = fd[1];
    return s;
}

static void close_sink(struct sink *s)
{
    close(s->fd);
    waitpid(s->pid, NULL, 0);
}

struct way {
    int fd;
    struct save_zero *z;        /* NULL: the unchanged stream */
    struct save_stream *s;
};

static size_t write_some(void *to, struct iovec *iov, int iovcnt)
{
    struct way *w = to;
    struct save_zero *z = w->z;
    size_t taken;
    ssize_t n;

    if (!z) {
        n = writev(w->fd, iov, iovcnt);
        if (n <= 0)
            err(1, "writev");
        return n;
    }
    taken = save_zero_rewrite(z, w->s, iov, iovcnt);
    for (struct iovec *o = z->out.iov; z->out.nr; ) {
        n = writev(w->fd, o, z->out.nr < 1024 ? z->out.nr : 1024);
        if (n <= 0)
            err(1, "writev");
        save_stream_written(w->s, o, z->out.nr, n);
        iov_advance(&o, &z->out.nr, n);
    }
    return taken;
}

struct outcome {
    double pages_per_s;
    uint64_t bytes;
};

/* The whole stream. threads < 0: unchanged. */
static struct outcome run(int threads)
{
    struct save_zero *z = threads < 0 ? NULL :
                          save_zero_start(STREAM_PAGES, threads);
    struct sink sink = open_sink();
    struct outcome o = { .bytes = STREAM_PAGES * (XPC_PAGE_SIZE + 8) };
    struct save_stream s;
    struct way way = { .fd = sink.fd, .z = z, .s = &s };
    uint64_t begun = clock_now_ns();

    save_stream_init(&s);
    s.skip = 0;                 /* there are no headers */
    for (uint64_t pfn = 0; pfn < STREAM_PAGES; pfn += BATCH)
        batch_put(write_some, &way, memory, MEMORY_PAGES, pfn);
    close_sink(&sink);
    o.pages_per_s = STREAM_PAGES * 1e9 / (clock_now_ns() - begun);
    if (z)
        o.bytes = s.bytes;
    save_zero_stop(z);
    return o;
}

static void keep_best(struct outcome *best, struct outcome o)
{
    if (o.pages_per_s > best->pages_per_s)
        *best = o;
}

/*
 * Unchanged and with each number of threads in turn, so that other load affects
 * all of them.
 */
static void streams(unsigned int zero_percent, unsigned int spare)
{
    struct outcome plain = { 0 }, ours[THREADS_MAX] = { { 0 } };
    char name[100];

    for (int i = 0; i < TRIES; i++) {
        keep_best(&plain, run(-1));
        for (unsigned int threads = 0; threads <= spare; threads++)
            keep_best(&ours[threads], run(threads));
    }
    for (unsigned int threads = 0; threads <= spare; threads++) {
        int len = snprintf(name, sizeof(name), "stream: %u%% zero pages, "
                           "%u threads: ", zero_percent, 1 + threads);

        strcpy(name + len, "pages");
        figure(name, ours[threads].pages_per_s, "1/s", plain.pages_per_s);
        strcpy(name + len, "bytes");
        figure(name, ours[threads].bytes, "B", plain.bytes);
    }
}

/* ---- memory bandwidth ---------------------------------------------------- */

static const void *page[MEMORY_PAGES];
static bool zero[MEMORY_PAGES];
static uint64_t sink_of_sums;

/* Reads everything with the widest vectors, and does little else. */
#ifdef __x86_64__
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static void just_read(void *arg, size_t begin, size_t end)
{
    typedef uint64_t __attribute__((vector_size(64))) vector;
    const vector *v = page[begin], *stop = v + (end - begin) * 64;
    vector a = { 0 }, b = a, c = a, d = a;

    (void)arg;
    for (; v < stop; v += 4) {
        a |= v[0];
        b |= v[1];
        c |= v[2];
        d |= v[3];
    }
    a |= b | c | d;
    __atomic_fetch_or(&sink_of_sums, a[0] | a[7], __ATOMIC_RELAXED);
}

static void look(void *arg, size_t begin, size_t end)
{
    (void)arg;
    xpc_zero_pages(page + begin, end - begin, zero + begin);
}

static double gb_per_s(struct workers *w, workers_fn *fn)
{
    uint64_t begun, ns, best = UINT64_MAX;

    for (int i = 0; i < 2 * TRIES; i++) {
        begun = clock_now_ns();
        workers_run(w, fn, NULL, MEMORY_PAGES, 64);
        ns = clock_now_ns() - begun;
        if (ns < best)
            best = ns;
    }
    return MEMORY_PAGES * (double)XPC_PAGE_SIZE / best;
}

static void bandwidth(unsigned int threads)
{
    struct workers *w = workers_start(threads);
    double memory_gb = gb_per_s(w, just_read);
    char name[100];

    snprintf(name, sizeof(name), "stream: looking at zero pages, %u threads",
             1 + threads);
    figure(name, gb_per_s(w, look), "GB/s", memory_gb);
    workers_stop(w);
}

int main(void)
{
    unsigned int spare = workers_spare(THREADS_MAX - 1);

    memory = mmap(NULL, MEMORY_PAGES * XPC_PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        err(1, "1 GiB of memory");
    madvise(memory, MEMORY_PAGES * XPC_PAGE_SIZE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < MEMORY_PAGES; i++)
        page[i] = memory + i * XPC_PAGE_SIZE;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        batch_fill(memory, MEMORY_PAGES, shares[i], false);
        streams(shares[i], spare);
    }
    for (unsigned int threads = 0; threads <= spare; threads++)
        bandwidth(threads);
    printf("\n]\n");
    return 0;
}
