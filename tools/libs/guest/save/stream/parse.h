/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts what passes over the migration stream: bytes and pages, by record, as
 * they are written.
 *
 * The parser reads what libxenguest itself has written, never the contents of a
 * page. What it does not understand it only counts.
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
    uint64_t bytes;         /* all, except zero pages sent as runs */
    uint64_t pages;         /* pages sent with data, whole */
    uint64_t zero_pages;    /* pages sent as runs */
    uint64_t page_bytes;    /* PAGE_DATA records, headers included */
    /* The parser's position in the current record. */
    uint64_t skip;          /* bytes that need not be read */
    uint64_t record_pages;  /* in the current PAGE_DATA record */
    uint32_t type;
    size_t have;            /* of head[] */
    size_t want;
    unsigned char head[16];
    bool counting_pages;    /* head[] takes a PAGE_DATA's count, too */
    bool in_pages;          /* the last byte belonged to a PAGE_DATA record */
    bool verifies;          /* this is a verify pass over all pages */
    bool lost;              /* unknown format: only bytes are counted */
};

/* A record's size in the stream; bodies are padded to 8 bytes. */
static inline uint64_t save_record_size(uint32_t length)
{
    return SAVE_RECORD_HEADER + (((uint64_t)length + 7) & ~UINT64_C(7));
}

/* The stream starts with the image header and the domain header. */
void save_stream_init(struct save_stream *s);

/* Is the data about to be written, which starts with iov, page data? */
bool save_stream_pages_next(const struct save_stream *s,
                            const struct iovec *iov);

/*
 * Returns how many of the next bytes are of one kind. *page_r: they are one
 * whole page of the guest.
 */
size_t save_stream_run(const struct save_stream *s, bool *page_r);

/* Zero pages, len bytes of them, have been written as a run. */
void save_stream_zeros(struct save_stream *s, size_t len);

/* len bytes starting in iov have been written. */
void save_stream_written(struct save_stream *s, const struct iovec *iov,
                         int iovcnt, size_t len);

#endif
