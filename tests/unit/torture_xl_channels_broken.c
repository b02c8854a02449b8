/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate over several connections that break, or a target that does, or a
 * user who has thought better of it: from the first byte of the stream on.
 */
#include "support/fake_migration.h"

static void torture_xl_channels_broken_a_receiver_that_dies(void **state)
{
    (void)state;
    stock_does("head -c 1000000 >$GOT; exit 1");
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save resume");
}

/* Before the helper asks for the channels: it is told so. */
static void torture_xl_channels_broken_a_receiver_that_dies_early(void **state)
{
    (void)state;
    stock_does("head -c 55 >$GOT; exit 1");
    t.late = true;
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_false(t.forgotten);
    assert_int_equal(t.lent, 4);
    assert_string_equal(w.did, "save resume");
    assert_non_null(strstr(t.said, "migration sender: the connection to the "
                           "receiver has broken: Broken pipe\n"));
}

/* The save fails here: the target sees the stream end, and no permission. */
static void torture_xl_channels_broken_a_save_that_fails(void **state)
{
    size_t len;
    char *p;

    (void)state;
    stock_does("cat >$GOT; exit 1");
    w.save_rc = ERROR_FAIL;
    t.half = 100000;
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save resume");
    p = stock_file("", &len);
    assert_true(len < TOTAL);
    assert_null(memmem(p, len, GO, sizeof(GO)));
    free(p);
}

/* It has all and is not ready: the guest stays here. */
static void torture_xl_channels_broken_a_target_that_is_not_ready(void **state)
{
    char sh[100], *p;
    size_t len;

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; exit 1", TOTAL);
    stock_does(sh);
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save away back resume");
    p = stock_file("", &len);
    assert_int_equal(len, TOTAL);
    free(p);
}

/* Something of it may have been under way, and nobody else knows. */
static void torture_xl_channels_broken_one_that_ends_before_ready(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; touch "LINK_CUT"; cat "
             ">$GOT.go", TOTAL);
    stock_does(sh);
    one_can_fail();
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save away back resume");
    assert_non_null(strstr(t.said, "migration sender: channel "));
    assert_non_null(strstr(t.said, " has ended\n"));
    got_no_go();
}

/* From then on only the first one has anything to say. */
static void torture_xl_channels_broken_one_that_ends_after_go(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; touch "LINK_CUT"; sleep 0.5; "
             "printf '" REPORT "\\0\\0'", TOTAL, sizeof(GO));
    stock_does(sh);
    one_can_fail();
    assert_int_equal(migrate(), MIGRATE_OK);
    assert_string_equal(w.did, "save away destroy");
    all_of_it_came();
}

static void torture_xl_channels_broken_one_that_ends_in_the_save(void **state)
{
    (void)state;
    stock_does("head -c 1000000 >$GOT; touch "LINK_CUT"; cat >$GOT");
    one_can_fail();
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save resume");
}

/* Ready, and dead before the stream's end was sent. */
static void the_target_dies_ready(struct sender *s)
{
    struct pollfd ready = { .fd = s->t.recv_fd, .events = POLLIN };
    siginfo_t si;

    assert_int_equal(poll(&ready, 1, HANGS_MS), 1);
    kill(s->t.pid, SIGKILL);
    assert_int_equal(waitid(P_PID, s->t.pid, &si, WEXITED | WNOWAIT), 0);
}

static void torture_xl_channels_broken_before_the_end(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "cat >$GOT.go", TOTAL);
    stock_does(sh);
    /* A further one would end with it, which is noticed as well. */
    w.progress.params.channels = 1;
    t.then = the_target_dies_ready;
    assert_int_equal(migrate(), MIGRATE_FAILED);
    assert_string_equal(w.did, "save away back resume");
    assert_non_null(strstr(t.said, "migration sender: the stream could not be "
                           "sent to its end: Broken pipe\n"));
    assert_null(strstr(t.said, "permission to start"));
    got_no_go();
}

/* ---- the user ------------------------------------------------------------ */

/* One stalls, and so all do: what it holds up is waited for. */
static void torture_xl_channels_broken_off_in_a_stall(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c 1000000 >$GOT; touch "LINK_STALL"; "
             "{ sleep 0.5; kill -INT %d; } & cat >>$GOT; exit 1", getpid());
    stock_does(sh);
    one_can_fail();
    assert_int_equal(migrate(), MIGRATE_INTERRUPTED);
    assert_string_equal(w.did, "save resume");
    assert_int_equal(w.report.outcome, XPC_OUTCOME_INTERRUPTED);
}

static void torture_xl_channels_broken_off_before_ready(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; kill -INT %d; cat >$GOT.go; "
             "exit 1", TOTAL, getpid());
    stock_does(sh);
    assert_int_equal(migrate(), MIGRATE_INTERRUPTED);
    assert_string_equal(w.did, "save away back resume");
    assert_int_equal(w.report.outcome, XPC_OUTCOME_INTERRUPTED);
    got_no_go();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_xl_channels_broken_a_receiver_that_dies),
        TEST(torture_xl_channels_broken_a_receiver_that_dies_early),
        TEST(torture_xl_channels_broken_a_save_that_fails),
        TEST(torture_xl_channels_broken_a_target_that_is_not_ready),
        TEST(torture_xl_channels_broken_one_that_ends_before_ready),
        TEST(torture_xl_channels_broken_one_that_ends_after_go),
        TEST(torture_xl_channels_broken_one_that_ends_in_the_save),
        TEST(torture_xl_channels_broken_before_the_end),
        TEST(torture_xl_channels_broken_off_in_a_stall),
        TEST(torture_xl_channels_broken_off_before_ready),
    };

    migration_main(argc, argv);
    return torture_run(argc, argv, tests);
}
