/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate over several connections, with failures and interruptions after
 * the first byte of the stream.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_channels_relay.h"
#include "support/fake_link.h"
#include "support/fake_migration.h"
#include "support/torture.h"

static void torture_xl_channels_broken_receiver_dies(void **state)
{
    (void)state;
    stock_does("head -c 1000000 >$GOT; exit 1");
    sending.s.name_there = "other";
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "save resume");
    assert_non_null(strstr(migration.said,
                           "the target may hold a half-built other--incoming"));
}

/* Before the helper asks for the channels. Its request is answered. */
static void torture_xl_channels_broken_receiver_dies_before_the_save(
    void **state)
{
    (void)state;
    stock_does("head -c 55 >$GOT; exit 1");
    migration.late = true;
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_false(migration.forgotten);
    assert_int_equal(migration.lent, 4);
    assert_string_equal(sending.did, "save resume");
    assert_non_null(strstr(migration.said,
                           "migration sender: the connection to the "
                           "receiver has broken: Broken pipe\n"));
}

/* The target receives a stream that ends early, and no go. */
static void torture_xl_channels_broken_save_fails(void **state)
{
    size_t len;
    char *p;

    (void)state;
    stock_does("cat >$GOT; exit 1");
    sending.save_rc = ERROR_FAIL;
    migration.half = 100000;
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "save resume");
    p = stock_file("", &len);
    assert_true(len < migration_bytes);
    assert_null(memmem(p, len, GO, sizeof(GO)));
    free(p);
}

/* It has received everything and is not ready. */
static void torture_xl_channels_broken_target_is_not_ready(void **state)
{
    char sh[100], *p;
    size_t len;

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; exit 1", migration_bytes);
    stock_does(sh);
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "save away back resume");
    p = stock_file("", &len);
    assert_int_equal(len, migration_bytes);
    free(p);
}

/* A part of the stream may have been lost with it. */
static void torture_xl_channels_broken_connection_ends_before_ready(
    void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; touch "LINK_CUT"; cat "
             ">$GOT.go", migration_bytes);
    stock_does(sh);
    migration_link_can_fail();
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "save away back resume");
    assert_non_null(strstr(migration.said, "migration sender: channel "));
    assert_non_null(strstr(migration.said, " has ended\n"));
    expect_no_go();
}

/* After go, only the first connection is used. */
static void torture_xl_channels_broken_connection_ends_after_go(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; touch "LINK_CUT"; sleep 0.5; "
             "printf '" REPORT "\\0\\0'", migration_bytes, sizeof(GO));
    stock_does(sh);
    migration_link_can_fail();
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_string_equal(sending.did, "save away destroy");
    expect_all_received();
}

static void torture_xl_channels_broken_connection_ends_during_the_save(
    void **state)
{
    (void)state;
    stock_does("head -c 1000000 >$GOT; touch "LINK_CUT"; cat >$GOT");
    migration_link_can_fail();
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "save resume");
}

/* The target is ready, and dies before the end of the stream was sent. */
static void the_target_dies_ready(struct sender *s)
{
    struct pollfd ready = { .fd = s->t.recv_fd, .events = POLLIN };
    siginfo_t si;

    assert_int_equal(poll(&ready, 1, TIMEOUT_MS), 1);
    kill(s->t.pid, SIGKILL);
    assert_int_equal(waitid(P_PID, s->t.pid, &si, WEXITED | WNOWAIT), 0);
}

static void torture_xl_channels_broken_target_dies_before_the_end(
    void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; printf '" READY "\\0'; "
             "cat >$GOT.go", migration_bytes);
    stock_does(sh);
    /* The end of a further connection would be noticed, too. */
    sending.progress.params.channels = 1;
    migration.then = the_target_dies_ready;
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "save away back resume");
    assert_non_null(strstr(migration.said,
                           "migration sender: the stream could not be "
                           "sent to its end: Broken pipe\n"));
    assert_null(strstr(migration.said, "permission to start"));
    expect_no_go();
}

/* ---- interruptions ------------------------------------------------------- */

/* If one connection stalls, all do: the frames are ordered. */
static void torture_xl_channels_broken_interrupted_in_a_stall(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c 1000000 >$GOT; touch "LINK_STALL"; "
             "{ sleep 0.5; kill -INT %d; } & cat >>$GOT; exit 1", getpid());
    stock_does(sh);
    migration_link_can_fail();
    assert_int_equal(migration_run(), MIGRATE_INTERRUPTED);
    assert_string_equal(sending.did, "save resume");
    assert_int_equal(sending.report.outcome, XPC_OUTCOME_INTERRUPTED);
}

static void torture_xl_channels_broken_interrupted_before_ready(void **state)
{
    char sh[300];

    (void)state;
    snprintf(sh, sizeof(sh), "head -c %zu >$GOT; kill -INT %d; cat >$GOT.go; "
             "exit 1", migration_bytes, getpid());
    stock_does(sh);
    assert_int_equal(migration_run(), MIGRATE_INTERRUPTED);
    assert_string_equal(sending.did, "save away back resume");
    assert_int_equal(sending.report.outcome, XPC_OUTCOME_INTERRUPTED);
    expect_no_go();
}

/* It says that the guest runs there: the copy here is still to be destroyed. */
static void torture_xl_channels_broken_target_reads_no_more(void **state)
{
    struct channels c = { .tells_guest = true };
    char data[4096] = "";
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    while (write(fds[1], data, sizeof(data)) > 0) {}
    c.fd = fds[1];
    sending.s.channels = &c;
    sending.s.told_to_go = true;
    channels_send_stood(&sending.s, 1000000);
    sending.s.channels = NULL;
    close(fds[0]);
    close(fds[1]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, migration_setup, migration_teardown)
        TEST(torture_xl_channels_broken_receiver_dies),
        TEST(torture_xl_channels_broken_receiver_dies_before_the_save),
        TEST(torture_xl_channels_broken_save_fails),
        TEST(torture_xl_channels_broken_target_is_not_ready),
        TEST(torture_xl_channels_broken_connection_ends_before_ready),
        TEST(torture_xl_channels_broken_connection_ends_after_go),
        TEST(torture_xl_channels_broken_connection_ends_during_the_save),
        TEST(torture_xl_channels_broken_target_dies_before_the_end),
        TEST(torture_xl_channels_broken_interrupted_in_a_stall),
        TEST(torture_xl_channels_broken_interrupted_before_ready),
        TEST(torture_xl_channels_broken_target_reads_no_more),
    };

    migration_main(argc, argv);
    return torture_run(argc, argv, tests);
}
