/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions before a migration, and replies: either end may forge them. */
#include <stdlib.h>
#include <string.h>

#include "channels/question.h"
#include "support/torture.h"

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";
static const uint8_t other[CHANNEL_TOKEN] = "of another one.";

static struct question q, got;
static struct reply r, reply;
static uint8_t bytes[QUESTION_SIZE_MAX];
static uint8_t answer[REPLY_HEAD_SIZE + REPLY_SIZE_MAX];

static int setup(void **state)
{
    (void)state;
    memset(&q, 0, sizeof(q));
    memset(&r, 0, sizeof(r));
    return 0;
}

static void fill_question(void)
{
    assert_true(question_add(&q, QUESTION_NAME, "g1"));
    assert_true(question_add(&q, QUESTION_CLOCK, ""));
    assert_true(question_add(&q, 999, "of a later version"));
}

static void fill_reply(void)
{
    r.nr = q.nr;
    for (unsigned int i = 0; i < q.nr; i++)
        r.item[i] = (struct reply_item){
            .kind = q.item[i].kind, .status = i % REPLY_STATUSES,
            .number = UINT64_MAX - i, .text = "why",
        };
}

static const char *reply_of(size_t len, const uint8_t *of)
{
    return reply_get(&reply, &q, answer, answer + REPLY_HEAD_SIZE, len, of);
}

static void torture_channel_question_round_trip(void **state)
{
    size_t len;

    (void)state;
    fill_question();
    len = question_put(bytes, &q);
    assert_null(question_get(&got, bytes, len));
    assert_int_equal(got.nr, 3);
    for (unsigned int i = 0; i < q.nr; i++) {
        assert_int_equal(got.item[i].kind, q.item[i].kind);
        assert_string_equal(got.item[i].value, q.item[i].value);
    }
}

static void torture_channel_question_limits(void **state)
{
    char value[QUESTION_VALUE_MAX + 1];

    (void)state;
    memset(value, 'x', sizeof(value));
    value[QUESTION_VALUE_MAX] = 0;
    assert_false(question_add(&q, QUESTION_DISK, value));
    value[QUESTION_VALUE_MAX - 1] = 0;
    assert_false(question_add(&q, QUESTION_DISK, "a\nb"));
    assert_int_equal(q.nr, 0);
    while (question_add(&q, QUESTION_DISK, value)) {}
    assert_int_equal(q.nr, QUESTION_ITEMS_MAX);
    assert_true(question_put(bytes, &q) <= sizeof(bytes));
}

/* Any shorter, longer or other version is refused. */
static void torture_channel_question_bad_ones_are_refused(void **state)
{
    size_t len;

    (void)state;
    fill_question();
    len = question_put(bytes, &q);
    for (size_t n = 0; n < len; n++)
        assert_non_null(question_get(&got, bytes, n));
    assert_string_equal(question_get(&got, bytes, len + 1), "it is too long");
    bytes[9] = '\n';
    assert_string_equal(question_get(&got, bytes, len),
                        "it has a value that is none");
    bytes[0]++;
    assert_string_equal(question_get(&got, bytes, len),
                        "its version is not known here");
    bytes[0]--;
    bytes[2] = bytes[3] = 255;
    assert_string_equal(question_get(&got, bytes, len),
                        "it has too many items");
}

static void torture_channel_question_reply_round_trip(void **state)
{
    size_t len;

    (void)state;
    fill_question();
    fill_reply();
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_int_equal(reply_head_get(answer), len);
    assert_null(reply_of(len, token));
    assert_int_equal(reply.nr, r.nr);
    for (unsigned int i = 0; i < r.nr; i++) {
        assert_int_equal(reply.item[i].status, r.item[i].status);
        assert_int_equal(reply.item[i].number, r.item[i].number);
        assert_string_equal(reply.item[i].text, "why");
    }
}

/* A full reply with the longest texts has room. */
static void torture_channel_question_reply_limits(void **state)
{
    size_t len;

    (void)state;
    while (question_add(&q, QUESTION_CLOCK, "")) {}
    fill_reply();
    for (unsigned int i = 0; i < r.nr; i++)
        memset(r.item[i].text, 'x', sizeof(r.item[i].text));
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_true(len <= REPLY_SIZE_MAX);
    assert_null(reply_of(len, token));
    assert_int_equal(strlen(reply.item[0].text), REPLY_TEXT_MAX - 1);
}

/* What a target says is shown to the user. */
static void torture_channel_question_reply_texts_are_plain(void **state)
{
    size_t len;

    (void)state;
    fill_question();
    fill_reply();
    strcpy(r.item[1].text, "\033[2J\n\177\302\2332J");
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_null(reply_of(len, token));
    assert_string_equal(reply.item[1].text, "?[2J????2J");
}

static void torture_channel_question_bad_replies_are_refused(void **state)
{
    static const uint8_t huge[REPLY_HEAD_SIZE] = "xpcQ\377\377\377\177";
    size_t len;

    (void)state;
    fill_question();
    fill_reply();
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_non_null(strstr(reply_of(len, other), "another migration"));
    for (size_t n = 0; n < len; n++)
        assert_non_null(reply_of(n, token));
    assert_int_equal(reply_head_get(huge), 0);
    assert_int_equal(reply_head_get((const uint8_t *)"domain received, "), 0);

    r.nr--;
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_string_equal(reply_of(len, token),
                        "it replies to something else");
    r.nr++;
    r.item[0].kind = QUESTION_DISK;
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_string_equal(reply_of(len, token),
                        "it replies to something else");
    r.item[0].kind = QUESTION_NAME;
    r.item[2].status = REPLY_STATUSES;
    len = reply_put(answer, &r, token) - REPLY_HEAD_SIZE;
    assert_string_equal(reply_of(len, token), "it has an item that is none");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(torture_channel_question_round_trip),
        TEST(torture_channel_question_limits),
        TEST(torture_channel_question_bad_ones_are_refused),
        TEST(torture_channel_question_reply_round_trip),
        TEST(torture_channel_question_reply_limits),
        TEST(torture_channel_question_reply_texts_are_plain),
        TEST(torture_channel_question_bad_replies_are_refused),
    };

    return torture_run(argc, argv, tests);
}
