/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sender tells its guard, and what the guard does when the sender is
 * gone.
 */
#include <string.h>

#include <xenprecopy/lessons.h>

#include "support/fake_receiver.h"
#include "support/torture.h"

static void torture_xl_sender_guard_is_told_each_step(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    expect_guard_told("hgrt");
}

static void torture_xl_sender_guard_is_told_nothing_before_the_save(
    void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_hangs_up();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
    expect_guard_told("");
}

static void torture_xl_sender_guard_is_told_go_failed(void **state)
{
    (void)state;
    receiver.hang_up = true;
    receiver_says_ready();
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    expect_guard_told("hgh");
}

static void torture_xl_sender_guard_is_told_given_back(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_says_result(3);
    receiver_says(GO, sizeof(GO));
    expect_run(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    expect_guard_told("hgrfh");
}

/* The overhead that is predicted for the next migration. */
static uint64_t learned_ns(void)
{
    struct xpc_history h = { 0 };
    struct xpc_prior p;

    sending.report.decision.bandwidth_bytes_per_s = 125000000;
    assert_int_equal(xpc_history_init(&h, "host2"), 0);
    assert_int_equal(xpc_history_add(&h, &sending.report, 0, "g1"), 0);
    xpc_history_prior(&h, &sending.report.params.guest, 0, &p);
    xpc_history_dispose(&h);
    return p.overhead_ns;
}

static void torture_xl_sender_guard_own_report_is_learned_from(void **state)
{
    (void)state;
    receiver_says_ready();
    receiver_says_result(0);
    expect_run(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    assert_true(learned_ns() > 0);
}

static void stand_in_expect(int word, int status, int outcome,
                            const char *did)
{
    assert_int_equal(sender_stand_in(&sending.s, word), status);
    assert_string_equal(sending.did, did);
    assert_int_equal(sending.report.outcome, outcome);
    assert_non_null(sending.report.text);
}

static void torture_xl_sender_guard_does_nothing_before_the_save(void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_hangs_up();
    stand_in_expect(GUARD_UNTOUCHED, MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_guard_takes_back(void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_says(READY, sizeof(READY));
    receiver_hangs_up();
    stand_in_expect(GUARD_HERE, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "back resume");
    assert_non_null(strstr(sending.report.text, "xl was killed"));
    assert_true(sending.s.copy_left);
}

static void torture_xl_sender_guard_leaves_an_unchanged_name(void **state)
{
    (void)state;
    receiver.outcome = XPC_OUTCOME_FAILED;
    receiver_hangs_up();
    stand_in_expect(GUARD_HERE, MIGRATE_FAILED, XPC_OUTCOME_FAILED, "resume");
    assert_false(sending.s.copy_left);
}

/* xl was killed after the request: the guest may still suspend. */
static void torture_xl_sender_guard_knows_of_the_request_to_suspend(
    void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_hangs_up();
    stand_in_expect(GUARD_ASKED, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "resume");
    assert_true(sending.s.asked);
}

/* xl does the rest. The guard waits for the guest, and reports nothing. */
static void torture_xl_sender_guard_waits_in_place_of_xl(void **state)
{
    (void)state;
    receiver.outcome = -1;
    receiver_hangs_up();
    assert_int_equal(sender_stand_in(&sending.s, GUARD_LATE), MIGRATE_FAILED);
    assert_string_equal(sending.did, "resume");
    assert_true(sending.s.asked);
    assert_null(sending.report.text);
}

static void torture_xl_sender_guard_never_resumes_after_go(void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_hangs_up();
    stand_in_expect(GUARD_GO, MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "");
}

static void torture_xl_sender_guard_reads_the_result(void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_says(REPORT, sizeof(REPORT));
    receiver_says("", 1);
    receiver_hangs_up();
    stand_in_expect(GUARD_GO, MIGRATE_OK, XPC_OUTCOME_MIGRATED, "destroy");
    assert_true(sending.report.actual_downtime_ns > 0);
    assert_int_equal(learned_ns(), 0);
}

static void torture_xl_sender_guard_takes_back_what_the_target_returns(
    void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_says(REPORT, sizeof(REPORT));
    receiver_says("\3", 1);
    receiver_says(GO, sizeof(GO));
    receiver_hangs_up();
    stand_in_expect(GUARD_GO, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "back resume");
}

/* xl has read the report: what comes next is the status. */
static void torture_xl_sender_guard_reads_the_rest_of_the_result(void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_says("", 1);
    receiver_hangs_up();
    stand_in_expect(GUARD_REPORTED, MIGRATE_OK, XPC_OUTCOME_MIGRATED,
                    "destroy");
    assert_int_equal(learned_ns(), 0);
}

static void torture_xl_sender_guard_reads_the_rest_of_a_failure(void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_says("\3", 1);
    receiver_says(GO, sizeof(GO));
    receiver_hangs_up();
    stand_in_expect(GUARD_REPORTED, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "back resume");
}

/* xl was killed while the target, which had failed, destroyed its copy. */
static void torture_xl_sender_guard_waits_for_a_failed_target(void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_says(GO, sizeof(GO));
    receiver_hangs_up();
    stand_in_expect(GUARD_FAILED, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "back resume");
}

static void torture_xl_sender_guard_needs_the_permission_to_resume(
    void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_hangs_up();
    stand_in_expect(GUARD_FAILED, MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "");
}

static void torture_xl_sender_guard_destroys_a_guest_that_has_left(
    void **state)
{
    (void)state;
    sending.s.away_name = strdup("g1--migratedaway");
    receiver_hangs_up();
    stand_in_expect(GUARD_THERE, MIGRATE_OK, XPC_OUTCOME_MIGRATED,
                    "destroy");
    assert_int_equal(learned_ns(), 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, receiver_setup, receiver_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_sender_guard_is_told_each_step),
        TEST(torture_xl_sender_guard_is_told_nothing_before_the_save),
        TEST(torture_xl_sender_guard_is_told_go_failed),
        TEST(torture_xl_sender_guard_is_told_given_back),
        TEST(torture_xl_sender_guard_own_report_is_learned_from),
        TEST(torture_xl_sender_guard_does_nothing_before_the_save),
        TEST(torture_xl_sender_guard_takes_back),
        TEST(torture_xl_sender_guard_leaves_an_unchanged_name),
        TEST(torture_xl_sender_guard_knows_of_the_request_to_suspend),
        TEST(torture_xl_sender_guard_waits_in_place_of_xl),
        TEST(torture_xl_sender_guard_never_resumes_after_go),
        TEST(torture_xl_sender_guard_reads_the_result),
        TEST(torture_xl_sender_guard_takes_back_what_the_target_returns),
        TEST(torture_xl_sender_guard_reads_the_rest_of_the_result),
        TEST(torture_xl_sender_guard_reads_the_rest_of_a_failure),
        TEST(torture_xl_sender_guard_waits_for_a_failed_target),
        TEST(torture_xl_sender_guard_needs_the_permission_to_resume),
        TEST(torture_xl_sender_guard_destroys_a_guest_that_has_left),
    };

    return torture_run(argc, argv, tests);
}
