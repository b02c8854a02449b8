/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "channels/wire.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_protocol.h"
#include "migrate/xl_sender_io.h"

bool sender_handle_signal(struct sender *s)
{
    if (s->told_to_go) {
        fprintf(stderr, SENDER "too late to interrupt: the target has been "
                "told to start the domain. Waiting for its answer.\n");
        return false;
    }
    if (s->interrupted) {
        fprintf(stderr, SENDER "interrupted already, the migration is being "
                "undone. Please wait.\n");
        return false;
    }
    s->interrupted = true;
    fprintf(stderr, SENDER "interrupted: stopping the migration.\n");
    return true;
}

bool sender_take_signals(struct sender *s)
{
    bool stop = false;

    while (interrupt_take(s->interrupt_fd))
        stop |= sender_handle_signal(s);
    return stop;
}

/* Milliseconds to the next deadline, for poll(); -1: there is none. */
static int time_left_ms(const struct sender *s)
{
    uint64_t now = clock_now_ns(), until = s->deadline_ns;

    if (!until || (s->answer_deadline_ns && s->answer_deadline_ns < until))
        until = s->answer_deadline_ns;
    if (!until)
        return -1;
    return now < until ? (until - now) / 1000000 + 1 : 0;
}

void sender_break_off(struct sender *s, int reason)
{
    if (s->broken)
        return;
    s->broken = reason;
    s->broken_ns = clock_now_ns();
    fprintf(stderr, SENDER "%s.\n", reason == XPC_REASON_NO_ANSWER ?
            "the guest does not suspend" : reason == XPC_REASON_PAUSED ?
            "the guest is paused and can't suspend" :
            "the guest would stand still for longer than its maximum "
            "downtime");
}

/* Breaks the migration off at its deadline; returns true then. */
static bool is_too_late(struct sender *s)
{
    if (!s->deadline_ns || clock_now_ns() < s->deadline_ns)
        return false;
    sender_break_off(s, XPC_REASON_OVERRUN);
    return true;
}

/*
 * Fills fds with the further connections. Their receivers send nothing after
 * the answer, so input on one means that it has ended, which matters until
 * "go" has been sent. Returns how many there are.
 */
static unsigned int watch_further(const struct sender *s, struct pollfd *fds)
{
    unsigned int nr = s->t.further_silent && !s->told_to_go ?
                      s->t.nr_further : 0;

    for (unsigned int i = 0; i < nr; i++)
        fds[i] = (struct pollfd){ .fd = s->t.further[i].recv_fd,
                                  .events = POLLIN };
    return nr;
}

static bool has_any_ended(const struct pollfd *fds, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (!fds[i].revents)
            continue;
        fprintf(stderr, SENDER "channel %u has ended\n", i + 1);
        return true;
    }
    return false;
}

bool sender_further_ended(const struct sender *s)
{
    struct pollfd fds[CHANNELS_MAX];
    unsigned int nr = watch_further(s, fds);

    return nr && poll(fds, nr, 0) > 0 && has_any_ended(fds, nr);
}

#define OWN_FDS 2

int sender_wait(struct sender *s, int fd, short events)
{
    struct pollfd fds[OWN_FDS + CHANNELS_MAX] = {
        { .fd = fd, .events = events },
        { .fd = s->interrupt_fd, .events = POLLIN },
    };
    unsigned int further = watch_further(s, fds + OWN_FDS);

    for (;;) {
        if (poll(fds, OWN_FDS + further, time_left_ms(s)) < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        if (is_too_late(s))
            return -1;
        if (fds[1].revents && sender_take_signals(s))
            return -1;
        if (fds[0].revents)
            return 0;
        if (has_any_ended(fds + OWN_FDS, further))
            return -1;
        if (s->answer_deadline_ns && clock_now_ns() >= s->answer_deadline_ns)
            return -1;
    }
}

/* A pipe that is ready takes PIPE_BUF bytes without blocking. */
int sender_write(struct sender *s, int fd, const void *data, size_t len,
                 const char *what)
{
    const char *p = data;
    ssize_t n;

    while (len) {
        if (sender_wait(s, fd, POLLOUT))
            return -1;
        n = write(fd, p, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0) {
            if (what)
                fprintf(stderr, SENDER "can't send the %s: %s\n", what,
                        strerror(errno));
            return -1;
        }
        p += n;
        len -= n;
    }
    return 0;
}

int sender_read(struct sender *s, int fd, void *data, size_t len,
                const char *what)
{
    char *p = data;
    ssize_t n;

    while (len) {
        if (sender_wait(s, fd, POLLIN))
            return -1;
        n = read(fd, p, len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0) {
            if (what)
                fprintf(stderr, SENDER "the receiver's stream ended where its "
                        "%s was to come%s%s\n", what, n ? ": " : "",
                        n ? strerror(errno) : "");
            return -1;
        }
        p += n;
        len -= n;
    }
    return 0;
}

int sender_expect(struct sender *s, int fd, const void *msg, size_t len,
                  const char *what)
{
    char buf[128];

    if (sender_read(s, fd, buf, len, what))
        return -1;
    if (!memcmp(buf, msg, len))
        return 0;
    fprintf(stderr, "migration receiver stream contained unexpected data "
            "instead of %s\n", what);
    if (s->t.command)
        fprintf(stderr, "(command run was: %s )\n", s->t.command);
    return -1;
}
