/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several saves that share a link take turns (xen/turn.h): only one at a time
 * suspends its guest. The turn is held until the save helper exits, or longer
 * by a toolstack that has passed on its descriptor.
 */
#ifndef SAVE_TURN_H
#define SAVE_TURN_H

#include <stdbool.h>
#include <stdint.h>

/* After this, a save no longer waits for its turn. */
#define SAVE_TURN_NS UINT64_C(10000000000)

struct save_turn {
    int fd;                         /* -1: the file is not open */
    uint64_t since_ns;              /* when it was first refused; 0: never */
};

#define SAVE_TURN_INIT { .fd = -1 }

/*
 * May the guest be suspended now? Yes if nobody else has the turn, if it has
 * waited for long, and if there is no file: a turn is a courtesy, for which no
 * migration may fail.
 */
bool save_turn_take(struct save_turn *t, uint64_t now_ns);

#endif
