/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "sources/clock.h"

uint64_t source_clock_now(struct xpc_source *src)
{
    (void)src;
    return clock_now_ns();
}

int source_clock_wait(struct xpc_source *src, uint64_t until_ns)
{
    int r = clock_sleep_until(until_ns);

    return r ? xpc_source_fail(src, r, "interrupted") : 0;
}
