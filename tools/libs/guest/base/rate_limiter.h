/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A token bucket that limits a rate, measured over any second, within 2%. Pure:
 * the clock is passed in.
 *
 * To write, wait for rate_limiter_wait_ns(), write at most
 * rate_limiter_piece() bytes, and account for them with rate_limiter_take().
 */
#ifndef BASE_RATE_LIMITER_H
#define BASE_RATE_LIMITER_H

#include <stddef.h>
#include <stdint.h>

/* All 0 initially. */
struct rate_limiter {
    uint64_t rate;              /* bytes per second; 0: no limit */
    uint64_t due_ns;            /* when the bytes written so far are due at
                                 * that rate */
};

/* Sets the rate. Setting the same rate again changes nothing. */
void rate_limiter_set(struct rate_limiter *b, uint64_t rate, uint64_t now_ns);

/* How long to wait before the next write; 0: none. */
uint64_t rate_limiter_wait_ns(const struct rate_limiter *b, uint64_t now_ns);

/* The highest number of bytes of a write, at least 1. */
size_t rate_limiter_piece(const struct rate_limiter *b);

/* Accounts for bytes that were written. */
void rate_limiter_take(struct rate_limiter *b, size_t bytes, uint64_t now_ns);

#endif
