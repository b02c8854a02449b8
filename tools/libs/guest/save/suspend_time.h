/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Since when the guest stands still.
 *
 * libxl answers a suspend request after Xen has told the xenstore daemon, that
 * one libxl, and libxl the helper: milliseconds, in which others may have the
 * processor. The downtime began when the guest stopped. So a thread looks at
 * the domain every millisecond, from the request on until libxl has answered.
 * To a guest that is paused meanwhile it calls the toolstack's attention, by
 * the leaf "overdue".
 */
#ifndef SAVE_SUSPEND_TIME_H
#define SAVE_SUSPEND_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>

struct suspend_time;

/* Has it suspended itself? */
bool domain_is_suspended(xc_interface *xch, uint32_t domid);

/*
 * A paused guest can't answer a request to suspend. Toolstacks pause a domain
 * for a moment, as when they balloon it: that is waited for, for as long as
 * this.
 */
extern uint64_t domain_pause_grace_ns;

/* Is it paused, and stays so? Blocks for the grace at most. */
bool domain_stays_paused(xc_interface *xch, uint32_t domid);

/* NULL: it could not start. */
struct suspend_time *suspend_time_start(uint32_t domid);

/*
 * Ends the looking and frees s, which may be NULL. Since when the domain stands
 * still (CLOCK_MONOTONIC, to half a millisecond); 0: it was not seen to.
 */
uint64_t suspend_time_end(struct suspend_time *s);

#endif
