/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the parser and the rewriting of the migration stream. Whatever
 * libxenguest writes, and however it is divided, everything is written, and the
 * receiver restores the same guest as from the original.
 *
 * A file is a byte that says how the stream is divided (0: as libxenguest does
 * it), and the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"
#include "support/stream_reader.h"
#include "save/stream/zero.h"

#define PIECES 512

static struct {
    struct save_zero *zero;
    struct save_stream stream;
    uint8_t *left;              /* what was sent */
    size_t len, max;
} t;

/* One writev(), which may be short. */
static size_t call(const struct iovec *iov, int iovcnt, size_t wants)
{
    size_t n = save_zero_rewrite(t.zero, &t.stream, iov, iovcnt), len = 0;

    fuzz_require(n <= wants && (n || !wants), "something is taken");
    for (int i = 0; i < t.zero->out.nr; i++) {
        const struct iovec *o = &t.zero->out.iov[i];

        fuzz_require(o->iov_len <= t.max - t.len, "it does not grow");
        memcpy(t.left + t.len, o->iov_base, o->iov_len);
        t.len += o->iov_len;
        len += o->iov_len;
    }
    for (size_t at = 0, end; at < len; at = end) {
        struct iovec part = { t.left + t.len - len + at, 0 };

        end = at + 1 + (at * 7 + len) % 5000;
        if (end > len)
            end = len;
        part.iov_len = end - at;
        save_stream_written(&t.stream, &part, 1, part.iov_len);
    }
    return n;
}

/* The length of the next piece of the current record. */
static size_t piece(uint8_t how, const uint8_t *p, size_t left, size_t nr)
{
    uint32_t count;
    size_t n;

    if (how) {
        n = 1 + (how * (nr + 1) * 2654435761u >> 7) % (how < 64 ? 97 : 9000);
    } else if (nr < 3) {
        n = nr < 2 ? 4 : 8;
    } else if (nr == 3) {
        memcpy(&count, p - 8, 4);
        n = 8 * (size_t)count;
    } else {
        n = READER_PAGE;
    }
    return n < left ? n : left;
}

/* Writes each record in one call, or in as many as its pieces need. */
static void write_all(const uint8_t *p, size_t size, uint8_t how)
{
    static struct iovec iov[PIECES];
    size_t at = 0;

    while (at < size) {
        size_t end = size, to = at;
        uint32_t head[2];
        int nr = 0;

        if (at < 40) {
            end = size < 40 ? size : 40;
        } else if (!t.stream.skip && !t.stream.have && size - at >= 8) {
            memcpy(head, p + at, 8);
            if (save_record_size(head[1]) < size - at)
                end = at + save_record_size(head[1]);
        }
        while (to < end && nr < PIECES) {
            size_t n = piece(how, p + to, end - to, nr);

            iov[nr++] = (struct iovec){ (void *)(p + to), n };
            to += n;
        }
        at += call(iov, nr, to - at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream_reader was, is;

    if (!size)
        return 0;
    memset(&t, 0, sizeof(t));
    t.zero = save_zero_start(READER_PFNS, 0);
    t.max = size - 1;
    t.left = malloc(size);
    save_stream_init(&t.stream);
    write_all(data + 1, size - 1, data[0]);

    fuzz_require(t.stream.bytes == t.len, "what leaves is counted");
    if (reader_read(&was, data + 1, size - 1)) {
        fuzz_require(reader_read(&is, t.left, t.len), "it is still a stream");
        fuzz_require(was.records == is.records, "no record is lost");
        fuzz_require(reader_same(&was, &is), "the guest is the same");
        fuzz_require(was.verified == is.verified &&
                     was.different == is.different, "a verify pass is whole");
        fuzz_require(is.pages == t.stream.pages, "pages are counted");
        fuzz_require(was.pages - is.pages == t.zero->pages &&
                     is.allocated - was.allocated == t.zero->pages,
                     "zero pages are counted");
    }
    save_zero_stop(t.zero);
    free(t.left);
    return 0;
}
