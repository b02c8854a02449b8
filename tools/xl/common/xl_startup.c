/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/xl_common.h"
#include "common/xl_startup.h"
#include "common/xl_stdio.h"

/* With the wrong mode: to read or write fails with EBADF, as if closed. */
static void take_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
    }
}

/* An ignored SIGCHLD is inherited, and then the kernel reaps. */
static void reset_signal(void)
{
    sigset_t set;

    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void xl_startup(void)
{
    take_descriptors();
    reset_signal();
}

int xl_finish(const char *command, int status)
{
    int r;

    errno = 0;
    r = xl_stdio_release() || fflush(stdout);
    if (!r && !ferror(stdout))
        return status;
    xl_message(command, "standard output can't be written%s%s",
               r && errno ? ": " : "", r && errno ? strerror(errno) : "");
    return status || xl_globals.acted ? status : 1;
}
