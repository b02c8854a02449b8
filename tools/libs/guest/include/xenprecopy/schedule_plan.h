/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which guest goes to which target, so that it keeps its limit there. */
#ifndef XENPRECOPY_SCHEDULE_PLAN_H
#define XENPRECOPY_SCHEDULE_PLAN_H

#include <xenprecopy/placement.h>

/*
 * Places, prepares and predicts them. Those that wait and would not keep their
 * limit on their target, as far as is known now, are placed on another where
 * they do: on the one that xpc_schedule_place() finds among these. If there is
 * no room on any, the others that wait are placed anew, too, where they keep
 * theirs. One that keeps it nowhere stays where it was placed first. Nothing is
 * remembered, and not_on stays as it is. Returns as xpc_schedule_place().
 */
ssize_t xpc_schedule_plan(struct xpc_schedule *s);

#endif
