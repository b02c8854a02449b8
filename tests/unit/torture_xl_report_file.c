/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report's file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/migration.h"
#include "migrate/xl_report_file.h"
#include "support/report_fixture.h"
#include "support/torture.h"

static void torture_xl_report_file_is_replaced_as_a_whole(void **state)
{
    struct xl_output rf;
    struct xpc_report r, back;
    char err[XPC_ERR_LEN], buf[8192];
    struct stat st;
    FILE *old = fopen(report_path, "w");

    (void)state;
    fputs("what was there", old);
    fclose(old);
    assert_int_equal(report_file_open(&rf, report_path, err), 0);
    /* The old contents stay until the new file is complete. */
    read_file(report_path, buf, sizeof(buf));
    assert_string_equal(buf, "what was there");
    report_fill(&r);
    assert_int_equal(report_file_close(&rf, &r), 0);
    read_file(report_path, buf, sizeof(buf));
    xpc_report_init(&back);
    assert_int_equal(xpc_from_json(&xpc_report_type, &back, buf, strlen(buf),
                                   err), 0);
    assert_int_equal(back.actual_downtime_ns, 225000000);
    assert_int_equal(stat(report_path, &st), 0);
    assert_int_equal(st.st_mode & 0400, 0400);
    assert_int_equal(report_remove_files(), 1);
    xpc_report_dispose(&r);
    xpc_report_dispose(&back);
}

static void write_report(const char *name)
{
    struct xl_output rf;
    struct xpc_report r;
    char err[XPC_ERR_LEN];

    assert_int_equal(report_file_open(&rf, name, err), 0);
    report_fill(&r);
    assert_int_equal(report_file_close(&rf, &r), 0);
    xpc_report_dispose(&r);
}

