/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate over several connections, to our own receiver or a stock one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channels/frame.h"
#include "support/fake_migration.h"
#include "support/torture.h"

static void torture_xl_channels_migrate(void **state)
{
    (void)state;
    migration_stock_accepts();
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_int_equal(migration.lent, 4);
    assert_string_equal(sending.did, "save away destroy");
    expect_all_received();
}

static void torture_xl_channels_migrate_compressed(void **state)
{
    (void)state;
    migration_stock_accepts();
    sending.progress.params.channels = 1;
    sending.progress.params.compress = XPC_COMPRESS_ZSTD;
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_int_equal(migration.lent, 1);
    expect_all_received();
}

/* The receiver is told of a compression that it knows. */
static void torture_xl_channels_migrate_compressed_by_choice(void **state)
{
    (void)state;
    migration_stock_accepts();
    sending.progress.params.channels = 2;
    sending.progress.params.compress = XPC_COMPRESS_AUTO;
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_int_equal(migration.lent, 2);
    expect_all_received();
}

/* sshd drops some of more than ten unauthenticated connections. */
static void torture_xl_channels_open_a_few_at_a_time(void **state)
{
    char crowd[80];

    (void)state;
    migration_stock_accepts();
    sending.progress.params.channels = 16;
    snprintf(migration.command, sizeof(migration.command),
             "cd %s; touch knocks.$$; "
             "[ $(ls knocks.* | wc -l) -le 8 ] || touch crowd; sleep 0.3; "
             "rm knocks.$$; exec %s --receive",
             stock.dir, migration_self);
    snprintf(crowd, sizeof(crowd), "%s/crowd", stock.dir);
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_int_equal(migration.lent, 16);
    assert_int_equal(access(crowd, F_OK), -1);
    expect_all_received();
}

/* Without the plug-in, the relay carries everything. */
static void torture_xl_channels_work_without_the_plugin(void **state)
{
    (void)state;
    migration_stock_accepts();
    migration.plain = true;
    assert_int_equal(migration_run(), MIGRATE_OK);
    expect_all_received();
}

/* ---- one connection ------------------------------------------------------ */

/* One connection suffices to send zero pages as runs. */
static void torture_xl_channels_one_channel_is_enough(void **state)
{
    (void)state;
    migration_stock_accepts();
    sending.progress.params.channels = 1;
    sending.progress.params.zero_pages = XPC_ZERO_PAGES_AUTO;
    assert_int_equal(migration_run(), MIGRATE_OK);
    expect_all_received();
    assert_int_equal(migration.lent, 1);
    assert_true(sending.s.greeted);
    assert_false(sending.s.stock_receiver);
    assert_int_equal(sending.progress.params.zero_pages, XPC_ZERO_PAGES_AUTO);
}

/* A stock receiver fails at an unknown header. */
static void stock_refuses_hello(void)
{
    char sh[400];

    snprintf(sh, sizeof(sh),
             "head -c 48 >$GOT; "
             "grep -q 'Xen saved domain' $GOT || { touch $GOT.refused; "
             "exit 1; }; head -c %zu >>$GOT; printf '" READY "\\0'; "
             "head -c %zu >$GOT.go; printf '" REPORT "\\0\\0'",
             migration_bytes - 48, sizeof(GO));
    stock_does(sh);
    migration.plain = true;
}

