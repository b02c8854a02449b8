/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each migration may send, and how long it still takes. */
#ifndef XL_EVACUATE_XL_EVACUATE_CAPS_H
#define XL_EVACUATE_XL_EVACUATE_CAPS_H

#include "evacuate/xl_evacuate_guests.h"

/* The cap for one: its share, or its own if that is lower; 0: none. */
uint64_t evacuate_cap(const struct evacuation *e, size_t i);
/* Tells those that run of caps that have changed. Returns whether some have. */
bool evacuate_set_caps(struct evacuation *e);
/* Sets how long one that runs copies until its suspend. */
void evacuate_update_left(struct evacuation *e, size_t i, uint64_t now_ns);

#endif
