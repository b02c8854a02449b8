/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate -C: what the stock xl makes of the file, by a script. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/xl_migrate_config.h"
#include "support/temp_dir.h"
#include "support/torture.h"

static char *script, *name_there;

static int setup(void **state)
{
    if (temp_dir_setup(state))
        return -1;
    script = temp_path("xl");
    return setenv("XEN_PRECOPY_STOCK_XL", script, 1);
}

static int teardown(void **state)
{
    unsetenv("XEN_PRECOPY_STOCK_XL");
    free(script);
    free(name_there);
    name_there = NULL;
    return temp_dir_teardown(state);
}

static void stock_does(const char *what)
{
    append_file(script, what);
    assert_int_equal(chmod(script, 0700), 0);
}

/* Enough of a context for what converts a configuration. */
static char nothing[1 << 16];
static libxl_ctx *const ctx = (libxl_ctx *)nothing;

static char *read_config(int interrupt_fd, char *err)
{
    struct migrate_options o = { .config_file = script };

    *err = 0;
    return migrate_read_config(ctx, 7, &o, interrupt_fd, &name_there, err);
}

static void torture_xl_migrate_config_of_a_bad_file(void **state)
{
    char err[XPC_ERR_LEN];

    (void)state;
    stock_does("#!/bin/sh\nexit 1\n");
    assert_null(read_config(-1, err));
    assert_non_null(strstr(err, "xl create --dryrun can't make JSON of it"));
}

/* The target takes the name from there. */
static void torture_xl_migrate_config_names_the_guest(void **state)
{
    char err[XPC_ERR_LEN], *config;

    (void)state;
    stock_does("#!/bin/sh\necho '{\"c_info\":{\"type\":\"pvh\","
               "\"name\":\"other\"},\"b_info\":{\"type\":\"pvh\"}}'\n");
    config = read_config(-1, err);
    assert_non_null(config);
    assert_non_null(strstr(config, "\"other\""));
    assert_string_equal(name_there, "other");
    free(config);
}

/* It never ends, as with a file that is a pipe to which nobody writes. */
static void torture_xl_migrate_config_is_interrupted(void **state)
{
    char err[XPC_ERR_LEN];
    int fds[2];

    (void)state;
    stock_does("#!/bin/sh\nexec tail -f /dev/null\n");
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "i", 1), 1);
    assert_null(read_config(fds[0], err));
    assert_non_null(strstr(err, "interrupted"));
    /* Nothing runs on. */
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    close(fds[0]);
    close(fds[1]);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_xl_migrate_config_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(of_a_bad_file),
        T(names_the_guest),
        T(is_interrupted),
    };

    return torture_run(argc, argv, tests);
}
