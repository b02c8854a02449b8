/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a trace. Intervals are collected in a block. A full block is
 * compressed and written with its checksum. The index is written at the end.
 */
#include <errno.h>
#include <stdlib.h>

#include <xxhash.h>
#include <zstd.h>

#include "trace/bytes.h"
#include "trace/write.h"

/*
 * The size at which a block is full. Larger ones hardly compress better, and a
 * seek has to read half of one on average.
 */
#define BLOCK_RAW (UINT32_C(1) << 20)
#define BLOCK_INTERVALS 256
/* Higher levels take longer and hardly reduce the size. */
#define ZSTD_LEVEL 9

struct xpc_trace_writer {
    struct xpc_trace_sink sink;
    int err;                    /* errno of the first failure; ESHUTDOWN if
                                 * finished */
    uint64_t offset;
    uint64_t pages_seen;        /* highest page so far, plus 1 */
    uint64_t end_ns;            /* of the last interval */
    /* The current block. */
    unsigned char *raw;
    size_t raw_len, raw_size;
    uint32_t intervals;
    uint64_t block_start_ns;
    struct trace_entry *entries;
    size_t nr_entries, max_entries;
};

static int fail(struct xpc_trace_writer *w, int err)
{
    w->err = errno = err;
    return -1;
}

static int put(struct xpc_trace_writer *w, const void *buf, size_t len)
{
    if (w->sink.write(w->sink.ctx, buf, len))
        return fail(w, errno ? errno : EIO);
    w->offset += len;
    return 0;
}

/* Appends the checksum of buf's len bytes, and writes both. */
static int put_summed(struct xpc_trace_writer *w, unsigned char *buf,
                      size_t len)
{
    put_u64(buf + len, XXH64(buf, len, 0));
    return put(w, buf, len + TRACE_SUM_LEN);
}

static int put_header(struct xpc_trace_writer *w,
                      const struct xpc_trace_info *info)
{
    unsigned char buf[TRACE_HEADER_LEN + XPC_TRACE_SOURCE_LEN] =
        TRACE_MAGIC;
    size_t text = strnlen(info->source, XPC_TRACE_SOURCE_LEN - 1);

    put_u32(buf + 8, XPC_TRACE_VERSION);
    put_u32(buf + 12, TRACE_HEADER_LEN + text);
    put_u32(buf + 16, info->page_size);
    put_u64(buf + 24, info->interval_ns);
    put_u64(buf + 32, info->zero_pages);
    memcpy(buf + 40, info->source, text);
    return put_summed(w, buf, 40 + text);
}

struct xpc_trace_writer *
xpc_trace_writer_open(const struct xpc_trace_sink *sink,
                      const struct xpc_trace_info *info)
{
    struct xpc_trace_writer *w;

    if (info->page_size < 512 || info->page_size > 1u << 30 ||
        (info->page_size & (info->page_size - 1))) {
        errno = EINVAL;
        return NULL;
    }
    w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->sink = *sink;
    if (put_header(w, info)) {
        int err = w->err;

        free(w);
        errno = err;
        return NULL;
    }
    return w;
}

static int add_entry(struct xpc_trace_writer *w)
{
    if (w->nr_entries == w->max_entries) {
        size_t max = w->max_entries ? 2 * w->max_entries : 64;
        void *p = realloc(w->entries, max * sizeof(*w->entries));

        if (!p)
            return fail(w, ENOMEM);
        w->entries = p;
        w->max_entries = max;
    }
    w->entries[w->nr_entries++] = (struct trace_entry){
        .offset = w->offset, .start_ns = w->block_start_ns,
        .end_ns = w->end_ns, .intervals = w->intervals,
    };
    return 0;
}

/* Encodes the payload into buf, size bytes. Returns its length. */
static size_t code_payload(const struct xpc_trace_writer *w,
                           unsigned char *buf, size_t size, uint32_t *coding_r)
{
    size_t len = ZSTD_compress(buf, size, w->raw, w->raw_len, ZSTD_LEVEL);

    if (!ZSTD_isError(len) && len < w->raw_len) {
        *coding_r = TRACE_ZSTD;
        return len;
    }
    *coding_r = TRACE_STORED;
    memcpy(buf, w->raw, w->raw_len);
    return w->raw_len;
}

static int flush_block(struct xpc_trace_writer *w)
{
    size_t bound = ZSTD_compressBound(w->raw_len), len;
    unsigned char *buf;
    uint32_t coding;
    int rc;

    if (!w->intervals)
        return 0;
    if (add_entry(w))
        return -1;
    buf = calloc(1, TRACE_BLOCK_LEN + bound);
    if (!buf)
        return fail(w, ENOMEM);
    len = code_payload(w, buf + 40, bound, &coding);
    memcpy(buf, TRACE_BLOCK_MAGIC, 4);
    put_u32(buf + 4, len);
    put_u32(buf + 8, w->raw_len);
    put_u32(buf + 12, w->intervals);
    put_u64(buf + 16, w->block_start_ns);
    put_u64(buf + 24, w->end_ns);
    put_u32(buf + 32, coding);
    rc = put_summed(w, buf, 40 + len);
    free(buf);
    w->raw_len = 0;
    w->intervals = 0;
    w->block_start_ns = w->end_ns;
    return rc;
}

