/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "base/workers.h"
#include "core/zero.h"
#include "save/stream/zero.h"

/* An entry of the list: type in the top four bits, pfn in the low 52. */
#define TYPE_SHIFT 60
#define PFN_MASK ((UINT64_C(1) << 52) - 1)
#define TYPE_NOTAB 0u           /* memory that is no page table */
#define TYPE_XALLOC 0xeu
#define TYPE_XTAB 0xfu          /* no page is there */
/* Of 16, a bit each: 1 to 4 are page tables, 9 to 12 pinned ones. */
#define TYPES_WITH_DATA 0x1e1fu
#define TYPES_WITHOUT_DATA 0xe000u

/* The block that a thread takes at a time: 256 KiB. */
#define BLOCK 64

static unsigned int type_of(uint64_t entry)
{
    return entry >> TYPE_SHIFT;
}

static bool has_data(uint64_t entry)
{
    return TYPES_WITH_DATA & (1u << type_of(entry));
}

/* ---- what is to be written ------------------------------------------- */

/* A position in iov[]. Entries of length 0 are skipped. */
struct cursor {
    const struct iovec *iov;
    int iovcnt;
    size_t at;                  /* in iov[0] */
};

/* The number of contiguous bytes there; 0: the end. */
static size_t here(struct cursor *c, const char **p)
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

/* Copies up to len bytes. Returns how many. */
static size_t copy(struct cursor *c, void *to, size_t len)
{
    const char *p;
    size_t done, n;

    for (done = 0; done < len && (n = here(c, &p)); done += n) {
        if (n > len - done)
            n = len - done;
        memcpy((char *)to + done, p, n);
        c->at += n;
    }
    return done;
}

/* Appends to out[]. Returns false if it is full. */
static bool put(struct save_zero *z, const void *p, size_t len)
{
    struct iovec *last = z->out + z->nr_out - 1;

    if (z->nr_out && (const char *)last->iov_base + last->iov_len == p) {
        last->iov_len += len;
        return true;
    }
    if (z->nr_out == sizeof(z->out) / sizeof(z->out[0]))
        return false;
    z->out[z->nr_out++] = (struct iovec){ (void *)p, len };
    return true;
}

/* Passes on up to len bytes unchanged. Returns how many. */
static size_t pass(struct save_zero *z, struct cursor *c, uint64_t len)
{
    const char *p;
    size_t done, n;

    for (done = 0; done < len && (n = here(c, &p)); done += n) {
        if (n > len - done)
            n = len - done;
        if (!put(z, p, n))
            break;
        c->at += n;
    }
    return done;
}

/* From here on, passes everything on unchanged. */
static size_t pass_all(struct save_zero *z, const struct iovec *iov,
                       int iovcnt)
{
    struct cursor c = { iov, iovcnt, 0 };

    z->off = true;
    return pass(z, &c, UINT64_MAX);
}

/* ---- what was sent --------------------------------------------------- */

static bool was_sent(const struct save_zero *z, uint64_t pfn)
{
    return z->sent[pfn / 8] & (1u << pfn % 8);
}

static void mark_sent(struct save_zero *z)
{
    for (uint32_t i = 0; i < z->head.count; i++) {
        uint64_t pfn = z->head.pfn[i] & PFN_MASK;

        if (has_data(z->head.pfn[i]))
            z->sent[pfn / 8] |= 1u << pfn % 8;
    }
}

/* ---- a PAGE_DATA record ---------------------------------------------- */

static size_t head_size(const struct save_zero *z)
{
    return SAVE_RECORD_HEADER + SAVE_PAGE_DATA_HEADER +
           z->head.count * sizeof(z->head.pfn[0]);
}

