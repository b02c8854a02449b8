/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "save/turn.h"
#include "xen/run.h"

bool save_turn_take(struct save_turn *t, uint64_t now_ns)
{
    const char *path = getenv(XEN_TURN_ENV);

    if (!path || !*path)
        return true;
    if (t->fd < 0)
        t->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (t->fd < 0 || !flock(t->fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
        return true;
    if (!t->since_ns)
        t->since_ns = now_ns;
    return now_ns - t->since_ns >= SAVE_TURN_NS;
}
