/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A token bucket: when may how much leave, so that over any second it is the
 * rate within 2%? Pure: the clock is passed in.
 */
#ifndef BASE_RATE_LIMITER_H
#define BASE_RATE_LIMITER_H

#include <stddef.h>
#include <stdint.h>

/* All 0 at first. */
struct save_bucket {
    uint64_t rate;              /* bytes a second; 0: no limit */
    uint64_t due_ns;            /* when all that has left will have used up
                                 * its time at that rate */
};

/* Another rate; the same one changes nothing. */
void save_bucket_rate(struct save_bucket *b, uint64_t rate, uint64_t now_ns);

/* How long to wait before a piece may leave; 0: now. */
uint64_t save_bucket_wait(const struct save_bucket *b, uint64_t now_ns);

/* How large a piece may be, at least 1. */
size_t save_bucket_piece(const struct save_bucket *b);

/* So much has left. */
void save_bucket_take(struct save_bucket *b, size_t bytes, uint64_t now_ns);

#endif
