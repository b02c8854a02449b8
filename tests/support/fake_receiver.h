/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A receiver of which only the messages exist, for a sender (fake_sender.h).
 */
#ifndef TESTS_SUPPORT_FAKE_RECEIVER_H
#define TESTS_SUPPORT_FAKE_RECEIVER_H

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "support/fake_sender.h"

static struct {
    int in, out;                /* its ends */
    int words;                  /* what the guard is told */
    int save_signal;            /* what save() raises first */
    int outcome;                /* what the plug-in reports, -1: nothing */
    bool hang_up;               /* in save(): the receiver closes */
    uint64_t strict_ns;         /* the maximum downtime, 0: not strict */
} far;

static inline int op_save(struct sender *s)
{
    note("save");
    assert_false(s->told_to_go);
    if (far.save_signal) {
        raise(far.save_signal);
        while (interrupt_take(s->interrupt_fd))
            sender_handle_signal(s);
    }
    if (far.hang_up) {
        close(far.in);
        far.in = -1;
    }
    return w.save_rc;
}

static inline int op_read_report(struct sender *s)
{
    if (far.outcome < 0)
        return ERROR_NOTFOUND;
    if (s->report_read)
        return 0;
    s->report->outcome = far.outcome;
    s->report->text = strdup("because");
    s->report->start_monotonic_ns = clock_now_ns() - 1000000000;
    s->report->suspended_ns = 500000000;
    s->report->params.guest.device_model = XPC_DEVICE_MODEL_NO;
    if (far.strict_ns) {
        s->report->params.strict = XPC_STRICT_ON;
        s->report->params.downtime_ns = far.strict_ns;
    }
    s->report_read = true;
    return 0;
}

static inline int setup(void **state)
{
    int to[2], from[2], guard[2];

    (void)state;
    memset(&far, 0, sizeof(far));
    far.outcome = XPC_OUTCOME_SENT;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, to), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, from), 0);
    assert_int_equal(pipe2(guard, O_NONBLOCK), 0);
    far.in = to[1];
    far.out = from[1];
    far.words = guard[0];
    sender_setup(op_save, op_read_report);
    w.s.t.send_fd = to[0];
    w.s.t.recv_fd = from[0];
    w.s.guard.pid = getpid();
    w.s.guard.fd = guard[1];
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    close(w.s.guard.fd);
    close(far.words);
    if (far.in >= 0)
        close(far.in);
    if (far.out >= 0)
        close(far.out);
    sender_teardown();
    return 0;
}

/* What the receiver says; all of it fits a socket's buffer. */
static inline void says(const void *msg, size_t len)
{
    assert_int_equal(write(far.out, msg, len), len);
}

/* All that it says before go ... */
static inline void says_ready(void)
{
    says(BANNER, strlen(BANNER));
    says(READY, sizeof(READY));
}

/* ... and after it; 0: the guest runs there. */
static inline void says_result(char status)
{
    says(REPORT, sizeof(REPORT));
    says(&status, 1);
}

static inline void hangs_up(void)
{
    close(far.out);
    far.out = -1;
}

/* What the guard was told, word by word. */
static inline void told_guard(const char *words)
{
    char buf[16] = "";

    read(far.words, buf, sizeof(buf) - 1);
    assert_string_equal(buf, words);
}

/* What the receiver was sent. */
static inline size_t sent(char *buf, size_t len)
{
    ssize_t n = 0, all = 0;

    while ((n = read(far.in, buf + all, len - all)) > 0)
        all += n;
    return all;
}

static inline bool was_told_to_go(void)
{
    char buf[4096];
    size_t n = sent(buf, sizeof(buf));

    return memmem(buf, n, GO, sizeof(GO));
}

/* Pipes, as the transport has them, where an end is told from data. */
static inline void receiver_on_a_pipe(void)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    close(far.out);
    close(w.s.t.recv_fd);
    w.s.t.recv_fd = fds[0];
    far.out = fds[1];
}

/* Runs it and checks what was done to the guest. */
static inline void run_expect(int status, int outcome, const char *did)
{
    assert_int_equal(sender_run(&w.s), status);
    assert_string_equal(w.did, did);
    assert_int_equal(w.report.outcome, outcome);
    assert_int_equal(w.report.domid, 7);
    assert_non_null(w.report.text);
}

#endif
