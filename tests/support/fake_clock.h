/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monotonic clock of base/clock.h for tests, which link this in its place:
 * the real one plus an offset, or standing still.
 */
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H
#define TESTS_SUPPORT_FAKE_CLOCK_H

#include <stdint.h>

/* Time passes at once, whether the clock stands still or not. */
void fake_clock_advance(uint64_t ns);

/*
 * From now on, so much time passes whenever the clock is read while it runs;
 * 0: none.
 */
void fake_clock_step(uint64_t ns);

/*
 * The clock stands still until fake_clock_run(), and goes on from there. In a
 * pair within a pair, the outer one counts.
 */
void fake_clock_stop(void);
void fake_clock_run(void);

#endif
