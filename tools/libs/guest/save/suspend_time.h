/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When the guest was suspended.
 *
 * The downtime begins when the guest stops. libxl reports it to the helper only
 * after Xen has told xenstored, and xenstored has told libxl: milliseconds
 * later, or more if other processes are running. So a thread checks the domain
 * every millisecond, from the suspend request until libxl has answered. If the
 * guest is paused meanwhile, the thread tells the toolstack through the leaf
 * "overdue".
 */
#ifndef SAVE_SUSPEND_TIME_H
#define SAVE_SUSPEND_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>

struct suspend_time;

/* Has the guest suspended itself? Returns 1, 0, or -1 if Xen does not tell. */
int domain_is_suspended(xc_interface *xch, uint32_t domid);

/*
 * A paused guest can't answer a suspend request. But toolstacks also pause a
 * domain briefly, for instance to balloon it: a pause is tolerated for this
 * long.
 */
extern uint64_t domain_pause_grace_ns;

/* Is it paused for longer than that? Blocks meanwhile. */
bool domain_stays_paused(xc_interface *xch, uint32_t domid);

/* Returns NULL if the thread could not be started. */
struct suspend_time *suspend_time_start(uint32_t domid);

/*
 * Ends the thread and frees s, which may be NULL. Returns when the domain was
 * suspended (CLOCK_MONOTONIC, to half a millisecond); 0: it was not seen
 * suspended.
 */
uint64_t suspend_time_end(struct suspend_time *s);

#endif
