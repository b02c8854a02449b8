/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxl's log during a migration, of which some lines are held back.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "migrate/xl_logger.h"
#include "support/report_fixture.h"
#include "support/torture.h"

/* Sends messages through the logger; out is what it printed on stderr. */
static void log_through(char *out, size_t len, bool interrupted, bool show)
{
    struct progress p = { .mode = PROGRESS_NONE };
    struct migrate_logger *l;
    xentoollog_logger *xtl;
    int saved = dup(STDERR_FILENO);

    fflush(stderr);
    assert_non_null(freopen(report_path, "w", stderr));
    l = migrate_logger_open(&p);
    xtl = migrate_logger_xtl(l);
    if (interrupted)
        migrate_logger_hold(l);
    xtl_log(xtl, XTL_ERROR, -1, "libxl", "one %s", "error");
    xtl_log(xtl, XTL_DEBUG, -1, "libxl", "a detail");
    xtl_log(xtl, XTL_ERROR, 125, "libxl", "saving domain: domain did not "
            "respond to suspend request");
    xtl_log(xtl, XTL_ERROR, -1, "xc", "precopy: Domain 7: aborted: no hope");
    xtl_log(xtl, XTL_ERROR, -1, "xc", "precopy: Domain 7: other parameters "
            "were refused, the old ones stay in force: because");
    xtl_progress(xtl, "xc", "Frames iteration 1", 5, 10);
    migrate_logger_forget(l, "nothing like it");
    migrate_logger_release(l, show);
    xtl_log(xtl, XTL_ERROR, -1, "libxl", "last");
    migrate_logger_close(l);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(p.iteration, 2);
    assert_int_equal(p.done, 5);
    read_file(report_path, out, len);
}

static void torture_xl_logger_holds_back_a_false_message(void **state)
{
    char out[4096];

    (void)state;
    log_through(out, sizeof(out), false, false);
    assert_non_null(strstr(out, "one error"));
    assert_non_null(strstr(out, "last"));
    assert_null(strstr(out, "did not respond"));
    assert_null(strstr(out, "a detail"));
    /* xl reports the end itself, but not a change that was refused. */
    assert_null(strstr(out, "no hope"));
    assert_non_null(strstr(out, "refused, the old ones stay"));
    log_through(out, sizeof(out), false, true);
    assert_non_null(strstr(out, "did not respond"));
    assert_true(strstr(out, "one error") < strstr(out, "did not respond"));
}

static void torture_xl_logger_drops_held_messages(void **state)
{
    struct progress p = { .mode = PROGRESS_NONE };
    struct migrate_logger *l = migrate_logger_open(&p);
    xentoollog_logger *xtl = migrate_logger_xtl(l);

    (void)state;
    migrate_logger_hold(l);
    assert_null(migrate_logger_last(l));
    xtl_log(xtl, XTL_ERROR, 2, "libxl", "libxl.c:1:open: can't open it");
    xtl_log(xtl, XTL_ERROR, -1, "libxl", "it did not respond");
    assert_string_equal(migrate_logger_last(l), "it did not respond");
    migrate_logger_forget(l, "did not respond");
    assert_string_equal(migrate_logger_last(l),
                        "can't open it: No such file or directory");
    migrate_logger_release(l, false);
    assert_null(migrate_logger_last(l));
    migrate_logger_close(l);
}

static void torture_xl_logger_holds_back_the_errors_of_an_interruption(
    void **state)
{
    char out[4096];

    (void)state;
    log_through(out, sizeof(out), true, false);
    assert_null(strstr(out, "one error"));
    assert_non_null(strstr(out, "last"));
    log_through(out, sizeof(out), true, true);
    assert_non_null(strstr(out, "one error"));
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, report_setup, report_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_logger_holds_back_a_false_message),
        TEST(torture_xl_logger_drops_held_messages),
        TEST(torture_xl_logger_holds_back_the_errors_of_an_interruption),
    };

    return torture_run(argc, argv, tests);
}
