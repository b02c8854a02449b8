/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender whose migration ends before the target was told to start the guest:
 * strict, an abort, an interruption, or a guest that has ended.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "support/fake_receiver.h"
#include "support/torture.h"

/* The target is not ready half a second after the suspend. */
static void torture_xl_sender_abort_strict_takes_the_guest_back(void **state)
{
    const struct xpc_report *r = &sending.report;

    (void)state;
    receiver.strict_ns = 600000000;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save away back resume");
    assert_false(receiver_got_go());
    assert_string_equal(r->reason, "overrun");
    assert_true(r->broken_off_ns > r->suspended_ns);
    assert_non_null(strstr(r->text, "maximum downtime of 600 ms"));
    assert_non_null(strstr(r->text, "not ready"));
    /* 25 ms are reserved for the target to start the guest. */
    assert_true(r->actual_downtime_ns >= 575000000);
}

static void torture_xl_sender_abort_strict_gives_no_late_go(void **state)
{
    (void)state;
    receiver.strict_ns = 400000000;
    receiver_says_ready();
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save away back resume");
    assert_false(receiver_got_go());
}

static void torture_xl_sender_abort_strict_allows_a_go_in_time(void **state)
{
    (void)state;
    receiver.strict_ns = UINT64_C(3600000000000);
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
}

/* Stock's policy has no limit, and so nothing that strict could keep to. */
static void torture_xl_sender_abort_strict_without_a_limit(void **state)
{
    (void)state;
    receiver.strict_ns = 400000000;
    sending.report.params.policy = XPC_POLICY_STOCK;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
}

/*
 * The plug-in's report can't be read. The limit is that of xl's own parameters,
 * and the time counts from the request that it has seen.
 */
static void be_strict_without_a_report(uint64_t asked_ns)
{
    receiver.outcome = -1;
    sending.progress.params.strict = XPC_STRICT_ON;
    sending.progress.params.downtime_ns = 600 * XPC_MS;
    sending.progress.params.guest.device_model = XPC_DEVICE_MODEL_NO;
    sending.progress.asked_ns = asked_ns;
}

static void torture_xl_sender_abort_strict_without_a_report(void **state)
{
    (void)state;
    be_strict_without_a_report(clock_now_ns() - 599 * XPC_MS);
    receiver_says_ready();
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save away back resume");
    assert_false(receiver_got_go());
    assert_string_equal(sending.report.reason, "overrun");
}

static void torture_xl_sender_abort_strict_in_time_without_a_report(
    void **state)
{
    (void)state;
    be_strict_without_a_report(clock_now_ns());
    sending.progress.params.downtime_ns = 3600 * XPC_S;
    receiver_says_ready();
    receiver_says_result(0);
    assert_int_equal(sender_run(&sending.s), MIGRATE_OK);
    assert_string_equal(sending.did, "save away destroy");
}

/* Nobody knows when the guest was suspended. */
static void torture_xl_sender_abort_strict_without_a_time(void **state)
{
    (void)state;
    be_strict_without_a_report(0);
    receiver_says_ready();
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save away back resume");
    assert_false(receiver_got_go());
}

static void torture_xl_sender_abort_guest_that_does_not_suspend(void **state)
{
    (void)state;
    sending.save_rc = ERROR_ABORTED;
    receiver.outcome = XPC_OUTCOME_FAILED;
    sending.s.broken = XPC_REASON_NO_ANSWER;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(sending.report.reason, "no-answer");
    assert_non_null(strstr(sending.report.text, "did not suspend"));
}

/* It was paused after the request to suspend. Strict is not needed. */
static void torture_xl_sender_abort_guest_that_was_paused(void **state)
{
    (void)state;
    sending.save_rc = ERROR_ABORTED;
    receiver.outcome = XPC_OUTCOME_FAILED;
    sending.s.broken = XPC_REASON_PAUSED;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(sending.report.reason, "paused");
    assert_non_null(strstr(sending.report.text, "is paused and can't suspend"));
}

static void torture_xl_sender_abort_by_policy(void **state)
{
    (void)state;
    receiver.outcome = XPC_OUTCOME_ABORTED;
    sending.save_rc = ERROR_GUEST_TIMEDOUT;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(sending.report.text, "because");
}

static void torture_xl_sender_abort_refused_by_the_plugin(void **state)
{
    (void)state;
    receiver.outcome = XPC_OUTCOME_REFUSED;
    sending.save_rc = ERROR_FAIL;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_REFUSED, XPC_OUTCOME_REFUSED, "save resume");
}

static void torture_xl_sender_abort_save_fails(void **state)
{
    (void)state;
    receiver.outcome = -1;
    sending.save_rc = ERROR_FAIL;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save resume");
}

static void torture_xl_sender_abort_cancelled_by_somebody_else(void **state)
{
    (void)state;
    receiver.outcome = XPC_OUTCOME_INTERRUPTED;
    sending.save_rc = ERROR_GUEST_TIMEDOUT;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    assert_string_equal(sending.report.text, "because");
}

static void torture_xl_sender_abort_interrupted_before_the_banner(void **state)
{
    (void)state;
    receiver.outcome = -1;
    raise(SIGINT);
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "");
}

static void torture_xl_sender_abort_interrupted_in_precopy(void **state)
{
    (void)state;
    receiver.outcome = XPC_OUTCOME_FAILED;
    sending.save_rc = ERROR_ABORTED;
    receiver.save_signal = SIGTERM;
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
}

