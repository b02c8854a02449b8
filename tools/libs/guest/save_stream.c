/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "save_stream.h"
#include "xenprecopy.h"

/* Xen's docs/specs/libxc-migration-stream, version 3. */
#define STREAM_HEADERS 40       /* image header 24, domain header 16 */
#define RECORD_HEADER 8         /* type, length */
#define PAGE_DATA_HEADER 8      /* count, reserved */
#define RECORD_PAGE_DATA 0x00000001u

void save_stream_init(struct save_stream *s)
{
    *s = (struct save_stream){
        .skip = STREAM_HEADERS, .want = RECORD_HEADER,
    };
}

static uint32_t u32_at(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));   /* the stream is in the host's order */
    return v;
}

/* head[] holds a PAGE_DATA record's header and its count. */
static void page_data(struct save_stream *s)
{
    uint64_t length = u32_at(s->head + 4);
    uint64_t pfns = u32_at(s->head + RECORD_HEADER);
    uint64_t list = PAGE_DATA_HEADER + pfns * sizeof(uint64_t);

    if (list > length || (length - list) % XPC_PAGE_SIZE) {
        s->lost = true;
        return;
    }
    s->pages += (length - list) / XPC_PAGE_SIZE;
    s->page_bytes += RECORD_HEADER + length;
    s->skip = length - PAGE_DATA_HEADER;
}

/* head[] holds all it was to hold: what comes next? */
static void next_state(struct save_stream *s)
{
    s->type = u32_at(s->head);
    s->in_pages = s->counting_pages;
    if (s->counting_pages) {
        page_data(s);
    } else if (s->type == RECORD_PAGE_DATA &&
               u32_at(s->head + 4) >= PAGE_DATA_HEADER) {
        s->counting_pages = true;
        s->want = RECORD_HEADER + PAGE_DATA_HEADER;
        return;
    } else {
        /* Bodies are padded to 8 bytes. */
        s->skip = ((uint64_t)u32_at(s->head + 4) + 7) & ~UINT64_C(7);
    }
    s->counting_pages = false;
    s->have = 0;
    s->want = RECORD_HEADER;
}

static void parse(struct save_stream *s, const unsigned char *p, size_t len)
{
    while (len && !s->lost) {
        size_t n;

        if (s->skip) {
            n = len < s->skip ? len : s->skip;
            s->skip -= n;
        } else {
            n = s->want - s->have;
            if (n > len)
                n = len;
            memcpy(s->head + s->have, p, n);
            s->have += n;
            if (s->have == s->want)
                next_state(s);
        }
        p += n;
        len -= n;
    }
}

bool save_stream_pages_next(const struct save_stream *s,
                            const struct iovec *iov)
{
    if (s->skip || s->have)
        return s->in_pages || s->counting_pages;
    return iov->iov_len >= sizeof(uint32_t) &&
           u32_at(iov->iov_base) == RECORD_PAGE_DATA;
}

void save_stream_written(struct save_stream *s, const struct iovec *iov,
                         int iovcnt, size_t len)
{
    s->bytes += len;
    for (int i = 0; i < iovcnt && len; i++) {
        size_t n = iov[i].iov_len < len ? iov[i].iov_len : len;

        parse(s, iov[i].iov_base, n);
        len -= n;
    }
}
