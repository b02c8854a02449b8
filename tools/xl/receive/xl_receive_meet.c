/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the connections of one migration meet on the target: a socket named
 * by the first half of the token, in a directory that is root's alone. The
 * second half is the password.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive_io.h"
#include "receive/xl_receive_meet.h"
#include "xen/run.h"

#define NAME_LEN 16             /* in hexadecimal */
#define PASSED 2                /* standard input and output */

/* To be removed when a signal ends us. */
static char own_path[sizeof(((struct meeting *)0)->path)];

static int complain(const char *what)
{
    fprintf(stderr, RECEIVER "%s: %s\n", what, strerror(errno));
    return -1;
}

/* 0, or -1 with errno. */
static int path_of(char *path, size_t len, const uint8_t *token)
{
    uint64_t name;

    memcpy(&name, token, sizeof(name));
    if ((size_t)snprintf(path, len, "%s/%016"PRIx64, xen_run_path(),
                         name) < len)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

static int connect_to(const char *path, int flags)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* ---- opened -------------------------------------------------------------- */

static int open_directory(void)
{
    char err[XPC_ERR_LEN];
    int fd = xen_run_open(err);

    if (fd < 0)
        fprintf(stderr, RECEIVER "%s\n", err);
    return fd;
}

/*
 * With the directory locked: who is bound listens, or is dead. One that has no
 * time for us lives, and is not waited for.
 */
static void remove_stale(void)
{
    char path[300];
    struct dirent *e;
    DIR *dir = opendir(xen_run_path());
    int fd;

    while (dir && (e = readdir(dir))) {
        if (strlen(e->d_name) != NAME_LEN)
            continue;
        snprintf(path, sizeof(path), "%s/%.16s", xen_run_path(), e->d_name);
        fd = connect_to(path, SOCK_NONBLOCK);
        if (fd >= 0)
            close(fd);
        else if (errno == ECONNREFUSED)
            unlink(path);
    }
    if (dir)
        closedir(dir);
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    int r;

    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    r = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
        listen(fd, CHANNELS_MAX);
    umask(mask);
    if (!r)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void remove_and_end(int sig)
{
    unlink(own_path);
    signal(sig, SIG_DFL);
    raise(sig);
}

/* Nothing is left behind by a signal, but by SIGKILL: the next one's task. */
static void guard_path(bool on)
{
    static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on ? remove_and_end : SIG_DFL };

    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        if (!interrupt_ignored(sigs[i]))
            sigaction(sigs[i], &sa, NULL);
    }
}

int meeting_open(struct meeting *m, const uint8_t *token)
{
    int dir;

    m->fd = -1;
    m->nr_waiting = 0;
    if (path_of(m->path, sizeof(m->path), token))
        return complain(xen_run_path());
    dir = open_directory();
    if (dir < 0)
        return -1;
    strcpy(own_path, m->path);
    guard_path(true);
    if (!flock(dir, LOCK_EX)) {
        remove_stale();
        m->fd = listen_at(m->path);
    }
    close(dir);
    if (m->fd >= 0)
        return 0;
    guard_path(false);
    return complain(m->path);
}

void meeting_close(struct meeting *m)
{
    if (m->fd < 0)
        return;
    unlink(m->path);
    while (m->nr_waiting)
        close(m->waiting[--m->nr_waiting]);
    close(m->fd);
    m->fd = -1;
    guard_path(false);
}

/* ---- who comes ----------------------------------------------------------- */

static int turn_away(struct arrival *g)
{
    close(g->keeper);
    if (g->in >= 0)
        close(g->in);
    if (g->out >= 0)
        close(g->out);
    return -1;
}

