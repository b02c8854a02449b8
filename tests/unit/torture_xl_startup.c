/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl inherits. A child process acts as xl. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xl_startup.h"
#include "support/child.h"
#include "support/torture.h"

static void begin_without_descriptors(void)
{
    char c = 'x';

    for (int fd = 0; fd < 3; fd++)
        close(fd);
    xl_startup();
    check(open("/dev/null", O_RDWR) == 3);
    errno = 0;
    check(read(0, &c, 1) < 0 && errno == EBADF);
    errno = 0;
    check(write(1, &c, 1) < 0 && errno == EBADF);
    errno = 0;
    check(write(2, &c, 1) < 0 && errno == EBADF);
}

static void torture_xl_startup_numbers_are_taken(void **state)
{
    (void)state;
    expect_in_child(begin_without_descriptors);
}

static void begin_with_descriptors(void)
{
    int before = open("/dev/null", O_RDWR);

    close(before);
    xl_startup();
    check(open("/dev/null", O_RDWR) == before);
}

static void torture_xl_startup_open_ones_stay(void **state)
{
    (void)state;
    expect_in_child(begin_with_descriptors);
}

static void begin_with_sigchld_ignored(void)
{
    sigset_t set;
    int status;
    pid_t pid;

    signal(SIGCHLD, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    xl_startup();
    pid = fork();
    if (!pid)
        _exit(7);
    check(waitpid(pid, &status, 0) == pid);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    sigprocmask(SIG_BLOCK, NULL, &set);
    check(!sigismember(&set, SIGCHLD));
}

static void torture_xl_startup_children_can_be_waited_for(void **state)
{
    (void)state;
    expect_in_child(begin_with_sigchld_ignored);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_startup_numbers_are_taken),
        cmocka_unit_test(torture_xl_startup_open_ones_stay),
        cmocka_unit_test(torture_xl_startup_children_can_be_waited_for),
    };

    return torture_run(argc, argv, tests);
}
