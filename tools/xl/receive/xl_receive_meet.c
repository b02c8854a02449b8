/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket's name is the first half of the token; the second half is the
 * password.
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
#define NR_PASSED 2             /* standard input and output */

/* Removed by the signal handler. */
static char own_path[sizeof(((struct meeting *)0)->path)];

static int print_error(const char *what)
{
    fprintf(stderr, RECEIVER "%s: %s\n", what, strerror(errno));
    return -1;
}

/* Returns 0, or -1 with errno. */
static int format_path(char *path, size_t len, const uint8_t *token)
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
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

    strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* ---- opening ------------------------------------------------------------- */

static int open_directory(void)
{
    char err[XPC_ERR_LEN];
    int fd = xen_run_open(err);

    if (fd < 0)
        fprintf(stderr, RECEIVER "%s\n", err);
    return fd;
}

/*
 * The directory must be locked: then a socket that refuses connections was
 * left by a process that has died. Any other error means that the process is
 * alive.
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
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    int r;

    strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
    r = fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
        listen(fd, CHANNELS_MAX);
    umask(mask);
    if (!r)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void remove_on_signal(int sig)
{
    unlink(own_path);
    signal(sig, SIG_DFL);
    raise(sig);
}

/*
 * Removes the socket on signals. After SIGKILL the next receiver does it, in
 * remove_stale().
 */
static void set_signals(bool on)
{
    static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on ? remove_on_signal : SIG_DFL };

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
    if (format_path(m->path, sizeof(m->path), token))
        return print_error(xen_run_path());
    dir = open_directory();
    if (dir < 0)
        return -1;
    strcpy(own_path, m->path);
    set_signals(true);
    if (!flock(dir, LOCK_EX)) {
        remove_stale();
        m->fd = listen_at(m->path);
    }
    close(dir);
    if (m->fd >= 0)
        return 0;
    set_signals(false);
    return print_error(m->path);
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
    set_signals(false);
}

/* ---- further connections arrive ------------------------------------------ */

static int refuse_arrival(struct arrival *a)
{
    close(a->keeper);
    if (a->in >= 0)
        close(a->in);
    if (a->out >= 0)
        close(a->out);
    return -1;
}

/* Receives the hello and two descriptors. Returns 0, or -1. */
static int receive_descriptors(struct arrival *a, uint8_t *hello)
{
    union {
        char buf[CMSG_SPACE(NR_PASSED * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { hello, CHANNEL_HELLO_SIZE };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c;
    ssize_t n = recvmsg(a->keeper, &msg, MSG_CMSG_CLOEXEC);
    int fd[NR_PASSED];

    c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(fd, CMSG_DATA(c), sizeof(fd));
    a->in = fd[0];
    a->out = fd[1];
    return n == CHANNEL_HELLO_SIZE ? 0 : -1;
}

/* Returns 0 if the connection belongs to this migration; else closes it. */
static int check_arrival(struct arrival *a, const struct channel_hello *first)
{
    uint8_t hello[CHANNEL_HELLO_SIZE];

    if (receive_descriptors(a, hello) || channel_hello_get(&a->hello, hello) ||
        !channel_token_same(a->hello.token, first->token))
        return refuse_arrival(a);
    return 0;
}

/* Removes an entry from the list and returns its descriptor. */
static int take_waiting(struct meeting *m, unsigned int i)
{
    int fd = m->waiting[i];

    m->nr_waiting--;
    memmove(&m->waiting[i], &m->waiting[i + 1],
            (m->nr_waiting - i) * sizeof(m->waiting[0]));
    return fd;
}

/*
 * A process that connects and sends nothing must not block others, so when the
 * list is full the oldest one is dropped.
 */
static void accept_process(struct meeting *m)
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
        close(take_waiting(m, 0));
    m->waiting[m->nr_waiting++] = fd;
}

/* Returns 0 if one has arrived, -1 if not yet. */
static int read_arrival(struct meeting *m, const struct pollfd *fds,
                        unsigned int nr, const struct channel_hello *first,
                        struct arrival *a)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (!fds[i].revents)
            continue;
        *a = (struct arrival){ .in = -1, .out = -1,
                               .keeper = take_waiting(m, i) };
        /* The list has changed, so handle one at a time. */
        return check_arrival(a, first);
    }
    return -1;
}

#define OWN_FDS 2

int meeting_wait(struct meeting *m, const struct channel_hello *first,
                 struct arrival *a, uint64_t deadline_ns)
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
        /* The source sends nothing now: this is the end of the file. */
        if (fds[1].revents) {
            fprintf(stderr, RECEIVER "the source has given up\n");
            return -1;
        }
        if (!read_arrival(m, fds + OWN_FDS, nr, first, a))
            return 0;
        if (fds[0].revents)
            accept_process(m);
    }
    fprintf(stderr, RECEIVER "not all connections have come within %d s\n",
            RECEIVE_TIMEOUT_MS / 1000);
    return -1;
}

/* ---- the side of a further connection ------------------------------------ */

static int send_descriptors(int fd, const uint8_t *hello)
{
    static const int pass[NR_PASSED] = { STDIN_FILENO, STDOUT_FILENO };
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

    if (format_path(path, sizeof(path), token)) {
        print_error(xen_run_path());
        return EXIT_FAILURE;
    }
    fd = connect_to(path, 0);
    if (fd < 0 || send_descriptors(fd, hello)) {
        print_error("this connection belongs to no migration under way");
        return EXIT_FAILURE;
    }
    /* Stay until the receiving process ends: exiting ends the connection. */
    while (read(fd, &c, 1) < 0 && errno == EINTR) {}
    return EXIT_SUCCESS;
}
