/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "libxl_precopy_helper.h"
#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/lock.h"

#define PRECOPY "/libxl/7/precopy/"

static pid_t helper;

static int setup(void **state)
{
    (void)state;
    helper = fake_helper_start("7");
    fake_helper_publish(helper, "{\"downtime-ms\":300,\"duration-ms\":60000,"
                        "\"once\":true}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (helper)
        fake_helper_kill(helper);
    helper = 0;
    store_reset();
    return 0;
}

static void torture_libxl_precopy_control_active(void **state)
{
    libxl_precopy_active a;

    (void)state;
    assert_int_equal(libxl_domain_precopy_active(NULL, 7, &a), 0);
    assert_int_equal(a.pid, helper);
    assert_int_equal(a.start_monotonic_ns, 1000);
    assert_int_equal(a.params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(libxl_domain_precopy_active(NULL, 8, &a),
                     ERROR_NOTFOUND);
    store.gone = true;
    assert_int_equal(libxl_domain_precopy_active(NULL, 7, &a), ERROR_FAIL);
}

static void assert_not_under_way(void)
{
    libxl_precopy_params p;
    libxl_precopy_active a;
    char err[LIBXL_PRECOPY_ERR_LEN];

    libxl_precopy_params_init(&p);
    a.pid = 42;
    assert_int_equal(libxl_domain_precopy_active(NULL, 7, &a),
                     ERROR_NOTFOUND);
    assert_int_equal(a.pid, 42);
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), ERROR_NOTFOUND);
    assert_int_equal(libxl_domain_precopy_set_check(NULL, 7, &p, err),
                     ERROR_NOTFOUND);
    assert_non_null(strstr(err, "under way"));
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), ERROR_NOTFOUND);
    assert_int_equal(libxl_domain_precopy_cancel(NULL, 7), ERROR_NOTFOUND);
    assert_null(store_get(PRECOPY "cancel"));
}

static void torture_libxl_precopy_control_no_migration(void **state)
{
    (void)state;
    store_set(PRECOPY "active", NULL);
    assert_not_under_way();
}

static void torture_libxl_precopy_control_a_killed_helper_is_stale(
    void **state)
{
    siginfo_t info;

    (void)state;
    kill(helper, SIGKILL);
    /* It is a zombie at first, then gone. */
    assert_int_equal(waitid(P_PID, helper, &info, WEXITED | WNOWAIT), 0);
    assert_not_under_way();
    assert_int_equal(waitpid(helper, NULL, 0), helper);
    helper = 0;
    assert_not_under_way();
}

static void torture_libxl_precopy_control_another_process_is_stale(
    void **state)
{
    pid_t other = fake_helper_start("70");

    (void)state;
    fake_helper_publish(getpid(), "{}");        /* not a helper */
    assert_not_under_way();
    fake_helper_publish(other, "{}");           /* of another domain */
    assert_not_under_way();
    fake_helper_kill(other);
}

static void torture_libxl_precopy_control_get_returns_the_last_change(
    void **state)
{
    libxl_precopy_params p;
    libxl_precopy_active a;

    (void)state;
    store_set(PRECOPY "current", "{\"downtime-ms\":900}");
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.downtime_ns, 900 * XPC_MS);
    assert_int_equal(p.duration_ns, 0);
    assert_int_equal(libxl_domain_precopy_active(NULL, 7, &a), 0);
    assert_int_equal(a.params.downtime_ns, 300 * XPC_MS);
    /* A node that is invalid or was removed does not count. */
    store_set(PRECOPY "current", "{\"policy\":\"stock\"}");
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.downtime_ns, 300 * XPC_MS);
    store_set(PRECOPY "current", "nonsense");
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.duration_ns, 60 * XPC_S);
    store_set(PRECOPY "current", NULL);
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.duration_ns, 60 * XPC_S);
}

static void torture_libxl_precopy_control_set_writes_all(void **state)
{
    libxl_precopy_params p, back;

    (void)state;
    libxl_precopy_params_init(&p);
    p.downtime_ns = 2 * XPC_S;
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), 0);
    libxl_precopy_params_init(&back);
    assert_int_equal(libxl_precopy_params_from_json(NULL, &back,
                     store_get(PRECOPY "current")), 0);
    assert_int_equal(back.downtime_ns, 2 * XPC_S);
    assert_int_equal(back.duration_ns, 0);
    /* The guest is the migration's, not the caller's. */
    assert_true(back.once);
}

