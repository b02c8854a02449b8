/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What passes over the migration stream: bytes and pages, told apart by
 * record, as they are really written.
 *
 * The parser reads what libxenguest itself has written. It never looks at a
 * page's content, and what it does not understand it only counts.
 */
#ifndef SAVE_STREAM_H
#define SAVE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct save_stream {
    uint64_t bytes;         /* all of it */
    uint64_t pages;         /* pages sent with data */
    uint64_t page_bytes;    /* PAGE_DATA records, header and all */
    /* Parser: where we are in the record under way. */
    uint64_t skip;          /* bytes to the end of what needs no look */
    uint32_t type;
    size_t have;            /* of head[] */
    size_t want;
    unsigned char head[16];
    bool counting_pages;    /* head[] is to hold a PAGE_DATA's count too */
    bool in_pages;          /* what came last was of a PAGE_DATA record */
    bool lost;              /* not the format we know: count bytes only */
};

/* Starts with the image and the domain header. */
void save_stream_init(struct save_stream *s);

/* Is what is about to be written, starting with iov, page data? */
bool save_stream_pages_next(const struct save_stream *s,
                            const struct iovec *iov);

/* len bytes starting in iov have been written. */
void save_stream_written(struct save_stream *s, const struct iovec *iov,
                         int iovcnt, size_t len);

#endif
