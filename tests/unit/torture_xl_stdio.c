/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output that must not block. A child process acts as xl. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/xl_startup.h"
#include "common/xl_stdio.h"
#include "support/child.h"
#include "support/torture.h"

/* As in xl; and its messages are not this test's. */
static void begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
}

/* Fills it, and empties it. Returns how much that was. */
static size_t fill(int fd)
{
    static char much[4096];
    size_t all = 0;
    ssize_t n;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = write(fd, much, sizeof(much))) > 0 ||
           (n = write(fd, much, 1)) > 0)
        all += n;
    fcntl(fd, F_SETFL, 0);
    return all;
}

static void empty(int fd, size_t len)
{
    static char much[4096];
    ssize_t n;

    while (len) {
        n = read(fd, much, len < sizeof(much) ? len : sizeof(much));
        check(n > 0);
        len -= n;
    }
}

/* Both outputs, to a pipe or socket whose reader does not read at first. */
static void write_to_full(int from, int to)
{
    const char *all = "first\nsecond\nthird\nafter\n";
    char buf[64] = "";
    size_t len = fill(to);

    begin();
    dup2(to, STDERR_FILENO);
    xl_stdio_hold();
    fprintf(stderr, "first\n");
    fprintf(stderr, "%s\n", "second");
    fflush(stderr);
    empty(from, len);
    fprintf(stderr, "third\n");
    check(!xl_stdio_release());
    fprintf(stderr, "after\n");
    for (size_t n = 0; n < strlen(all); n += read(from, buf + n, 64 - n)) {}
    check(!strcmp(buf, all));
    /* Other processes have the same descriptor. */
    check(!(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK));
}

static void pipe_is_full(void)
{
    int fds[2];

    check(!pipe(fds));
    write_to_full(fds[0], fds[1]);
}

static void socket_is_full(void)
{
    int fds[2];

    check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    write_to_full(fds[0], fds[1]);
}

static void torture_xl_stdio_does_not_block(void **state)
{
    (void)state;
    expect_in_child(pipe_is_full);
    expect_in_child(socket_is_full);
}

/* Ctrl-S, and Ctrl-Q. */
static void terminal_is_stopped(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    struct termios t;
    char buf[64] = "";

    begin();
    check(master >= 0 && !grantpt(master) && !unlockpt(master));
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    check(slave >= 0 && !tcgetattr(slave, &t));
    t.c_oflag &= ~OPOST;
    check(!tcsetattr(slave, TCSANOW, &t));
    dup2(slave, STDOUT_FILENO);
    xl_stdio_hold();
    check(!tcflow(slave, TCOOFF));
    printf("first\n");
    printf("second\n");
    check(!tcflow(slave, TCOON));
    check(!xl_finish("migrate", 0));
    for (size_t n = 0; n < 13; n += read(master, buf + n, 64 - n)) {}
    check(!strcmp(buf, "first\nsecond\n"));
}

static void torture_xl_stdio_goes_on_after_ctrl_s(void **state)
{
    (void)state;
    expect_in_child(terminal_is_stopped);
}

static void reader_has_gone(void)
{
    int fds[2];

    begin();
    check(!pipe(fds));
    dup2(fds[1], STDOUT_FILENO);
    close(fds[1]);
    xl_stdio_hold();
    close(fds[0]);
    printf("text\n");
    check(xl_finish("migrate", 0) == 1);
}

static void torture_xl_stdio_tells_of_errors(void **state)
{
    (void)state;
    expect_in_child(reader_has_gone);
}

/* The guard does not print what xl will print. */
static void child_forgets(void)
{
    size_t len;
    char buf[64] = "";
    int fds[2];

    begin();
    check(!pipe(fds));
    len = fill(fds[1]);
    dup2(fds[1], STDERR_FILENO);
    xl_stdio_hold();
    fprintf(stderr, "of xl\n");
    xl_stdio_forget();
    empty(fds[0], len);
    fprintf(stderr, "of the guard\n");
    xl_stdio_release();
    check(read(fds[0], buf, sizeof(buf) - 1) > 0);
    check(!strcmp(buf, "of the guard\n"));
}

static void torture_xl_stdio_forgets_in_a_child(void **state)
{
    (void)state;
    expect_in_child(child_forgets);
}

/* A file is written as before, and a full disk is an error. */
static void files_are_as_before(void)
{
    char path[] = "/tmp/torture_xl_stdio.XXXXXX", buf[64] = "";
    FILE *before = stdout;
    int fd = mkstemp(path);

    begin();
    check(fd >= 0);
    unlink(path);
    check(write(fd, "old\n", 4) == 4);
    dup2(fd, STDOUT_FILENO);
    xl_stdio_hold();
    check(stdout == before);
    printf("new\n");
    check(!xl_finish("migrate", 0));
    check(pread(fd, buf, sizeof(buf), 0) == 8 && !strcmp(buf, "old\nnew\n"));
    fd = open("/dev/full", O_WRONLY);
    dup2(fd, STDOUT_FILENO);
    xl_stdio_hold();
    printf("text\n");
    check(xl_finish("migrate", 0) == 1);
}

static void torture_xl_stdio_leaves_files_alone(void **state)
{
    (void)state;
    expect_in_child(files_are_as_before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_stdio_does_not_block),
        cmocka_unit_test(torture_xl_stdio_goes_on_after_ctrl_s),
        cmocka_unit_test(torture_xl_stdio_tells_of_errors),
        cmocka_unit_test(torture_xl_stdio_forgets_in_a_child),
        cmocka_unit_test(torture_xl_stdio_leaves_files_alone),
    };

    return torture_run(argc, argv, tests);
}
