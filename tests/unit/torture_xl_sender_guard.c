/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guard of a sender is told, and does when that is gone.
 */
#include <xenprecopy/history.h>

#include "support/fake_receiver.h"

static void torture_xl_sender_guard_is_told_each_step(void **state)
{
    (void)state;
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    told_guard("hgt");
}

static void torture_xl_sender_guard_is_told_nothing_untouched(void **state)
{
    (void)state;
    far.outcome = -1;
    hangs_up();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
    told_guard("");
}

static void torture_xl_sender_guard_is_told_go_failed(void **state)
{
    (void)state;
    far.hang_up = true;
    says_ready();
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    told_guard("hgh");
}

static void torture_xl_sender_guard_is_told_given_back(void **state)
{
    (void)state;
    says_ready();
    says_result(3);
    says(GO, sizeof(GO));
    run_expect(MIGRATE_FAILED, XPC_OUTCOME_FAILED, "save away back resume");
    told_guard("hgh");
}

/* What the next migration to this target is to take. */
static uint64_t learned_ns(void)
{
    struct xpc_history h = { 0 };
    struct xpc_prior p;

    w.report.decision.bandwidth_bytes_per_s = 125000000;
    assert_int_equal(xpc_history_init(&h, "host2"), 0);
    assert_int_equal(xpc_history_add(&h, &w.report, 0, "g1"), 0);
    xpc_history_prior(&h, &w.report.params.guest, 0, &p);
    xpc_history_dispose(&h);
    return p.overhead_ns;
}

static void torture_xl_sender_guard_xls_own_report_teaches(void **state)
{
    (void)state;
    says_ready();
    says_result(0);
    run_expect(MIGRATE_OK, XPC_OUTCOME_MIGRATED, "save away destroy");
    assert_true(learned_ns() > 0);
}

static void stand_in_expect(int word, int status, int outcome,
                            const char *did)
{
    assert_int_equal(sender_stand_in(&w.s, word), status);
    assert_string_equal(w.did, did);
    assert_int_equal(w.report.outcome, outcome);
    assert_non_null(w.report.text);
}

static void torture_xl_sender_guard_touches_nothing_untouched(void **state)
{
    (void)state;
    far.outcome = -1;
    hangs_up();
    stand_in_expect(GUARD_UNTOUCHED, MIGRATE_FAILED, XPC_OUTCOME_FAILED, "");
}

static void torture_xl_sender_guard_takes_back(void **state)
{
    (void)state;
    w.s.away_name = strdup("g1--migratedaway");
    says(READY, sizeof(READY));
    hangs_up();
    stand_in_expect(GUARD_HERE, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "back resume");
    assert_non_null(strstr(w.report.text, "xl was killed"));
    assert_true(w.s.copy_left);
}

static void torture_xl_sender_guard_finds_its_name_untouched(void **state)
{
    (void)state;
    far.outcome = XPC_OUTCOME_FAILED;
    hangs_up();
    stand_in_expect(GUARD_HERE, MIGRATE_FAILED, XPC_OUTCOME_FAILED, "resume");
    assert_false(w.s.copy_left);
}

/* Asked to suspend, xl killed: it may suspend yet. */
static void torture_xl_sender_guard_knows_that_it_was_asked(void **state)
{
    (void)state;
    far.outcome = -1;
    hangs_up();
    stand_in_expect(GUARD_ASKED, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "resume");
    assert_true(w.s.asked);
}

/* xl does the rest: there is the guest to wait for, and no report to make. */
static void torture_xl_sender_guard_waits_in_place_of_xl(void **state)
{
    (void)state;
    far.outcome = -1;
    hangs_up();
    assert_int_equal(sender_stand_in(&w.s, GUARD_LATE), MIGRATE_FAILED);
    assert_string_equal(w.did, "resume");
    assert_true(w.s.asked);
    assert_null(w.report.text);
}

static void torture_xl_sender_guard_never_resumes_after_go(void **state)
{
    (void)state;
    w.s.away_name = strdup("g1--migratedaway");
    hangs_up();
    stand_in_expect(GUARD_GO, MIGRATE_UNKNOWN, XPC_OUTCOME_UNKNOWN, "");
}

static void torture_xl_sender_guard_hears_the_answer(void **state)
{
    (void)state;
    w.s.away_name = strdup("g1--migratedaway");
    says(REPORT, sizeof(REPORT));
    says("", 1);
    hangs_up();
    stand_in_expect(GUARD_GO, MIGRATE_OK, XPC_OUTCOME_MIGRATED, "destroy");
    assert_true(w.report.actual_downtime_ns > 0);
    assert_int_equal(learned_ns(), 0);
}

static void torture_xl_sender_guard_is_given_it_back(void **state)
{
    (void)state;
    w.s.away_name = strdup("g1--migratedaway");
    says(REPORT, sizeof(REPORT));
    says("\3", 1);
    says(GO, sizeof(GO));
    hangs_up();
    stand_in_expect(GUARD_GO, MIGRATE_FAILED, XPC_OUTCOME_FAILED,
                    "back resume");
}

static void torture_xl_sender_guard_removes_what_has_left(void **state)
{
    (void)state;
    w.s.away_name = strdup("g1--migratedaway");
    hangs_up();
    stand_in_expect(GUARD_THERE, MIGRATE_OK, XPC_OUTCOME_MIGRATED,
                    "destroy");
    assert_int_equal(learned_ns(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_sender_guard_is_told_each_step),
        TEST(torture_xl_sender_guard_is_told_nothing_untouched),
        TEST(torture_xl_sender_guard_is_told_go_failed),
        TEST(torture_xl_sender_guard_is_told_given_back),
        TEST(torture_xl_sender_guard_xls_own_report_teaches),
        TEST(torture_xl_sender_guard_touches_nothing_untouched),
        TEST(torture_xl_sender_guard_takes_back),
        TEST(torture_xl_sender_guard_finds_its_name_untouched),
        TEST(torture_xl_sender_guard_knows_that_it_was_asked),
        TEST(torture_xl_sender_guard_waits_in_place_of_xl),
        TEST(torture_xl_sender_guard_never_resumes_after_go),
        TEST(torture_xl_sender_guard_hears_the_answer),
        TEST(torture_xl_sender_guard_is_given_it_back),
        TEST(torture_xl_sender_guard_removes_what_has_left),
    };

    return torture_run(argc, argv, tests);
}
