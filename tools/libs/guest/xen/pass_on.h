/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor that the programs which are executed next inherit, with its
 * number in a variable of the environment.
 */
#ifndef XEN_PASS_ON_H
#define XEN_PASS_ON_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* The number in the environment, or -1. It may mean any file, or none. */
static inline int xen_inherited_fd(const char *variable)
{
    const char *env = getenv(variable);
    char *end;
    long fd;

    if (!env || !*env)
        return -1;
    errno = 0;
    fd = strtol(env, &end, 10);
    return errno || *end || fd < 0 || fd > INT_MAX ? -1 : (int)fd;
}

/* on: passes fd on from now on. Does nothing if fd is negative. */
static inline void xen_pass_fd_on(const char *variable, int fd, bool on)
{
    char number[16];

    if (fd < 0)
        return;
    snprintf(number, sizeof(number), "%d", fd);
    fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
    if (on)
        setenv(variable, number, 1);
    else
        unsetenv(variable);
}

#endif
