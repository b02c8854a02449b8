/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The encoding of a trace, shared by the reader and the writer, see
 * docs/trace-format.md. All numbers are little-endian.
 */
#ifndef TRACE_BYTES_H
#define TRACE_BYTES_H

#include <stdint.h>
#include <string.h>

#define TRACE_MAGIC "XPCTRACE"
#define TRACE_END_MAGIC "XPCTREND"
#define TRACE_BLOCK_MAGIC "XPCB"
#define TRACE_INDEX_MAGIC "XPCI"

/* Lengths without source text, payload and entries, but with checksums. */
#define TRACE_SUM_LEN 8
#define TRACE_HEADER_LEN (40 + TRACE_SUM_LEN)
#define TRACE_BLOCK_LEN (40 + TRACE_SUM_LEN)
#define TRACE_INDEX_LEN (32 + TRACE_SUM_LEN)
#define TRACE_ENTRY_LEN 32
#define TRACE_TAIL_LEN (24 + TRACE_SUM_LEN)

#define TRACE_STORED 0
#define TRACE_ZSTD 1

/* The largest payload of a block, uncompressed. */
#define TRACE_RAW_MAX (UINT32_C(256) << 20)
#define TRACE_VARINT_MAX 10

/* An entry of the index, for one block. */
struct trace_entry {
    uint64_t offset, start_ns, end_ns;
    uint32_t intervals;
};

static inline void put_u32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = v >> (8 * i);
}

static inline void put_u64(unsigned char *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = v >> (8 * i);
}

static inline uint32_t get_u32(const unsigned char *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_u64(const unsigned char *p)
{
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

/* Writes v as LEB128. Returns the end. */
static inline unsigned char *put_varint(unsigned char *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = v | 0x80;
        v >>= 7;
    }
    *p++ = v;
    return p;
}

/* Reads a LEB128. Returns its end, or NULL if it is not within [p, end). */
static inline const unsigned char *get_varint(const unsigned char *p,
                                              const unsigned char *end,
                                              uint64_t *v_r)
{
    uint64_t v = 0;

    for (unsigned int shift = 0; p < end && shift < 64; shift += 7) {
        unsigned char c = *p++;

        if (shift == 63 && c > 1)
            return NULL;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *v_r = v;
            return p;
        }
    }
    return NULL;
}

#endif