/* Hello, and two descriptors, or something else. */
static int take_descriptors(struct arrival *g, uint8_t *hello)
{
    union {
        char buf[CMSG_SPACE(PASSED * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { hello, CHANNEL_HELLO_SIZE };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c;
    ssize_t n = recvmsg(g->keeper, &msg, MSG_CMSG_CLOEXEC);
    int fd[PASSED];

    c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(fd, CMSG_DATA(c), sizeof(fd));
    g->in = fd[0];
    g->out = fd[1];
    return n == CHANNEL_HELLO_SIZE ? 0 : -1;
}

/* Is it of this migration? */
static int greet(struct arrival *g, const struct channel_hello *first)
{
    uint8_t hello[CHANNEL_HELLO_SIZE];

    if (take_descriptors(g, hello) || channel_hello_get(&g->hello, hello) ||
        !channel_token_same(g->hello.token, first->token))
        return turn_away(g);
    return 0;
}

static int stop_waiting(struct meeting *m, unsigned int i)
{
    int fd = m->waiting[i];

    m->nr_waiting--;
    memmove(&m->waiting[i], &m->waiting[i + 1],
            (m->nr_waiting - i) * sizeof(m->waiting[0]));
    return fd;
}

/* Who says nothing must not hold up the others, nor keep them out. */
static void let_in(struct meeting *m)
{
    int fd = accept4(m->fd, NULL, NULL, SOCK_CLOEXEC);
    struct ucred who;
    socklen_t len = sizeof(who);

    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ||
        who.uid != geteuid()) {
        close(fd);
        return;
    }
    if (m->nr_waiting == CHANNELS_MAX)
        close(stop_waiting(m, 0));
    m->waiting[m->nr_waiting++] = fd;
}

/* 0: here is one; -1: not yet. */
static int hear(struct meeting *m, const struct pollfd *fds, unsigned int nr,
                const struct channel_hello *first, struct arrival *g)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (!fds[i].revents)
            continue;
        *g = (struct arrival){ .in = -1, .out = -1,
                               .keeper = stop_waiting(m, i) };
        /* The others' places have changed: they are looked at again. */
        return greet(g, first);
    }
    return -1;
}

#define OWN_FDS 2

int meeting_wait(struct meeting *m, const struct channel_hello *first,
                 struct arrival *g, uint64_t deadline_ns)
{
    struct pollfd fds[OWN_FDS + CHANNELS_MAX] = {
        { .fd = m->fd, .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN },
    };
    unsigned int nr;
    uint64_t now;

    while ((now = clock_now_ns()) < deadline_ns) {
        nr = m->nr_waiting;
        for (unsigned int i = 0; i < nr; i++)
            fds[OWN_FDS + i] = (struct pollfd){ .fd = m->waiting[i],
                                                .events = POLLIN };
        if (poll(fds, OWN_FDS + nr, (deadline_ns - now) / 1000000 + 1) < 1)
            continue;
        /* Nothing is to come there yet, so it is the end. */
        if (fds[1].revents) {
            fprintf(stderr, RECEIVER "the source has given up\n");
            return -1;
        }
        if (!hear(m, fds + OWN_FDS, nr, first, g))
            return 0;
        if (fds[0].revents)
            let_in(m);
    }
    fprintf(stderr, RECEIVER "not all connections have come within %d s\n",
            RECEIVE_TIMEOUT_MS / 1000);
    return -1;
}

/* ---- the others' side ---------------------------------------------------- */

static int give_descriptors(int fd, const uint8_t *hello)
{
    static const int pass[PASSED] = { STDIN_FILENO, STDOUT_FILENO };
    union {
        char buf[CMSG_SPACE(sizeof(pass))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec iov = { (void *)hello, CHANNEL_HELLO_SIZE };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(pass));
    memcpy(CMSG_DATA(c), pass, sizeof(pass));
    return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int meeting_join(const uint8_t *hello, const uint8_t *token)
{
    char path[sizeof(own_path)], c;
    int fd;

    if (path_of(path, sizeof(path), token)) {
        complain(xen_run_path());
        return EXIT_FAILURE;
    }
    fd = connect_to(path, 0);
    if (fd < 0 || give_descriptors(fd, hello)) {
        complain("this connection belongs to no migration under way");
        return EXIT_FAILURE;
    }
    /* The connection ends with this process, and so with the other one. */
    while (read(fd, &c, 1) < 0 && errno == EINTR) {}
    return EXIT_SUCCESS;
}
