/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What passes over the migration stream: bytes and pages, told apart by
 * record, as they are really written.
 *
 * The parser reads what libxenguest itself has written. It never looks at a
 * page's content, and what it does not understand it only counts.
 */
#ifndef SAVE_STREAM_PARSE_H
#define SAVE_STREAM_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Xen's docs/specs/libxc-migration-stream, version 3. */
#define SAVE_RECORD_HEADER 8        /* type, length */
#define SAVE_PAGE_DATA_HEADER 8     /* count, reserved; the pfns follow */
#define SAVE_RECORD_END 0x00000000u
#define SAVE_RECORD_PAGE_DATA 0x00000001u
#define SAVE_RECORD_VERIFY 0x0000000du
#define SAVE_RECORD_CHECKPOINT 0x0000000eu

struct save_stream {
    uint64_t bytes;         /* all of it, but for zero pages sent as runs */
    uint64_t pages;         /* pages sent with data, whole */
    uint64_t zero_pages;    /* pages sent as runs */
    uint64_t page_bytes;    /* PAGE_DATA records, header and all */
    /* Parser: where we are in the record under way. */
    uint64_t skip;          /* bytes to the end of what needs no look */
    uint64_t record_pages;  /* in the PAGE_DATA record under way */
    uint32_t type;
    size_t have;            /* of head[] */
    size_t want;
    unsigned char head[16];
    bool counting_pages;    /* head[] is to hold a PAGE_DATA's count too */
    bool in_pages;          /* what came last was of a PAGE_DATA record */
    bool verifies;          /* a pass over all pages, to be compared */
    bool lost;              /* not the format we know: count bytes only */
};

/* A record's size in the stream: bodies are padded to 8 bytes. */
static inline uint64_t save_record_size(uint32_t length)
{
    return SAVE_RECORD_HEADER + (((uint64_t)length + 7) & ~UINT64_C(7));
}

/* Starts with the image and the domain header. */
void save_stream_init(struct save_stream *s);

/* Is what is about to be written, starting with iov, page data? */
bool save_stream_pages_next(const struct save_stream *s,
                            const struct iovec *iov);

/*
 * How many of the bytes to come are of one kind; *page_r: are they a whole
 * page of the guest's?
 */
size_t save_stream_run(const struct save_stream *s, bool *page_r);

/* Zero pages, len bytes of them, have been written as a run. */
void save_stream_zeros(struct save_stream *s, size_t len);

/* len bytes starting in iov have been written. */
void save_stream_written(struct save_stream *s, const struct iovec *iov,
                         int iovcnt, size_t len);

#endif