static void torture_libxl_precopy_control_set_refuses_invalid_params(
    void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN], *before;
    libxl_precopy_params p;

    (void)state;
    before = strdup(store_get(PRECOPY "current"));
    libxl_precopy_params_init(&p);
    p.max_downtime_ns = p.downtime_ns / 2;
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), ERROR_INVAL);
    assert_int_equal(libxl_domain_precopy_set_check(NULL, 7, &p, err),
                     ERROR_INVAL);
    assert_non_null(strstr(err, "maximum"));
    libxl_precopy_params_init(&p);
    p.policy = XPC_POLICY_STOCK;
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), ERROR_INVAL);
    assert_string_equal(store_get(PRECOPY "current"), before);
    free(before);
}

static void torture_libxl_precopy_control_refused_change_is_reported(
    void **state)
{
    char *why = NULL;

    (void)state;
    assert_int_equal(libxl_domain_precopy_refused(NULL, 7, &why),
                     ERROR_NOTFOUND);
    store_set(PRECOPY "refused", "because");
    assert_int_equal(libxl_domain_precopy_refused(NULL, 7, &why), 0);
    assert_string_equal(why, "because");
    free(why);
}

static void torture_libxl_precopy_control_cancel_is_written(void **state)
{
    (void)state;
    assert_int_equal(libxl_domain_precopy_cancel(NULL, 7), 0);
    assert_non_null(store_get(PRECOPY "cancel"));
}

static void end_migration(void)
{
    store_set(PRECOPY "active", NULL);
    store_set(PRECOPY "current", NULL);
}

/* The save ends between the look at it and the write, which then fails. */
static void end_within_the_transaction(void)
{
    store.conflicts = 1;
    store.on_transaction = end_migration;
}

/* What is left would be for the next migration. */
static void torture_libxl_precopy_control_nothing_is_written_after_the_end(
    void **state)
{
    libxl_precopy_params p;

    (void)state;
    store.on_transaction = end_within_the_transaction;
    assert_int_equal(libxl_domain_precopy_cancel(NULL, 7), ERROR_NOTFOUND);
    assert_null(store_get(PRECOPY "cancel"));

    fake_helper_publish(helper, "{\"downtime-ms\":300}");
    libxl_precopy_params_init(&p);
    p.downtime_ns = 2 * XPC_S;
    store.on_transaction = end_within_the_transaction;
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), ERROR_NOTFOUND);
    assert_null(store_get(PRECOPY "current"));
}

static void torture_libxl_precopy_control_report_and_progress(void **state)
{
    libxl_precopy_iteration it = { 0 };
    libxl_precopy_report r;

    (void)state;
    libxl_precopy_report_init(&r);
    assert_int_equal(libxl_domain_precopy_progress(NULL, 7, &it),
                     ERROR_NOTFOUND);
    assert_int_equal(libxl_domain_precopy_report(NULL, 7, &r),
                     ERROR_NOTFOUND);
    store_set(PRECOPY "progress", "{\"iteration\":2,\"pages\":5}");
    store_set(PRECOPY "iteration/2", "{\"iteration\":2,\"pages\":5}");
    store_set(PRECOPY "report", "{\"version\":1,\"outcome\":\"aborted\"}");
    it.skipped_pages = 9;
    assert_int_equal(libxl_domain_precopy_progress(NULL, 7, &it), 0);
    assert_int_equal(it.pages, 5);
    assert_int_equal(it.skipped_pages, 0);
    assert_int_equal(libxl_domain_precopy_report(NULL, 7, &r), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_int_equal(r.nr_iterations, 1);
    libxl_precopy_report_dispose(&r);
    store_set(PRECOPY "progress", "{");
    assert_int_equal(libxl_domain_precopy_progress(NULL, 7, &it),
                     ERROR_FAIL);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_null(store_get(PRECOPY "report"));
    assert_null(store_get(PRECOPY "active"));
}

/* Writing for a domain that is gone creates its directory again. */
static void torture_libxl_precopy_control_clear_leaves_no_directory(
    void **state)
{
    struct xs_handle *xs = xs_open(0);

    (void)state;
    xs_write(xs, XBT_NULL, "/libxl/7/precopy/report", "{}", 2);
    xs_close(xs);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_null(store_get("/libxl/7"));
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
}

/* ---- the start of a migration ------------------------------------------- */

/* The helper is fine. It cannot be run, as there is no stock one. */
int __wrap_libxl__precopy_check_helper(const libxl_precopy_params *params,
                                       char *err);
int __wrap_libxl__precopy_check_helper(const libxl_precopy_params *params,
                                       char *err)
{
    (void)params;
    (void)err;
    return 0;
}

static char once[64];           /* the node that is left for the helper */
static char found[512];         /* its value when the helper starts */
static int suspend_rc;

/* In place of libxl's function: records what the plug-in would find. */
int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how)
{
    (void)ctx;
    (void)fd;
    (void)ao_how;
    assert_int_equal(domid, 7);
    assert_true(flags & LIBXL_SUSPEND_LIVE);
    for (size_t i = 0; i < STORE_NODES; i++) {
        const char *path = store_path(i);

        if (path && !strncmp(path, PRECOPY, strlen(PRECOPY)) &&
            strcmp(path, PRECOPY "params") && strcmp(path, PRECOPY "once") &&
            strncmp(path, once, strlen(once)))
            fail_msg("%s is left", path);
    }
    snprintf(found, sizeof(found), "%s", store_get(once));
    return suspend_rc;
}

