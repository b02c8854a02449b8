/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a trace. The header, the index and the end marker are read at once,
 * blocks when they are reached. Each has a checksum, and every byte is covered
 * by one.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>
#include <zstd.h>

#include "trace/bytes.h"
#include "trace/read.h"

struct xpc_trace {
    struct xpc_trace_source source;
    struct xpc_trace_info info;
    uint64_t header_len, index_offset;
    struct trace_entry *entries;
    uint32_t nr_entries;
    /* The current block, decompressed; next_block follows it. */
    uint32_t next_block;
    unsigned char *raw;
    const unsigned char *at, *end;
    uint32_t left;              /* intervals still to read in it */
    uint64_t offset;            /* of the block, for error lines */
    uint64_t now_ns;            /* end of the last interval */
    struct xpc_trace_run *runs;
    size_t max_runs;
    /* If pending: an interval that a seek has read already. */
    bool pending;
    struct xpc_trace_interval next;
};

__attribute__((format(printf, 3, 4)))
static int damaged(char *err, uint64_t offset, const char *fmt, ...)
{
    int n = snprintf(err, XPC_TRACE_ERR_LEN, "trace damaged at offset "
                     "%"PRIu64": ", offset);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err + n, XPC_TRACE_ERR_LEN - n, fmt, ap);
    va_end(ap);
    return -1;
}

/* Reads len bytes whose last eight are the checksum of the others. */
static int read_summed(const struct xpc_trace *t, uint64_t offset,
                       unsigned char *buf, size_t len, const char *what,
                       char *err)
{
    if (offset > t->source.size || len > t->source.size - offset)
        return damaged(err, t->source.size, "it ends within the %s", what);
    if (t->source.read(t->source.ctx, offset, buf, len))
        return damaged(err, offset, "the %s can't be read", what);
    if (XXH64(buf, len - TRACE_SUM_LEN, 0) !=
        get_u64(buf + len - TRACE_SUM_LEN))
        return damaged(err, offset, "checksum of the %s is wrong", what);
    return 0;
}

static int read_header(struct xpc_trace *t, char *err)
{
    unsigned char buf[TRACE_HEADER_LEN + XPC_TRACE_SOURCE_LEN];
    struct xpc_trace_info *info = &t->info;
    uint32_t len;

    if (t->source.size < TRACE_HEADER_LEN ||
        t->source.read(t->source.ctx, 0, buf, 16) ||
        memcmp(buf, TRACE_MAGIC, 8))
        return damaged(err, 0, "not a dirty trace");
    if (get_u32(buf + 8) != XPC_TRACE_VERSION)
        return damaged(err, 8, "version %"PRIu32", this program reads "
                       "version %d", get_u32(buf + 8), XPC_TRACE_VERSION);
    len = get_u32(buf + 12);
    if (len < TRACE_HEADER_LEN ||
        len >= TRACE_HEADER_LEN + XPC_TRACE_SOURCE_LEN)
        return damaged(err, 12, "a header of %"PRIu32" bytes", len);
    if (read_summed(t, 0, buf, len, "header", err))
        return -1;
    info->page_size = get_u32(buf + 16);
    info->interval_ns = get_u64(buf + 24);
    info->zero_pages = get_u64(buf + 32);
    memcpy(info->source, buf + 40, len - TRACE_HEADER_LEN);
    if (info->page_size < 512 || info->page_size > 1u << 30 ||
        (info->page_size & (info->page_size - 1)))
        return damaged(err, 16, "a page size of %"PRIu32, info->page_size);
    t->header_len = len;
    return 0;
}

/* Checks that blocks follow each other without gaps, in offset and time. */
static int check_entries(const struct xpc_trace *t, uint64_t offset,
                         char *err)
{
    uint64_t at = t->header_len, now = 0, intervals = 0;

    for (uint32_t i = 0; i < t->nr_entries; i++) {
        const struct trace_entry *e = &t->entries[i];

        if ((i ? e->offset <= at : e->offset != at) ||
            e->start_ns != now || e->end_ns <= now || !e->intervals)
            return damaged(err, offset, "index entry %"PRIu32" does not "
                           "follow the one before", i);
        at = e->offset;
        now = e->end_ns;
        intervals += e->intervals;
    }
    if (at > t->index_offset || (!t->nr_entries && at != t->index_offset))
        return damaged(err, offset, "the index points behind itself");
    if (intervals != t->info.intervals || now != t->info.duration_ns)
        return damaged(err, offset, "the index contradicts itself");
    return 0;
}

