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

/* Sets what depends on its target of moves[i], which has one or none. */
typedef void xpc_schedule_prepare(void *opaque, size_t i);

/*
 * Places them, prepares and predicts them. Those that wait and would not keep
 * their limit on their target, as far as is known now, are placed on another
 * where they do: on the one that xpc_schedule_place() finds among these. If
 * there is no room on any, the others that wait are placed anew, too, where
 * they keep theirs. One that keeps it nowhere stays where it was placed first.
 * Nothing is remembered, and not_on stays as it is. Returns as
 * xpc_schedule_place().
 */
ssize_t xpc_schedule_plan(struct xpc_schedule *s, xpc_schedule_prepare *prepare,
                          void *opaque);

#endif
