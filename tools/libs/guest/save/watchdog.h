/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clock that is kept through the switchover: a thread that breaks off
 * what the save's main thread is blocked in when a deadline has passed.
 *
 * A write to a stream that has stalled blocks for ever; a signal ends it. The
 * guest's answer to the suspend request is waited for by libxl in another
 * process: that is told through xenstore (leaf `overdue`).
 */
#ifndef SAVE_WATCHDOG_H
#define SAVE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct save_watchdog;

/*
 * By the main thread, which it will break off. NULL with errno: there is no
 * thread to be had. save_watchdog_stop() frees it; NULL is allowed there.
 */
struct save_watchdog *save_watchdog_start(uint32_t domid);
void save_watchdog_stop(struct save_watchdog *w);

/*
 * The deadline (CLOCK_MONOTONIC; 0: none) of what is under way. When it has
 * passed, the leaf `overdue` is written if tell is set; else the main
 * thread's writes are interrupted, again and again.
 */
void save_watchdog_set(struct save_watchdog *w, uint64_t deadline_ns,
                       bool tell);

/* The main thread is about to write, or has written. */
void save_watchdog_writes(struct save_watchdog *w, bool writes);

/* Has the deadline passed? */
bool save_watchdog_passed(const struct save_watchdog *w);

#endif
