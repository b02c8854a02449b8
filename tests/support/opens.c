/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/inotify.h>
#include <unistd.h>

#include "support/opens.h"
#include "support/torture.h"

int opens_watch(const char *path)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    assert_true(fd >= 0);
    /* Both, or the kernel makes one event of two. */
    assert_true(inotify_add_watch(fd, path, IN_OPEN | IN_CLOSE_NOWRITE) >= 0);
    return fd;
}

int opens_count(int watch)
{
    struct inotify_event event;     /* a file's have no name */
    int n = 0;

    while (read(watch, &event, sizeof(event)) == sizeof(event))
        n += (event.mask & IN_OPEN) != 0;
    return n;
}
