/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/load.h"
#include "support/conf_fixture.h"

const char *conf_fixture_use(const char *text)
{
    static char path[64];
    static int fd = -1;

    if (fd >= 0)
        close(fd);
    fd = memfd_create("precopy.conf", 0);
    if (fd < 0 || fchmod(fd, 0644) ||
        write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    setenv(CONF_ENV, path, 1);
    return path;
}
