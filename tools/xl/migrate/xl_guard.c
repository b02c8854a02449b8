/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a child of xl migrate that does nothing but outlive it. When xl
 * is killed where it can't clean up (SIGKILL, the kernel out of memory), the
 * guest may be suspended, under another name, its writes still logged, and
 * nobody left to see to it: then the guard does.
 *
 * It reads a pipe of which xl holds the other end, and so does the save
 * helper: the end of the pipe is the end of both. Of the transport it keeps
 * what the receiver says: a receiver that could not be heard any more would
 * exit in the middle of what it has to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_guard.h"

/* Returns the last message when the pipe ends; never, if that is the last. */
static int listen_to(int fd)
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

int guard_start(struct guard *g, struct transport *t, int *message_r)
{
    int fds[2];

    *g = (struct guard)GUARD_INIT;
    if (pipe2(fds, O_CLOEXEC))
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
        /* Whoever kills the whole process group does not mean the guest. */
        setpgid(g->pid, g->pid);
        close(fds[0]);
        /* Never one of a child's standard descriptors. */
        g->fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
        close(fds[1]);
        /* A guard that was killed is missed only when we are too. */
        signal(SIGPIPE, SIG_IGN);
        return 1;
    }
    close(fds[1]);
    if (t)
        transport_keep_receiving(t);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);   /* it may speak from the background */
    *message_r = listen_to(fds[0]);
    return 0;
}

void guard_tell(struct guard *g, enum guard_message message)
{
    char c = message;
    ssize_t n;

    if (!g->pid)
        return;
    g->late |= message == GUARD_LATE;
    do {
        n = write(g->fd, &c, 1);
    } while (n < 0 && errno == EINTR);
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
