/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-receive, as real processes in front of a stock xl that keeps what
 * it reads.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channels/question.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive.h"
#include "support/fake_connections.h"
#include "support/torture.h"

/* ---- a stock source ------------------------------------------------------ */

static void torture_xl_receive_a_stock_source_sees_no_difference(void **state)
{
    struct receiving r = receiving_start();
    size_t len = 5 << 20, got;
    char *data = malloc(len), *p;

    (void)state;
    stock_does("head -c 5242880 >$GOT; printf 'answer'; cat >>$GOT; exit 7");
    for (size_t i = 0; i < len; i++)
        data[i] = i * i / 99;
    memcpy(data, "Xen saved domain, xl format\n \0 \r", 32);
    expect_banner(&r);
    /* In pieces, of which the first one is short. */
    connection_write(&r, data, 10);
    connection_write(&r, data + 10, len - 10);
    expect_sent(&r, "answer", 6);
    connection_write(&r, "go", 2);
    assert_int_equal(receiving_end(&r), 7);
    p = stock_file("", &got);
    assert_int_equal(got, len + 2);
    assert_memory_equal(p, data, len);
    assert_memory_equal(p + len, "go", 2);
    free(p);
    p = stock_file(".args", &got);
    assert_string_equal(p, "-t migrate-receive -e\n");
    free(p);
    free(data);
    assert_int_equal(count_files(stock.run), 0);
}

/* sshd uses a socket. Data is passed on before more has arrived. */
static void torture_xl_receive_a_stock_source_on_a_socket(void **state)
{
    char header[MIGRATE_HEADER_SIZE] = "Xen saved domain, xl format\n \0 \r";
    struct receiving r;
    int in[2];

    (void)state;
    stock_does("head -c 148 >$GOT; printf 'answer'; head -c 2 >>$GOT; exit 7");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in),
                     0);
    r = receiving_start_by(in);
    expect_banner(&r);
    connection_write(&r, header, sizeof(header));
    for (int i = 0; i < 100; i++)
        connection_write(&r, "x", 1);
    expect_sent(&r, "answer", 6);
    connection_write(&r, "go", 2);
    assert_int_equal(receiving_end(&r), 7);
}

static void torture_xl_receive_without_a_source(void **state)
{
    struct receiving r = receiving_start();

    (void)state;
    expect_banner(&r);
    assert_int_equal(receiving_end(&r), 1);
    expect_message("migration target: no migration has come: the source has "
                   "closed the connection\n");
    r = receiving_start();
    expect_banner(&r);
    connection_write(&r, "GET", 3);
    assert_int_equal(receiving_end(&r), 1);
}

static void torture_xl_receive_incomplete_hello(void **state)
{
    struct receiving r = receiving_start();
    uint8_t bytes[CHANNEL_HELLO_SIZE];
    struct channel_hello h = { .nr = 1 };

    (void)state;
    channel_hello_put(bytes, &h);
    expect_banner(&r);
    connection_write(&r, bytes, sizeof(bytes) - 1);
    assert_int_equal(receiving_end(&r), 1);
    expect_message("migration target: hello ended in its middle: the source "
                   "has closed the connection\n");
}

static void torture_xl_receive_passes_other_commands_to_stock(void **state)
{
    char *argv[] = { "xl", "migrate-receive", "-r", NULL };
    size_t len;
    pid_t pid;
    char *p;

    (void)state;
    stock_does("");
    pid = fork();
    if (!pid) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 1);
        xl_globals.argv = argv;
        _exit(cmd_migrate_receive(2, argv + 1));
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    p = stock_file(".args", &len);
    assert_string_equal(p, "migrate-receive -r\n");
    free(p);
}

/* ---- several connections ------------------------------------------------- */

static void torture_xl_receive_reassembles_the_stream(void **state)
{
    static char some[200000];
    struct receiving r[NR];
    size_t len;
    char *p;

    (void)state;
    stock_does("head -c 600003 >$GOT; printf '" READY "\\0'; "
               "cat >>$GOT; printf '" REPORT "\\0\\0'");
    connections_open(r);
    assert_int_equal(count_files(stock.run), 0);
    for (int i = 2; i >= 0; i--) {
        memset(some, 'a' + i, sizeof(some));
        frame(&r[i], CHANNEL_DATA, i, some, sizeof(some));
    }
    frame(&r[1], CHANNEL_DATA, 3, "end", 3);
    frame(&r[0], CHANNEL_END, 4, NULL, 0);
    expect_sent(&r[0], READY, sizeof(READY));
    frame(&r[0], CHANNEL_GO, 5, GO, sizeof(GO));
    close(r[0].to);
    r[0].to = -1;
    expect_sent(&r[0], REPORT, sizeof(REPORT));
    connections_end(r, 0);
    p = stock_file("", &len);
    assert_int_equal(len, 600003 + sizeof(GO));
    for (int i = 0; i < 3; i++) {
        memset(some, 'a' + i, sizeof(some));
        assert_memory_equal(p + i * sizeof(some), some, sizeof(some));
    }
    assert_memory_equal(p + 600000, "end", 3);
    assert_memory_equal(p + 600003, GO, sizeof(GO));
    free(p);
}

