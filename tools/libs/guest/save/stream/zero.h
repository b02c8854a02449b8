/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Elides zero pages (XPC_ZERO_PAGES_ELIDE): a page that is all zeros and was
 * never sent with data is sent as "allocate only" (XALLOC). The receiver then
 * takes a page of its Xen's free memory, whatever that contains.
 *
 * This rewrites what libxenguest writes. Records keep their order. In a
 * PAGE_DATA record the types and the data of zero pages change, and pfns
 * without a page are dropped; a record of such pfns alone is dropped. Only a
 * record's headers and its list of pfns are copied.
 *
 * Anything unexpected is passed on unchanged, and so is everything after it: a
 * page that may have been sent before must not be elided. The same applies
 * after a VERIFY or a CHECKPOINT record.
 */
#ifndef SAVE_STREAM_ZERO_H
#define SAVE_STREAM_ZERO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "save/stream/record.h"

struct save_zero {
    bool off;               /* nothing is elided any more */
    uint64_t pages;         /* elided so far */
    /* What is to be written, set by save_zero_rewrite(). */
    struct save_out out;
    struct save_batch head; /* the current record */
    const void *page[SAVE_BATCH];      /* candidates... */
    uint16_t of[SAVE_BATCH];           /* ... their index in pfn[]... */
    bool zero[SAVE_BATCH];             /* ... and whether they are zero */
    uint8_t *sent;          /* a bit per pfn: sent with data */
    uint64_t nr_pfns;
    struct workers *workers;
};

/*
 * For a guest whose pfns are below nr_pfns; 0: elide nothing. threads are
 * started besides the caller's. Returns NULL when out of memory.
 */
struct save_zero *save_zero_start(uint64_t nr_pfns, unsigned int threads);
void save_zero_stop(struct save_zero *z);       /* NULL is allowed */

/*
 * Puts into z->out what is to be written for iov[]; s is the stream as
 * written so far. Returns how many bytes of iov[] that stands for: at least
 * one, if there is any. All of z->out must be written before the next call;
 * it points into the memory of iov and z.
 */
size_t save_zero_rewrite(struct save_zero *z, const struct save_stream *s,
                         const struct iovec *iov, int iovcnt);

#endif
