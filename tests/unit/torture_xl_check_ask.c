/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking a receiver over the connections of a migration. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check/xl_check_ask.h"
#include "common/xl_common.h"
#include "migrate/xl_channels_relay.h"
#include "support/fake_migration.h"
#include "support/torture.h"

static struct question q;
static struct reply r;
static int asked;

/* As check_target(), which needs libxl. */
static char *ask(struct sender *s)
{
    assert_true(s->channels->questions);
    memset(&q, 0, sizeof(q));
    question_add(&q, QUESTION_DISK, "/");
    question_add(&q, QUESTION_DISK, "/nowhere");
    asked = check_ask(s, &q, &r);
    return NULL;
}

static void torture_xl_check_ask_then_migrate(void **state)
{
    (void)state;
    migration_stock_accepts();
    migration.check = ask;
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_int_equal(asked, 0);
    assert_int_equal(r.nr, 2);
    assert_int_equal(r.item[0].status, REPLY_OK);
    assert_int_equal(r.item[1].status, REPLY_WRONG);
    assert_string_equal(sending.did, "save away destroy");
    expect_all_received();
}

static char *ask_and_refuse(struct sender *s)
{
    ask(s);
    return xl_asprintf("there: %s", r.item[1].text);
}

static void torture_xl_check_ask_and_refuse(void **state)
{
    (void)state;
    stock_does("cat >$GOT; exit 1");
    migration.check = ask_and_refuse;
    assert_int_equal(migration_run(), MIGRATE_REFUSED);
    assert_string_equal(sending.did, "");
    assert_int_equal(sending.report.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(sending.report.text, "there: disk /nowhere: "));
    /* The transport and the receiver have ended without a word. */
    assert_string_equal(migration.said, "");
}

static char *ask_interrupted(struct sender *s)
{
    raise(SIGINT);
    ask(s);
    return xl_asprintf("no reason");
}

static void torture_xl_check_ask_interrupted(void **state)
{
    (void)state;
    migration.check = ask_interrupted;
    assert_int_equal(migration_run(), MIGRATE_INTERRUPTED);
    assert_int_equal(asked, -1);
    assert_string_equal(sending.did, "");
}

/* The receiver of a version without questions. */
static char *dont_ask(struct sender *s)
{
    char *why;

    s->channels->questions = false;
    why = check_target(s, "there", true);
    assert_null(why);
    return why;
}

static void torture_xl_check_ask_a_receiver_that_takes_no_questions(
    void **state)
{
    (void)state;
    migration_stock_accepts();
    migration.check = dont_ask;
    assert_int_equal(migration_run(), MIGRATE_OK);
    expect_all_received();
}

/* It is told after the guest's start, and ends as usual. */
static char *ask_to_tell_the_guest(struct sender *s)
{
    memset(&q, 0, sizeof(q));
    question_add(&q, QUESTION_NOTIFY, "g1");
    asked = check_ask(s, &q, &r);
    s->channels->tells_guest = true;
    s->report->start_monotonic_ns = clock_now_ns();
    s->report->suspended_ns = 1;
    return NULL;
}

static void torture_xl_check_ask_to_tell_the_guest(void **state)
{
    (void)state;
    migration_stock_accepts();
    migration.check = ask_to_tell_the_guest;
    assert_int_equal(migration_run(), MIGRATE_OK);
    assert_int_equal(asked, 0);
    assert_int_equal(r.item[0].status, REPLY_OK);
    assert_null(strstr(migration.said, "error status"));
    assert_null(strstr(migration.said, "migration target: "));
    expect_all_received();
}

/* ---- a hostile receiver -------------------------------------------------- */

/* It answers hello as ours does, and a question with that. */
static void receiver_replies(const char *printf_text)
{
    uint8_t answer[CHANNEL_ANSWER_SIZE];
    char octal[4 * CHANNEL_ANSWER_SIZE + 1];

    channel_answer_put(answer);
    for (int i = 0; i < CHANNEL_ANSWER_SIZE; i++)
        sprintf(octal + 4 * i, "\\%03o", answer[i]);
    snprintf(migration.command, sizeof(migration.command),
             "printf 'xl migration receiver ready, send binary domain "
             "data.\\n'; head -c %d >/dev/null; printf '%s'; "
             "head -c %d >/dev/null; printf '%s'",
             CHANNEL_HELLO_SIZE, octal, CHANNEL_HEAD_SIZE, printf_text);
    sending.progress.params.channels = 1;
    sending.progress.params.zero_pages = XPC_ZERO_PAGES_AUTO;
    migration.check = ask_and_refuse;
}

static void expect_reply_refused(const char *printf_text, const char *said)
{
    receiver_replies(printf_text);
    assert_int_equal(migration_run(), MIGRATE_REFUSED);
    assert_int_equal(asked, -1);
    assert_string_equal(sending.did, "");
    assert_non_null(strstr(migration.said, said));
}

static void torture_xl_check_ask_a_receiver_that_replies_nothing(void **state)
{
    (void)state;
    expect_reply_refused("", "the receiver's stream ended where its reply "
                         "was to come\n");
}

static void torture_xl_check_ask_a_receiver_that_replies_nonsense(
    void **state)
{
    (void)state;
    expect_reply_refused("domain received, ready to unpause",
                         "the receiver's reply is refused: it is none\n");
}

/* No memory is allocated for it. */
static void torture_xl_check_ask_a_receiver_that_replies_too_much(
    void **state)
{
    (void)state;
    expect_reply_refused("xpcQ\\377\\377\\377\\177........",
                         "the receiver's reply is refused: it is none\n");
}

static void torture_xl_check_ask_a_receiver_that_does_not_know_the_token(
    void **state)
{
    (void)state;
    expect_reply_refused("xpcQ\\004\\000\\000\\000........\\001\\000\\002\\000",
                         "the receiver's reply is refused: it is damaged, or "
                         "of another migration\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, migration_setup, migration_teardown)
        TEST(torture_xl_check_ask_then_migrate),
        TEST(torture_xl_check_ask_and_refuse),
        TEST(torture_xl_check_ask_interrupted),
        TEST(torture_xl_check_ask_a_receiver_that_takes_no_questions),
        TEST(torture_xl_check_ask_to_tell_the_guest),
        TEST(torture_xl_check_ask_a_receiver_that_replies_nothing),
        TEST(torture_xl_check_ask_a_receiver_that_replies_nonsense),
        TEST(torture_xl_check_ask_a_receiver_that_replies_too_much),
        TEST(torture_xl_check_ask_a_receiver_that_does_not_know_the_token),
    };

    migration_main(argc, argv);
    return torture_run(argc, argv, tests);
}