static int parse_index(struct xpc_trace *t, const unsigned char *buf,
                       uint64_t len, char *err)
{
    uint64_t offset = t->index_offset;
    const unsigned char *p = buf + 32;

    t->nr_entries = get_u32(buf + 4);
    t->info.total_pages = get_u64(buf + 8);
    t->info.intervals = get_u64(buf + 16);
    t->info.duration_ns = get_u64(buf + 24);
    if (memcmp(buf, TRACE_INDEX_MAGIC, 4) ||
        len != TRACE_INDEX_LEN + (uint64_t)t->nr_entries * TRACE_ENTRY_LEN ||
        t->info.total_pages > XPC_TRACE_PAGES_MAX)
        return damaged(err, offset, "not an index");
    t->entries = calloc(t->nr_entries + 1, sizeof(*t->entries));
    if (!t->entries)
        return damaged(err, offset, "out of memory");
    for (uint32_t i = 0; i < t->nr_entries; i++, p += TRACE_ENTRY_LEN)
        t->entries[i] = (struct trace_entry){
            .offset = get_u64(p), .start_ns = get_u64(p + 8),
            .end_ns = get_u64(p + 16), .intervals = get_u32(p + 24),
        };
    return check_entries(t, offset, err);
}

static int read_index(struct xpc_trace *t, char *err)
{
    uint64_t tail = t->source.size - TRACE_TAIL_LEN, len;
    unsigned char end[TRACE_TAIL_LEN], *buf;
    int rc;

    if (t->source.size < t->header_len + TRACE_TAIL_LEN ||
        t->source.read(t->source.ctx, tail, end, sizeof(end)) ||
        memcmp(end + 16, TRACE_END_MAGIC, 8))
        return damaged(err, t->source.size, "it ends without an end marker");
    if (read_summed(t, tail, end, sizeof(end), "end marker", err))
        return -1;
    t->index_offset = get_u64(end);
    len = get_u64(end + 8);
    if (t->index_offset < t->header_len || t->index_offset > tail ||
        len != tail - t->index_offset || len < TRACE_INDEX_LEN)
        return damaged(err, tail, "no index where the end marker says");
    buf = malloc(len);
    if (!buf)
        return damaged(err, t->index_offset, "out of memory");
    rc = read_summed(t, t->index_offset, buf, len, "index", err);
    if (!rc)
        rc = parse_index(t, buf, len, err);
    free(buf);
    return rc;
}

struct xpc_trace *xpc_trace_open(const struct xpc_trace_source *source,
                                 char err[XPC_TRACE_ERR_LEN])
{
    struct xpc_trace *t = calloc(1, sizeof(*t));

    if (!t) {
        damaged(err, 0, "out of memory");
        return NULL;
    }
    t->source = *source;
    if (read_header(t, err) || read_index(t, err)) {
        xpc_trace_close(t);
        return NULL;
    }
    return t;
}

void xpc_trace_close(struct xpc_trace *t)
{
    if (!t)
        return;
    free(t->entries);
    free(t->raw);
    free(t->runs);
    free(t);
}

const struct xpc_trace_info *xpc_trace_info(const struct xpc_trace *t)
{
    return &t->info;
}

/* Decompresses a block's payload into t->raw. */
static int unpack(struct xpc_trace *t, const unsigned char *block, char *err)
{
    uint32_t stored = get_u32(block + 4), raw = get_u32(block + 8);
    uint32_t coding = get_u32(block + 32);

    if (raw > TRACE_RAW_MAX || coding > TRACE_ZSTD ||
        (coding == TRACE_STORED ? stored != raw :
         ZSTD_getFrameContentSize(block + 40, stored) != raw))
        return damaged(err, t->offset, "the block's length is impossible");
    free(t->raw);
    t->raw = malloc(raw + 1);
    if (!t->raw)
        return damaged(err, t->offset, "out of memory");
    if (coding == TRACE_STORED)
        memcpy(t->raw, block + 40, raw);
    else if (ZSTD_decompress(t->raw, raw, block + 40, stored) != raw)
        return damaged(err, t->offset, "the block does not decompress");
    t->at = t->raw;
    t->end = t->raw + raw;
    return 0;
}