static void torture_xl_receive_one_connection_is_enough(void **state)
{
    struct receiving r = receiving_start();
    size_t len;
    char *p;

    (void)state;
    expect_banner(&r);
    connection_hello(&r, token, 1, 0);
    expect_answer(&r);
    frame(&r, CHANNEL_DATA, 0, "stream", 6);
    frame(&r, CHANNEL_END, 1, NULL, 0);
    assert_int_equal(receiving_end(&r), 0);
    p = stock_file("", &len);
    assert_string_equal(p, "stream");
    free(p);
}

/* ---- failures ------------------------------------------------------------ */

/* Its stock receiver sees the end of the stream, and exits. */
static void torture_xl_receive_ends_if_a_connection_breaks(void **state)
{
    struct receiving r[NR];
    size_t len;
    char *p;

    (void)state;
    connections_open(r);
    frame(&r[0], CHANNEL_DATA, 0, "part", 4);
    close(r[2].to);
    r[2].to = -1;
    /* All receivers end, although the other connections are open. */
    expect_end(&r[0]);
    expect_end(&r[1]);
    connections_end(r, 1);
    p = stock_file("", &len);
    assert_true(len <= 4 && !memcmp(p, "part", len));
    free(p);
}

/* Checks that all receivers end, after passing on what was valid. */
static void expect_all_end(struct receiving r[NR], const char *why)
{
    size_t len;
    char *p;

    for (int i = 0; i < NR; i++)
        expect_end(&r[i]);
    connections_end(r, 1);
    expect_message(why);
    p = stock_file("", &len);
    assert_string_equal(p, "");
    free(p);
    p = stock_file(".end", &len);
    assert_string_equal(p, "seen");
    free(p);
}

static void torture_xl_receive_ends_at_a_damaged_frame(void **state)
{
    uint8_t bytes[CHANNEL_HEAD_SIZE + 4];
    struct channel_head h = { .raw_len = 4, .wire_len = 4 };
    struct receiving r[NR];

    (void)state;
    stock_does("cat >$GOT; printf seen >$GOT.end");
    connections_open(r);
    memcpy(bytes + CHANNEL_HEAD_SIZE, "good", 4);
    channel_head_put(bytes, &h, token, "good");
    bytes[CHANNEL_HEAD_SIZE + 2] ^= 4;
    connection_write(&r[1], bytes, sizeof(bytes));
    expect_all_end(
        r, "migration target: channel 1: a frame is damaged, or of another "
           "migration\n");
}

/* As from an intermediary that knows everything but the token. */
static void torture_xl_receive_ends_at_a_frame_of_another_migration(
    void **state)
{
    struct receiving r[NR];

    (void)state;
    stock_does("cat >$GOT; printf seen >$GOT.end");
    connections_open(r);
    frame_of(other_token, &r[2], CHANNEL_DATA, 0, "evil", 4);
    expect_all_end(
        r, "migration target: channel 2: a frame is damaged, or of another "
           "migration\n");
}

/* Only its head is read. */
static void torture_xl_receive_ends_at_an_oversized_frame(void **state)
{
    static const uint32_t lens[] = { CHANNEL_FRAME_MAX + 1, UINT32_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct channel_head h = { .raw_len = 4, .wire_len = 4 };
        uint8_t bytes[CHANNEL_HEAD_SIZE];
        struct receiving r[NR];

        stock_does("cat >$GOT; printf seen >$GOT.end");
        connections_open(r);
        channel_head_put(bytes, &h, token, "good");
        memcpy(bytes + 16, &lens[i], 4);
        memcpy(bytes + 20, &lens[i], 4);
        connection_write(&r[0], bytes, sizeof(bytes));
        expect_all_end(r,
                       "migration target: channel 0: a frame is too large\n");
    }
}

static void torture_xl_receive_all_end_with_the_first(void **state)
{
    struct receiving r[NR];
    int status;

    (void)state;
    connections_open(r);
    kill(r[0].pid, SIGKILL);
    assert_int_equal(waitpid(r[0].pid, &status, 0), r[0].pid);
    for (int i = 0; i < NR; i++)
        expect_end(&r[i]);
    close(r[0].to);
    close(r[0].from);
    for (int i = 1; i < NR; i++)
        assert_int_equal(receiving_end(&r[i]), 0);
}

/* ---- questions ----------------------------------------------------------- */

static void send_question(struct receiving *r, uint64_t sequence)
{
    static uint8_t bytes[QUESTION_SIZE_MAX];
    static struct question q;

    q.nr = 0;
    question_add(&q, QUESTION_DISK, "/");
    question_add(&q, QUESTION_DISK, "/nowhere");
    question_add(&q, 12345, "?");
    frame(r, CHANNEL_QUESTION, sequence, bytes, question_put(bytes, &q));
}

