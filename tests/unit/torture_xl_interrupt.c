/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which signals interrupt a migration. Each test runs in a process of its own,
 * as signals stay blocked.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xl_interrupt.h"
#include "support/torture.h"

/* Runs fn in a child with the default dispositions. */
static void in_child(void (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (!pid) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define expect(ok) do { if (!(ok)) _exit(__LINE__ % 100 + 1); } while (0)

static void all_three(void)
{
    int fd = interrupt_open();

    expect(fd >= 0 && !interrupt_take(fd));
    raise(SIGHUP);
    expect(interrupt_take(fd) == SIGHUP);
    raise(SIGINT);
    expect(interrupt_take(fd) == SIGINT);
    raise(SIGTERM);
    expect(interrupt_take(fd) == SIGTERM);
    expect(!interrupt_take(fd));
}

static void but_not_ignored(void)
{
    int fd;

    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    fd = interrupt_open();
    expect(fd >= 0);
    raise(SIGHUP);
    raise(SIGINT);
    expect(!interrupt_take(fd));
    raise(SIGTERM);
    expect(interrupt_take(fd) == SIGTERM);
}

static void torture_xl_interrupt_by_three_signals(void **state)
{
    (void)state;
    in_child(all_three);
}

static void torture_xl_interrupt_ignored_signals_stay_ignored(void **state)
{
    (void)state;
    in_child(but_not_ignored);
}

static void stopped_by_the_terminal(void)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        interrupt_refuse_stops();
        /* Ctrl-Z, and output in the background with "stty tostop". */
        raise(SIGTSTP);
        raise(SIGTTOU);
        _exit(7);
    }
    expect(waitpid(pid, &status, WUNTRACED) == pid);
    if (WIFSTOPPED(status))
        kill(pid, SIGKILL);
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void torture_xl_interrupt_a_terminal_stops_nothing(void **state)
{
    (void)state;
    in_child(stopped_by_the_terminal);
}

/* A shell runs this program again, as a user would. */
static void torture_xl_interrupt_respects_nohup_and_background(void **state)
{
    char command[256];

    (void)state;
    snprintf(command, sizeof(command), "exec nohup /proc/%ld/exe --hup "
             ">/dev/null 2>&1", (long)getpid());
    assert_int_equal(system(command), 0);
    /* In the background without job control, as in a script. */
    snprintf(command, sizeof(command), "/proc/%ld/exe --int & wait $!",
             (long)getpid());
    assert_int_equal(system(command), 0);
}

static int taken(int sig)
{
    int fd = interrupt_open();

    raise(sig);
    return fd < 0 || interrupt_take(fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_interrupt_by_three_signals),
        cmocka_unit_test(torture_xl_interrupt_ignored_signals_stay_ignored),
        cmocka_unit_test(torture_xl_interrupt_a_terminal_stops_nothing),
        cmocka_unit_test(torture_xl_interrupt_respects_nohup_and_background),
    };

    if (argc > 1 && !strcmp(argv[1], "--hup"))
        return taken(SIGHUP);
    if (argc > 1 && !strcmp(argv[1], "--int"))
        return taken(SIGINT);
    return torture_run(argc, argv, tests);
}