/* The administrator's parameters, which must not be changed. */
#define STANDING "{\"downtime-ms\":77}"

static int setup_begin(void **state)
{
    static char run[] = "/tmp/torture_libxl_precopy.XXXXXX";

    (void)state;
    strcpy(run + sizeof(run) - 7, "XXXXXX");
    if (!mkdtemp(run))
        return -1;
    setenv("XEN_PRECOPY_RUN", run, 1);
    unsetenv(XEN_LOCK_ENV);
    snprintf(once, sizeof(once), PRECOPY "once/%d", (int)getpid());
    *found = suspend_rc = 0;
    store_set("/libxl/7/type", "pvh");
    store_set(PRECOPY "params", STANDING);
    return 0;
}

static int teardown_begin(void **state)
{
    (void)state;
    if (helper)
        fake_helper_kill(helper);
    helper = 0;
    store_reset();
    return rmdir(getenv("XEN_PRECOPY_RUN"));
}

static void torture_libxl_precopy_control_begin_removes_old_nodes(
    void **state)
{
    static const char *const told[] = {
        PRECOPY "current", PRECOPY "active", PRECOPY "progress",
        PRECOPY "iteration", PRECOPY "iteration/1", PRECOPY "refused",
        PRECOPY "report", PRECOPY "cancel", PRECOPY "overdue",
        PRECOPY "once", PRECOPY "once/2147483646",
    };
    libxl_precopy_params p;

    (void)state;
    libxl_precopy_params_init(&p);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        store_set(told[i], "");
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, &p, NULL), 0);
    assert_non_null(strstr(found, "\"once\":true"));
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, NULL, NULL), 0);
    assert_string_equal(found, "");
    assert_string_equal(store_get(PRECOPY "params"), STANDING);
}

static void torture_libxl_precopy_control_standing_parameters_are_kept(
    void **state)
{
    libxl_precopy_params p;

    (void)state;
    libxl_precopy_params_init(&p);
    suspend_rc = ERROR_FAIL;
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, &p, NULL),
                     ERROR_FAIL);
    assert_null(store_get(once));
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_string_equal(store_get(PRECOPY "params"), STANDING);
}

/* Parameters of another toolstack, whose helper has not read them yet. */
static void torture_libxl_precopy_control_parameters_of_others_are_kept(
    void **state)
{
    char other[64];

    (void)state;
    snprintf(other, sizeof(other), PRECOPY "once/%d", (int)getppid());
    store_set(PRECOPY "once", "");
    store_set(other, "{}");
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_string_equal(store_get(other), "{}");
}

