/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PAGE_DATA records in what libxenguest writes, for those who rewrite them:
 * reading the headers, and collecting what is to be written instead. Only a
 * record's headers and its list of pfns are copied.
 */
#ifndef SAVE_STREAM_RECORD_H
#define SAVE_STREAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "save/stream/parse.h"

/* The most pages that libxenguest sends in a record. */
#define SAVE_BATCH 1024

/* An entry of the list: type in the top four bits, pfn in the low 52. */
#define SAVE_TYPE_SHIFT 60
#define SAVE_PFN_MASK ((UINT64_C(1) << 52) - 1)
#define SAVE_TYPE_NOTAB 0u      /* memory that is no page table */
#define SAVE_TYPE_XALLOC 0xeu   /* a page without data */
#define SAVE_TYPE_XTAB 0xfu     /* no page is there */

static inline unsigned int save_entry_type(uint64_t entry)
{
    return entry >> SAVE_TYPE_SHIFT;
}

/* Does the page's data follow? */
bool save_entry_has_data(uint64_t entry);

/* ---- what is to be written ------------------------------------------- */

/* A position in iov[]. Entries of length 0 are skipped. */
struct save_cursor {
    const struct iovec *iov;
    int iovcnt;
    size_t at;                  /* in iov[0] */
};

/* The number of contiguous bytes there; 0: the end. */
size_t save_cursor_here(struct save_cursor *c, const char **p);
/* Copies up to len bytes. Returns how many. */
size_t save_cursor_copy(struct save_cursor *c, void *to, size_t len);

/* What is written instead. It points into the memory of others. */
struct save_out {
    struct iovec iov[2 * SAVE_BATCH + 8];
    int nr;
};

/* Appends. Returns false if it is full. */
bool save_out_add(struct save_out *out, const void *p, size_t len);
/* Appends up to len bytes from the cursor's position. Returns how many. */
size_t save_out_pass(struct save_out *out, struct save_cursor *c,
                     uint64_t len);

/* ---- a PAGE_DATA record ---------------------------------------------- */

/* Its headers and list, as in the stream. */
struct save_batch {
    uint32_t type, length, count, reserved;
    uint64_t pfn[SAVE_BATCH];
};

/*
 * Reads them, of a guest whose pfns are below nr_pfns. Returns false if this
 * can't be understood: pfns that are not in ascending order (so that none
 * occurs twice), unknown types, or a length that does not match.
 */
bool save_batch_read(struct save_batch *b, struct save_cursor *c,
                     uint64_t nr_pfns);

/* Their size in the stream. */
size_t save_batch_size(const struct save_batch *b);

#endif
