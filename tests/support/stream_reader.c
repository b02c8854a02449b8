/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "support/stream_reader.h"

/* Xen scrubs the pages that it allocates. */
static void reader_populate(struct stream_reader *r, uint64_t pfn)
{
    if (!r->populated[pfn])
        memset(r->mem[pfn], 0, READER_PAGE);
    r->populated[pfn] = true;
}

static void reader_page(struct stream_reader *r, uint64_t pfn,
                        const unsigned char *data)
{
    r->pages++;
    if (!r->verify) {
        memcpy(r->mem[pfn], data, READER_PAGE);
    } else {
        r->verified++;
        r->different += memcmp(r->mem[pfn], data, READER_PAGE) != 0;
    }
}

/*
 * Reads the body of a PAGE_DATA record. Returns false if a receiver would fail.
 */
static bool reader_pages(struct stream_reader *r, const unsigned char *p,
                         size_t len)
{
    const unsigned char *data, *end = p + len;
    uint32_t count, holes = 0;
    uint64_t e;

    if (len < 8)
        return false;
    memcpy(&count, p, 4);
    if (!count || (len - 8) / 8 < count)
        return false;
    data = p + 8 + 8 * (uint64_t)count;
    for (uint32_t i = 0; i < count; i++) {
        unsigned int type;

        memcpy(&e, p + 8 + 8 * (uint64_t)i, 8);
        type = e >> 60;
        e &= (UINT64_C(1) << 52) - 1;
        if (e >= READER_PFNS || (type > 4 && type < 9))
            return false;
        if (type < 15 && type != 13)
            reader_populate(r, e);
        r->allocated += type == 14;
        holes += type == 15;
        if (type >= 13)
            continue;
        if (end - data < READER_PAGE)
            return false;
        reader_page(r, e, data);
        data += READER_PAGE;
    }
    r->records -= holes == count;
    return data == end;
}

bool reader_read(struct stream_reader *r, const unsigned char *p, size_t len)
{
    size_t at = 40;

    memset(r->populated, 0, sizeof(r->populated));
    r->records = r->pages = r->allocated = r->verified = r->different = 0;
    r->verify = r->ended = false;
    while (!r->ended && len >= at + 8) {
        uint32_t type, length;
        uint64_t size;

        memcpy(&type, p + at, 4);
        memcpy(&length, p + at + 4, 4);
        size = 8 + (((uint64_t)length + 7) & ~UINT64_C(7));
        if (size > len - at)
            return false;
        r->records++;
        r->verify |= type == 13;
        r->ended = type == 0;
        if (type == 1 && !reader_pages(r, p + at + 8, length))
            return false;
        at += size;
    }
    return r->ended && at == len;
}

bool reader_same(const struct stream_reader *a,
                 const struct stream_reader *b)
{
    for (size_t i = 0; i < READER_PFNS; i++) {
        if (a->populated[i] != b->populated[i] ||
            (a->populated[i] && memcmp(a->mem[i], b->mem[i], READER_PAGE)))
            return false;
    }
    return true;
}
