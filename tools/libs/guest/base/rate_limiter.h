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
struct rate_limiter {
    uint64_t rate;              /* bytes a second; 0: no limit */
    uint64_t due_ns;            /* when all that has left will have used up
                                 * its time at that rate */
};

/* Another rate; the same one changes nothing. */
void rate_limiter_set(struct rate_limiter *b, uint64_t rate, uint64_t now_ns);

/* How long to wait before a piece may leave; 0: now. */
uint64_t rate_limiter_wait_ns(const struct rate_limiter *b, uint64_t now_ns);

/* How large a piece may be, at least 1. */
size_t rate_limiter_piece(const struct rate_limiter *b);

/* So much has left. */
void rate_limiter_take(struct rate_limiter *b, size_t bytes, uint64_t now_ns);

#endif
