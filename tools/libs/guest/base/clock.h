/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The monotonic clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC, in ns. */
uint64_t clock_now_ns(void);

/*
 * Sleeps until that time. Returns 0, or an errno value: EINTR if a signal
 * arrived first.
 */
int clock_sleep_until(uint64_t until_ns);

#endif
