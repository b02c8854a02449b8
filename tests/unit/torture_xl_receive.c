/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-receive, as processes that real pipes lead to, in front of a stock
 * xl that keeps what it is given.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
    /* In pieces, the first of them short. */
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

/* sshd has a socket; what is there is passed on before there is more. */
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

static void torture_xl_receive_no_source_at_all(void **state)
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

static void torture_xl_receive_hello_breaks_off(void **state)
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

static void torture_xl_receive_other_commands_are_stock_s(void **state)
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

static void torture_xl_receive_puts_it_together(void **state)
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

static void torture_xl_receive_one_connection_will_do(void **state)
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

/* ---- what goes wrong ----------------------------------------------------- */

/* Its stock receiver has seen the end of its stream, and is gone. */
static void torture_xl_receive_a_connection_that_breaks(void **state)
{
    struct receiving r[NR];
    size_t len;
    char *p;

    (void)state;
    connections_open(r);
    frame(&r[0], CHANNEL_DATA, 0, "part", 4);
    close(r[2].to);
    r[2].to = -1;
    /* All of them end, though the others' ends are open. */
    expect_end(&r[0]);
    expect_end(&r[1]);
    connections_end(r, 1);
    p = stock_file("", &len);
    assert_true(len <= 4 && !memcmp(p, "part", len));
    free(p);
}

/* It is the end for all, with what was good before it. */
static void ends_it(struct receiving r[NR], const char *why)
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

static void torture_xl_receive_a_damaged_frame_ends_it(void **state)
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
    ends_it(r, "migration target: channel 1: a frame is damaged, or of another "
            "migration\n");
}

/* As a program in between would that knows all but the token. */
static void torture_xl_receive_another_s_frame_ends_it(void **state)
{
    struct receiving r[NR];

    (void)state;
    stock_does("cat >$GOT; printf seen >$GOT.end");
    connections_open(r);
    frame_of(other_token, &r[2], CHANNEL_DATA, 0, "evil", 4);
    ends_it(r, "migration target: channel 2: a frame is damaged, or of another "
            "migration\n");
}

/* No more is read of it than its head. */
static void torture_xl_receive_an_oversized_frame_ends_it(void **state)
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
        ends_it(r, "migration target: channel 0: a frame is too large\n");
    }
}

static void torture_xl_receive_the_first_dies_and_so_do_all(void **state)
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

static void torture_xl_receive_a_stock_xl_that_does_not_receive(void **state)
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
        TEST(torture_xl_receive_no_source_at_all),
        TEST(torture_xl_receive_hello_breaks_off),
        TEST(torture_xl_receive_other_commands_are_stock_s),
        TEST(torture_xl_receive_puts_it_together),
        TEST(torture_xl_receive_one_connection_will_do),
        TEST(torture_xl_receive_a_connection_that_breaks),
        TEST(torture_xl_receive_a_damaged_frame_ends_it),
        TEST(torture_xl_receive_another_s_frame_ends_it),
        TEST(torture_xl_receive_an_oversized_frame_ends_it),
        TEST(torture_xl_receive_the_first_dies_and_so_do_all),
        TEST(torture_xl_receive_a_stock_xl_that_does_not_receive),
    };

    return torture_run(argc, argv, tests);
}
