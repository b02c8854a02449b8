/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the targets of an evacuation have: memory, and domains. */
#ifndef XL_EVACUATE_XL_EVACUATE_TARGETS_H
#define XL_EVACUATE_XL_EVACUATE_TARGETS_H

#include "evacuate/xl_evacuate_guests.h"

/*
 * Asks each target for its free memory and its domains, and sets what follows
 * for the guests. Returns 0, or -1 with one line in err.
 */
int evacuate_ask_targets(struct evacuation *e, char err[XPC_ERR_LEN]);
/*
 * Asks one, at first or after a failure. The same; errno EINTR: interrupt_fd
 * (-1: none) became readable before there was an answer.
 */
int evacuate_ask_target(struct evacuation *e, size_t t, int interrupt_fd,
                        char err[XPC_ERR_LEN]);
/*
 * For a guest that is on its way since before the target was asked: what its
 * copy has there already is part of what the guest needs, and so is its name.
 */
void evacuate_count_once(struct evacuation *e, size_t i);
/* Sets the rate of the links from what is known. */
void evacuate_set_links(struct evacuation *e);

#endif
