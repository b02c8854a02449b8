/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/xl_interrupt.h"

/* nohup ignores SIGHUP, shells SIGINT for background jobs. */
bool interrupt_ignored(int sig)
{
    struct sigaction sa;

    return !sigaction(sig, NULL, &sa) && sa.sa_handler == SIG_IGN;
}

int interrupt_open(void)
{
    static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        /* A blocked signal is delivered to a signalfd even if ignored. */
        if (!interrupt_ignored(sigs[i]))
            sigaddset(&set, sigs[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void interrupt_refuse_stops(void)
{
    signal(SIGTSTP, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
}

int interrupt_take(int fd)
{
    struct signalfd_siginfo si;

    if (fd < 0 || read(fd, &si, sizeof(si)) != sizeof(si))
        return 0;
    return si.ssi_signo;
}
