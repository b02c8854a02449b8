/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that are not ours are passed to the stock xl.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/xl_stock.h"
#include "support/torture.h"
#include "xl_cmdtable.h"

static char script[64];

/* A stock xl that prints its arguments, one per line, and exits with 42. */
static int setup(void **state)
{
    int fd;
    FILE *f;

    (void)state;
    strcpy(script, "/tmp/torture_xl_stock.XXXXXX");
    fd = mkstemp(script);
    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    fputs("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 42\n", f);
    fchmod(fd, 0755);
    fclose(f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(script);
    unsetenv("XEN_PRECOPY_STOCK_XL");
    return 0;
}

static void torture_xl_stock_gets_the_arguments_unchanged(void **state)
{
    char *argv[] = {
        "xl", "-v", "create", "a b", "", "--precopy-x=*", "-C", NULL
    };
    int fds[2], status;
    char out[256];
    ssize_t n, all = 0;
    pid_t pid;

    (void)state;
    setenv("XEN_PRECOPY_STOCK_XL", script, 1);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (!pid) {
        dup2(fds[1], STDOUT_FILENO);
        _exit(xl_exec_stock(argv));
    }
    close(fds[1]);
    while ((n = read(fds[0], out + all, sizeof(out) - 1 - all)) > 0)
        all += n;
    out[all] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_string_equal(out, "-v\ncreate\na b\n\n--precopy-x=*\n-C\n");
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void torture_xl_stock_is_never_ourselves(void **state)
{
    char err[512] = "", self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)state;
    assert_true(n > 0);
    self[n] = 0;
    setenv("XEN_PRECOPY_STOCK_XL", self, 1);
    assert_null(xl_stock_path(err, sizeof(err)));
    assert_non_null(strstr(err, "this very program"));
    /* Likewise by another name. */
    unlink(script);
    assert_int_equal(symlink(self, script), 0);
    setenv("XEN_PRECOPY_STOCK_XL", script, 1);
    assert_null(xl_stock_path(err, sizeof(err)));
}

static void torture_xl_stock_missing_is_reported(void **state)
{
    char *argv[] = { "xl", "list", NULL };

    (void)state;
    setenv("XEN_PRECOPY_STOCK_XL", "/nowhere/xl", 1);
    assert_int_equal(xl_exec_stock(argv), 127);
}

static void torture_xl_stock_gets_all_commands_but_ours(void **state)
{
    (void)state;
    assert_non_null(xl_find_command("migrate"));
    assert_non_null(xl_find_command("migrate-status"));
    assert_non_null(xl_find_command("migrate-set"));
    assert_non_null(xl_find_command("migrate-cancel"));
    assert_non_null(xl_find_command("migrate-receive"));
    assert_null(xl_find_command("migr"));
    assert_null(xl_find_command("list"));
    assert_null(xl_find_command(""));
}

static void torture_xl_stock_is_waited_for(void **state)
{
    char *argv[] = { "xl", "help", NULL };
    int saved = dup(STDOUT_FILENO);

    (void)state;
    setenv("XEN_PRECOPY_STOCK_XL", script, 1);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    assert_int_equal(xl_run_stock(argv), 42);
    setenv("XEN_PRECOPY_STOCK_XL", "/nowhere/xl", 1);
    assert_int_equal(xl_run_stock(argv), 127);
    dup2(saved, STDOUT_FILENO);
    close(saved);
}

/* As stock's completion expects them: a blank, and the name. */
static void torture_xl_stock_list_is_continued(void **state)
{
    char list[4096] = "";
    FILE *f = fmemopen(list, sizeof(list), "w");

    (void)state;
    xl_list_commands(f);
    fclose(f);
    assert_non_null(strstr(list, "\n migrate-status      Show how far"));
    assert_non_null(strstr(list, "\n dirty-rate          "));
    assert_non_null(strstr(list, "\n migrate-report      "));
    /* These are the stock xl's. */
    assert_null(strstr(list, "\n migrate "));
    assert_null(strstr(list, "migrate-receive"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_stock_gets_the_arguments_unchanged),
        TEST(torture_xl_stock_is_never_ourselves),
        TEST(torture_xl_stock_missing_is_reported),
        TEST(torture_xl_stock_gets_all_commands_but_ours),
        TEST(torture_xl_stock_is_waited_for),
        TEST(torture_xl_stock_list_is_continued),
    };

    return torture_run(argc, argv, tests);
}
