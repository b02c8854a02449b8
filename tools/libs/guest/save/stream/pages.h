/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the zero pages in what libxenguest writes, without changing anything:
 * for XPC_ZERO_PAGES_AUTO, where the receiver gets the same stream.
 */
#ifndef SAVE_STREAM_PAGES_H
#define SAVE_STREAM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "save/stream/parse.h"

/* A piece of the stream: one or more zero pages, or anything else. */
struct save_piece {
    const char *p;
    size_t len;
    bool zero;
};

struct save_pages;

/* threads are started besides the caller's. NULL: out of memory. */
struct save_pages *save_pages_start(unsigned int threads);
void save_pages_stop(struct save_pages *s);     /* NULL is allowed */

/*
 * Cuts what is about to be written to stream into pieces, until there is no
 * room for more. Returns how many; they point into iov's memory. 0: iov is
 * empty.
 */
size_t save_pages_cut(struct save_pages *s, const struct save_stream *stream,
                      const struct iovec *iov, int iovcnt,
                      const struct save_piece **piece_r);

/* The number of bytes of iov that save_pages_cut() has cut. */
size_t save_pages_taken(const struct save_pages *s);

/* The number of zero pages in the pieces. */
uint64_t save_pages_zero(const struct save_pages *s);

#endif
