/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that acts when a deadline of the save has passed.
 *
 * The main thread may be blocked in a write to a stalled stream, for ever: the
 * watchdog interrupts it with a signal. Or libxl, in another process, may be
 * waiting for the guest's answer to the suspend request: the watchdog tells it
 * through xenstore (leaf `overdue`).
 */
#ifndef SAVE_WATCHDOG_H
#define SAVE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct save_watchdog;

/*
 * To be called by the main thread, whose writes it will interrupt. Returns
 * NULL with errno if the thread can't be started. save_watchdog_stop() frees
 * it, and allows NULL.
 */
struct save_watchdog *save_watchdog_start(uint32_t domid);
void save_watchdog_stop(struct save_watchdog *w);

/*
 * Sets the deadline (CLOCK_MONOTONIC, in ns; 0: none). When it has passed, the
 * leaf `overdue` is written once if tell is set. Otherwise the main thread's
 * writes are interrupted, again and again.
 */
void save_watchdog_set(struct save_watchdog *w, uint64_t deadline_ns,
                       bool tell);

/* The main thread is about to write, or has written. */
void save_watchdog_writes(struct save_watchdog *w, bool writes);

/* Has the deadline passed? */
bool save_watchdog_passed(const struct save_watchdog *w);

#endif
