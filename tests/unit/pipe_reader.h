/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who reads all that comes out of a pipe, in a thread of its own.
 */
#ifndef PIPE_READER_H
#define PIPE_READER_H

#include "torture.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct pipe_reader {
    int fd;
    bool slow;                  /* a piece every two milliseconds */
    bool runs;
    pthread_t thread;
    unsigned char *p;
    size_t len, room;
};

static inline void *pipe_reader_run(void *arg)
{
    struct timespec pause = { .tv_nsec = 2000000 };
    struct pipe_reader *r = arg;
    ssize_t n;

    do {
        if (r->slow)
            nanosleep(&pause, NULL);
        if (r->len + (1 << 20) > r->room)
            r->p = realloc(r->p, r->room = 2 * r->room + (4 << 20));
        n = read(r->fd, r->p + r->len, 1 << 20);
        r->len += n > 0 ? n : 0;
    } while (n > 0);
    close(r->fd);
    return NULL;
}

/* Until its end; the descriptor is the reader's. */
static inline void pipe_reader_start(struct pipe_reader *r, int fd)
{
    r->fd = fd;
    assert_int_equal(pthread_create(&r->thread, NULL, pipe_reader_run, r), 0);
    r->runs = true;
}

static inline void pipe_reader_join(struct pipe_reader *r)
{
    if (r->runs)
        pthread_join(r->thread, NULL);
    r->runs = false;
}

static inline void pipe_reader_dispose(struct pipe_reader *r)
{
    pipe_reader_join(r);
    free(r->p);
    r->p = NULL;
}

#endif
