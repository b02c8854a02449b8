/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the programs that record-trace watches. At the start of a
 * program and in each forked child, it passes a userfaultfd of the process to
 * the recorder, and waits until the recorder watches. A userfaultfd can only be
 * created by the process itself; everything else is done by the recorder.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <fcntl.h>
#include <unistd.h>

#include "track.h"

/* Missing in the headers of Debian 12. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static int connect_recorder(const char *name)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || len + 1 >= sizeof(sa.sun_path))
        return fd;
    /* An abstract name, so there are no file permissions. */
    memcpy(sa.sun_path + 1, name, len);
    if (connect(fd, (struct sockaddr *)&sa,
                offsetof(struct sockaddr_un, sun_path) + 1 + len)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void send_fd(int s, char kind, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { &kind, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    sendmsg(s, &msg, MSG_NOSIGNAL);
}

/* Fails silently: the recorder notices that nothing is recorded. */
static void announce(char kind)
{
    const char *name = getenv(TRACK_SOCKET_ENV);
    int saved = errno, s, uffd;
    char ack;

    if (!name)
        return;
    s = connect_recorder(name);
    uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK |
                   UFFD_USER_MODE_ONLY);
    if (s >= 0 && uffd >= 0) {
        send_fd(s, kind, uffd);
        while (read(s, &ack, 1) < 0 && errno == EINTR)
            ;
    }
    if (uffd >= 0)
        close(uffd);    /* the recorder's copy keeps it alive */
    if (s >= 0)
        close(s);
    errno = saved;
}

static void forked(void)
{
    announce(TRACK_FORKED);
}

__attribute__((constructor)) static void started(void)
{
    announce(TRACK_STARTED);
    pthread_atfork(NULL, NULL, forked);
}
