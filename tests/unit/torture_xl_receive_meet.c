/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the connections of a migration meet on the target, and what else may try
 * to connect.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_connections.h"
#include "support/torture.h"

/* ---- the directory ------------------------------------------------------- */

static void expect_directory_refused(void)
{
    struct receiving r = connection_open(token, 2, 0);
    char line[300];

    expect_end(&r);
    assert_int_equal(receiving_end(&r), 1);
    snprintf(line, sizeof(line), "migration target: %s: it must be a "
             "directory of the user's own, with mode 0700\n", stock.run);
    expect_message(line);
}

static void torture_xl_receive_meet_refuses_a_directory_open_to_others(
    void **state)
{
    (void)state;
    assert_int_equal(mkdir(stock.run, 0777), 0);
    for (int mode = 0001; mode <= 0040; mode *= 2) {
        chmod(stock.run, 0700 | mode);
        expect_directory_refused();
    }
}

static void torture_xl_receive_meet_refuses_a_directory_of_another_user(
    void **state)
{
    (void)state;
    assert_int_equal(mkdir(stock.run, 0700), 0);
    if (chown(stock.run, 1, -1))
        skip();     /* only root can change the owner */
    expect_directory_refused();
}

/* Whoever made the link could later point it elsewhere. */
static void torture_xl_receive_meet_refuses_a_symbolic_link(void **state)
{
    char real[112];

    (void)state;
    snprintf(real, sizeof(real), "%s.real", stock.run);
    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink(real, stock.run), 0);
    expect_directory_refused();
    assert_int_equal(rmdir(real), 0);       /* it is empty */
}

/* ---- files that are left ------------------------------------------------- */

/* Killed by any signal, also by SIGKILL. */
static void torture_xl_receive_meet_leaves_nothing_when_killed(void **state)
{
    static const int sigs[] = { SIGTERM, SIGHUP, SIGKILL };
    struct receiving r[NR];
    int status;

    (void)state;
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        r[0] = connection_open(i ? token : other_token, 2, 0);
        expect_answer(&r[0]);
        assert_int_equal(count_files(stock.run), 1);
        kill(r[0].pid, sigs[i]);
        assert_int_equal(waitpid(r[0].pid, &status, 0), r[0].pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(count_files(stock.run), sigs[i] == SIGKILL);
        /* Its stock receiver ends, too. */
        expect_end(&r[0]);
        close(r[0].to);
        close(r[0].from);
    }
    /* The next migration removes what SIGKILL has left. */
    connections_open(r);
    frame(&r[0], CHANNEL_END, 0, NULL, 0);
    connections_end(r, 0);
    assert_int_equal(count_files(stock.run), 0);
}

static void torture_xl_receive_meet_removes_its_socket_if_the_source_gives_up(
    void **state)
{
    struct receiving r = connection_open(token, 2, 0);

    (void)state;
    expect_answer(&r);
    assert_int_equal(receiving_end(&r), 1);
    assert_int_equal(count_files(stock.run), 0);
}

static int connected_to(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (!connect(fd, (struct sockaddr *)a, sizeof(*a)))
        return fd;
    close(fd);
    return -1;
}

/* A socket of another migration whose backlog is full. */
static void torture_xl_receive_meet_keeps_the_socket_of_a_busy_receiver(
    void **state)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), first, next;
    struct receiving r[NR];

    (void)state;
    assert_int_equal(mkdir(stock.run, 0700), 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%.90s/%016d", stock.run, 7);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 0), 0);
    first = connected_to(&a);
    assert_true(first >= 0);
    next = connected_to(&a);
    assert_int_equal(next, -1);
    assert_int_equal(errno, EAGAIN);
    connections_open(r);
    frame(&r[0], CHANNEL_END, 0, NULL, 0);
    connections_end(r, 0);
    assert_int_equal(unlink(a.sun_path), 0);    /* it was not removed */
    close(first);
    close(fd);
}

/* ---- connections --------------------------------------------------------- */

