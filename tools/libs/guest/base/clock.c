/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include <xenprecopy/units.h>

#include "base/clock.h"

uint64_t clock_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

int clock_sleep_until(uint64_t until_ns)
{
    struct timespec ts = {
        .tv_sec = until_ns / XPC_S,
        .tv_nsec = until_ns % XPC_S,
    };

    if (clock_now_ns() >= until_ns)
        return 0;
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}