static void torture_libxl_precopy_control_second_migration_changes_nothing(
    void **state)
{
    libxl_precopy_params p;
    char err[XPC_ERR_LEN];
    int lock, rc;

    (void)state;
    libxl_precopy_params_init(&p);
    store_set(PRECOPY "active", "{}");
    store_set(PRECOPY "report", "{}");
    store.writes = 0;
    lock = xen_lock_take(7, "the first one", err);
    assert_true(lock >= 0);
    rc = libxl_domain_live_migrate(NULL, 7, 1, 0, &p, NULL);
    assert_int_equal(rc, ERROR_LOCK_FAIL);
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, NULL, NULL),
                     ERROR_LOCK_FAIL);
    xen_lock_release(lock);
    /* A stock helper, which takes no lock. */
    helper = fake_helper_start("7");
    rc = libxl_domain_live_migrate(NULL, 7, 1, 0, &p, NULL);
    assert_int_equal(rc, ERROR_LOCK_FAIL);
    assert_string_equal(store_get(PRECOPY "active"), "{}");
    assert_string_equal(store_get(PRECOPY "report"), "{}");
    assert_int_equal(store.writes, 0);
    assert_string_equal(found, "");
}

/* The caller, like xl, already holds the lock. */
static void torture_libxl_precopy_control_inherited_lock_is_accepted(
    void **state)
{
    char err[XPC_ERR_LEN];
    int lock = xen_lock_take(7, "xl migrate", err);

    (void)state;
    assert_true(lock >= 0);
    xen_lock_pass_on(lock, true);
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, NULL, NULL), 0);
    xen_lock_pass_on(lock, false);
    assert_int_equal(xen_lock_check(7, err), -1);
    xen_lock_release(lock);
    assert_int_equal(xen_lock_check(7, err), 0);
}

static void torture_libxl_precopy_control_without_a_lock_is_refused(
    void **state)
{
    char *run = strdup(getenv("XEN_PRECOPY_RUN"));

    (void)state;
    setenv("XEN_PRECOPY_RUN", "/proc/none", 1);
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, NULL, NULL),
                     ERROR_FAIL);
    setenv("XEN_PRECOPY_RUN", run, 1);
    assert_null(store_get(once));
    free(run);
}

static void torture_libxl_precopy_control_clear_keeps_an_existing_domain(
    void **state)
{
    struct xs_handle *xs = xs_open(0);

    (void)state;
    xs_write(xs, XBT_NULL, "/libxl/7/type", "pvh", 3);
    xs_write(xs, XBT_NULL, "/libxl/7/precopy/report", "{}", 2);
    xs_close(xs);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_string_equal(store_get("/libxl/7/type"), "pvh");
    assert_non_null(store_get("/libxl/7"));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BEGIN(name) \
    cmocka_unit_test_setup_teardown(name, setup_begin, teardown_begin)
    const struct CMUnitTest tests[] = {
        TEST(torture_libxl_precopy_control_active),
        TEST(torture_libxl_precopy_control_no_migration),
        TEST(torture_libxl_precopy_control_a_killed_helper_is_stale),
        TEST(torture_libxl_precopy_control_another_process_is_stale),
        TEST(torture_libxl_precopy_control_get_returns_the_last_change),
        TEST(torture_libxl_precopy_control_set_writes_all),
        TEST(torture_libxl_precopy_control_set_refuses_invalid_params),
        TEST(torture_libxl_precopy_control_refused_change_is_reported),
        TEST(torture_libxl_precopy_control_cancel_is_written),
        TEST(torture_libxl_precopy_control_nothing_is_written_after_the_end),
        TEST(torture_libxl_precopy_control_report_and_progress),
        BEGIN(torture_libxl_precopy_control_begin_removes_old_nodes),
        BEGIN(torture_libxl_precopy_control_standing_parameters_are_kept),
        BEGIN(torture_libxl_precopy_control_parameters_of_others_are_kept),
        BEGIN(torture_libxl_precopy_control_second_migration_changes_nothing),
        BEGIN(torture_libxl_precopy_control_inherited_lock_is_accepted),
        BEGIN(torture_libxl_precopy_control_without_a_lock_is_refused),
        TEST(torture_libxl_precopy_control_clear_leaves_no_directory),
        TEST(torture_libxl_precopy_control_clear_keeps_an_existing_domain),
    };

    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
