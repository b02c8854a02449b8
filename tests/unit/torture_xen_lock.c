/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock of a domain, in a temporary directory. Other processes are children
 * that report over a pipe when they hold it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/torture.h"
#include "xen/lock.h"
#include "xen/run.h"

static char base[] = "/tmp/torture_xen_lock.XXXXXX";
static char run[64];
/* Children of a failed test would keep its standard output open. */
static pid_t child[8];
static size_t nr_children;

static int setup(void **state)
{
    (void)state;
    strcpy(base + sizeof(base) - 7, "XXXXXX");
    if (!mkdtemp(base))
        return -1;
    snprintf(run, sizeof(run), "%s/run", base);
    setenv("XEN_PRECOPY_RUN", run, 1);
    unsetenv(XEN_LOCK_ENV);
    return 0;
}

static int teardown(void **state)
{
    char command[100];

    (void)state;
    while (nr_children)
        kill(child[--nr_children], SIGKILL);
    snprintf(command, sizeof(command), "rm -rf %s", base);
    return system(command);
}

static int nr_files(void)
{
    DIR *d = opendir(run);
    struct dirent *e;
    int nr = 0;

    while (d && (e = readdir(d)))
        nr += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return nr;
}

static int take(uint32_t domid)
{
    char err[XPC_ERR_LEN] = "";
    int fd = xen_lock_take(domid, "a test", err);

    if (fd < 0)
        fail_msg("%s", err);
    return fd;
}

/* Checks that the lock is held by that process. */
static void expect_busy(uint32_t domid, pid_t pid, const char *part)
{
    char err[XPC_ERR_LEN] = "", number[32];

    snprintf(number, sizeof(number), "process %ld (", (long)pid);
    errno = 0;
    assert_int_equal(xen_lock_take(domid, "a test", err), -1);
    assert_int_equal(errno, EBUSY);
    if (!strstr(err, number) || !strstr(err, part) || strchr(err, '\n'))
        fail_msg("%s", err);
    *err = 0;
    assert_int_equal(xen_lock_check(domid, err), -1);
    assert_int_equal(errno, EBUSY);
    assert_non_null(strstr(err, number));
}

