/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "base/workers.h"
#include "core/zero.h"
#include "save/stream/zero.h"

/* The block that a thread takes at a time: 256 KiB. */
#define BLOCK 64

/* From here on, passes everything on unchanged. */
static size_t pass_all(struct save_zero *z, const struct iovec *iov,
                       int iovcnt)
{
    struct save_cursor c = { iov, iovcnt, 0 };

    z->off = true;
    return save_out_pass(&z->out, &c, UINT64_MAX);
}

/* ---- what was sent --------------------------------------------------- */

static bool was_sent(const struct save_zero *z, uint64_t pfn)
{
    return z->sent[pfn / 8] & (1u << pfn % 8);
}

static void mark_sent(struct save_zero *z)
{
    for (uint32_t i = 0; i < z->head.count; i++) {
        uint64_t pfn = z->head.pfn[i] & SAVE_PFN_MASK;

        if (save_entry_has_data(z->head.pfn[i]))
            z->sent[pfn / 8] |= 1u << pfn % 8;
    }
}

/* ---- a PAGE_DATA record ---------------------------------------------- */

/*
 * Drops pfns without a page: a receiver treats them like pfns that are never
 * sent. Below 4 GiB, where a guest has few pages, their list takes 8 MB.
 */
static void drop_holes(struct save_zero *z)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < z->head.count; i++)
        if (save_entry_type(z->head.pfn[i]) != SAVE_TYPE_XTAB)
            z->head.pfn[nr++] = z->head.pfn[i];
    z->head.length -= (z->head.count - nr) * sizeof(z->head.pfn[0]);
    z->head.count = nr;
}

static void look(void *arg, size_t first, size_t end)
{
    struct save_zero *z = arg;

    xpc_zero_pages(z->page + first, end - first, z->zero + first);
}

/*
 * Collects the pages that may be elided, if they are in iov[], in page[] and
 * of[]. Returns how many.
 */
static uint32_t choose(struct save_zero *z, struct save_cursor c)
{
    uint32_t nr = 0;
    const char *p;

    for (uint32_t i = 0; i < z->head.count; i++) {
        uint64_t entry = z->head.pfn[i];

        if (!save_entry_has_data(entry))
            continue;
        if (save_cursor_here(&c, &p) < XPC_PAGE_SIZE)
            break;
        c.at += XPC_PAGE_SIZE;
        if (save_entry_type(entry) == SAVE_TYPE_NOTAB &&
            !was_sent(z, entry & SAVE_PFN_MASK)) {
            z->page[nr] = p;
            z->of[nr++] = i;
        }
    }
    return nr;
}

/* Passes on the data of the other pages. Returns its length in iov[]. */
static size_t pass_pages(struct save_zero *z, struct save_cursor *c,
                         uint32_t nr)
{
    uint32_t k = 0, out = 0;
    size_t done = 0;
    const char *p;

    for (uint32_t i = 0; i < z->head.count; i++) {
        bool looked_at = k < nr && z->of[k] == i;

        if (!looked_at && !save_entry_has_data(z->head.pfn[i]))
            continue;
        if (save_cursor_here(c, &p) < XPC_PAGE_SIZE)
            break;
        if (looked_at && z->zero[k++]) {
            z->head.pfn[i] |= (uint64_t)SAVE_TYPE_XALLOC << SAVE_TYPE_SHIFT;
            c->at += XPC_PAGE_SIZE;
            done += XPC_PAGE_SIZE;
            out++;
        } else {
            done += save_out_pass(&z->out, c, XPC_PAGE_SIZE);
        }
    }
    z->head.length -= out * XPC_PAGE_SIZE;
    z->pages += out;
    return done;
}

/*
 * libxenguest may need two calls for a record, since a call takes only so many
 * pieces. Pages in the second call are not seen in time for the list, and are
 * sent with their data.
 */
static size_t rewrite(struct save_zero *z, const struct iovec *iov,
                      int iovcnt)
{
    struct save_cursor c = { iov, iovcnt, 0 };
    size_t done;
    uint32_t size, nr;

    if (!save_batch_read(&z->head, &c, z->nr_pfns))
        return pass_all(z, iov, iovcnt);
    size = save_record_size(z->head.length);
    done = save_batch_size(&z->head);
    drop_holes(z);
    if (!z->head.count)
        return done;
    save_out_add(&z->out, &z->head, save_batch_size(&z->head));
    nr = choose(z, c);
    workers_run(z->workers, look, z, nr, BLOCK);
    done += pass_pages(z, &c, nr);
    mark_sent(z);
    return done + save_out_pass(&z->out, &c, size - done);
}

size_t save_zero_rewrite(struct save_zero *z, const struct save_stream *s,
                         const struct iovec *iov, int iovcnt)
{
    struct save_cursor c = { iov, iovcnt, 0 }, look_ahead = c;
    uint32_t head[SAVE_RECORD_HEADER / sizeof(uint32_t)];

    z->out.nr = 0;
    if (s->skip && !z->off)
        return save_out_pass(&z->out, &c, s->skip);
    if (z->off || s->lost || s->have ||
        save_cursor_copy(&look_ahead, head, sizeof(head)) < sizeof(head) ||
        head[0] == SAVE_RECORD_VERIFY || head[0] == SAVE_RECORD_CHECKPOINT ||
        head[0] == SAVE_RECORD_END)
        return pass_all(z, iov, iovcnt);
    if (head[0] == SAVE_RECORD_PAGE_DATA)
        return rewrite(z, iov, iovcnt);
    return save_out_pass(&z->out, &c, save_record_size(head[1]));
}

/* ---- its life -------------------------------------------------------- */

struct save_zero *save_zero_start(uint64_t nr_pfns, unsigned int threads)
{
    struct save_zero *z = calloc(1, sizeof(*z));

    if (!z)
        return NULL;
    z->nr_pfns = nr_pfns;
    z->off = !nr_pfns;
    z->sent = calloc(nr_pfns / 8 + 1, 1);
    if (!z->sent) {
        free(z);
        return NULL;
    }
    z->workers = z->off ? NULL : workers_start(threads);
    return z;
}

void save_zero_stop(struct save_zero *z)
{
    if (!z)
        return;
    workers_stop(z->workers);
    free(z->sent);
    free(z);
}
