/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "save/stream/record.h"

/* Of 16, a bit each: 1 to 4 are page tables, 9 to 12 pinned ones. */
#define TYPES_WITH_DATA 0x1e1fu
#define TYPES_WITHOUT_DATA 0xe000u

bool save_entry_has_data(uint64_t entry)
{
    return TYPES_WITH_DATA & (1u << save_entry_type(entry));
}

/* ---- what is to be written ------------------------------------------- */

size_t save_cursor_here(struct save_cursor *c, const char **p)
{
    while (c->iovcnt && c->at == c->iov->iov_len) {
        c->iov++;
        c->iovcnt--;
        c->at = 0;
    }
    if (!c->iovcnt)
        return 0;
    *p = (const char *)c->iov->iov_base + c->at;
    return c->iov->iov_len - c->at;
}

size_t save_cursor_copy(struct save_cursor *c, void *to, size_t len)
{
    const char *p;
    size_t done, n;

    for (done = 0; done < len && (n = save_cursor_here(c, &p)); done += n) {
        if (n > len - done)
            n = len - done;
        memcpy((char *)to + done, p, n);
        c->at += n;
    }
    return done;
}

bool save_out_add(struct save_out *out, const void *p, size_t len)
{
    struct iovec *last = out->iov + out->nr - 1;

    if (out->nr && (const char *)last->iov_base + last->iov_len == p) {
        last->iov_len += len;
        return true;
    }
    if (out->nr == sizeof(out->iov) / sizeof(out->iov[0]))
        return false;
    out->iov[out->nr++] = (struct iovec){ (void *)p, len };
    return true;
}

size_t save_out_pass(struct save_out *out, struct save_cursor *c, uint64_t len)
{
    const char *p;
    size_t done, n;

    for (done = 0; done < len && (n = save_cursor_here(c, &p)); done += n) {
        if (n > len - done)
            n = len - done;
        if (!save_out_add(out, p, n))
            break;
        c->at += n;
    }
    return done;
}

/* ---- a PAGE_DATA record ---------------------------------------------- */

size_t save_batch_size(const struct save_batch *b)
{
    return SAVE_RECORD_HEADER + SAVE_PAGE_DATA_HEADER +
           b->count * sizeof(b->pfn[0]);
}

bool save_batch_read(struct save_batch *b, struct save_cursor *c,
                     uint64_t nr_pfns)
{
    const size_t fixed = SAVE_RECORD_HEADER + SAVE_PAGE_DATA_HEADER;
    uint64_t list, pages = 0, above = 0;

    if (save_cursor_copy(c, b, fixed) < fixed || !b->count ||
        b->count > SAVE_BATCH)
        return false;
    list = b->count * sizeof(b->pfn[0]);
    if (save_cursor_copy(c, b->pfn, list) < list)
        return false;
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t entry = b->pfn[i], pfn = entry & SAVE_PFN_MASK;

        if (!((TYPES_WITH_DATA | TYPES_WITHOUT_DATA) &
              1u << save_entry_type(entry)) || pfn < above || pfn >= nr_pfns)
            return false;
        above = pfn + 1;
        pages += save_entry_has_data(entry);
    }
    return b->length == SAVE_PAGE_DATA_HEADER + list + pages * XPC_PAGE_SIZE;
}
