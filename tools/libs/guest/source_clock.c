/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "source_clock.h"
#include "xpc_units.h"

uint64_t source_clock_now(struct xpc_source *src)
{
    struct timespec ts;

    (void)src;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

int source_clock_wait(struct xpc_source *src, uint64_t until_ns)
{
    struct timespec ts = {
        .tv_sec = until_ns / XPC_S,
        .tv_nsec = until_ns % XPC_S,
    };
    int r;

    if (source_clock_now(src) >= until_ns)
        return 0;
    r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
    return r ? xpc_source_fail(src, r, "interrupted") : 0;
}
