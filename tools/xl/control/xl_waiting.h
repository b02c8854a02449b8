/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A migration that waits for an hour (xl migrate --within): a node in xenstore
 * for as long as it waits, with the pid of its xl, when that was started
 * (process_start()), and until when it waits. Whoever removes the node cancels
 * it.
 */
#ifndef XL_CONTROL_XL_WAITING_H
#define XL_CONTROL_XL_WAITING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct waiting {
    long pid;
    time_t until_s;                 /* 0: unknown */
};

/*
 * Does an xl wait to migrate the domain? Returns 1, 0, or -1 with errno if
 * xenstore can't be read.
 */
int waiting_find(uint32_t domid, struct waiting *w_r);

/*
 * Writes the node. Returns 0; the pid of another xl that waits already; or -1
 * with errno.
 */
long waiting_begin(uint32_t domid, time_t until_s);
/* Is the node still there? Returns 1, 0, or -1: xenstore can't be read. */
int waiting_goes_on(uint32_t domid);
void waiting_end(uint32_t domid);

/*
 * Cancels it. Returns 1, 0 if no xl waits, or -1 with errno if xenstore can't
 * be read or written.
 */
int waiting_cancel(uint32_t domid);

#endif
