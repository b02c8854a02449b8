/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sender's side of the migrate protocol, against a receiver of which only
 * the messages exist, and a libxl that only takes notes.
 */
#include <sys/wait.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "support/fake_receiver.h"

static void torture_xl_sender_migrates(void **state)
{
    char buf[4096];
    uint32_t u32[5];
    size_t n;

    (void)state;
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    n = sent(buf, sizeof(buf));
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
    const struct xpc_report *r = &w.report;

    (void)state;
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
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

/* Its last byte may be held back by the link, for an acknowledgement. */
static void torture_xl_sender_the_report_ends_the_downtime(void **state)
{
    const struct xpc_report *r = &w.report;
    char buf[4096];
    size_t n = 0;
    pid_t pid;

    (void)state;
    says_ready();
    pid = fork();
    if (!pid) {
        while (!memmem(buf, n, GO, sizeof(GO)))
            n += read(far.in, buf + n, sizeof(buf) - n);
        says(REPORT, sizeof(REPORT));
        usleep(1000 * 1000);
        says("", 1);
        _exit(0);
    }
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    assert_true(r->start_monotonic_ns + r->target_started_ns + 250000000 <=
                clock_now_ns());
    waitpid(pid, NULL, 0);
}

/* Half a second after the suspend, and nothing is ready. */
static void torture_xl_sender_strict_takes_the_guest_back(void **state)
{
    const struct xpc_report *r = &w.report;

    (void)state;
    far.strict_ns = 600000000;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save away back resume");
    assert_false(was_told_to_go());
    assert_string_equal(r->reason, "overrun");
    assert_true(r->broken_off_ns > r->suspended_ns);
    assert_non_null(strstr(r->text, "maximum downtime of 600 ms"));
    assert_non_null(strstr(r->text, "not ready"));
    /* 25 ms are the target's, to start it. */
    assert_true(r->actual_downtime_ns >= 575000000);
}

static void torture_xl_sender_strict_gives_no_late_go(void **state)
{
    (void)state;
    far.strict_ns = 400000000;
    says_ready();
    run_expect(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save away back resume");
    assert_false(was_told_to_go());
}

static void torture_xl_sender_strict_in_time_is_let_go(void **state)
{
    (void)state;
    far.strict_ns = UINT64_C(3600000000000);
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
}

static void torture_xl_sender_a_guest_that_does_not_suspend(void **state)
{
    (void)state;
    w.save_rc = ERROR_ABORTED;
    far.outcome = XPC_OUTCOME_FAILED;
    w.s.broken = XPC_REASON_NO_ANSWER;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(w.report.reason, "no-answer");
    assert_non_null(strstr(w.report.text, "did not suspend"));
}

/* Without strict, too: it was paused after it was asked. */
static void torture_xl_sender_a_guest_that_was_paused(void **state)
{
    (void)state;
    w.save_rc = ERROR_ABORTED;
    far.outcome = XPC_OUTCOME_FAILED;
    w.s.broken = XPC_REASON_PAUSED;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(w.report.reason, "paused");
    assert_non_null(strstr(w.report.text, "is paused and can't suspend"));
}

static void torture_xl_sender_a_nameless_domain_is_not_renamed(void **state)
{
    (void)state;
    w.s.name = NULL;
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save destroy");
}

static void torture_xl_sender_wrong_banner_touches_nothing(void **state)
{
    (void)state;
    far.outcome = -1;
    says("Welcome to this host! Please read the rules before you go on.\n",
         62);
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_no_banner_touches_nothing(void **state)
{
    (void)state;
    far.outcome = -1;
    says(BANNER, 10);
    hangs_up();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_interrupted_before_the_banner(void **state)
{
    (void)state;
    far.outcome = -1;
    raise(SIGINT);
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "");
}

static void torture_xl_sender_header_refused_touches_nothing(void **state)
{
    (void)state;
    far.outcome = -1;
    says(BANNER, strlen(BANNER));
    close(far.in);
    far.in = -1;
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_abort_by_policy(void **state)
{
    (void)state;
    far.outcome = XPC_OUTCOME_ABORTED;
    w.save_rc = ERROR_GUEST_TIMEDOUT;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(w.report.text, "because");
}

static void torture_xl_sender_refused_by_the_plugin(void **state)
{
    (void)state;
    far.outcome = XPC_OUTCOME_REFUSED;
    w.save_rc = ERROR_FAIL;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_REFUSED, XPC_OUTCOME_REFUSED, "save resume");
}

static void torture_xl_sender_save_fails(void **state)
{
    (void)state;
    far.outcome = -1;
    w.save_rc = ERROR_FAIL;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save resume");
}

static void torture_xl_sender_cancelled_by_somebody_else(void **state)
{
    (void)state;
    far.outcome = XPC_OUTCOME_INTERRUPTED;
    w.save_rc = ERROR_GUEST_TIMEDOUT;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    assert_string_equal(w.report.text, "because");
}

static void torture_xl_sender_interrupted_in_precopy(void **state)
{
    (void)state;
    far.outcome = XPC_OUTCOME_FAILED;
    w.save_rc = ERROR_ABORTED;
    far.save_signal = SIGTERM;
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
}

/* The abort came too late for libxl: the guest is suspended all the same. */
static void torture_xl_sender_interrupted_as_save_ends(void **state)
{
    (void)state;
    far.save_signal = SIGINT;
    says_ready();
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    /* It stood still, and the report says for how long. */
    assert_true(w.report.stream_end_ns <= w.report.resumed_ns);
    assert_int_equal(w.report.target_started_ns, 0);
    assert_int_equal(w.report.actual_downtime_ns,
                     w.report.resumed_ns - 500000000);
    assert_int_equal(w.report.total_time_ns, w.report.resumed_ns);
    assert_false(was_told_to_go());
}

static void torture_xl_sender_interrupted_waiting_for_ready(void **state)
{
    pid_t pid;

    (void)state;
    says(BANNER, strlen(BANNER));
    pid = fork();
    if (!pid) {
        usleep(100 * 1000);
        kill(getppid(), SIGINT);
        _exit(0);
    }
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED,
               "save away back resume");
    assert_false(was_told_to_go());
    waitpid(pid, NULL, 0);
}

static void torture_xl_sender_ready_missing(void **state)
{
    (void)state;
    says(BANNER, strlen(BANNER));
    hangs_up();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(was_told_to_go());
    assert_true(w.s.copy_left);
}

static void torture_xl_sender_target_destroyed_its_copy(void **state)
{
    (void)state;
    far.save_signal = SIGINT;
    says(BANNER, strlen(BANNER));
    says(READY, sizeof(READY));
    says(REPORT, sizeof(REPORT));
    says("\3", 1);
    says(GO, sizeof(GO));
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    assert_false(w.s.copy_left);
}

/* A further connection. Returns the receiver's end. */
static int further_open(struct transport *further, int fds[2])
{
    assert_int_equal(pipe(fds), 0);
    *further = (struct transport)TRANSPORT_INIT;
    further->recv_fd = fds[0];
    w.s.t.further = further;
    w.s.t.nr_further = 1;
    w.s.t.further_silent = true;
    return fds[1];
}

static void torture_xl_sender_a_further_one_ends_before_ready(void **state)
{
    struct transport further;
    int fds[2];

    (void)state;
    close(further_open(&further, fds));
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(was_told_to_go());
    close(fds[0]);
}

/* As when the receiver was killed: the other ends are on their way. */
static void torture_xl_sender_a_further_one_ends_before_go(void **state)
{
    struct transport further;
    int fds[2];

    (void)state;
    close(further_open(&further, fds));
    says_ready();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(was_told_to_go());
    told_guard("h");
    close(fds[0]);
}

/* It waits for go before it ends. */
static void torture_xl_sender_a_further_one_ends_after_go(void **state)
{
    struct transport further;
    char buf[4096];
    int fds[2], end;
    size_t n = 0;
    pid_t pid;

    (void)state;
    end = further_open(&further, fds);
    says_ready();
    pid = fork();
    if (!pid) {
        while (!memmem(buf, n, GO, sizeof(GO)))
            n += read(far.in, buf + n, sizeof(buf) - n);
        close(end);
        usleep(100 * 1000);
        says_result(0);
        _exit(0);
    }
    close(end);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    waitpid(pid, NULL, 0);
    close(fds[0]);
}

static void torture_xl_sender_ready_wrong(void **state)
{
    (void)state;
    says(BANNER, strlen(BANNER));
    says("domain received, not ready to unpause", 37);
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(was_told_to_go());
}

static void torture_xl_sender_cannot_rename_away(void **state)
{
    (void)state;
    w.rename_rc = ERROR_FAIL;
    says_ready();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away resume");
    assert_false(was_told_to_go());
}

/* A go that could not be written was not given. */
static void torture_xl_sender_go_cannot_be_written(void **state)
{
    (void)state;
    far.hang_up = true;
    says_ready();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_int_equal(w.report.go_ns, 0);
}

static void torture_xl_sender_eof_after_go_never_resumes(void **state)
{
    (void)state;
    says_ready();
    hangs_up();
    run_expect(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
    assert_true(was_told_to_go());
}

static void torture_xl_sender_eof_within_the_report(void **state)
{
    (void)state;
    says_ready();
    says(REPORT, sizeof(REPORT));
    hangs_up();
    run_expect(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
}

static void torture_xl_sender_wrong_report_after_go(void **state)
{
    char nonsense[sizeof(REPORT)] = "nonsense";

    (void)state;
    says_ready();
    says(nonsense, sizeof(nonsense));
    run_expect(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
}

static void torture_xl_sender_target_fails_and_gives_back(void **state)
{
    (void)state;
    says_ready();
    says_result(3);
    says(GO, sizeof(GO));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
}

static void torture_xl_sender_target_fails_and_dies(void **state)
{
    (void)state;
    says_ready();
    says_result(3);
    hangs_up();
    run_expect(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away");
}

static void torture_xl_sender_resume_fails(void **state)
{
    (void)state;
    w.take_back_rc = ERROR_FAIL;
    says(BANNER, strlen(BANNER));
    hangs_up();
    run_expect(MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "save away back resume");
}

static void torture_xl_sender_destroy_fails_yet_it_migrated(void **state)
{
    (void)state;
    w.destroy_rc = ERROR_FAIL;
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
}

static void torture_xl_sender_ready_and_gone_is_taken_back(void **state)
{
    (void)state;
    receiver_on_a_pipe();
    says_ready();
    hangs_up();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    assert_false(was_told_to_go());
    told_guard("h");
}

/* A receiver that got the header and then no stream would crash. */
static void torture_xl_sender_ended_before_all_sends_nothing(void **state)
{
    char buf[64];

    (void)state;
    w.ended_before = "is gone from this host";
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
    assert_string_equal(w.report.reason, "guest-ended");
    assert_int_equal(sent(buf, sizeof(buf)), 0);
}

static void torture_xl_sender_the_guest_has_ended(void **state)
{
    (void)state;
    far.outcome = -1;
    w.save_rc = ERROR_FAIL;
    w.ended = "has crashed";
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save resume");
    assert_string_equal(w.report.reason, "guest-ended");
    assert_non_null(strstr(w.report.text, "has crashed"));
}

/* A policy's abort does not hide that there is nothing left to run. */
static void torture_xl_sender_ended_outdoes_aborted(void **state)
{
    (void)state;
    far.outcome = XPC_OUTCOME_ABORTED;
    w.save_rc = ERROR_GUEST_TIMEDOUT;
    w.ended = "has shut down";
    says(BANNER, strlen(BANNER));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save resume");
    assert_string_equal(w.report.reason, "guest-ended");
}

/* The receiver waits for its go before it lets the signals loose. */
static void receiver_that_interrupts(void)
{
    char buf[4096];
    size_t n = 0;

    while (!memmem(buf, n, GO, sizeof(GO)))
        n += read(far.in, buf + n, sizeof(buf) - n);
    kill(getppid(), SIGINT);
    usleep(100 * 1000);
    kill(getppid(), SIGTERM);
    usleep(100 * 1000);
    says_result(0);
    _exit(0);
}

static void torture_xl_sender_signals_after_go_are_ignored(void **state)
{
    pid_t pid;

    (void)state;
    says_ready();
    pid = fork();
    if (!pid)
        receiver_that_interrupts();
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    waitpid(pid, NULL, 0);
}

/* A guest that suspended after the migration had been broken off. */
static void torture_xl_sender_reports_a_late_guest(void **state)
{
    (void)state;
    far.outcome = -1;
    says(BANNER, strlen(BANNER));
    w.save_rc = ERROR_ABORTED;
    far.save_signal = SIGINT;
    w.report.start_monotonic_ns = clock_now_ns() - 3 * XPC_S;
    w.report.suspend_asked_ns = XPC_S;
    w.late = LATE_RESUMED;
    run_expect(MIGRATE_INTERRUPTED, XPC_OUTCOME_INTERRUPTED, "save resume");
    assert_non_null(strstr(w.report.text, "keeps running on the source; it "
                           "suspended after 2.0"));
    assert_string_equal(w.report.reason, "interrupted");
    assert_true(w.report.suspended_ns >= 3 * XPC_S);
    assert_true(w.report.resumed_ns >= w.report.suspended_ns);
}

static void torture_xl_sender_reports_one_left_to_the_guard(void **state)
{
    char text[128];

    (void)state;
    far.outcome = -1;
    says(BANNER, strlen(BANNER));
    w.save_rc = ERROR_ABORTED;
    w.s.broken = XPC_REASON_NO_ANSWER;
    w.late = LATE_LEFT;
    run_expect(MIGRATE_ABORTED, XPC_OUTCOME_ABORTED, "save resume");
    assert_string_equal(w.report.reason, "suspend-pending");
    assert_int_equal(w.report.decision.reason, XPC_REASON_NO_ANSWER);
    snprintf(text, sizeof(text), "may still suspend: process %ld waits to "
             "resume it", (long)w.s.guard.pid);
    assert_non_null(strstr(w.report.text, text));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_sender_migrates),
        TEST(torture_xl_sender_measures_the_downtime),
        TEST(torture_xl_sender_the_report_ends_the_downtime),
        TEST(torture_xl_sender_strict_takes_the_guest_back),
        TEST(torture_xl_sender_strict_gives_no_late_go),
        TEST(torture_xl_sender_strict_in_time_is_let_go),
        TEST(torture_xl_sender_a_guest_that_does_not_suspend),
        TEST(torture_xl_sender_a_guest_that_was_paused),
        TEST(torture_xl_sender_a_nameless_domain_is_not_renamed),
        TEST(torture_xl_sender_wrong_banner_touches_nothing),
        TEST(torture_xl_sender_no_banner_touches_nothing),
        TEST(torture_xl_sender_interrupted_before_the_banner),
        TEST(torture_xl_sender_header_refused_touches_nothing),
        TEST(torture_xl_sender_abort_by_policy),
        TEST(torture_xl_sender_refused_by_the_plugin),
        TEST(torture_xl_sender_save_fails),
        TEST(torture_xl_sender_cancelled_by_somebody_else),
        TEST(torture_xl_sender_interrupted_in_precopy),
        TEST(torture_xl_sender_interrupted_as_save_ends),
        TEST(torture_xl_sender_interrupted_waiting_for_ready),
        TEST(torture_xl_sender_ready_missing),
        TEST(torture_xl_sender_target_destroyed_its_copy),
        TEST(torture_xl_sender_a_further_one_ends_before_ready),
        TEST(torture_xl_sender_a_further_one_ends_before_go),
        TEST(torture_xl_sender_a_further_one_ends_after_go),
        TEST(torture_xl_sender_ready_wrong),
        TEST(torture_xl_sender_cannot_rename_away),
        TEST(torture_xl_sender_go_cannot_be_written),
        TEST(torture_xl_sender_eof_after_go_never_resumes),
        TEST(torture_xl_sender_eof_within_the_report),
        TEST(torture_xl_sender_wrong_report_after_go),
        TEST(torture_xl_sender_target_fails_and_gives_back),
        TEST(torture_xl_sender_target_fails_and_dies),
        TEST(torture_xl_sender_resume_fails),
        TEST(torture_xl_sender_destroy_fails_yet_it_migrated),
        TEST(torture_xl_sender_signals_after_go_are_ignored),
        TEST(torture_xl_sender_ready_and_gone_is_taken_back),
        TEST(torture_xl_sender_ended_before_all_sends_nothing),
        TEST(torture_xl_sender_the_guest_has_ended),
        TEST(torture_xl_sender_reports_a_late_guest),
        TEST(torture_xl_sender_reports_one_left_to_the_guard),
        TEST(torture_xl_sender_ended_outdoes_aborted),
    };

    return torture_run(argc, argv, tests);
}
