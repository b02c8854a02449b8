/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "channels/frame.h"
#include "channels/handover.h"
#include "migrate/xl_channels_relay.h"
#include "migrate/xl_protocol.h"

/* Data of one frame. A pipe has room for it. */
#define PIECE (64 * 1024)

/* ---- the thread ---------------------------------------------------------- */

/*
 * Waits for events on a, or input on b; -1: none. Returns 0 for a, 1 for b, or
 * -1 if the relay is to stop.
 */
static int wait_either(const struct channels *c, int a, short events, int b)
{
    struct pollfd fds[3] = {
        { .fd = c->stop_fd, .events = POLLIN },
        { .fd = a, .events = events },
        { .fd = b, .events = POLLIN },
    };

    for (;;) {
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return -1;
        if (fds[0].revents)
            return -1;
        /* A save helper that asks for the channels comes first. */
        if (fds[2].revents)
            return 1;
        if (fds[1].revents)
            return 0;
    }
}

static int write_all(struct channels *c, const void *data, size_t len)
{
    const char *p = data;
    ssize_t n;

    while (len) {
        if (wait_either(c, c->fd, POLLOUT, -1))
            return -1;
        n = write(c->fd, p, len);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            c->error = errno;
            return -1;
        }
        if (n > 0) {
            p += n;
            len -= n;
        }
    }
    return 0;
}

static int send_frame(struct channels *c, int kind, const void *p, size_t len)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];

    channel_frame_make(&f, kind, c->sequence++, p, len, 0, NULL, c->token,
                       iov);
    return write_all(c, iov[0].iov_base, iov[0].iov_len) ||
           write_all(c, iov[1].iov_base, iov[1].iov_len) ? -1 : 0;
}

/*
 * Sends what is in the pipe. Returns 1 when it is empty, 0 at its end, or -1.
 */
static int relay_pipe(struct channels *c)
{
    char buf[PIECE];
    ssize_t n;

    while ((n = read(c->pipe_fd, buf, sizeof(buf))) != 0) {
        if (n < 0 && errno == EAGAIN)
            return 1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || send_frame(c, CHANNEL_DATA, buf, n))
            return -1;
    }
    return 0;
}

/*
 * Hands the channels over to the save helper and waits until it gives them
 * back. Everything that libxl wrote before it started the helper is in the
 * pipe by now, and is sent first.
 */
static int hand_over(struct channels *c)
{
    struct channel_handover m;

    if (recv(c->handover_fd, &m, sizeof(m), 0) != sizeof(m) ||
        m.word != CHANNEL_ASK || relay_pipe(c) < 0)
        return -1;
    m = (struct channel_handover){
        .word = CHANNEL_LEND, .sequence = c->sequence,
    };
    memcpy(m.token, c->token, sizeof(m.token));
    if (send(c->handover_fd, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m) ||
        wait_either(c, -1, 0, c->handover_fd) != 1 ||
        recv(c->handover_fd, &m, sizeof(m), 0) != sizeof(m) ||
        m.word != CHANNEL_BACK || m.sequence < c->sequence)
        return -1;
    c->sequence = m.sequence;
    return 0;
}

static void *run_relay(void *arg)
{
    struct channels *c = arg;
    int r = 1;

    while (r > 0) {
        r = wait_either(c, c->pipe_fd, POLLIN, c->handover_fd);
        if (r > 0)
            r = hand_over(c) ? -1 : 1;
        else if (!r)
            r = relay_pipe(c);
    }
    c->ok = !r && !send_frame(c, CHANNEL_END, NULL, 0);
    if (!c->ok && !c->error)
        c->error = EPROTO;
    eventfd_write(c->done_fd, 1);
    /* After a failure writers get EPIPE, and the helper the end of the file. */
    close(c->pipe_fd);
    c->pipe_fd = -1;
    if (!c->ok)
        shutdown(c->handover_fd, SHUT_RDWR);
    return NULL;
}

/* ---- starting and stopping ----------------------------------------------- */

