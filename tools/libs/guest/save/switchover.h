/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The maximum downtime during the switchover (XPC_STRICT_ON): a switchover that
 * would exceed it is broken off as long as the guest can be resumed here.
 *
 * The switchover overhead is reserved for what follows the pages, so the pages
 * must have been sent that much before the maximum. After the pages it is the
 * toolstack that enforces the maximum, up to "go" (tools/xl/migrate); here only
 * a stalled stream is broken off.
 */
#ifndef SAVE_SWITCHOVER_H
#define SAVE_SWITCHOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "save/context.h"
#include "save/watchdog.h"

struct save_switchover {
    struct save_context *ctx;
    struct save_watchdog *watchdog;
    bool overrun;               /* it was broken off */
    bool pages_done;            /* all pages are sent: state follows */
    uint64_t final_dirty;       /* pages that it had to send */
};

/* The guest is being asked to suspend. */
void save_switchover_asked(struct save_switchover *s);

/* The guest is suspended. */
void save_switchover_suspended(struct save_switchover *s);

/*
 * The last bitmap, whose reading began at bitmap_begun_ns, has so many pages; d
 * is the decision to suspend.
 */
void save_switchover_pages_left(struct save_switchover *s, uint64_t pages,
                                uint64_t bitmap_begun_ns,
                                const struct xpc_decision *d);

/*
 * Is the switchover broken off, or must it be now? pages: is page data to be
 * written, or what follows it?
 */
bool save_switchover_broken(struct save_switchover *s, bool pages);

#endif
