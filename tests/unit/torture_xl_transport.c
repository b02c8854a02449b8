/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport's process, and when its end is noticed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_transport.h"
#include "support/torture.h"

static char rune_that_ends[] = "exit 0";
static char rune_that_stays[] = "exec sleep 600";
static char rune_that_will_not_end[] = "trap '' TERM; exec sleep 600";
static char rune_that_echoes[] = "exec cat";

/* Starts one, and waits until it has closed its output. */
static void start_until_end(struct transport *t)
{
    char c;

    assert_int_equal(transport_start(t, rune_that_ends), 0);
    assert_int_equal(read(t->recv_fd, &c, 1), 0);
}

static void torture_xl_transport_copies_both_ways(void **state)
{
    struct transport t;
    char buf[4] = "";

    (void)state;
    assert_int_equal(transport_start(&t, rune_that_echoes), 0);
    transport_close_spare(&t);
    assert_int_equal(write(t.send_fd, "abc", 3), 3);
    for (size_t n = 0; n < 3;)
        n += read(t.recv_fd, buf + n, 3 - n);
    assert_string_equal(buf, "abc");
    transport_end(&t, true, false, -1);
    assert_int_equal(t.pid, 0);
}

/* The first write of libxl must not fail, as libxl would crash. */
static void torture_xl_transport_end_does_not_fail_a_write(void **state)
{
    struct transport t;
    struct pollfd fd;

    (void)state;
    start_until_end(&t);
    fd = (struct pollfd){ .fd = t.send_fd, .events = POLLOUT };
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_int_equal(fd.revents, POLLOUT);
    assert_int_equal(write(t.send_fd, "abc", 3), 3);
    transport_end(&t, true, false, -1);
}

static void torture_xl_transport_end_is_noticed(void **state)
{
    struct transport t;

    (void)state;
    start_until_end(&t);
    transport_close_spare(&t);
    transport_close_spare(&t);
    assert_int_equal(write(t.send_fd, "abc", 3), -1);
    assert_int_equal(errno, EPIPE);
    transport_end(&t, true, false, -1);
}

/* Not even a zombie. */
static bool is_gone(pid_t pid)
{
    return kill(pid, 0) && errno == ESRCH;
}

static void torture_xl_transport_end_leaves_no_process(void **state)
{
    struct transport t;
    pid_t pid;

    (void)state;
    assert_int_equal(transport_start(&t, rune_that_will_not_end), 0);
    pid = t.pid;
    transport_end(&t, true, false, -1);
    assert_true(is_gone(pid));
    assert_int_equal(t.pid, 0);
}

/* The processes that do not end are waited for together. */
static void torture_xl_transport_several_are_ended_together(void **state)
{
    struct transport t[15];
    uint64_t begun_ns;
    pid_t pid[15];

    (void)state;
    for (int i = 0; i < 15; i++) {
        assert_int_equal(transport_start(&t[i], i % 2 ? rune_that_stays :
                                                rune_that_will_not_end), 0);
        pid[i] = t[i].pid;
    }
    begun_ns = clock_now_ns();
    transport_drop(t, 15);
    assert_true(clock_now_ns() - begun_ns < UINT64_C(10000000000));
    for (int i = 0; i < 15; i++) {
        assert_true(is_gone(pid[i]));
        assert_int_equal(t[i].pid, 0);
        assert_int_equal(t[i].recv_fd, -1);
    }
}

/* A stock receiver reports its failure before it destroys its copy. */
static void torture_xl_transport_drain_reads_a_late_answer(void **state)
{
    char file[] = "/tmp/torture_xl_transport.XXXXXX";
    char command[128];
    struct transport t;
    int fd = mkstemp(file);

    (void)state;
    assert_true(fd >= 0);
    snprintf(command, sizeof(command),
             "cat >/dev/null; sleep 3; echo failed && rm %s", file);
    assert_int_equal(transport_start(&t, command), 0);
    transport_end(&t, true, true, -1);
    assert_int_equal(access(file, F_OK), -1);
    close(fd);
}

