/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sender's side of the migration protocol.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/fake_receiver.h"
#include "support/torture.h"

static void torture_xl_sender_migrates(void **state)
{
    char buf[4096];
    uint32_t u32[5];
    size_t n;

    (void)state;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    n = receiver_read(buf, sizeof(buf));
    assert_int_equal(n, 48 + 4 + 3 + sizeof(GO));
    assert_memory_equal(buf, "Xen saved domain, xl format\n \0 \r", 32);
    memcpy(u32, buf + 32, sizeof(u32));
    assert_int_equal(u32[0], 0x01020304);   /* byte order */
    assert_int_equal(u32[1], 3);            /* JSON, stream v2 */
    assert_int_equal(u32[2], 0);
    assert_int_equal(u32[3], 4 + 3);
    assert_int_equal(u32[4], 3);            /* the configuration's length */
    assert_memory_equal(buf + 52, "{}", 3);
    assert_memory_equal(buf + 55, GO, sizeof(GO));
}

static void torture_xl_sender_measures_the_downtime(void **state)
{
    const struct xpc_report *r = &sending.report;

    (void)state;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    /* The plug-in's clock began a second before its report was read. */
    assert_true(r->stream_end_ns && r->stream_end_ns <= r->target_ready_ns);
    assert_true(r->target_ready_ns && r->target_ready_ns <= r->go_ns);
    assert_int_equal(r->resumed_ns, 0);
    assert_true(r->go_ns <= r->target_started_ns);
    assert_true(r->stream_end_ns <= 1000000000);
    assert_true(r->target_ready_ns >= 1000000000);
    assert_int_equal(r->actual_downtime_ns,
                     r->target_started_ns - 500000000);
    assert_int_equal(r->total_time_ns, r->target_started_ns);
}

/*
 * The link may hold back the last byte of the report until the first ones are
 * acknowledged.
 */
static void torture_xl_sender_downtime_ends_with_the_report(void **state)
{
    const struct xpc_report *r = &sending.report;
    pid_t pid;

    (void)state;
    receiver_says_ready();
    pid = fork();
    if (!pid) {
        receiver_wait_for_go();
        receiver_says(REPORT, sizeof(REPORT));
        usleep(1000 * 1000);
        receiver_says("", 1);
        _exit(0);
    }
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    assert_true(r->start_monotonic_ns + r->target_started_ns + 250000000 <=
                clock_now_ns());
    waitpid(pid, NULL, 0);
}

static void torture_xl_sender_a_domain_without_a_name_is_not_renamed(
    void **state)
{
    (void)state;
    sending.s.name = NULL;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save destroy");
}

