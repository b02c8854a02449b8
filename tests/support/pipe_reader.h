/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that reads everything from a pipe.
 */
#ifndef TESTS_SUPPORT_PIPE_READER_H
#define TESTS_SUPPORT_PIPE_READER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised, except for the rate. */
struct pipe_reader {
    int fd;
    uint64_t bytes_per_s;       /* the highest rate; 0: as fast as possible */
    bool runs;
    pthread_t thread;
    unsigned char *p;           /* the thread's until it has been joined */
    atomic_size_t len;
    size_t room;
};

/* Starts to read fd, which the thread closes at the end. */
void pipe_reader_start(struct pipe_reader *r, int fd);
/* Blocks until all writers have closed the pipe. Idempotent. */
void pipe_reader_join(struct pipe_reader *r);
/* Joins, and frees what was read. */
void pipe_reader_dispose(struct pipe_reader *r);

#endif