static int read_block(struct xpc_trace *t, uint32_t i, char *err)
{
    const struct trace_entry *e = &t->entries[i];
    uint64_t len = (i + 1 < t->nr_entries ? e[1].offset : t->index_offset) -
                   e->offset;
    unsigned char *buf;
    int rc;

    t->offset = e->offset;
    t->left = 0;
    t->next_block = i + 1;
    t->now_ns = e->start_ns;
    /* A payload that does not get smaller is stored uncompressed. */
    if (len < TRACE_BLOCK_LEN || len > TRACE_BLOCK_LEN + TRACE_RAW_MAX)
        return damaged(err, t->offset, "a block of %"PRIu64" bytes", len);
    buf = malloc(len);
    if (!buf)
        return damaged(err, t->offset, "out of memory");
    rc = read_summed(t, t->offset, buf, len, "block", err);
    if (!rc && (memcmp(buf, TRACE_BLOCK_MAGIC, 4) ||
                get_u32(buf + 4) != len - TRACE_BLOCK_LEN ||
                get_u32(buf + 12) != e->intervals ||
                get_u64(buf + 16) != e->start_ns ||
                get_u64(buf + 24) != e->end_ns))
        rc = damaged(err, t->offset, "the block contradicts the index");
    if (!rc)
        rc = unpack(t, buf, err);
    free(buf);
    if (!rc)
        t->left = e->intervals;
    return rc;
}

static int reserve_runs(struct xpc_trace *t, uint64_t nr)
{
    void *p;

    if (nr <= t->max_runs)
        return 0;
    p = realloc(t->runs, nr * sizeof(*t->runs));
    if (!p)
        return -1;
    t->runs = p;
    t->max_runs = nr;
    return 0;
}

/* Decodes nr runs at p. Returns the end, or NULL. */
static const unsigned char *decode_runs(struct xpc_trace *t, uint64_t nr,
                                        const unsigned char *p,
                                        uint64_t *pages_r)
{
    uint64_t total = t->info.total_pages, end = 0;

    *pages_r = 0;
    for (uint64_t i = 0; i < nr; i++) {
        uint64_t gap, more = 0;
        bool many;

        p = get_varint(p, t->end, &gap);
        many = gap & 1;
        gap >>= 1;
        if (!p || (i && !gap) || gap >= total - end)
            return NULL;
        end += gap;
        if (many) {
            p = get_varint(p, t->end, &more);
            if (!p || more >= total - end - 1)
                return NULL;
            more++;
        }
        t->runs[i] = (struct xpc_trace_run){ end, 1 + more };
        end += 1 + more;
        *pages_r += 1 + more;
    }
    return p;
}

static int decode_interval(struct xpc_trace *t,
                           struct xpc_trace_interval *interval, char *err)
{
    uint64_t block_end = t->entries[t->next_block - 1].end_ns, length, nr;
    const unsigned char *p = get_varint(t->at, t->end, &length);

    p = p ? get_varint(p, t->end, &nr) : NULL;
    if (!p || !length || length > block_end - t->now_ns ||
        nr > (uint64_t)(t->end - p))
        return damaged(err, t->offset, "the block has a wrong interval");
    if (reserve_runs(t, nr))
        return damaged(err, t->offset, "out of memory");
    p = decode_runs(t, nr, p, &interval->pages);
    t->left--;
    if (!p || (!t->left && (p != t->end || t->now_ns + length != block_end)))
        return damaged(err, t->offset, "the block has wrong runs");
    t->at = p;
    interval->start_ns = t->now_ns;
    interval->end_ns = t->now_ns += length;
    interval->runs = t->runs;
    interval->nr_runs = nr;
    return 1;
}

int xpc_trace_next(struct xpc_trace *t, struct xpc_trace_interval *interval,
                   char err[XPC_TRACE_ERR_LEN])
{
    int rc;

    if (t->pending) {
        t->pending = false;
        *interval = t->next;
        return 1;
    }
    if (!t->left) {
        if (t->next_block >= t->nr_entries)
            return 0;
        if (read_block(t, t->next_block, err)) {
            t->left = 0;
            t->next_block = t->nr_entries;
            return -1;
        }
    }
    rc = decode_interval(t, interval, err);
    if (rc < 0) {
        /* Nothing after damage can be trusted. */
        t->left = 0;
        t->next_block = t->nr_entries;
    }
    return rc;
}

int xpc_trace_seek(struct xpc_trace *t, uint64_t t_ns,
                   char err[XPC_TRACE_ERR_LEN])
{
    uint32_t low = 0, high = t->nr_entries;
    int rc;

    t->pending = false;
    t->left = 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (t->entries[mid].end_ns < t_ns)
            low = mid + 1;
        else
            high = mid;
    }
    t->next_block = low;
    if (low == t->nr_entries)
        return 0;
    do {
        rc = xpc_trace_next(t, &t->next, err);
    } while (rc > 0 && t->next.end_ns < t_ns);
    t->pending = rc > 0;
    return rc;
}
