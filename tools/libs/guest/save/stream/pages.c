/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include <xenprecopy/xenprecopy.h>

#include "base/workers.h"
#include "core/zero.h"
#include "save/stream/pages.h"

/* More than the pages of a record. */
#define PIECES 1088
/* The block that a thread takes at a time: 256 KiB. */
#define BLOCK 64

struct save_pages {
    struct save_piece piece[PIECES];
    size_t nr;
    /* Whole pages among them, which may be zero. */
    const void *page[PIECES];
    uint16_t of[PIECES];
    bool zero[PIECES];
    size_t nr_pages;
    struct workers *workers;
};

/* Adds the piece that begins at p, of at most len bytes. */
static void cut_one(struct save_pages *s, struct save_stream *stream,
                    const char *p, size_t len)
{
    bool page;
    size_t run = save_stream_run(stream, &page);
    struct iovec iov;

    if (run > len) {
        run = len;
        page = false;
    }
    if (page) {
        s->page[s->nr_pages] = p;
        s->of[s->nr_pages++] = s->nr;
    }
    s->piece[s->nr++] = (struct save_piece){ p, run, false };
    iov = (struct iovec){ (void *)p, run };
    save_stream_written(stream, &iov, 1, run);
}

static void find_zero(void *arg, size_t first, size_t end)
{
    struct save_pages *s = arg;

    xpc_zero_pages(s->page + first, end - first, s->zero + first);
}

/* Joins adjacent pieces of a kind, and all zero ones in a row. */
static void join(struct save_pages *s)
{
    size_t nr = 0;

    for (size_t i = 0; i < s->nr; i++) {
        struct save_piece *to = s->piece + nr - 1, *from = s->piece + i;

        if (nr && to->zero == from->zero &&
            (to->zero || to->p + to->len == from->p))
            to->len += from->len;
        else
            s->piece[nr++] = *from;
    }
    s->nr = nr;
}

size_t save_pages_cut(struct save_pages *s, const struct save_stream *stream,
                      const struct iovec *iov, int iovcnt,
                      const struct save_piece **piece_r)
{
    struct save_stream at = *stream;
    const char *p, *end;

    s->nr = s->nr_pages = 0;
    for (int i = 0; i < iovcnt; i++) {
        p = iov[i].iov_base;
        end = p + iov[i].iov_len;
        while (p < end && s->nr < PIECES) {
            cut_one(s, &at, p, end - p);
            p += s->piece[s->nr - 1].len;
        }
    }
    workers_run(s->workers, find_zero, s, s->nr_pages, BLOCK);
    for (size_t i = 0; i < s->nr_pages; i++)
        s->piece[s->of[i]].zero = s->zero[i];
    join(s);
    *piece_r = s->piece;
    return s->nr;
}

size_t save_pages_taken(const struct save_pages *s)
{
    size_t len = 0;

    for (size_t i = 0; i < s->nr; i++)
        len += s->piece[i].len;
    return len;
}

uint64_t save_pages_zero(const struct save_pages *s)
{
    uint64_t pages = 0;

    for (size_t i = 0; i < s->nr; i++)
        pages += s->piece[i].zero ? s->piece[i].len / XPC_PAGE_SIZE : 0;
    return pages;
}

struct save_pages *save_pages_start(unsigned int threads)
{
    struct save_pages *s = calloc(1, sizeof(*s));

    if (s)
        s->workers = workers_start(threads);
    return s;
}

void save_pages_stop(struct save_pages *s)
{
    if (!s)
        return;
    workers_stop(s->workers);
    free(s);
}
