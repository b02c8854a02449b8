/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast the links are, from what migrations have sent. */
#ifndef XL_EVACUATE_XL_EVACUATE_LINK_H
#define XL_EVACUATE_XL_EVACUATE_LINK_H

#include "evacuate/xl_evacuate_guests.h"

/* From the report of one that has ended. */
void evacuate_learn_from_report(struct evacuation *e, size_t i,
                                const struct xpc_report *r);
/*
 * From what all that run have sent together, with nothing started, ended or
 * capped otherwise since since_ns. Returns whether a rate has changed.
 */
bool evacuate_learn_from_progress(struct evacuation *e, uint64_t since_ns);

#endif