static void torture_xl_receive_meet_refuses_a_wrong_token(void **state)
{
    struct receiving first = connection_open(token, 2, 0), r;
    uint8_t half[CHANNEL_TOKEN];
    struct stat st;

    (void)state;
    expect_answer(&first);
    assert_int_equal(stat(stock.run, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    /* A different token, and one that is half right. */
    r = connection_open(other_token, 2, 1);
    expect_end(&r);
    assert_int_equal(receiving_end(&r), 1);
    memcpy(half, token, sizeof(half));
    half[12]++;
    r = connection_open(half, 2, 1);
    expect_end(&r);
    assert_int_equal(receiving_end(&r), 0);
    /* The right one can still join. */
    r = connection_open(token, 2, 1);
    expect_answer(&r);
    frame(&r, CHANNEL_DATA, 0, "x", 1);
    frame(&first, CHANNEL_END, 1, NULL, 0);
    assert_int_equal(receiving_end(&first), 0);
    assert_int_equal(receiving_end(&r), 0);
}

/* The socket of the only migration. */
static struct sockaddr_un socket_of_migration(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    DIR *d = opendir(stock.run);
    struct dirent *e;

    assert_non_null(d);
    while ((e = readdir(d))) {
        if (e->d_name[0] != '.')
            snprintf(a.sun_path, sizeof(a.sun_path), "%.80s/%.16s", stock.run,
                     e->d_name);
    }
    closedir(d);
    return a;
}

/* Any number of silent connections delays nobody else. */
static void torture_xl_receive_meet_silent_connections_delay_nobody(
    void **state)
{
    int silent[CHANNELS_MAX + 4], nr = 0;
    struct receiving r[NR];
    struct sockaddr_un a;

    (void)state;
    r[0] = connection_open(token, NR, 0);
    expect_answer(&r[0]);
    a = socket_of_migration();
    for (int i = 1; i < NR; i++) {
        while (nr < (i == 1 ? 1 : CHANNELS_MAX + 4)) {
            silent[nr] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
            assert_int_equal(connect(silent[nr++], (struct sockaddr *)&a,
                                     sizeof(a)), 0);
        }
        r[i] = connection_open(token, NR, i);
        expect_answer(&r[i]);
    }
    frame(&r[0], CHANNEL_END, 0, NULL, 0);
    connections_end(r, 0);
    while (nr)
        close(silent[--nr]);
}

static void expect_received(const char *suffix, const char *what)
{
    size_t len;
    char *p = stock_file(suffix, &len);

    assert_string_equal(p, what);
    free(p);
}

/* Their connections are not mixed up. */
static void torture_xl_receive_meet_two_migrations_at_once(void **state)
{
    static const uint8_t *const of[2] = { token, other_token };
    struct receiving r[2][NR];

    (void)state;
    stock_does("cat >$GOT.$(head -c 1)");
    for (int i = 0; i < NR; i++) {
        for (int k = 0; k < 2; k++) {
            r[k][i] = connection_open(of[k], NR, k ? i : (NR - i) % NR);
            expect_answer(&r[k][i]);
        }
    }
    for (int i = 0; i < NR; i++) {
        for (int k = 0; k < 2; k++)
            frame_of(of[k], &r[k][i], CHANNEL_DATA, k ? i : (NR - i) % NR,
                     k ? "xyz" + i : "abc" + (NR - i) % NR, 1);
    }
    for (int k = 0; k < 2; k++) {
        frame_of(of[k], &r[k][0], CHANNEL_END, NR, NULL, 0);
        connections_end(r[k], 0);
    }
    expect_received(".a", "bc");
    expect_received(".x", "yz");
}

static void torture_xl_receive_meet_ends_at_a_duplicate_connection(
    void **state)
{
    struct receiving r[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        r[i] = connection_open(token, 3, i ? 1 : 0);
        if (i < 2)
            expect_answer(&r[i]);
    }
    for (int i = 0; i < 3; i++)
        expect_end(&r[i]);
    assert_true(receiving_end(&r[0]));
    receiving_end(&r[1]);
    receiving_end(&r[2]);
    assert_int_equal(count_files(stock.run), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name)                                           \
    cmocka_unit_test_setup_teardown(name, connections_setup, \
                                    connections_teardown)
        TEST(torture_xl_receive_meet_refuses_a_directory_open_to_others),
        TEST(torture_xl_receive_meet_refuses_a_directory_of_another_user),
        TEST(torture_xl_receive_meet_refuses_a_symbolic_link),
        TEST(torture_xl_receive_meet_leaves_nothing_when_killed),
        TEST(torture_xl_receive_meet_removes_its_socket_if_the_source_gives_up),
        TEST(torture_xl_receive_meet_keeps_the_socket_of_a_busy_receiver),
        TEST(torture_xl_receive_meet_refuses_a_wrong_token),
        TEST(torture_xl_receive_meet_silent_connections_delay_nobody),
        TEST(torture_xl_receive_meet_two_migrations_at_once),
        TEST(torture_xl_receive_meet_ends_at_a_duplicate_connection),
    };

    return torture_run(argc, argv, tests);
}
