/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "support/fake_receiver.h"
#include "support/torture.h"

struct fake_receiver receiver;

static int op_save(struct sender *s)
{
    sending_record("save");
    assert_false(s->told_to_go);
    if (receiver.save_signal) {
        raise(receiver.save_signal);
        while (interrupt_take(s->interrupt_fd))
            sender_handle_signal(s);
    }
    if (receiver.hang_up) {
        close(receiver.in);
        receiver.in = -1;
    }
    return sending.save_rc;
}

static int op_read_report(struct sender *s)
{
    if (receiver.outcome < 0)
        return ERROR_NOTFOUND;
    if (s->report_read)
        return 0;
    s->report->outcome = receiver.outcome;
    s->report->text = strdup("because");
    s->report->start_monotonic_ns = clock_now_ns() - 1000000000;
    s->report->suspended_ns = 500000000;
    s->report->params.guest.device_model = XPC_DEVICE_MODEL_NO;
    if (receiver.strict_ns) {
        s->report->params.strict = XPC_STRICT_ON;
        s->report->params.downtime_ns = receiver.strict_ns;
    }
    s->report_read = true;
    return 0;
}

int receiver_setup(void **state)
{
    int to[2], from[2], guard[2];

    (void)state;
    memset(&receiver, 0, sizeof(receiver));
    receiver.outcome = XPC_OUTCOME_SENT;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, to), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, from), 0);
    assert_int_equal(pipe2(guard, O_NONBLOCK), 0);
    receiver.in = to[1];
    receiver.out = from[1];
    receiver.guard = guard[0];
    sending_setup(op_save, op_read_report);
    sending.s.t.send_fd = to[0];
    sending.s.t.recv_fd = from[0];
    sending.s.guard.pid = getpid();
    sending.s.guard.fd = guard[1];
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int receiver_teardown(void **state)
{
    (void)state;
    close(sending.s.guard.fd);
    close(receiver.guard);
    if (receiver.in >= 0)
        close(receiver.in);
    if (receiver.out >= 0)
        close(receiver.out);
    sending_teardown();
    return 0;
}

void receiver_says(const void *msg, size_t len)
{
    assert_int_equal(write(receiver.out, msg, len), len);
}

void receiver_says_ready(void)
{
    receiver_says(BANNER, strlen(BANNER));
    receiver_says(READY, sizeof(READY));
}

void receiver_says_result(char status)
{
    receiver_says(REPORT, sizeof(REPORT));
    receiver_says(&status, 1);
}

void receiver_hangs_up(void)
{
    close(receiver.out);
    receiver.out = -1;
}

void expect_guard_told(const char *letters)
{
    char buf[16] = "";

    read(receiver.guard, buf, sizeof(buf) - 1);
    assert_string_equal(buf, letters);
}

size_t receiver_read(char *buf, size_t len)
{
    ssize_t n = 0, all = 0;

    while ((n = read(receiver.in, buf + all, len - all)) > 0)
        all += n;
    return all;
}

void receiver_wait_for_go(void)
{
    char buf[4096];
    size_t n = 0;

    while (!memmem(buf, n, GO, sizeof(GO)))
        n += read(receiver.in, buf + n, sizeof(buf) - n);
}

bool receiver_got_go(void)
{
    char buf[4096];
    size_t n = receiver_read(buf, sizeof(buf));

    return memmem(buf, n, GO, sizeof(GO));
}

void receiver_use_pipe(void)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    close(receiver.out);
    close(sending.s.t.recv_fd);
    sending.s.t.recv_fd = fds[0];
    receiver.out = fds[1];
}

void expect_run(int status, int outcome, const char *did)
{
    assert_int_equal(sender_run(&sending.s), status);
    assert_string_equal(sending.did, did);
    assert_int_equal(sending.report.outcome, outcome);
    assert_int_equal(sending.report.domid, 7);
    assert_non_null(sending.report.text);
}
