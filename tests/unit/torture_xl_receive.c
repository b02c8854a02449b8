/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-receive, as processes that real pipes lead to, in front of a stock
 * xl that keeps what it is given.
 */
#include "fake_stock.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "channel_frame.h"

#define NR 3

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";
static const uint8_t other[CHANNEL_TOKEN] = "of another one.";

static int setup(void **state)
{
    (void)state;
    stock_setup();
    stock_does("cat >$GOT");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stock_teardown();
    return 0;
}

static void says_banner(struct receiving *r)
{
    receiving_says(r, MIGRATE_BANNER, strlen(MIGRATE_BANNER));
}

static void put(struct receiving *r, const void *p, size_t len)
{
    for (size_t n = 0; n < len; ) {
        ssize_t m = write(r->to, (const char *)p + n, len - n);

        if (m < 0)
            return;         /* it has refused us by now */
        n += m;
    }
}

static void hello(struct receiving *r, const uint8_t *of, unsigned int nr,
                  unsigned int index)
{
    struct channel_hello h = { .nr = nr, .index = index };
    uint8_t bytes[CHANNEL_HELLO_SIZE];

    memcpy(h.token, of, sizeof(h.token));
    channel_hello_put(bytes, &h);
    put(r, bytes, sizeof(bytes));
}

static void is_answered(struct receiving *r)
{
    uint8_t answer[CHANNEL_ANSWER_SIZE];

    channel_answer_put(answer);
    receiving_says(r, answer, sizeof(answer));
}

static void frame(struct receiving *r, int kind, uint64_t sequence,
                  const void *p, size_t len)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];

    channel_frame_make(&f, kind, sequence, p, len, NULL, token, iov);
    put(r, iov[0].iov_base, iov[0].iov_len);
    put(r, iov[1].iov_base, iov[1].iov_len);
}

/* All connections are there. */
static void open_all(struct receiving r[NR])
{
    for (int i = 0; i < NR; i++) {
        r[i] = receiving_start();
        says_banner(&r[i]);
        hello(&r[i], token, NR, i);
        is_answered(&r[i]);
    }
}

static void end_all(struct receiving r[NR], int status)
{
    int first = receiving_end(&r[0]);

    assert_true(status ? first != 0 : !first);
    for (int i = 1; i < NR; i++)
        assert_int_equal(receiving_end(&r[i]), 0);
}

static unsigned int nr_sockets(void)
{
    DIR *d = opendir(stock.run);
    struct dirent *e;
    unsigned int n = 0;

    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

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
    says_banner(&r);
    /* In pieces, the first of them short. */
    put(&r, data, 10);
    put(&r, data + 10, len - 10);
    receiving_says(&r, "answer", 6);
    put(&r, "go", 2);
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
    assert_int_equal(nr_sockets(), 0);
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
    says_banner(&r);
    put(&r, header, sizeof(header));
    for (int i = 0; i < 100; i++)
        put(&r, "x", 1);
    receiving_says(&r, "answer", 6);
    put(&r, "go", 2);
    assert_int_equal(receiving_end(&r), 7);
}

static void torture_xl_receive_no_source_at_all(void **state)
{
    struct receiving r = receiving_start();

    (void)state;
    says_banner(&r);
    assert_int_equal(receiving_end(&r), 1);
    receiving_told("migration target: no migration has come: the source has "
                   "closed the connection\n");
    r = receiving_start();
    says_banner(&r);
    put(&r, "GET", 3);
    assert_int_equal(receiving_end(&r), 1);
}

