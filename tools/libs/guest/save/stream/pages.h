/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the zero pages in what libxenguest writes, without changing any of it:
 * for XPC_ZERO_PAGES_AUTO, where the receiver gets the same stream.
 */
#ifndef SAVE_STREAM_PAGES_H
#define SAVE_STREAM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "save/stream/parse.h"

/* A part of the stream: one or more zero pages, or anything else. */
struct save_piece {
    const char *p;
    size_t len;
    bool zero;
};

struct save_pages;

/* With so many threads besides the caller's. NULL: out of memory. */
struct save_pages *save_pages_start(unsigned int threads);
void save_pages_stop(struct save_pages *s);     /* NULL is allowed */

/*
 * Cuts what is about to be written into pieces, as many as there is room for;
 * stream is where it is to be written. Returns how many; they point into iov's
 * memory. 0: iov is empty.
 */
size_t save_pages_cut(struct save_pages *s, const struct save_stream *stream,
                      const struct iovec *iov, int iovcnt,
                      const struct save_piece **piece_r);

/* How many bytes of iov save_pages_cut() has cut. */
size_t save_pages_taken(const struct save_pages *s);

/* How many pages of the pieces are zero. */
uint64_t save_pages_zero(const struct save_pages *s);

#endif
