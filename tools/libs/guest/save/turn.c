/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/file.h>

#include "save/turn.h"
#include "xen/turn.h"

bool save_turn_take(struct save_turn *t, uint64_t now_ns)
{
    if (t->fd < 0)
        t->fd = xen_turn_open();
    if (t->fd < 0 || !flock(t->fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
        return true;
    if (!t->since_ns)
        t->since_ns = now_ns;
    return now_ns - t->since_ns >= SAVE_TURN_NS;
}