static void torture_xl_receive_hello_breaks_off(void **state)
{
    struct receiving r = receiving_start();
    uint8_t bytes[CHANNEL_HELLO_SIZE];
    struct channel_hello h = { .nr = 1 };

    (void)state;
    channel_hello_put(bytes, &h);
    says_banner(&r);
    put(&r, bytes, sizeof(bytes) - 1);
    assert_int_equal(receiving_end(&r), 1);
    receiving_told("migration target: hello ended in its middle: the source "
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
    open_all(r);
    assert_int_equal(nr_sockets(), 0);
    for (int i = 2; i >= 0; i--) {
        memset(some, 'a' + i, sizeof(some));
        frame(&r[i], CHANNEL_DATA, i, some, sizeof(some));
    }
    frame(&r[1], CHANNEL_DATA, 3, "end", 3);
    frame(&r[0], CHANNEL_END, 4, NULL, 0);
    receiving_says(&r[0], READY, sizeof(READY));
    frame(&r[0], CHANNEL_GO, 5, GO, sizeof(GO));
    close(r[0].to);
    r[0].to = -1;
    receiving_says(&r[0], REPORT, sizeof(REPORT));
    end_all(r, 0);
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
    says_banner(&r);
    hello(&r, token, 1, 0);
    is_answered(&r);
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
    open_all(r);
    frame(&r[0], CHANNEL_DATA, 0, "part", 4);
    close(r[2].to);
    r[2].to = -1;
    /* All of them end, though the others' ends are open. */
    assert_int_equal(read(r[0].from, &len, 1), 0);
    assert_int_equal(read(r[1].from, &len, 1), 0);
    end_all(r, 1);
    p = stock_file("", &len);
    assert_true(len <= 4 && !memcmp(p, "part", len));
    free(p);
}

/* By any signal, SIGKILL too. */
static void torture_xl_receive_killed_leaves_nothing(void **state)
{
    static const int sigs[] = { SIGTERM, SIGHUP, SIGKILL };

    (void)state;
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        struct receiving r = receiving_start();
        int status;

        says_banner(&r);
        hello(&r, i ? token : other, 2, 0);
        is_answered(&r);
        assert_int_equal(nr_sockets(), 1);
        kill(r.pid, sigs[i]);
        assert_int_equal(waitpid(r.pid, &status, 0), r.pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(nr_sockets(), sigs[i] == SIGKILL);
        /* Its stock receiver ends as well. */
        while (read(r.from, &status, 1) > 0) {}
        close(r.to);
        close(r.from);
    }
    /* What is left after SIGKILL goes with the next. */
    torture_xl_receive_puts_it_together(NULL);
}

static int connected_to(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (!connect(fd, (struct sockaddr *)a, sizeof(*a)))
        return fd;
    close(fd);
    return -1;
}

/* Another's, who has not got round to who has come. */
static void torture_xl_receive_a_busy_one_is_let_be(void **state)
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
    open_all(r);
    frame(&r[0], CHANNEL_END, 0, NULL, 0);
    end_all(r, 0);
    assert_int_equal(access(a.sun_path, F_OK), 0);
    close(first);
    close(fd);
}

static void torture_xl_receive_the_first_dies_and_so_do_all(void **state)
{
    struct receiving r[NR];
    int status;
    char c;

    (void)state;
    open_all(r);
    kill(r[0].pid, SIGKILL);
    assert_int_equal(waitpid(r[0].pid, &status, 0), r[0].pid);
    for (int i = 0; i < NR; i++)
        assert_int_equal(read(r[i].from, &c, 1), 0);
    close(r[0].to);
    close(r[0].from);
    for (int i = 1; i < NR; i++)
        assert_int_equal(receiving_end(&r[i]), 0);
}

