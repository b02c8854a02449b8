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
#include "support/few_files.h"
#include "support/torture.h"
#include "xen/saver.h"

/*
 * A domain of this process's own, and another one: the test may run twice on a
 * machine.
 */
static uint32_t domid, other_domid;
static char domain[12], other_domain[12];

static void choose_domains(void)
{
    domid = 10000 + 2 * (getpid() % 10000);
    other_domid = domid + 1;
    snprintf(domain, sizeof(domain), "%u", domid);
    snprintf(other_domain, sizeof(other_domain), "%u", other_domid);
}

static void torture_xen_saver_is_found_by_its_domain(void **state)
{
    pid_t pid = fake_helper_start(domain), other;
    char err[XPC_ERR_LEN], who[32];

    (void)state;
    assert_int_equal(xen_saver_check(domid, err), -1);
    assert_int_equal(errno, EBUSY);
    snprintf(who, sizeof(who), "process %d (", (int)pid);
    assert_non_null(strstr(err, who));
    assert_int_equal(xen_saver_check(other_domid, err), 0);
    assert_true(xen_saver_is(pid, domid));
    assert_int_equal(xen_saver_find(domid), pid);
    /* Neither a prefix nor the number of a descriptor matches. */
    assert_false(xen_saver_is(pid, domid / 10));
    assert_int_equal(xen_saver_find(domid / 10), 0);
    assert_false(xen_saver_is(pid, 11));
    assert_false(xen_saver_is(getpid(), domid));
    other = fake_helper_start(other_domain);
    assert_int_equal(xen_saver_find(other_domid), other);
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
    pid = fake_helper_start_as(65534, domain);
    assert_int_equal(xen_saver_find(domid), 0);
    assert_false(xen_saver_is(pid, domid));
    fake_helper_kill(pid);
}

/* Such a helper takes the lock, and is refused. */
static void torture_xen_saver_knows_those_with_the_plugin(void **state)
{
    pid_t stock = fake_helper_start(domain), ours;

    (void)state;
    assert_int_equal(xen_saver_find_stock(domid), stock);
    fake_helper_kill(stock);
    setenv(XEN_SAVER_ENV, "1", 1);
    ours = fake_helper_start(domain);
    unsetenv(XEN_SAVER_ENV);
    assert_int_equal(xen_saver_find(domid), ours);
    assert_int_equal(xen_saver_find_stock(domid), 0);
    fake_helper_kill(ours);
}

static void torture_xen_saver_ignores_a_dead_process(void **state)
{
    pid_t pid = fake_helper_start(domain);
    siginfo_t info;

    (void)state;
    assert_int_equal(xen_saver_stop(pid), 0);
    /* It is a zombie at first, then gone. */
    assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_status, SIGTERM);
    assert_false(xen_saver_is(pid, domid));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(xen_saver_find(domid), 0);
}

/*
 * Without a descriptor for /proc, or for one of its files, it is not known that
 * there is none.
 */
static void torture_xen_saver_does_not_know_without_proc(void **state)
{
    pid_t pid = fake_helper_start(domain);
    char err[XPC_ERR_LEN];

    (void)state;
    for (int more = 0; more < 2; more++) {
        few_files(more);
        assert_int_equal(xen_saver_find(other_domid), -1);
        assert_int_equal(errno, EMFILE);
        assert_int_equal(xen_saver_find_stock(domid), -1);
        assert_int_equal(xen_saver_check(other_domid, err), -1);
        assert_int_equal(errno, EMFILE);
        assert_non_null(strstr(err, "can't tell"));
        if (!more)
            assert_int_equal(xen_saver_is(pid, domid), -1);
        few_files_end();
    }
    assert_int_equal(xen_saver_is(pid, domid), 1);
    fake_helper_kill(pid);
}

/* The plug-in runs in such a process, and looks for others. */
static void torture_xen_saver_does_not_find_itself(void **state)
{
    char *argv[] = { "libxl-save-helper", "--save-domain", "11", "-1",
                     domain, "looks", NULL };
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
    uint32_t own;

    if (argc < 6 || strcmp(argv[5], "looks"))
        return;
    own = atoi(argv[4]);
    exit(!xen_saver_is(getpid(), own) || xen_saver_find(own));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xen_saver_is_found_by_its_domain),
        cmocka_unit_test(torture_xen_saver_is_no_other_users),
        cmocka_unit_test(torture_xen_saver_knows_those_with_the_plugin),
        cmocka_unit_test(torture_xen_saver_ignores_a_dead_process),
        cmocka_unit_test(torture_xen_saver_does_not_know_without_proc),
        cmocka_unit_test(torture_xen_saver_does_not_find_itself),
    };

    looking_main(argc, argv);
    choose_domains();
    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
