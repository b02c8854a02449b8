/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <xenprecopy/units.h>

#include "base/rate_limiter.h"

/*
 * Unused time can be made up for up to this long, so that a sleep that ends
 * late does not lower the rate. A second can exceed the rate by this and a
 * piece.
 */
#define CATCH_UP_NS (10 * XPC_MS)
#define PIECE_NS (5 * XPC_MS)

void rate_limiter_set(struct rate_limiter *b, uint64_t rate, uint64_t now_ns)
{
    if (b->rate == rate)
        return;
    b->rate = rate;
    b->due_ns = now_ns;
}

uint64_t rate_limiter_wait_ns(const struct rate_limiter *b, uint64_t now_ns)
{
    return b->rate && b->due_ns > now_ns ? b->due_ns - now_ns : 0;
}

size_t rate_limiter_piece(const struct rate_limiter *b)
{
    double bytes = (double)b->rate * PIECE_NS / XPC_S;

    if (!b->rate || bytes >= SIZE_MAX / 2)
        return SIZE_MAX / 2;
    return bytes > 1 ? bytes : 1;
}

void rate_limiter_take(struct rate_limiter *b, size_t bytes, uint64_t now_ns)
{
    if (!b->rate)
        return;
    if (b->due_ns + CATCH_UP_NS < now_ns)
        b->due_ns = now_ns - CATCH_UP_NS;
    b->due_ns += (double)bytes * XPC_S / b->rate;
}
