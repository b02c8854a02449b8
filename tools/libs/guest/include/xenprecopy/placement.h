/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest goes to which target (xenprecopy/schedule.h). */
#ifndef XENPRECOPY_PLACEMENT_H
#define XENPRECOPY_PLACEMENT_H

#include <xenprecopy/schedule.h>

/*
 * Finds a target for each move that waits and has none: those that belong
 * together first, the largest first, on the target with the least data per
 * bandwidth and weight that has the memory. If that leaves guests without a
 * target, they are packed as tightly as possible instead. Returns the number
 * that has none (unplaced says why), or -1 with errno EINVAL (too many moves or
 * targets, an index out of range) or ENOMEM.
 */
ssize_t xpc_schedule_place(struct xpc_schedule *s);

#endif