/* Copies its headers and list. Returns false if it can't be understood. */
static bool take_head(struct save_zero *z, struct cursor *c)
{
    const size_t fixed = SAVE_RECORD_HEADER + SAVE_PAGE_DATA_HEADER;
    uint64_t list, pages = 0, above = 0;

    if (copy(c, &z->head, fixed) < fixed || !z->head.count ||
        z->head.count > SAVE_ZERO_BATCH)
        return false;
    list = z->head.count * sizeof(z->head.pfn[0]);
    if (copy(c, z->head.pfn, list) < list)
        return false;
    for (uint32_t i = 0; i < z->head.count; i++) {
        uint64_t entry = z->head.pfn[i], pfn = entry & PFN_MASK;

        /* In ascending order, so that no pfn occurs twice. */
        if (!((TYPES_WITH_DATA | TYPES_WITHOUT_DATA) & 1u << type_of(entry)) ||
            pfn < above || pfn >= z->nr_pfns)
            return false;
        above = pfn + 1;
        pages += has_data(entry);
    }
    return z->head.length == SAVE_PAGE_DATA_HEADER + list +
                             pages * XPC_PAGE_SIZE;
}

/*
 * Drops pfns without a page: a receiver treats them like pfns that are never
 * sent. Below 4 GiB, where a guest has few pages, their list takes 8 MB.
 */
static void drop_holes(struct save_zero *z)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < z->head.count; i++)
        if (type_of(z->head.pfn[i]) != TYPE_XTAB)
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
static uint32_t choose(struct save_zero *z, struct cursor c)
{
    uint32_t nr = 0;
    const char *p;

    for (uint32_t i = 0; i < z->head.count; i++) {
        uint64_t entry = z->head.pfn[i];

        if (!has_data(entry))
            continue;
        if (here(&c, &p) < XPC_PAGE_SIZE)
            break;
        c.at += XPC_PAGE_SIZE;
        if (type_of(entry) == TYPE_NOTAB && !was_sent(z, entry & PFN_MASK)) {
            z->page[nr] = p;
            z->of[nr++] = i;
        }
    }
    return nr;
}

/* Passes on the data of the other pages. Returns its length in iov[]. */
static size_t pass_pages(struct save_zero *z, struct cursor *c, uint32_t nr)
{
    uint32_t k = 0, out = 0;
    size_t done = 0;
    const char *p;

    for (uint32_t i = 0; i < z->head.count; i++) {
        bool looked_at = k < nr && z->of[k] == i;

        if (!looked_at && !has_data(z->head.pfn[i]))
            continue;
        if (here(c, &p) < XPC_PAGE_SIZE)
            break;
        if (looked_at && z->zero[k++]) {
            z->head.pfn[i] |= (uint64_t)TYPE_XALLOC << TYPE_SHIFT;
            c->at += XPC_PAGE_SIZE;
            done += XPC_PAGE_SIZE;
            out++;
        } else {
            done += pass(z, c, XPC_PAGE_SIZE);
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
    struct cursor c = { iov, iovcnt, 0 };
    size_t done;
    uint32_t size, nr;

    if (!take_head(z, &c))
        return pass_all(z, iov, iovcnt);
    size = save_record_size(z->head.length);
    done = head_size(z);
    drop_holes(z);
    if (!z->head.count)
        return done;
    put(z, &z->head, head_size(z));
    nr = choose(z, c);
    workers_run(z->workers, look, z, nr, BLOCK);
    done += pass_pages(z, &c, nr);
    mark_sent(z);
    return done + pass(z, &c, size - done);
}

size_t save_zero_rewrite(struct save_zero *z, const struct save_stream *s,
                         const struct iovec *iov, int iovcnt)
{
    struct cursor c = { iov, iovcnt, 0 }, look_ahead = c;
    uint32_t head[SAVE_RECORD_HEADER / sizeof(uint32_t)];

    z->nr_out = 0;
    if (s->skip && !z->off)
        return pass(z, &c, s->skip);
    if (z->off || s->lost || s->have ||
        copy(&look_ahead, head, sizeof(head)) < sizeof(head) ||
        head[0] == SAVE_RECORD_VERIFY || head[0] == SAVE_RECORD_CHECKPOINT ||
        head[0] == SAVE_RECORD_END)
        return pass_all(z, iov, iovcnt);
    if (head[0] == SAVE_RECORD_PAGE_DATA)
        return rewrite(z, iov, iovcnt);
    return pass(z, &c, save_record_size(head[1]));
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
