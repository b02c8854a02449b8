/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a migration that has ended means for its guest, and for the others. */
#ifndef XL_EVACUATE_XL_EVACUATE_RESULT_H
#define XL_EVACUATE_XL_EVACUATE_RESULT_H

#include "evacuate/xl_evacuate_guests.h"
#include "migrate/xl_migrate_options.h"

/*
 * Sets the state of the guest and why, and what was learned. status: of xl
 * migrate, or -1. Returns it, or what it must have been.
 */
int evacuate_take_result(struct evacuation *e, size_t i, int status,
                         uint64_t now_ns);
/* After a failure that was the target's: it is placed again. */
void evacuate_retry(struct evacuation *e, size_t i);
/* A target has refused it: another one may not. */
void evacuate_try_elsewhere(struct evacuation *e, size_t i);
/* Those that still wait are left, each with a reason. */
void evacuate_leave_rest(struct evacuation *e);

#endif
