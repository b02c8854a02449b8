/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes to random pages and logs every write, to test the recorder: private
 * memory, shared memory, .data, mappings that come and go, and a forked child
 * that writes to pages of its parent.
 *
 * known-writer LOG SECONDS: log lines "<time> p <pid> <address>" and
 * "<time> s <address in the shared area>".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define PRIVATE_PAGES 16384u
#define SHARED_PAGES 4096u
#define PASSING_PAGES 256u
#define DATA_PAGES 64u
#define PAUSE_US 30

static char data[DATA_PAGES * PAGE] __attribute__((aligned(PAGE))) = { 1 };

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static uint32_t rnd(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

static volatile char *map(size_t pages, int flags)
{
    void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                   MAP_ANONYMOUS | flags, -1, 0);

    if (p == MAP_FAILED)
        exit(2);
    return p;
}

/* The log has the time before the write and after it. */
static void touch(FILE *log, volatile char *area, uint64_t page, char kind,
                  unsigned char value)
{
    uint64_t before = now_ns(), after;

    area[page * PAGE + value % 64] = value;
    after = now_ns();
    if (kind == 's')
        fprintf(log, "%"PRIu64" %"PRIu64" s 0 %"PRIx64"\n", before, after,
                page * PAGE);
    else
        fprintf(log, "%"PRIu64" %"PRIu64" p %d %"PRIxPTR"\n", before, after,
                (int)getpid(), (uintptr_t)(area + page * PAGE));
}

static void work(FILE *log, volatile char *priv, volatile char *shared,
                 double seconds, uint64_t seed)
{
    uint64_t end = now_ns() + seconds * 1e9, n = 0;

    while (now_ns() < end) {
        uint32_t r = rnd(&seed);

        touch(log, priv, rnd(&seed) % PRIVATE_PAGES, 'p', r);
        if (n % 2)
            touch(log, shared, rnd(&seed) % SHARED_PAGES, 's', r);
        if (n % 16 == 0)
            touch(log, data, rnd(&seed) % DATA_PAGES, 'p', r);
        if (n++ % 512 == 0) {
            volatile char *p = map(PASSING_PAGES, MAP_PRIVATE);

            for (uint32_t i = 0; i < PASSING_PAGES; i += 8)
                touch(log, p, i, 'p', r);
            /* Longer than an interval, or the write could not be seen. */
            usleep(60000);
            munmap((void *)p, PASSING_PAGES * PAGE);
        }
        usleep(PAUSE_US);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    FILE *log = argc > 1 ? fopen(argv[1], "w") : NULL;
    volatile char *priv = map(PRIVATE_PAGES, MAP_PRIVATE);
    volatile char *shared = map(SHARED_PAGES, MAP_SHARED);
    char name[4096];
    pid_t pid;

    if (!log)
        return 2;
    for (uint32_t i = 0; i < PRIVATE_PAGES; i++)
        priv[(size_t)i * PAGE] = 1;
    work(log, priv, shared, seconds / 2, 1);
    if (fclose(log))
        return 2;
    /* From now on there are two processes, each with a log. */
    pid = fork();
    snprintf(name, sizeof(name), "%s.%c", argv[1], pid ? 'a' : 'b');
    log = fopen(name, "w");
    if (!log)
        return 2;
    work(log, priv, shared, seconds / 2, pid ? 2 : 3);
    if (fclose(log))
        return 2;
    if (pid)
        waitpid(pid, NULL, 0);
    usleep(5000000);    /* the recorder ends first */
    return 0;
}
