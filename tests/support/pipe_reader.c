/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "support/pipe_reader.h"
#include "support/torture.h"

/* Sleeps until the rate since the first byte is not exceeded. */
static void pace(const struct pipe_reader *r,
                             const struct timespec *begun)
{
    uint64_t ns = r->len * UINT64_C(1000000000) / r->bytes_per_s;
    struct timespec until = *begun;

    ns += until.tv_nsec;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void *run(void *arg)
{
    struct pipe_reader *r = arg;
    size_t most = r->bytes_per_s ? 16384 : 1 << 20;
    struct timespec begun;
    ssize_t n;

    do {
        if (r->len + most > r->room)
            r->p = realloc(r->p, r->room = 2 * r->room + (4 << 20));
        n = read(r->fd, r->p + r->len, most);
        if (!r->len)
            clock_gettime(CLOCK_MONOTONIC, &begun);
        r->len += n > 0 ? n : 0;
        if (r->bytes_per_s)
            pace(r, &begun);
    } while (n > 0);
    close(r->fd);
    return NULL;
}

void pipe_reader_start(struct pipe_reader *r, int fd)
{
    r->fd = fd;
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    r->runs = true;
}

void pipe_reader_join(struct pipe_reader *r)
{
    if (r->runs)
        pthread_join(r->thread, NULL);
    r->runs = false;
}

void pipe_reader_dispose(struct pipe_reader *r)
{
    pipe_reader_join(r);
    free(r->p);
    r->p = NULL;
}