static void torture_xl_transport_drain_is_ended_by_a_signal(void **state)
{
    struct transport t;
    int fd = interrupt_open();
    pid_t pid;

    (void)state;
    assert_int_equal(transport_start(&t, rune_that_stays), 0);
    pid = t.pid;
    raise(SIGINT);
    transport_end(&t, true, true, fd);
    assert_true(is_gone(pid));
    close(fd);
}

static void torture_xl_transport_keeps_the_last_messages(void **state)
{
    struct transport t;

    (void)state;
    assert_int_equal(transport_start(&t, "seq 1000; printf 'the end'"), 0);
    transport_end(&t, true, false, -1);
    assert_true(transport_ended_with(&t, "1000\nthe end", 12));
    assert_false(transport_ended_with(&t, "the endX", 8));
    assert_int_equal(transport_start(&t, "printf no"), 0);
    transport_end(&t, true, false, -1);
    assert_true(transport_ended_with(&t, "no", 2));
    assert_false(transport_ended_with(&t, "nno", 3));
}

/* A hostile target could otherwise keep xl, or its guard, for ever. */
static void torture_xl_transport_drain_has_an_end(void **state)
{
    char buf[4096];
    struct transport t;
    size_t left = 0;
    ssize_t n;

    (void)state;
    assert_int_equal(transport_start(&t, "head -c 4194304 /dev/zero"), 0);
    transport_drain(&t, 60000);
    while ((n = read(t.recv_fd, buf, sizeof(buf))) > 0)
        left += n;
    assert_true(left > 4000000);
    transport_end(&t, true, false, -1);
}

/* A shell that leaves the mask of signals alone; dash clears it. */
static void use_bash(char dir[])
{
    char path[512];

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sh", dir);
    assert_int_equal(symlink("/bin/bash", path), 0);
    snprintf(path, sizeof(path), "%s:%s", dir, getenv("PATH"));
    setenv("PATH", path, 1);
}

static void remove_bash(const char *dir)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/sh", dir);
    unlink(path);
    rmdir(dir);
}

/* libxl ends a device model by SIGHUP, and a local receiver starts one. */
static void torture_xl_transport_does_not_block_hangup(void **state)
{
    char dir[] = "/tmp/torture_xl_transport.XXXXXX", buf[64] = "";
    unsigned long blocked;
    struct transport t;
    int fd;

    (void)state;
    signal(SIGINT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    fd = interrupt_open();
    use_bash(dir);
    assert_int_equal(transport_start(&t, "sed -n 's/^SigBlk:.//p' "
                                         "/proc/self/status"), 0);
    assert_true(read(t.recv_fd, buf, sizeof(buf) - 1) > 0);
    remove_bash(dir);
    blocked = strtoul(buf, NULL, 16);
    assert_int_equal(blocked & 1UL << (SIGHUP - 1), 0);
    assert_int_equal(blocked & 1UL << (SIGTERM - 1), 0);
    assert_int_not_equal(blocked & 1UL << (SIGINT - 1), 0);
    transport_end(&t, true, false, -1);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_transport_copies_both_ways),
        cmocka_unit_test(torture_xl_transport_end_does_not_fail_a_write),
        cmocka_unit_test(torture_xl_transport_end_is_noticed),
        cmocka_unit_test(torture_xl_transport_end_leaves_no_process),
        cmocka_unit_test(torture_xl_transport_several_are_ended_together),
        cmocka_unit_test(torture_xl_transport_drain_reads_a_late_answer),
        cmocka_unit_test(torture_xl_transport_drain_is_ended_by_a_signal),
        cmocka_unit_test(torture_xl_transport_keeps_the_last_messages),
        cmocka_unit_test(torture_xl_transport_drain_has_an_end),
        cmocka_unit_test(torture_xl_transport_does_not_block_hangup),
    };

    return torture_run(argc, argv, tests);
}
