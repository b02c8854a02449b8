/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xen/run.h"

#define DIRECTORY "/run/xen-precopy"

const char *xen_run_path(void)
{
    const char *dir = getenv("XEN_PRECOPY_RUN");

    return dir && *dir ? dir : DIRECTORY;
}

int xen_run_open(char err[XPC_ERR_LEN])
{
    const char *path = xen_run_path();
    struct stat st;
    int fd;

    if (mkdir(path, 0700) && errno != EEXIST)
        goto fail;
    /* A symbolic link could be changed later. */
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOTDIR)
        goto fail;
    if (fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() &&
        !(st.st_mode & 077))
        return fd;
    if (fd >= 0)
        close(fd);
    snprintf(err, XPC_ERR_LEN, "%.150s: it must be a directory of the user's "
             "own, with mode 0700", path);
    errno = EPERM;
    return -1;

 fail:
    snprintf(err, XPC_ERR_LEN, "%.150s: %s", path, strerror(errno));
    return -1;
}
