/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations that share a link take turns: only one guest at a time is
 * suspended. Whoever starts them names a file in the environment. The turn is a
 * flock() on it. The save helper takes it before the suspend (save/turn.h),
 * with the toolstack's descriptor, so that the toolstack has it until the
 * target has started the guest.
 */
#ifndef XEN_TURN_H
#define XEN_TURN_H

#include <stdbool.h>

#define XEN_TURN_ENV "XEN_PRECOPY_TURN"
/* The toolstack's descriptor of that file. */
#define XEN_TURN_FD_ENV "XEN_PRECOPY_TURN_FD"

/*
 * Opens the file: with the same lock as the toolstack, if that has passed its
 * descriptor on. Returns a descriptor (close-on-exec), or -1: there is none, or
 * it can't be opened.
 */
int xen_turn_open(void);
/* Lets the children inherit it, or not any more. -1 is allowed here. */
void xen_turn_pass_on(int fd, bool on);
/* Gives the turn up. The same. */
void xen_turn_end(int fd);

#endif
