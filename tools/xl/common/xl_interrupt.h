/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT, SIGTERM and SIGHUP as events on a descriptor. */
#ifndef XL_COMMON_XL_INTERRUPT_H
#define XL_COMMON_XL_INTERRUPT_H

#include <stdbool.h>

/* Whether the signal was set to be ignored when this program was started. */
bool interrupt_ignored(int sig);

/*
 * Blocks SIGINT, SIGTERM and SIGHUP for the rest of the process's life, also
 * in its children, and returns a descriptor that is readable when one of them
 * is pending; -1 on failure. Ignored signals stay ignored.
 *
 * Children must not receive them because a save helper that dies of Ctrl-C
 * leaves log-dirty switched on.
 */
int interrupt_open(void);

/*
 * Ignores what would stop the process: Ctrl-Z, and output to a terminal in the
 * background. It also would stop the children, such as the save helper and the
 * transport, and a guest that is suspended just then would stay so, beyond any
 * limit, until the user continues the job.
 */
void interrupt_refuse_stops(void);

/*
 * Takes one pending signal and returns its number, or 0 when there is none or
 * fd is -1. Never blocks.
 */
int interrupt_take(int fd);

#endif
