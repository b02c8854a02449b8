/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A migration stream as the receiver sees it: the guest's memory afterwards,
 * and the differences that a verify pass finds. Shares no code with what it
 * checks.
 */
#ifndef TESTS_SUPPORT_STREAM_READER_H
#define TESTS_SUPPORT_STREAM_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_PFNS 4096
#define READER_PAGE 4096

struct stream_reader {
    unsigned char mem[READER_PFNS][READER_PAGE];
    bool populated[READER_PFNS];
    uint64_t records;           /* except PAGE_DATA with nothing but holes */
    uint64_t pages;             /* with data */
    uint64_t allocated;         /* of type XALLOC */
    uint64_t verified, different;
    bool verify, ended;
};

/*
 * Reads a whole stream. The memory need not be initialised. Returns false if it
 * is malformed or incomplete.
 */
bool reader_read(struct stream_reader *r, const unsigned char *p, size_t len);

/* Are the same pages populated, with the same contents? */
bool reader_same(const struct stream_reader *a,
                 const struct stream_reader *b);

#endif