static void torture_xl_channels_a_stock_receiver_gets_a_plain_stream(
    void **state)
{
    (void)state;
    stock_refuses_hello();
    snprintf(migration.command, sizeof(migration.command),
             "exec %s migrate-receive", stock.script);
    sending.progress.params.compress = XPC_COMPRESS_LZ4;
    sending.progress.params.zero_pages = XPC_ZERO_PAGES_AUTO;
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_string_equal(sending.did, "save away destroy");
    expect_all_received();
    free(stock_file(".refused", &(size_t){ 0 }));
    /* In effect, shown, and for the history. */
    assert_int_equal(sending.progress.params.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_int_equal(sending.report.params.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_true(sending.s.stock_receiver);
    assert_true(sending.s.count_zero_pages);
    assert_non_null(strstr(migration.said,
                           "migration sender: the receiver at there "
                           "has no channels: going on with one plain "
                           "connection\n"));
    assert_int_equal(sending.progress.params.channels, 1);
    assert_int_equal(sending.progress.params.compress, XPC_COMPRESS_OFF);
    assert_null(sending.s.channels);
}

/* The user has not stated channels, and is told nothing about them. */
static void torture_xl_channels_a_stock_receiver_is_asked_by_default(
    void **state)
{
    (void)state;
    stock_refuses_hello();
    snprintf(migration.command, sizeof(migration.command),
             "exec %s migrate-receive", stock.script);
    sending.progress.params.channels = 1;
    sending.progress.params.zero_pages = XPC_ZERO_PAGES_AUTO;
    assert_int_equal(migration_run(), MIGRATE_OK);
    expect_all_received();
    assert_non_null(strstr(migration.said,
                           "the receiver at there is a stock one, "
                           "whose error here is expected: going on with one "
                           "plain connection\n"));
}

/* An unknown receiver is sent nothing more. */
static void torture_xl_channels_a_garbled_answer_is_refused(void **state)
{
    (void)state;
    stock_refuses_hello();
    snprintf(migration.command, sizeof(migration.command),
             "mkdir %s/first 2>/dev/null || "
             "exec %s migrate-receive; printf '%s'; head -c %d >/dev/null; "
             "head -c %d /dev/zero; exec sleep 60",
             stock.dir, stock.script,
             "xl migration receiver ready, send binary domain data.\\n",
             CHANNEL_HELLO_SIZE, CHANNEL_ANSWER_SIZE);
    assert_int_equal(migration_run(), MIGRATE_OK);
    expect_all_received();
    assert_non_null(
        strstr(migration.said, "going on with one plain connection"));
}

/* It answers as our receiver does, and dies. */
static void torture_xl_channels_a_receiver_that_dies_after_its_answer(
    void **state)
{
    uint8_t answer[CHANNEL_ANSWER_SIZE];
    char octal[4 * CHANNEL_ANSWER_SIZE + 1];

    (void)state;
    channel_answer_put(answer);
    for (int i = 0; i < CHANNEL_ANSWER_SIZE; i++)
        sprintf(octal + 4 * i, "\\%03o", answer[i]);
    snprintf(migration.command, sizeof(migration.command),
             "printf '%s'; head -c %d >/dev/null; "
             "printf '%s'",
             "xl migration receiver ready, send binary domain "
             "data.\\n",
             CHANNEL_HELLO_SIZE, octal);
    sending.progress.params.channels = 1;
    sending.progress.params.zero_pages = XPC_ZERO_PAGES_AUTO;
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_false(sending.s.told_to_go);
    assert_null(strstr(sending.did, "destroy"));
}

/* ---- failures while connecting ------------------------------------------- */

static void torture_xl_channels_one_leads_to_another_target(void **state)
{
    (void)state;
    migration_stock_accepts();
    /* The first one creates the directory in which the others meet it. */
    snprintf(migration.command, sizeof(migration.command),
             "mkdir %s/first 2>/dev/null || "
             "XEN_PRECOPY_RUN=%s/elsewhere; exec %s --receive",
             stock.dir, stock.dir, migration_self);
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "");
    assert_non_null(strstr(migration.said, "channel 1 was not accepted"));
    assert_int_equal(sending.report.outcome, XPC_OUTCOME_FAILED);
}

/* The receiver gives up before. */
static void torture_xl_channels_one_never_connects(void **state)
{
    (void)state;
    migration_stock_accepts();
    sending.s.further_ms = 300;
    snprintf(migration.command, sizeof(migration.command),
             "mkdir %s/first 2>/dev/null || "
             "exec sleep 60; exec %s --receive",
             stock.dir, migration_self);
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "");
    assert_non_null(strstr(migration.said,
                           "migration sender: channel 1 has not come "
                           "within 300 ms\n"));
}

/* It connects, and does not answer. */
static void torture_xl_channels_one_does_not_answer(void **state)
{
    (void)state;
    migration_stock_accepts();
    sending.s.further_ms = 300;
    snprintf(migration.command, sizeof(migration.command),
             "mkdir %s/first 2>/dev/null || "
             "{ printf '%%s\\n' '%.*s'; exec sleep 60; }; exec %s --receive",
             stock.dir, (int)strlen(BANNER) - 1, BANNER,
             migration_self);
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "");
    assert_non_null(strstr(migration.said,
                           "migration sender: channel 1 has not come "
                           "within 300 ms\n"));
}

static void torture_xl_channels_no_transport(void **state)
{
    (void)state;
    strcpy(migration.command, "exit 3");
    assert_int_equal(migration_run(), MIGRATE_FAILED);
    assert_string_equal(sending.did, "");
}

static void torture_xl_channels_interrupted_while_connecting(void **state)
{
    (void)state;
    strcpy(migration.command,
           "printf 'xl migration receiver ready, send binary domain "
           "data.\\n'; kill -INT $PPID; exec sleep 60");
    assert_int_equal(migration_run(), MIGRATE_INTERRUPTED);
    assert_string_equal(sending.did, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, migration_setup, migration_teardown)
        TEST(torture_xl_channels_migrate),
        TEST(torture_xl_channels_migrate_compressed),
        TEST(torture_xl_channels_migrate_compressed_by_choice),
        TEST(torture_xl_channels_open_a_few_at_a_time),
        TEST(torture_xl_channels_work_without_the_plugin),
        TEST(torture_xl_channels_one_channel_is_enough),
        TEST(torture_xl_channels_a_stock_receiver_gets_a_plain_stream),
        TEST(torture_xl_channels_a_stock_receiver_is_asked_by_default),
        TEST(torture_xl_channels_a_garbled_answer_is_refused),
        TEST(torture_xl_channels_a_receiver_that_dies_after_its_answer),
        TEST(torture_xl_channels_one_leads_to_another_target),
        TEST(torture_xl_channels_one_never_connects),
        TEST(torture_xl_channels_one_does_not_answer),
        TEST(torture_xl_channels_no_transport),
        TEST(torture_xl_channels_interrupted_while_connecting),
    };

    migration_main(argc, argv);
    return torture_run(argc, argv, tests);
}
