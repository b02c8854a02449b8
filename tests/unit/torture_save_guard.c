/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plug-in's side of the guard, with a script of a shell as the guard. It
 * writes down what it is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "save/guard.h"
#include "support/torture.h"

static char program[64], out[80];
static int lock_fd;

/* The guard: tells that it is ready, and runs this. */
static void make_guard(const char *script)
{
    FILE *f = fopen(program, "w");

    assert_non_null(f);
    fprintf(f, "#!/bin/sh\nprintf r >&0\n%s\n", script);
    fclose(f);
    assert_int_equal(chmod(program, 0700), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(program, sizeof(program), "/tmp/torture-guard.%ld",
             (long)getpid());
    snprintf(out, sizeof(out), "%s.out", program);
    save_guard_program = program;
    lock_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(lock_fd);
    unlink(program);
    unlink(out);
    return 0;
}

static void read_out(char *text, size_t len)
{
    FILE *f = fopen(out, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, len - 1, f);
    text[n] = 0;
    fclose(f);
}

/* Its arguments, environment and descriptors. */
static void torture_save_guard_gets_what_it_needs_and_no_more(void **state)
{
    struct save_guard g;
    char err[XPC_ERR_LEN], text[4096], want[64], script[512];
    int inherited = fcntl(lock_fd, F_DUPFD, 20);

    (void)state;
    snprintf(script, sizeof(script), "exec >%s; echo \"$* $LD_PRELOAD.\"; "
             "readlink /proc/$$/fd/3; test -e /proc/$$/fd/%d || echo none",
             out, inherited);
    make_guard(script);
    setenv("LD_PRELOAD", "none.so", 1);
    assert_int_equal(save_guard_start(&g, 7, lock_fd, err), 0);
    assert_true(g.pid > 0);
    /* Its end is waited for. */
    save_guard_end(&g, 0);
    assert_int_equal(g.pid, 0);
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    read_out(text, sizeof(text));
    snprintf(want, sizeof(want), "7 %ld .\n/dev/null\nnone\n",
             (long)getppid());
    assert_string_equal(text, want);
    unsetenv("LD_PRELOAD");
    close(inherited);
}

static void run_guard(char *text, size_t len, bool asked, bool suspended,
                      int rc)
{
    struct save_guard g;
    char err[XPC_ERR_LEN];
    char script[128];
    pid_t pid;

    snprintf(script, sizeof(script), "exec cat >%s", out);
    make_guard(script);
    assert_int_equal(save_guard_start(&g, 7, lock_fd, err), 0);
    if (asked)
        save_guard_asked(&g);
    if (suspended)
        save_guard_suspended(&g);
    pid = g.pid;
    save_guard_end(&g, rc);
    if (g.pid) {
        /* It waits for the end of this process. */
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        close(g.fd);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    read_out(text, len);
}

static void torture_save_guard_outlives_a_switchover_alone(
    void **state)
{
    char text[64];

    (void)state;
    run_guard(text, sizeof(text), true, true, -1);
    assert_string_equal(text, "asf");
    run_guard(text, sizeof(text), true, false, -1);
    assert_string_equal(text, "af");
    run_guard(text, sizeof(text), true, true, 0);
    assert_string_equal(text, "asc");
    run_guard(text, sizeof(text), false, false, -1);
    assert_string_equal(text, "d");
}

static void torture_save_guard_has_to_run(void **state)
{
    struct save_guard g;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(save_guard_start(&g, 7, lock_fd, err), -1);
    assert_int_equal(g.pid, 0);
    assert_non_null(strstr(err, "does not run: No such file or directory: "
                                "reinstall"));
    save_guard_program = "/bin/false";
    assert_int_equal(save_guard_start(&g, 7, lock_fd, err), -1);
    assert_int_equal(g.pid, 0);
    assert_string_equal(err, "its guard /bin/false does not run: see the "
                        "system's log: reinstall xen-precopy");
    assert_int_equal(waitpid(-1, NULL, 0), -1);
}

/* Telling it anything after it was killed is no error. */
static void torture_save_guard_may_be_killed(void **state)
{
    struct save_guard g;
    char err[XPC_ERR_LEN];

    (void)state;
    make_guard("exec cat");
    assert_int_equal(save_guard_start(&g, 7, lock_fd, err), 0);
    assert_true(save_guard_stands(&g));
    kill(g.pid, SIGKILL);
    while (waitpid(g.pid, NULL, 0) < 0)
        ;
    assert_false(save_guard_stands(&g));
    save_guard_asked(&g);
    save_guard_suspended(&g);
    save_guard_end(&g, 0);
    close(g.fd);
    g = (struct save_guard){ .fd = -1 };
    assert_true(save_guard_stands(&g));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_save_guard_gets_what_it_needs_and_no_more),
        TEST(torture_save_guard_outlives_a_switchover_alone),
        TEST(torture_save_guard_has_to_run),
        TEST(torture_save_guard_may_be_killed),
    };

    return torture_run(argc, argv, tests);
}
