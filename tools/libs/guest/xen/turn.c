/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/turn.h"

static bool is_same_file(int a, int b)
{
    struct stat x, y;

    return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* The descriptor of the environment, or -1. */
static int inherited(void)
{
    const char *env = getenv(XEN_TURN_FD_ENV);
    char *end;
    long fd;

    if (!env || !*env)
        return -1;
    errno = 0;
    fd = strtol(env, &end, 10);
    return errno || *end || fd < 0 || fd > INT_MAX ? -1 : (int)fd;
}

int xen_turn_open(void)
{
    const char *path = getenv(XEN_TURN_ENV);
    int fd, theirs = inherited(), copy;

    fd = path && *path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                              0600) : -1;
    if (fd < 0 || theirs < 0 || !is_same_file(fd, theirs))
        return fd;
    copy = fcntl(theirs, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy < 0)
        return fd;
    close(fd);
    return copy;
}

void xen_turn_pass_on(int fd, bool on)
{
    char number[16];

    if (fd < 0)
        return;
    snprintf(number, sizeof(number), "%d", fd);
    fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
    if (on)
        setenv(XEN_TURN_FD_ENV, number, 1);
    else
        unsetenv(XEN_TURN_FD_ENV);
}

void xen_turn_end(int fd)
{
    if (fd >= 0)
        flock(fd, LOCK_UN);
}
