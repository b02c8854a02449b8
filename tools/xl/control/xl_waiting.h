/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A migration that waits for an hour (xl migrate --within): a node in xenstore
 * with the pid of its xl, for as long as it waits. Whoever removes the node
 * cancels it.
 */
#ifndef XL_CONTROL_XL_WAITING_H
#define XL_CONTROL_XL_WAITING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Writes the node. Returns 0; the pid of another xl that waits already; or -1
 * with errno.
 */
long waiting_begin(uint32_t domid);
/* Is the node still there? Returns 1, 0, or -1: xenstore can't be read. */
int waiting_goes_on(uint32_t domid);
void waiting_end(uint32_t domid);

/* Cancels it. Returns false if no xl waits. */
bool waiting_cancel(uint32_t domid);

#endif
