/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Since when the guest stands still.
 *
 * libxl answers a suspend request after Xen has told the xenstore daemon, that
 * one libxl, and libxl the helper: milliseconds, in which others may have the
 * processor. The downtime began when the guest stopped. So a thread looks at
 * the domain every millisecond, from the request on until libxl has answered.
 */
#ifndef SAVE_STILL_H
#define SAVE_STILL_H

#include <stdbool.h>
#include <stdint.h>
#include <xenctrl.h>

struct save_still;

/* Has it suspended itself? */
bool save_still_is(xc_interface *xch, uint32_t domid);

/* NULL: it could not start. */
struct save_still *save_still_start(uint32_t domid);

/*
 * Ends the looking and frees s, which may be NULL. Since when the domain stands
 * still (CLOCK_MONOTONIC, to half a millisecond); 0: it was not seen to.
 */
uint64_t save_still_end(struct save_still *s);

#endif