static int make_nonblocking(int fd)
{
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Avoids numbers that are a child's standard descriptors. */
static int move_up(int fd)
{
    int to = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    close(fd);
    return to;
}

/* Returns 0, or -1 with errno. */
static int open_descriptors(struct sender *s, int *send_fd_r)
{
    struct channels *c = s->channels;
    int pipe_fds[2], pair[2];

    c->fd = s->t.send_fd;
    s->t.send_fd = -1;
    if (pipe2(pipe_fds, O_CLOEXEC))
        return -1;
    c->pipe_fd = move_up(pipe_fds[0]);
    *send_fd_r = move_up(pipe_fds[1]);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    c->handover_fd = move_up(pair[0]);
    c->helper_fd = move_up(pair[1]);
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    c->done_fd = eventfd(0, EFD_CLOEXEC);
    /* Writes must not fail too early, see transport_open(). */
    s->t.spare_fd = fcntl(c->pipe_fd, F_DUPFD_CLOEXEC, 3);
    return c->stop_fd < 0 || c->done_fd < 0 || make_nonblocking(c->fd) ||
           make_nonblocking(c->pipe_fd) ? -1 : 0;
}

int channels_begin(struct sender *s)
{
    struct channels *c = s->channels;

    s->t.further_silent = true;
    if (!open_descriptors(s, &s->t.send_fd) &&
        !(errno = thread_start(&c->thread, run_relay, c))) {
        c->running = true;
        return 0;
    }
    fprintf(stderr, SENDER "can't use the channels: %s\n", strerror(errno));
    return -1;
}

void channels_set_inherit(struct sender *s, bool children_too)
{
    int flags = children_too ? 0 : FD_CLOEXEC;
    struct channels *c = s->channels;
    char env[16 * (1 + CHANNELS_MAX)];
    int n;

    fcntl(c->helper_fd, F_SETFD, flags);
    fcntl(c->fd, F_SETFD, flags);
    n = snprintf(env, sizeof(env), "%d,%d", c->helper_fd, c->fd);
    for (unsigned int i = 0; i + 1 < c->nr; i++) {
        fcntl(c->further[i].send_fd, F_SETFD, flags);
        n += snprintf(env + n, sizeof(env) - n, ",%d",
                      c->further[i].send_fd);
    }
    if (children_too)
        setenv(CHANNEL_HANDOVER_ENV, env, 1);
    else
        unsetenv(CHANNEL_HANDOVER_ENV);
}

int channels_finish(struct sender *s)
{
    struct channels *c = s->channels;

    transport_close_spare(&s->t);
    close(s->t.send_fd);
    s->t.send_fd = -1;
    if (sender_wait(s, c->done_fd, POLLIN))
        return -1;
    pthread_join(c->thread, NULL);
    c->running = false;
    if (c->ok)
        return 0;
    fprintf(stderr, SENDER "the stream could not be sent to its end: %s\n",
            strerror(c->error));
    return -1;
}

void channels_explain(struct sender *s)
{
    struct channels *c = s->channels;
    struct pollfd done = { .fd = c->done_fd, .events = POLLIN };

    if (!c->running || poll(&done, 1, 0) != 1)
        return;
    pthread_join(c->thread, NULL);
    c->running = false;
    if (!c->ok)
        fprintf(stderr, SENDER "the connection to the receiver has broken: "
                "%s\n", strerror(c->error));
}

int channels_send_go(struct sender *s, const void *go, size_t len)
{
    struct channels *c = s->channels;
    uint8_t bytes[CHANNEL_HEAD_SIZE + 64];
    struct channel_head h = {
        .kind = CHANNEL_GO, .sequence = c->sequence, .raw_len = len,
        .wire_len = len,
    };

    /* One write: the receiver must get all of it or nothing. */
    channel_head_put(bytes, &h, c->token, go);
    memcpy(bytes + CHANNEL_HEAD_SIZE, go, len);
    return sender_write(s, c->fd, bytes, CHANNEL_HEAD_SIZE + len,
                        "permission to start");
}

void channels_send_stood(struct sender *s, uint64_t ns)
{
    struct channels *c = s->channels;
    uint8_t bytes[CHANNEL_HEAD_SIZE + CHANNEL_STOOD_SIZE];
    struct channel_head h = {
        .kind = CHANNEL_STOOD, .sequence = c->sequence + 1,
        .raw_len = CHANNEL_STOOD_SIZE, .wire_len = CHANNEL_STOOD_SIZE,
    };

    /* The guard, when xl was killed, has no sending end. */
    if (c->fd < 0 || !c->tells_guest)
        return;
    channel_stood_put(bytes + CHANNEL_HEAD_SIZE, ns);
    channel_head_put(bytes, &h, c->token, bytes + CHANNEL_HEAD_SIZE);
    /* Don't wait for a target that reads no more. */
    if (write(c->fd, bytes, sizeof(bytes)) < 0) {}
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void channels_close(struct sender *s)
{
    struct channels *c = s->channels;

    if (!c)
        return;
    if (c->running) {
        eventfd_write(c->stop_fd, 1);
        pthread_join(c->thread, NULL);
        c->running = false;
    }
    close_fd(&c->fd);
    close_fd(&c->pipe_fd);
    close_fd(&c->handover_fd);
    close_fd(&c->helper_fd);
    close_fd(&c->stop_fd);
    close_fd(&c->done_fd);
    for (unsigned int i = 0; i + 1 < c->nr; i++)
        close_fd(&c->further[i].send_fd);
}

void channels_free(struct sender *s)
{
    struct channels *c = s->channels;

    if (!c)
        return;
    channels_close(s);
    transport_drop(c->further, s->t.nr_further);
    s->t.further = NULL;
    s->t.nr_further = 0;
    free(c->further);
    free(c);
    s->channels = NULL;
}
