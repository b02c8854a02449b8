/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard is a child of xl migrate that outlives it. If xl is killed so that
 * it can't clean up (SIGKILL, the OOM killer), the guest may be left
 * suspended, renamed, or with its writes still logged. The guard then cleans
 * up.
 *
 * It reads a pipe whose other end is held by xl and by the save helper, so the
 * end of the file means that both have ended. It keeps the receiving end of
 * the transport open, because a receiver that can't write any more would exit
 * before it has cleaned up.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_guard.h"

/*
 * Returns the last message at the end of the pipe, or GUARD_LATE at once.
 * Exits after GUARD_DONE.
 */
static int wait_for_end(int fd)
{
    char message = GUARD_UNTOUCHED;
    char c;
    ssize_t n;

    while (message != GUARD_LATE) {
        n = read(fd, &c, 1);
        if (n == 1)
            message = c;
        else if (!n || errno != EINTR)
            break;
    }
    close(fd);
    if (message == GUARD_DONE)
        _exit(0);
    return message;
}

/* The writing end avoids numbers that are a child's standard descriptors. */
static int open_pipe(int fds[2])
{
    int low;

    if (pipe2(fds, O_CLOEXEC))
        return -1;
    low = fds[1];
    fds[1] = fcntl(low, F_DUPFD_CLOEXEC, 3);
    close(low);
    if (fds[1] >= 0)
        return 0;
    close(fds[0]);
    return -1;
}

int guard_start(struct guard *g, struct transport *t, int *message_r)
{
    int fds[2];

    *g = (struct guard)GUARD_INIT;
    /* Before the fork: a guard without xl's end would act at once. */
    if (open_pipe(fds))
        return -1;
    fflush(NULL);
    g->pid = fork();
    if (g->pid < 0) {
        g->pid = 0;
        close(fds[0]);
        close(fds[1]);
        return -1;
    }
    if (g->pid) {
        /* A signal to xl's process group must not reach the guard. */
        setpgid(g->pid, g->pid);
        close(fds[0]);
        g->fd = fds[1];
        /* Writing to a guard that was killed is no error. */
        signal(SIGPIPE, SIG_IGN);
        return 1;
    }
    close(fds[1]);
    if (t)
        transport_keep_receiving(t);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);   /* it may write from the background */
    *message_r = wait_for_end(fds[0]);
    return 0;
}

int guard_tell(struct guard *g, enum guard_message message)
{
    char c = message;
    ssize_t n;

    if (!g->pid)
        return -1;
    do {
        n = write(g->fd, &c, 1);
    } while (n < 0 && errno == EINTR);
    g->late |= message == GUARD_LATE && n == 1;
    return n == 1 ? 0 : -1;
}

void guard_set_inherit(struct guard *g, bool children_too)
{
    if (g->pid)
        fcntl(g->fd, F_SETFD, children_too ? 0 : FD_CLOEXEC);
}

void guard_end(struct guard *g)
{
    if (!g->pid)
        return;
    guard_tell(g, GUARD_DONE);
    close(g->fd);
    while (!g->late && waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *g = (struct guard)GUARD_INIT;
}
