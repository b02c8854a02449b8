/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/thread.h"
#include "save/toolstack_watch.h"

static pid_t toolstack;

/*
 * The kernel also sends this signal when only the thread that started us has
 * ended. SIGTERM makes stock's helper replace the stream by one that can't be
 * written.
 */
static void parent_died(int sig)
{
    int saved = errno;

    (void)sig;
    if (getppid() != toolstack)
        raise(SIGTERM);
    errno = saved;
}

void save_toolstack_watch(void (*at_exit)(void))
{
    /*
     * SA_RESTART: if only a thread has ended, nothing must notice it. If it was
     * the toolstack, the restarted write fails all the same.
     */
    struct sigaction sa = {
        .sa_handler = parent_died, .sa_flags = SA_RESTART,
    };

    toolstack = getppid();
    atexit(at_exit);
    thread_take_signal(SIGUSR2, &sa);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    if (getppid() != toolstack)
        raise(SIGTERM);
}
