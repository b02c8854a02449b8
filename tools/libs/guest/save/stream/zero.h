/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Zero pages are elided (XPC_ZERO_PAGES_ELIDE): a page that is all zero and was
 * never sent with data goes as "allocate only" (XALLOC), for which the receiver
 * takes a page of its Xen's free memory, whatever that holds.
 *
 * This stands between what libxenguest writes and what leaves. Records keep
 * their order; of a PAGE_DATA record the types, the length and the data of its
 * zero pages change, and pfns without a page are left out, all of it when it
 * has no others. Nothing is copied but a record's headers and its list of pfns.
 *
 * Whatever is not as expected goes as it is, and so does all that follows: a
 * page of which it isn't known whether it was sent must not be left out. So
 * it is from a VERIFY or a CHECKPOINT record on.
 */
#ifndef SAVE_STREAM_ZERO_H
#define SAVE_STREAM_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "save/stream/parse.h"

/* libxenguest sends as many in a record. */
#define SAVE_ZERO_BATCH 1024

struct save_zero {
    bool off;               /* nothing is left out any more */
    uint64_t pages;         /* left out so far */
    /* What is to be written: by save_zero_rewrite(). */
    struct iovec out[2 * SAVE_ZERO_BATCH + 8];
    int nr_out;
    /* Of the record at hand. */
    struct {
        uint32_t type, length, count, reserved;
        uint64_t pfn[SAVE_ZERO_BATCH];
    } head;
    const void *page[SAVE_ZERO_BATCH];      /* to be looked at... */
    uint16_t of[SAVE_ZERO_BATCH];           /* ... of which pfn[]... */
    bool zero[SAVE_ZERO_BATCH];             /* ... and found so */
    uint8_t *sent;          /* with data: a bit a pfn */
    uint64_t nr_pfns;
    struct workers *workers;
};

/*
 * For a guest whose pfns are below nr_pfns, with so many threads besides the
 * caller's. With nr_pfns 0 nothing is left out. NULL: out of memory.
 */
struct save_zero *save_zero_start(uint64_t nr_pfns, unsigned int threads);
void save_zero_stop(struct save_zero *z);       /* NULL is allowed */

/*
 * libxenguest wants to write iov[]; s is what was written until now. Returns
 * how many of its bytes z->out[] stands for: at least one, if there is any.
 * All of z->out[] must be written before the next call; it points into iov's
 * memory and z's own.
 */
size_t save_zero_rewrite(struct save_zero *z, const struct save_stream *s,
                         const struct iovec *iov, int iovcnt);

#endif
