/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/pass_on.h"
#include "xen/turn.h"

static bool is_same_file(int a, int b)
{
    struct stat x, y;

    return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

int xen_turn_open(void)
{
    const char *path = getenv(XEN_TURN_ENV);
    int fd, theirs = xen_inherited_fd(XEN_TURN_FD_ENV), copy;

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
    xen_pass_fd_on(XEN_TURN_FD_ENV, fd, on);
}

void xen_turn_end(int fd)
{
    if (fd >= 0)
        flock(fd, LOCK_UN);
}