/* Makes room for n more bytes in the block. */
static int reserve(struct xpc_trace_writer *w, uint64_t n)
{
    size_t size = w->raw_size ? w->raw_size : 1 << 16;
    void *p;

    if (n > TRACE_RAW_MAX - w->raw_len)
        return fail(w, E2BIG);
    while (size < w->raw_len + n)
        size *= 2;
    if (size == w->raw_size)
        return 0;
    p = realloc(w->raw, size);
    if (!p)
        return fail(w, ENOMEM);
    w->raw = p;
    w->raw_size = size;
    return 0;
}

/* Checks the runs, and counts them after merging adjacent ones. */
static int check_runs(const struct xpc_trace_run *runs, size_t nr,
                      uint64_t *merged_r)
{
    uint64_t end = 0, merged = 0;

    for (size_t i = 0; i < nr; i++) {
        if (!runs[i].nr || runs[i].first < end ||
            runs[i].first >= XPC_TRACE_PAGES_MAX ||
            runs[i].nr > XPC_TRACE_PAGES_MAX - runs[i].first)
            return -1;
        merged += !i || runs[i].first > end;
        end = runs[i].first + runs[i].nr;
    }
    *merged_r = merged;
    return 0;
}

/* Encodes runs, see docs/trace-format.md. Returns the end. */
static unsigned char *code_runs(unsigned char *p,
                                const struct xpc_trace_run *runs, size_t nr)
{
    uint64_t end = 0;

    for (size_t i = 0; i < nr;) {
        uint64_t first = runs[i].first, next = first + runs[i].nr;

        for (i++; i < nr && runs[i].first == next; i++)
            next += runs[i].nr;
        p = put_varint(p, (first - end) << 1 | (next - first > 1));
        if (next - first > 1)
            p = put_varint(p, next - first - 2);
        end = next;
    }
    return p;
}

int xpc_trace_write(struct xpc_trace_writer *w, uint64_t end_ns,
                    const struct xpc_trace_run *runs, size_t nr_runs)
{
    unsigned char *p;
    uint64_t merged;

    if (w->err)
        return fail(w, w->err);
    if (end_ns <= w->end_ns || check_runs(runs, nr_runs, &merged))
        return fail(w, EINVAL);
    if (w->raw_len >= BLOCK_RAW || w->intervals >= BLOCK_INTERVALS) {
        if (flush_block(w))
            return -1;
    }
    /* A page number and a length below 2^41 take six bytes each. */
    if (merged > TRACE_RAW_MAX / 12 ||
        reserve(w, 2 * TRACE_VARINT_MAX + 12 * merged))
        return fail(w, w->err ? w->err : E2BIG);
    p = put_varint(w->raw + w->raw_len, end_ns - w->end_ns);
    p = put_varint(p, merged);
    p = code_runs(p, runs, nr_runs);
    w->raw_len = p - w->raw;
    w->intervals++;
    w->end_ns = end_ns;
    if (nr_runs) {
        uint64_t pages = runs[nr_runs - 1].first + runs[nr_runs - 1].nr;

        if (pages > w->pages_seen)
            w->pages_seen = pages;
    }
    return 0;
}

static int put_index(struct xpc_trace_writer *w, uint64_t total_pages)
{
    unsigned char *buf = calloc(1, TRACE_INDEX_LEN +
                                   w->nr_entries * TRACE_ENTRY_LEN);
    unsigned char *p;
    uint64_t intervals = 0;
    int rc;

    if (!buf)
        return fail(w, ENOMEM);
    p = buf + 32;
    for (size_t i = 0; i < w->nr_entries; i++, p += TRACE_ENTRY_LEN) {
        put_u64(p, w->entries[i].offset);
        put_u64(p + 8, w->entries[i].start_ns);
        put_u64(p + 16, w->entries[i].end_ns);
        put_u32(p + 24, w->entries[i].intervals);
        intervals += w->entries[i].intervals;
    }
    memcpy(buf, TRACE_INDEX_MAGIC, 4);
    put_u32(buf + 4, w->nr_entries);
    put_u64(buf + 8, total_pages);
    put_u64(buf + 16, intervals);
    put_u64(buf + 24, w->end_ns);
    rc = put_summed(w, buf, p - buf);
    free(buf);
    return rc;
}

int xpc_trace_finish(struct xpc_trace_writer *w, uint64_t total_pages)
{
    unsigned char tail[TRACE_TAIL_LEN];
    uint64_t index;

    if (w->err)
        return fail(w, w->err);
    if (total_pages < w->pages_seen || total_pages > XPC_TRACE_PAGES_MAX)
        return fail(w, EINVAL);
    if (flush_block(w))
        return -1;
    index = w->offset;
    if (put_index(w, total_pages))
        return -1;
    put_u64(tail, index);
    put_u64(tail + 8, w->offset - index);
    memcpy(tail + 16, TRACE_END_MAGIC, 8);
    if (put_summed(w, tail, 24))
        return -1;
    w->err = ESHUTDOWN;
    return 0;
}

void xpc_trace_writer_close(struct xpc_trace_writer *w)
{
    if (!w)
        return;
    free(w->raw);
    free(w->entries);
    free(w);
}
