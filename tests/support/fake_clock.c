/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdatomic.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "support/fake_clock.h"

/* Zero while the clock runs, or the time at which it stands. */
static atomic_ullong offset_ns, stopped_ns, step_ns;
static atomic_uint stops;

static uint64_t real_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * XPC_S + ts.tv_nsec;
}

uint64_t clock_now_ns(void)
{
    uint64_t stopped;

    if (step_ns && !stopped_ns)
        fake_clock_advance(step_ns);
    stopped = stopped_ns;
    return stopped ? stopped : real_ns() + offset_ns;
}

int clock_sleep_until(uint64_t until_ns)
{
    uint64_t now = clock_now_ns();

    if (until_ns > now)
        fake_clock_advance(until_ns - now);
    return 0;
}

void fake_clock_advance(uint64_t ns)
{
    if (stopped_ns)
        stopped_ns += ns;
    else
        offset_ns += ns;
}

void fake_clock_step(uint64_t ns)
{
    step_ns = ns;
}

void fake_clock_stop(void)
{
    if (!stops++)
        stopped_ns = clock_now_ns();
}

void fake_clock_run(void)
{
    if (--stops)
        return;
    offset_ns = stopped_ns - real_ns();
    stopped_ns = 0;
}