/* The abort came too late for libxl: the guest is suspended. */
static void torture_xl_sender_abort_interrupted_as_save_ends(void **state)
{
    (void)state;
    receiver.save_signal = SIGINT;
    receiver_says_ready();
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    /* The report has the time for which it was suspended. */
    assert_true(sending.report.stream_end_ns <= sending.report.resumed_ns);
    assert_int_equal(sending.report.target_started_ns, 0);
    assert_int_equal(sending.report.actual_downtime_ns,
                     sending.report.resumed_ns - 500000000);
    assert_int_equal(sending.report.total_time_ns, sending.report.resumed_ns);
    assert_false(receiver_got_go());
}

static void torture_xl_sender_abort_interrupted_waiting_for_ready(void **state)
{
    pid_t pid;

    (void)state;
    receiver_says(BANNER, strlen(BANNER));
    pid = fork();
    if (!pid) {
        usleep(100 * 1000);
        kill(getppid(), SIGINT);
        _exit(0);
    }
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED,
               "save away back resume");
    assert_false(receiver_got_go());
    waitpid(pid, NULL, 0);
}

/* A receiver crashes if it gets a header without a stream. */
static void torture_xl_sender_abort_guest_ended_before_the_header(void **state)
{
    char buf[64];

    (void)state;
    sending.ended_before = "is gone from this host";
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
    assert_string_equal(sending.report.reason, "guest-ended");
    assert_int_equal(receiver_read(buf, sizeof(buf)), 0);
}

static void torture_xl_sender_abort_guest_ended_during_the_save(void **state)
{
    (void)state;
    receiver.outcome = -1;
    sending.save_rc = ERROR_FAIL;
    sending.ended = "has crashed";
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save resume");
    assert_string_equal(sending.report.reason, "guest-ended");
    assert_non_null(strstr(sending.report.text, "has crashed"));
}

/* An abort by the policy does not hide that the guest has ended. */
static void torture_xl_sender_abort_guest_ended_outweighs_the_policy(
    void **state)
{
    (void)state;
    receiver.outcome = XPC_OUTCOME_ABORTED;
    sending.save_rc = ERROR_GUEST_TIMEDOUT;
    sending.ended = "has shut down";
    receiver_says(BANNER, strlen(BANNER));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save resume");
    assert_string_equal(sending.report.reason, "guest-ended");
}

/* The guest suspended after the migration was broken off. */
static void torture_xl_sender_abort_reports_a_late_guest(void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_says(BANNER, strlen(BANNER));
    sending.save_rc = ERROR_ABORTED;
    receiver.save_signal = SIGINT;
    sending.report.start_monotonic_ns = clock_now_ns() - 3 * XPC_S;
    sending.report.suspend_asked_ns = XPC_S;
    sending.late = LATE_RESUMED;
    expect_run(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    assert_non_null(strstr(sending.report.text,
                           "keeps running on the source; it "
                           "suspended after 2.0"));
    assert_string_equal(sending.report.reason, "interrupted");
    assert_true(sending.report.suspended_ns >= 3 * XPC_S);
    assert_true(sending.report.resumed_ns >= sending.report.suspended_ns);
}

static void torture_xl_sender_abort_reports_a_guest_left_to_the_guard(
    void **state)
{
    char text[128];

    (void)state;
    receiver.outcome = -1;
    receiver_says(BANNER, strlen(BANNER));
    sending.save_rc = ERROR_ABORTED;
    sending.s.broken = XPC_REASON_NO_ANSWER;
    sending.late = LATE_LEFT;
    expect_run(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(sending.report.reason, "suspend-pending");
    assert_int_equal(sending.report.decision.reason, XPC_REASON_NO_ANSWER);
    snprintf(text, sizeof(text), "may still suspend: process %ld waits to "
             "resume it", (long)sending.s.guard.pid);
    assert_non_null(strstr(sending.report.text, text));
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, receiver_setup, receiver_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_sender_abort_strict_takes_the_guest_back),
        TEST(torture_xl_sender_abort_strict_gives_no_late_go),
        TEST(torture_xl_sender_abort_strict_allows_a_go_in_time),
        TEST(torture_xl_sender_abort_strict_without_a_limit),
        TEST(torture_xl_sender_abort_strict_without_a_report),
        TEST(torture_xl_sender_abort_strict_in_time_without_a_report),
        TEST(torture_xl_sender_abort_strict_without_a_time),
        TEST(torture_xl_sender_abort_guest_that_does_not_suspend),
        TEST(torture_xl_sender_abort_guest_that_was_paused),
        TEST(torture_xl_sender_abort_by_policy),
        TEST(torture_xl_sender_abort_refused_by_the_plugin),
        TEST(torture_xl_sender_abort_save_fails),
        TEST(torture_xl_sender_abort_cancelled_by_somebody_else),
        TEST(torture_xl_sender_abort_interrupted_before_the_banner),
        TEST(torture_xl_sender_abort_interrupted_in_precopy),
        TEST(torture_xl_sender_abort_interrupted_as_save_ends),
        TEST(torture_xl_sender_abort_interrupted_waiting_for_ready),
        TEST(torture_xl_sender_abort_guest_ended_before_the_header),
        TEST(torture_xl_sender_abort_guest_ended_during_the_save),
        TEST(torture_xl_sender_abort_guest_ended_outweighs_the_policy),
        TEST(torture_xl_sender_abort_reports_a_late_guest),
        TEST(torture_xl_sender_abort_reports_a_guest_left_to_the_guard),
    };

    return torture_run(argc, argv, tests);
}