static void expect_reply(struct receiving *r)
{
    static const struct reply want = { .nr = 3, .item = {
        { .kind = QUESTION_DISK },
        { .kind = QUESTION_DISK, .status = REPLY_WRONG,
          .text = "disk /nowhere: No such file or directory there: attach or "
                  "share it" },
        { .kind = 12345, .status = REPLY_UNKNOWN,
          .text = "the receiver there does not know how" },
    } };
    static uint8_t bytes[REPLY_HEAD_SIZE + REPLY_SIZE_MAX];

    expect_sent(r, bytes, reply_put(bytes, &want, token));
}

/* Nothing of it is passed on. */
static void torture_xl_receive_answers_before_a_stream(void **state)
{
    struct receiving r = connection_open(token, 1, 0);
    size_t len;
    char *p;

    (void)state;
    stock_does("head -c 6 >$GOT; printf ready; cat >>$GOT; exit 3");
    expect_answer(&r);
    send_question(&r, 0);
    expect_reply(&r);
    send_question(&r, 1);
    expect_reply(&r);
    frame(&r, CHANNEL_DATA, 2, "stream", 6);
    expect_sent(&r, "ready", 5);
    frame(&r, CHANNEL_END, 3, NULL, 0);
    frame(&r, CHANNEL_GO, 4, "go", 2);
    assert_int_equal(receiving_end(&r), 3);
    p = stock_file("", &len);
    assert_string_equal(p, "streamgo");
    free(p);
}

/* A source that has heard enough, or too much. */
static void torture_xl_receive_ends_quietly_after_a_question(void **state)
{
    struct receiving r[NR];
    struct stat said;

    (void)state;
    stock_does("cat >$GOT; echo complaint >&2; exit 1");
    connections_open(r);
    send_question(&r[0], 0);
    expect_reply(&r[0]);
    connections_end(r, 0);
    assert_int_equal(stat(stock.said, &said), 0);
    assert_int_equal(said.st_size, 0);
}

static void torture_xl_receive_ends_at_a_bad_question(void **state)
{
    struct receiving r = connection_open(token, 1, 0);

    (void)state;
    expect_answer(&r);
    frame(&r, CHANNEL_QUESTION, 0, "??", 2);
    expect_end(&r);
    assert_int_equal(receiving_end(&r), 1);
    expect_message("migration target: channel 0: a question: it is too "
                   "short\n");
}

/* Each costs the target some work. */
static void torture_xl_receive_answers_a_limited_number(void **state)
{
    struct receiving r = connection_open(token, 1, 0);

    (void)state;
    expect_answer(&r);
    for (int i = 0; i < 64; i++) {
        send_question(&r, i);
        expect_reply(&r);
    }
    send_question(&r, 64);
    expect_end(&r);
    assert_int_equal(receiving_end(&r), 1);
    expect_message("migration target: channel 0: a question: it is one too "
                   "many\n");
}

static void torture_xl_receive_stock_xl_without_migrate_receive(void **state)
{
    struct receiving r = receiving_start();
    FILE *f = fopen(stock.script, "w");

    (void)state;
    fprintf(f, "#!/bin/sh\necho 'no such command, and a long line of help'\n");
    fclose(f);
    expect_banner(&r);
    connection_hello(&r, token, 1, 0);
    expect_end(&r);
    assert_int_equal(receiving_end(&r), 1);
    assert_int_equal(count_files(stock.run), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                           \
    cmocka_unit_test_setup_teardown(name, connections_setup, \
                                    connections_teardown)
        TEST(torture_xl_receive_a_stock_source_sees_no_difference),
        TEST(torture_xl_receive_a_stock_source_on_a_socket),
        TEST(torture_xl_receive_without_a_source),
        TEST(torture_xl_receive_incomplete_hello),
        TEST(torture_xl_receive_passes_other_commands_to_stock),
        TEST(torture_xl_receive_reassembles_the_stream),
        TEST(torture_xl_receive_one_connection_is_enough),
        TEST(torture_xl_receive_ends_if_a_connection_breaks),
        TEST(torture_xl_receive_ends_at_a_damaged_frame),
        TEST(torture_xl_receive_ends_at_a_frame_of_another_migration),
        TEST(torture_xl_receive_ends_at_an_oversized_frame),
        TEST(torture_xl_receive_all_end_with_the_first),
        TEST(torture_xl_receive_answers_before_a_stream),
        TEST(torture_xl_receive_ends_quietly_after_a_question),
        TEST(torture_xl_receive_ends_at_a_bad_question),
        TEST(torture_xl_receive_answers_a_limited_number),
        TEST(torture_xl_receive_stock_xl_without_migrate_receive),
    };

    return torture_run(argc, argv, tests);
}