/* Starts a child that runs part until it is killed. Waits for its report. */
static pid_t start_child(void (*part)(void))
{
    int fds[2];
    pid_t pid;
    char c;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (!pid) {
        close(fds[0]);
        part();
        if (write(fds[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    child[nr_children++ % 8] = pid;
    close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 1);
    close(fds[0]);
    return pid;
}

static void end_child(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    nr_children--;
}

/* ---- exclusion ---------------------------------------------------------- */

static void lock_and_report(void)
{
    char err[XPC_ERR_LEN];

    if (xen_lock_take(7, "xl migrate g1", err) < 0)
        _exit(1);
}

static void torture_xen_lock_second_is_refused_with_the_holder(void **state)
{
    int fd = take(7), other;

    (void)state;
    /* Likewise in the same process. */
    expect_busy(7, getpid(), "a test");
    other = take(8);
    xen_lock_release(fd);
    xen_lock_release(other);
    xen_lock_release(-1);
    fd = start_child(lock_and_report);
    expect_busy(7, fd, "xl migrate g1");
    end_child(fd);
}

static void torture_xen_lock_is_released_when_its_holder_is_killed(
    void **state)
{
    pid_t pid = start_child(lock_and_report);
    int fd;

    (void)state;
    end_child(pid);
    fd = take(7);
    xen_lock_release(fd);
}

static void torture_xen_lock_check_does_not_take_it(void **state)
{
    char err[XPC_ERR_LEN];
    int fd;

    (void)state;
    assert_int_equal(xen_lock_check(7, err), 0);
    assert_int_equal(nr_files(), 0);
    assert_int_equal(xen_lock_check(7, err), 0);
    fd = take(7);
    xen_lock_release(fd);
}

static void torture_xen_lock_removes_its_files(void **state)
{
    int fd = take(7), other = take(8);
    pid_t pid;

    (void)state;
    assert_int_equal(nr_files(), 2);
    xen_lock_release(fd);
    assert_int_equal(nr_files(), 1);
    expect_busy(8, getpid(), "");
    xen_lock_release(other);
    assert_int_equal(nr_files(), 0);
    pid = start_child(lock_and_report);
    end_child(pid);
    assert_int_equal(nr_files(), 1);
    fd = take(9);
    assert_int_equal(nr_files(), 1);
    xen_lock_release(fd);
    assert_int_equal(nr_files(), 0);
}

/* ---- inheritance -------------------------------------------------------- */

static int held = -1;

static void keep_lock(void)
{
}

/* Like the guard, which outlives xl. */
static void torture_xen_lock_is_kept_by_a_forked_child(void **state)
{
    pid_t pid, parent;
    int status, fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    parent = fork();
    if (!parent) {
        held = take(7);
        pid = start_child(keep_lock);
        if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(status, 0);
    expect_busy(7, parent, "has ended, but its guard or save helper has not");
    assert_int_equal(kill(pid, SIGKILL), 0);
    /* It is not our child, so its end is visible by the lock alone. */
    for (;;) {
        char err[XPC_ERR_LEN];
        int fd = xen_lock_take(7, "a test", err);

        if (fd >= 0) {
            xen_lock_release(fd);
            break;
        }
        assert_int_equal(errno, EBUSY);
    }
}

static void sign_and_report(void)
{
    xen_lock_sign(held, "the guard of xl migrate");
}

static void torture_xen_lock_guard_writes_its_own_pid(void **state)
{
    pid_t pid;

    (void)state;
    held = take(7);
    pid = start_child(sign_and_report);
    expect_busy(7, pid, "(the guard of xl migrate)");
    xen_lock_release(held);
    expect_busy(7, pid, "");
    end_child(pid);
    held = take(7);
    xen_lock_release(held);
}

static void torture_xen_lock_long_text_is_one_line(void **state)
{
    char text[300], err[XPC_ERR_LEN];
    int fd;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    text[3] = '\033';
    fd = xen_lock_take(7, text, err);
    assert_true(fd >= 0);
    assert_int_equal(xen_lock_check(7, err), -1);
    assert_true(strlen(err) < XPC_ERR_LEN - 1);
    assert_null(strchr(err, '\033'));
    assert_non_null(strstr(err, "try again"));
    xen_lock_release(fd);
}

static void torture_xen_lock_is_inherited_by_number(void **state)
{
    int fd = take(7), copy;

    (void)state;
    assert_int_equal(xen_lock_inherited(7), -1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    xen_lock_pass_on(fd, true);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    copy = xen_lock_inherited(7);
    assert_true(copy >= 0 && copy != fd);
    assert_true(fcntl(copy, F_GETFD) & FD_CLOEXEC);
    /* It is not the lock of another domain. */
    assert_int_equal(xen_lock_inherited(8), -1);
    close(copy);
    expect_busy(7, getpid(), "");
    xen_lock_pass_on(fd, false);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_null(getenv(XEN_LOCK_ENV));
    xen_lock_pass_on(-1, true);
    assert_null(getenv(XEN_LOCK_ENV));
    xen_lock_release(fd);
}

/* No value in the environment circumvents the lock. */
static void torture_xen_lock_wrong_descriptor_is_refused(void **state)
{
    char path[100], number[16];
    pid_t pid = start_child(lock_and_report);
    int other = take(8), opened;
    const char *const bad[] = { "", "x", "-1", "7x", "99999999999999999999",
                                "2147483647", "0", number };

    (void)state;
    snprintf(number, sizeof(number), "%d", other);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv(XEN_LOCK_ENV, bad[i], 1);
        assert_int_equal(xen_lock_inherited(7), -1);
    }
    /* The right file, opened without the lock. */
    snprintf(path, sizeof(path), "%s/7.lock", run);
    opened = open(path, O_RDWR);
    assert_true(opened >= 0);
    snprintf(number, sizeof(number), "%d", opened);
    setenv(XEN_LOCK_ENV, number, 1);
    assert_int_equal(xen_lock_inherited(7), -1);
    expect_busy(7, pid, "");
    end_child(pid);
    /* A file that was removed excludes nobody. */
    xen_lock_release(other);
    assert_int_equal(xen_lock_inherited(7), -1);
    close(opened);
}

/* ---- the directory ------------------------------------------------------ */

static void torture_xen_lock_needs_its_directory(void **state)
{
    char err[XPC_ERR_LEN], path[100];

    (void)state;
    setenv("XEN_PRECOPY_RUN", "/proc/none/xen-precopy", 1);
    assert_int_equal(xen_lock_take(7, "a test", err), -1);
    assert_int_not_equal(errno, EBUSY);
    assert_non_null(strstr(err, "domain 7 can't be locked: "
                                "/proc/none/xen-precopy: "));
    assert_int_equal(xen_lock_check(7, err), -1);
    setenv("XEN_PRECOPY_RUN", run, 1);
    assert_int_equal(mkdir(run, 0700), 0);
    chmod(run, 0770);
    assert_int_equal(xen_lock_take(7, "a test", err), -1);
    assert_non_null(strstr(err, "mode 0700"));
    chmod(run, 0700);
    /* A symbolic link in place of the file is not followed. */
    snprintf(path, sizeof(path), "%s/7.lock", run);
    assert_int_equal(symlink("/tmp/elsewhere", path), 0);
    assert_int_equal(xen_lock_take(7, "a test", err), -1);
    assert_int_not_equal(errno, EBUSY);
    assert_non_null(strstr(err, "7.lock"));
}

static void torture_xen_lock_leaves_other_files_alone(void **state)
{
    char path[100];
    int fd;

    (void)state;
    assert_int_equal(mkdir(run, 0700), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", run, i == 0 ? ".lock" :
                 i == 1 ? "0123456789abcdef" : "7.locks");
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    fd = take(7);
    xen_lock_release(fd);
    assert_int_equal(nr_files(), 2);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xen_lock_second_is_refused_with_the_holder),
        TEST(torture_xen_lock_is_released_when_its_holder_is_killed),
        TEST(torture_xen_lock_check_does_not_take_it),
        TEST(torture_xen_lock_removes_its_files),
        TEST(torture_xen_lock_is_kept_by_a_forked_child),
        TEST(torture_xen_lock_guard_writes_its_own_pid),
        TEST(torture_xen_lock_long_text_is_one_line),
        TEST(torture_xen_lock_is_inherited_by_number),
        TEST(torture_xen_lock_wrong_descriptor_is_refused),
        TEST(torture_xen_lock_needs_its_directory),
        TEST(torture_xen_lock_leaves_other_files_alone),
    };

    return torture_run(argc, argv, tests);
}