static void torture_xl_receive_strangers_find_no_door(void **state)
{
    struct receiving first = receiving_start(), r;
    uint8_t half[CHANNEL_TOKEN];
    struct stat st;
    char c;

    (void)state;
    says_banner(&first);
    hello(&first, token, 2, 0);
    is_answered(&first);
    assert_int_equal(stat(stock.run, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    /* Another token altogether; and half of the right one. */
    r = receiving_start();
    says_banner(&r);
    hello(&r, other, 2, 1);
    assert_int_equal(read(r.from, &c, 1), 0);
    assert_int_equal(receiving_end(&r), 1);
    memcpy(half, token, sizeof(half));
    half[12]++;
    r = receiving_start();
    says_banner(&r);
    hello(&r, half, 2, 1);
    assert_int_equal(read(r.from, &c, 1), 0);
    assert_int_equal(receiving_end(&r), 0);
    /* The right one still comes in. */
    r = receiving_start();
    says_banner(&r);
    hello(&r, token, 2, 1);
    is_answered(&r);
    frame(&r, CHANNEL_DATA, 0, "x", 1);
    frame(&first, CHANNEL_END, 1, NULL, 0);
    assert_int_equal(receiving_end(&first), 0);
    assert_int_equal(receiving_end(&r), 0);
}

static void torture_xl_receive_a_source_that_gives_up(void **state)
{
    struct receiving r = receiving_start();

    (void)state;
    says_banner(&r);
    hello(&r, token, 2, 0);
    is_answered(&r);
    assert_int_equal(receiving_end(&r), 1);
    assert_int_equal(nr_sockets(), 0);
}

static void torture_xl_receive_a_connection_twice_ends_it(void **state)
{
    struct receiving r[3];
    char c;

    (void)state;
    for (int i = 0; i < 3; i++) {
        r[i] = receiving_start();
        says_banner(&r[i]);
        hello(&r[i], token, 3, i ? 1 : 0);
        if (i < 2)
            is_answered(&r[i]);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(read(r[i].from, &c, 1), 0);
    assert_true(receiving_end(&r[0]));
    receiving_end(&r[1]);
    receiving_end(&r[2]);
    assert_int_equal(nr_sockets(), 0);
}

static void refuses_directory(void)
{
    struct receiving r = receiving_start();
    char line[300], c;

    says_banner(&r);
    hello(&r, token, 2, 0);
    assert_int_equal(read(r.from, &c, 1), 0);
    assert_int_equal(receiving_end(&r), 1);
    snprintf(line, sizeof(line), "migration target: %s: it must be a "
             "directory of the user's own, with mode 0700\n", stock.run);
    receiving_told(line);
}

static void torture_xl_receive_a_directory_that_others_may_use(void **state)
{
    (void)state;
    assert_int_equal(mkdir(stock.run, 0777), 0);
    for (int mode = 0001; mode <= 0040; mode *= 2) {
        chmod(stock.run, 0700 | mode);
        refuses_directory();
    }
}

static void torture_xl_receive_a_directory_that_is_somebody_s(void **state)
{
    (void)state;
    assert_int_equal(mkdir(stock.run, 0700), 0);
    if (chown(stock.run, 1, -1))
        skip();     /* only root can give it away */
    refuses_directory();
}

/* Whoever may set it could lead elsewhere later. */
static void torture_xl_receive_a_directory_that_is_a_link(void **state)
{
    char real[112];

    (void)state;
    snprintf(real, sizeof(real), "%s.real", stock.run);
    assert_int_equal(mkdir(real, 0700), 0);
    assert_int_equal(symlink(real, stock.run), 0);
    refuses_directory();
    assert_int_equal(rmdir(real), 0);       /* nothing is in it */
}

static void torture_xl_receive_a_stock_xl_that_does_not_receive(void **state)
{
    struct receiving r = receiving_start();
    FILE *f = fopen(stock.script, "w");
    char c;

    (void)state;
    fprintf(f, "#!/bin/sh\necho 'no such command, and a long line of help'\n");
    fclose(f);
    says_banner(&r);
    hello(&r, token, 1, 0);
    assert_int_equal(read(r.from, &c, 1), 0);
    assert_int_equal(receiving_end(&r), 1);
    assert_int_equal(nr_sockets(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_xl_receive_a_stock_source_sees_no_difference),
        TEST(torture_xl_receive_a_stock_source_on_a_socket),
        TEST(torture_xl_receive_no_source_at_all),
        TEST(torture_xl_receive_hello_breaks_off),
        TEST(torture_xl_receive_other_commands_are_stock_s),
        TEST(torture_xl_receive_puts_it_together),
        TEST(torture_xl_receive_one_connection_will_do),
        TEST(torture_xl_receive_a_connection_that_breaks),
        TEST(torture_xl_receive_killed_leaves_nothing),
        TEST(torture_xl_receive_a_busy_one_is_let_be),
        TEST(torture_xl_receive_the_first_dies_and_so_do_all),
        TEST(torture_xl_receive_strangers_find_no_door),
        TEST(torture_xl_receive_a_source_that_gives_up),
        TEST(torture_xl_receive_a_connection_twice_ends_it),
        TEST(torture_xl_receive_a_directory_that_others_may_use),
        TEST(torture_xl_receive_a_directory_that_is_somebody_s),
        TEST(torture_xl_receive_a_directory_that_is_a_link),
        TEST(torture_xl_receive_a_stock_xl_that_does_not_receive),
    };

    return torture_run(argc, argv, tests);
}