static void assert_is_report(const char *name)
{
    char buf[8192];

    read_file(name, buf, sizeof(buf));
    assert_int_equal(*buf, '{');
    assert_non_null(strstr(buf, "\"migrated\""));
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void torture_xl_report_file_keeps_mode_and_owner(void **state)
{
    bool root = !geteuid();
    struct stat st;

    (void)state;
    write_file(report_path, "old");
    assert_int_equal(chmod(report_path, 0640), 0);
    if (root)
        assert_int_equal(chown(report_path, 12, 34), 0);
    write_report(report_path);
    assert_is_report(report_path);
    assert_int_equal(stat(report_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    if (root) {
        assert_int_equal(st.st_uid, 12);
        assert_int_equal(st.st_gid, 34);
    }
    assert_int_equal(report_remove_files(), 1);
}

/* Two links, the first one relative: the file at the end is replaced. */
static void torture_xl_report_file_follows_symbolic_links(void **state)
{
    char first[128], second[128], buf[64];
    struct stat st;

    (void)state;
    snprintf(first, sizeof(first), "%s/first", report_dir);
    snprintf(second, sizeof(second), "%s/second", report_dir);
    assert_int_equal(symlink("second", first), 0);
    assert_int_equal(symlink(report_path, second), 0);
    /* A file that does not exist is created there. */
    write_report(first);
    assert_is_report(report_path);
    write_file(report_path, "old");
    write_report(first);
    assert_is_report(report_path);
    assert_int_equal(lstat(report_path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(readlink(first, buf, sizeof(buf)), 6);
    assert_true(readlink(second, buf, sizeof(buf)) > 0);
    assert_int_equal(report_remove_files(), 3);
}

static void torture_xl_report_file_refuses_a_loop_of_links(void **state)
{
    struct xl_output rf;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(symlink("report", report_path), 0);
    assert_int_equal(report_file_open(&rf, report_path, err), -1);
    assert_non_null(strstr(err, "symbolic links"));
}

static void torture_xl_report_file_is_replaced_under_all_its_hard_links(
    void **state)
{
    char other[128];

    (void)state;
    snprintf(other, sizeof(other), "%s/other", report_dir);
    write_file(report_path,
               "a text that was longer than the report will be, perhaps");
    assert_int_equal(link(report_path, other), 0);
    write_report(report_path);
    assert_is_report(report_path);
    assert_is_report(other);
    assert_int_equal(report_remove_files(), 2);
}

/*
 * Writes a report to name in a child whose standard output is redirected to
 * the file at report_path, where there is text already.
 */
static void report_to(const char *name)
{
    struct stat st;
    char buf[8192];
    pid_t pid;
    int status;

    write_file(report_path, "");
    pid = fork();
    if (!pid) {
        assert_non_null(freopen(report_path, "a", stdout));
        assert_true(dup2(STDOUT_FILENO, 9) == 9);
        fputs("before\n", stdout);
        write_report(name);
        fputs("after\n", stdout);
        fflush(stdout);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    read_file(report_path, buf, sizeof(buf));
    assert_memory_equal(buf, "before\n{", 8);
    assert_non_null(strstr(buf, "}\nafter\n"));
    assert_int_equal(lstat(report_path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(report_remove_files(), 1);
}

/* The test must not change the machine's /dev. */
static void torture_xl_report_file_may_be_a_descriptor(void **state)
{
    struct stat before, after;
    char link[128];

    (void)state;
    assert_int_equal(lstat("/dev/stdout", &before), 0);
    report_to("/proc/self/fd/1");
    report_to("/dev/fd/9");
    report_to("/dev/stdout");
    assert_int_equal(lstat("/dev/stdout", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    /* Through a symbolic link, as some container images have it. */
    snprintf(link, sizeof(link), "%s.link", report_dir);
    assert_int_equal(symlink("/dev/stdout", link), 0);
    report_to(link);
    assert_int_equal(unlink(link), 0);
}

static void torture_xl_report_file_refuses_a_closed_descriptor(void **state)
{
    struct xl_output rf;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(report_file_open(&rf, "/proc/self/fd/77", err), -1);
    assert_non_null(strstr(err, "can't be written"));
}

static void torture_xl_report_file_may_be_a_fifo(void **state)
{
    char buf[8192];
    struct stat st;
    int fd;

    (void)state;
    assert_int_equal(mkfifo(report_path, 0600), 0);
    fd = open(report_path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    write_report(report_path);
    assert_true(read(fd, buf, sizeof(buf)) > 0);
    assert_int_equal(*buf, '{');
    close(fd);
    assert_int_equal(lstat(report_path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(report_remove_files(), 1);
}

static void torture_xl_report_file_is_removed_without_a_report(void **state)
{
    struct xl_output rf;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(report_file_open(&rf, report_path, err), 0);
    assert_int_equal(report_file_close(&rf, NULL), 0);
    assert_int_equal(report_file_close(&rf, NULL), 0);
    assert_int_equal(report_remove_files(), 0);
    assert_int_equal(report_file_open(&rf, NULL, err), 0);
    assert_int_equal(report_file_close(&rf, NULL), 0);
}

static void torture_xl_report_file_that_is_not_writable_is_refused_at_once(
    void **state)
{
    static const char *const bad[] = { "/nowhere/at/all", "/", "/tmp/" };
    struct xl_output rf;
    char err[XPC_ERR_LEN];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(report_file_open(&rf, bad[i], err), -1);
        assert_non_null(strstr(err, bad[i]));
        assert_int_equal(report_file_close(&rf, NULL), 0);
    }
}

static void torture_xl_report_file_may_be_a_device(void **state)
{
    struct xl_output rf;
    struct xpc_report r;
    char err[XPC_ERR_LEN];
    struct stat st;

    (void)state;
    report_fill(&r);
    assert_int_equal(report_file_open(&rf, "/dev/null", err), 0);
    assert_int_equal(report_file_close(&rf, &r), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    /* A full disk is an error. */
    assert_int_equal(report_file_open(&rf, "/dev/full", err), 0);
    assert_int_equal(report_file_close(&rf, &r), -1);
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, report_setup, report_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_report_file_is_replaced_as_a_whole),
        TEST(torture_xl_report_file_keeps_mode_and_owner),
        TEST(torture_xl_report_file_follows_symbolic_links),
        TEST(torture_xl_report_file_refuses_a_loop_of_links),
        TEST(torture_xl_report_file_is_replaced_under_all_its_hard_links),
        TEST(torture_xl_report_file_may_be_a_descriptor),
        TEST(torture_xl_report_file_refuses_a_closed_descriptor),
        TEST(torture_xl_report_file_may_be_a_fifo),
        TEST(torture_xl_report_file_is_removed_without_a_report),
        TEST(torture_xl_report_file_that_is_not_writable_is_refused_at_once),
        TEST(torture_xl_report_file_may_be_a_device),
    };

    return torture_run(argc, argv, tests);
}
