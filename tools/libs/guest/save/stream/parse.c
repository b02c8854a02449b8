/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "save/stream/parse.h"

#define STREAM_HEADERS 40       /* image header 24, domain header 16 */

void save_stream_init(struct save_stream *s)
{
    *s = (struct save_stream){
        .skip = STREAM_HEADERS, .want = SAVE_RECORD_HEADER,
    };
}

static uint32_t u32_at(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));   /* the stream has the host's byte order */
    return v;
}

/* head[] holds a PAGE_DATA record's header and its count. */
static void page_data(struct save_stream *s)
{
    uint64_t length = u32_at(s->head + 4);
    uint64_t pfns = u32_at(s->head + SAVE_RECORD_HEADER);
    uint64_t list = SAVE_PAGE_DATA_HEADER + pfns * sizeof(uint64_t);

    if (list > length || (length - list) % XPC_PAGE_SIZE) {
        s->lost = true;
        return;
    }
    s->record_pages = (length - list) / XPC_PAGE_SIZE;
    s->page_bytes += SAVE_RECORD_HEADER + SAVE_PAGE_DATA_HEADER;
    s->skip = length - SAVE_PAGE_DATA_HEADER;
}

/* head[] is complete: finds out what comes next. */
static void next_state(struct save_stream *s)
{
    s->type = u32_at(s->head);
    s->in_pages = s->counting_pages;
    s->verifies |= s->type == SAVE_RECORD_VERIFY;
    if (s->counting_pages) {
        page_data(s);
    } else if (s->type == SAVE_RECORD_PAGE_DATA &&
               u32_at(s->head + 4) >= SAVE_PAGE_DATA_HEADER) {
        s->counting_pages = true;
        s->want = SAVE_RECORD_HEADER + SAVE_PAGE_DATA_HEADER;
        return;
    } else {
        s->skip = save_record_size(u32_at(s->head + 4)) - SAVE_RECORD_HEADER;
    }
    s->counting_pages = false;
    s->have = 0;
    s->want = SAVE_RECORD_HEADER;
}

/* The pages of the current record that are still to come; they end it. */
static uint64_t pages_left(const struct save_stream *s)
{
    uint64_t n = (s->skip + XPC_PAGE_SIZE - 1) / XPC_PAGE_SIZE;

    return n < s->record_pages ? n : s->record_pages;
}

static void skip(struct save_stream *s, size_t n)
{
    uint64_t left = pages_left(s);

    s->skip -= n;
    if (s->in_pages) {
        s->page_bytes += n;
        s->pages += left - pages_left(s);
    }
}

static void parse(struct save_stream *s, const unsigned char *p, size_t len)
{
    while (len && !s->lost) {
        size_t n;

        if (s->skip) {
            n = len < s->skip ? len : s->skip;
            skip(s, n);
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
           u32_at(iov->iov_base) == SAVE_RECORD_PAGE_DATA;
}

size_t save_stream_run(const struct save_stream *s, bool *page_r)
{
    uint64_t pages = s->in_pages ? s->record_pages * XPC_PAGE_SIZE : 0;
    uint64_t part = s->skip % XPC_PAGE_SIZE;

    *page_r = false;
    if (s->lost)
        return SIZE_MAX;
    if (!s->skip)
        return s->want - s->have;
    if (s->skip > pages)
        return s->skip - pages;
    *page_r = !part;
    return part ? part : XPC_PAGE_SIZE;
}

void save_stream_zeros(struct save_stream *s, size_t len)
{
    s->skip -= len;
    s->zero_pages += len / XPC_PAGE_SIZE;
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
