/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pace of earlier evacuations, and what this one leaves to the next. */
#ifndef XL_EVACUATE_XL_EVACUATE_PACE_H
#define XL_EVACUATE_XL_EVACUATE_PACE_H

#include "evacuate/xl_evacuate_guests.h"

/*
 * Sets e->earlier_pace and the pace of forecasts from the histories of the
 * targets that guests go to by the plan, weighted by what is sent to each. A
 * target with none counts as forecast well. A history that can't be read is
 * told, and counts as none.
 */
void evacuate_recall_pace(struct evacuation *e, uint64_t now_s);
/*
 * Stores a pace (0: none) in the histories of the targets that guests were
 * moved to. If that is not possible, it is told.
 */
void evacuate_keep_pace(const struct evacuation *e, double pace,
                        uint64_t now_s);

#endif
