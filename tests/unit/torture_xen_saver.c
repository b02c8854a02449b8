/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/saver.h"

static void torture_xen_saver_is_found_by_its_domain(void **state)
{
    pid_t pid = fake_helper_start("32007"), other;
    char err[XPC_ERR_LEN], who[32];

    (void)state;
    assert_int_equal(xen_saver_check(32007, err), -1);
    assert_int_equal(errno, EBUSY);
    snprintf(who, sizeof(who), "process %d (", (int)pid);
    assert_non_null(strstr(err, who));
    assert_int_equal(xen_saver_check(32008, err), 0);
    assert_true(xen_saver_is(pid, 32007));
    assert_int_equal(xen_saver_find(32007), pid);
    /* Neither a prefix nor the number of a descriptor matches. */
    assert_false(xen_saver_is(pid, 3200));
    assert_int_equal(xen_saver_find(3200), 0);
    assert_false(xen_saver_is(pid, 11));
    assert_false(xen_saver_is(getpid(), 32007));
    other = fake_helper_start("32008");
    assert_int_equal(xen_saver_find(32008), other);
    fake_helper_kill(other);
    fake_helper_kill(pid);
}

/* Or anybody could keep a domain from being migrated. */
static void torture_xen_saver_is_no_other_users(void **state)
{
    pid_t pid;

    (void)state;
    if (getuid())
        skip();
    pid = fake_helper_start_as(65534, "32007");
    assert_int_equal(xen_saver_find(32007), 0);
    assert_false(xen_saver_is(pid, 32007));
    fake_helper_kill(pid);
}

/* Such a helper takes the lock, and is refused. */
static void torture_xen_saver_knows_those_with_the_plugin(void **state)
{
    pid_t stock = fake_helper_start("32007"), ours;

    (void)state;
    assert_int_equal(xen_saver_find_stock(32007), stock);
    fake_helper_kill(stock);
    setenv(XEN_SAVER_ENV, "1", 1);
    ours = fake_helper_start("32007");
    unsetenv(XEN_SAVER_ENV);
    assert_int_equal(xen_saver_find(32007), ours);
    assert_int_equal(xen_saver_find_stock(32007), 0);
    fake_helper_kill(ours);
}

static void torture_xen_saver_ignores_a_dead_process(void **state)
{
    pid_t pid = fake_helper_start("32007");
    siginfo_t info;

    (void)state;
    assert_int_equal(xen_saver_stop(pid), 0);
    /* It is a zombie at first, then gone. */
    assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_status, SIGTERM);
    assert_false(xen_saver_is(pid, 32007));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(xen_saver_find(32007), 0);
}

/* The plug-in runs in such a process, and looks for others. */
static void torture_xen_saver_does_not_find_itself(void **state)
{
    char *argv[] = { "libxl-save-helper", "--save-domain", "11", "-1",
                     "32009", "looks", NULL };
    pid_t pid = fork();
    int status;

    (void)state;
    if (!pid) {
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Such a process looks for others, and exits. */
static void looking_main(int argc, char **argv)
{
    if (argc == 6 && !strcmp(argv[5], "looks"))
        exit(!xen_saver_is(getpid(), 32009) || xen_saver_find(32009));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xen_saver_is_found_by_its_domain),
        cmocka_unit_test(torture_xen_saver_is_no_other_users),
        cmocka_unit_test(torture_xen_saver_knows_those_with_the_plugin),
        cmocka_unit_test(torture_xen_saver_ignores_a_dead_process),
        cmocka_unit_test(torture_xen_saver_does_not_find_itself),
    };

    looking_main(argc, argv);
    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