static void torture_xl_sender_wrong_banner_touches_nothing(void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_says(
        "Welcome to this host! Please read the rules before you go on.\n", 62);
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_no_banner_touches_nothing(void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_says(BANNER, 10);
    receiver_hangs_up();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_header_refused_touches_nothing(void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_says(BANNER, strlen(BANNER));
    close(receiver.in);
    receiver.in = -1;
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_ready_missing(void **state)
{
    (void)state;
    receiver_says(BANNER, strlen(BANNER));
    receiver_hangs_up();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(receiver_got_go());
    assert_true(sending.s.copy_left);
}

static void torture_xl_sender_target_destroyed_its_copy(void **state)
{
    (void)state;
    receiver.save_signal = SIGINT;
    receiver_says(BANNER, strlen(BANNER));
    receiver_says(READY, sizeof(READY));
    receiver_says(REPORT, sizeof(REPORT));
    receiver_says("\3", 1);
    receiver_says(GO, sizeof(GO));
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    assert_false(sending.s.copy_left);
}

/*
 * Adds a further connection to the sender. fds is a pipe, further is kept by
 * reference. Returns the receiver's end.
 */
static int further_open(struct transport *further, int fds[2])
{
    assert_int_equal(pipe(fds), 0);
    *further = (struct transport)TRANSPORT_INIT;
    further->recv_fd = fds[0];
    sending.s.t.further = further;
    sending.s.t.nr_further = 1;
    sending.s.t.further_silent = true;
    return fds[1];
}

static void torture_xl_sender_a_connection_ends_before_ready(void **state)
{
    struct transport further;
    int fds[2];

    (void)state;
    close(further_open(&further, fds));
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(receiver_got_go());
    close(fds[0]);
}

/* The receiver was killed; the ends of its other connections follow. */
static void torture_xl_sender_a_connection_ends_before_go(void **state)
{
    struct transport further;
    int fds[2];

    (void)state;
    close(further_open(&further, fds));
    receiver_says_ready();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(receiver_got_go());
    expect_guard_told("h");
    close(fds[0]);
}

static void torture_xl_sender_a_connection_ends_after_go(void **state)
{
    struct transport further;
    int fds[2], end;
    pid_t pid;

    (void)state;
    end = further_open(&further, fds);
    receiver_says_ready();
    pid = fork();
    if (!pid) {
        receiver_wait_for_go();
        close(end);
        usleep(100 * 1000);
        receiver_says_result(0);
        _exit(0);
    }
    close(end);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    waitpid(pid, NULL, 0);
    close(fds[0]);
}

static void torture_xl_sender_ready_wrong(void **state)
{
    (void)state;
    receiver_says(BANNER, strlen(BANNER));
    receiver_says("domain received, not ready to unpause", 37);
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(receiver_got_go());
}

static void torture_xl_sender_cannot_rename_away(void **state)
{
    (void)state;
    sending.rename_rc = ERROR_FAIL;
    receiver_says_ready();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away resume");
    assert_false(receiver_got_go());
}

/* A go that could not be written does not count as sent. */
static void torture_xl_sender_go_cannot_be_written(void **state)
{
    (void)state;
    receiver.hang_up = true;
    receiver_says_ready();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_int_equal(sending.report.go_ns, 0);
}

static void torture_xl_sender_eof_after_go_never_resumes(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_hangs_up();
    expect_run(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
    assert_true(receiver_got_go());
}

static void torture_xl_sender_eof_within_the_report(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_says(REPORT, sizeof(REPORT));
    receiver_hangs_up();
    expect_run(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
}

static void torture_xl_sender_wrong_report_after_go(void **state)
{
    char nonsense[sizeof(REPORT)] = "nonsense";

    (void)state;
    receiver_says_ready();
    receiver_says(nonsense, sizeof(nonsense));
    expect_run(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
}

static void torture_xl_sender_target_fails_and_gives_back(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_says_result(3);
    receiver_says(GO, sizeof(GO));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
}

static void torture_xl_sender_target_fails_and_dies(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_says_result(3);
    receiver_hangs_up();
    expect_run(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
}

static void torture_xl_sender_resume_fails(void **state)
{
    (void)state;
    sending.take_back_rc = ERROR_FAIL;
    receiver_says(BANNER, strlen(BANNER));
    receiver_hangs_up();
    expect_run(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away back resume");
}

static void torture_xl_sender_destroy_fails_after_migrating(void **state)
{
    (void)state;
    sending.destroy_rc = ERROR_FAIL;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
}

static void torture_xl_sender_receiver_ends_after_ready(void **state)
{
    (void)state;
    receiver_use_pipe();
    receiver_says_ready();
    receiver_hangs_up();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(receiver_got_go());
    expect_guard_told("h");
}

/* Sends the signals once it has received go. */
static void interrupt_and_answer(void)
{
    receiver_wait_for_go();
    kill(getppid(), SIGINT);
    usleep(100 * 1000);
    kill(getppid(), SIGTERM);
    usleep(100 * 1000);
    receiver_says_result(0);
    _exit(0);
}

static void torture_xl_sender_signals_after_go_are_ignored(void **state)
{
    pid_t pid;

    (void)state;
    receiver_says_ready();
    pid = fork();
    if (!pid)
        interrupt_and_answer();
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, receiver_setup, receiver_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_sender_migrates),
        TEST(torture_xl_sender_measures_the_downtime),
        TEST(torture_xl_sender_downtime_ends_with_the_report),
        TEST(torture_xl_sender_a_domain_without_a_name_is_not_renamed),
        TEST(torture_xl_sender_wrong_banner_touches_nothing),
        TEST(torture_xl_sender_no_banner_touches_nothing),
        TEST(torture_xl_sender_header_refused_touches_nothing),
        TEST(torture_xl_sender_ready_missing),
        TEST(torture_xl_sender_target_destroyed_its_copy),
        TEST(torture_xl_sender_a_connection_ends_before_ready),
        TEST(torture_xl_sender_a_connection_ends_before_go),
        TEST(torture_xl_sender_a_connection_ends_after_go),
        TEST(torture_xl_sender_ready_wrong),
        TEST(torture_xl_sender_cannot_rename_away),
        TEST(torture_xl_sender_go_cannot_be_written),
        TEST(torture_xl_sender_eof_after_go_never_resumes),
        TEST(torture_xl_sender_eof_within_the_report),
        TEST(torture_xl_sender_wrong_report_after_go),
        TEST(torture_xl_sender_target_fails_and_gives_back),
        TEST(torture_xl_sender_target_fails_and_dies),
        TEST(torture_xl_sender_resume_fails),
        TEST(torture_xl_sender_destroy_fails_after_migrating),
        TEST(torture_xl_sender_receiver_ends_after_ready),
        TEST(torture_xl_sender_signals_after_go_are_ignored),
    };

    return torture_run(argc, argv, tests);
}
