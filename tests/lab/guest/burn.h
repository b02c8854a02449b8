/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uses CPU time: the kernel computes random bytes. In user mode, the emulator's
 * fault would kill the guest more often (README.md).
 */
#ifndef LAB_GUEST_BURN_H
#define LAB_GUEST_BURN_H

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

static inline void burn(uint64_t bytes)
{
    static char buf[65536];

    while (bytes) {
        ssize_t n = getrandom(buf, bytes < sizeof(buf) ? bytes : sizeof(buf),
                              0);

        if (n > 0)
            bytes -= n;
    }
}

static inline uint64_t burn_clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/*
 * How many bytes to burn for each of so many writes a second, so that they take
 * this much of a CPU; by the fastest of some tries.
 */
static inline double burn_bytes(uint64_t percent, uint64_t rate)
{
    uint64_t least = UINT64_MAX, bytes = 1 << 18, begun, ns;

    for (int i = 0; percent && i < 8; i++) {
        begun = burn_clock_ns();
        burn(bytes);
        ns = burn_clock_ns() - begun;
        least = ns < least ? ns : least;
    }
    return percent / 100.0 * 1e9 / rate * bytes / least;
}

#endif
