/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "torture.h"

#include "fake_xenstore.h"
#include "fake_helper.h"

#include "libxl_precopy_internal.h"
#include "xpc_types.h"
#include "xpc_units.h"

#define DIR "/libxl/7/precopy/"

static pid_t helper;

static int setup(void **state)
{
    (void)state;
    helper = fake_helper_start("7");
    fake_active(helper, "{\"downtime-ms\":300,\"duration-ms\":60000,"
                        "\"once\":true}");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (helper)
        fake_helper_kill(helper);
    helper = 0;
    fake_reset();
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
    fake.gone = true;
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
    assert_null(fake_get(DIR "cancel"));
}

static void torture_libxl_precopy_control_nothing_under_way(void **state)
{
    (void)state;
    fake_set(DIR "active", NULL);
    assert_not_under_way();
}

static void torture_libxl_precopy_control_a_killed_helper_is_stale(
    void **state)
{
    siginfo_t info;

    (void)state;
    kill(helper, SIGKILL);
    /* A zombie at first, then gone. */
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
    fake_active(getpid(), "{}");        /* no helper at all */
    assert_not_under_way();
    fake_active(other, "{}");           /* another domain's */
    assert_not_under_way();
    fake_helper_kill(other);
}

static void torture_libxl_precopy_control_get_has_the_last_change(
    void **state)
{
    libxl_precopy_params p;
    libxl_precopy_active a;

    (void)state;
    fake_set(DIR "params", "{\"downtime-ms\":900}");
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.downtime_ns, 900 * XPC_MS);
    assert_int_equal(p.duration_ns, 0);
    assert_int_equal(libxl_domain_precopy_active(NULL, 7, &a), 0);
    assert_int_equal(a.params.downtime_ns, 300 * XPC_MS);
    /* What the plug-in is going to refuse, or was removed, does not count. */
    fake_set(DIR "params", "{\"policy\":\"stock\"}");
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.downtime_ns, 300 * XPC_MS);
    fake_set(DIR "params", "nonsense");
    assert_int_equal(libxl_domain_precopy_get(NULL, 7, &p), 0);
    assert_int_equal(p.duration_ns, 60 * XPC_S);
    fake_set(DIR "params", NULL);
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
                     fake_get(DIR "params")), 0);
    assert_int_equal(back.downtime_ns, 2 * XPC_S);
    assert_int_equal(back.duration_ns, 0);
    /* The migration's, not the caller's. */
    assert_true(back.once);
}

static void torture_libxl_precopy_control_set_refuses(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN], *before;
    libxl_precopy_params p;

    (void)state;
    before = strdup(fake_get(DIR "params"));
    libxl_precopy_params_init(&p);
    p.max_downtime_ns = p.downtime_ns / 2;
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), ERROR_INVAL);
    assert_int_equal(libxl_domain_precopy_set_check(NULL, 7, &p, err),
                     ERROR_INVAL);
    assert_non_null(strstr(err, "maximum"));
    libxl_precopy_params_init(&p);
    p.policy = XPC_POLICY_STOCK;
    assert_int_equal(libxl_domain_precopy_set(NULL, 7, &p), ERROR_INVAL);
    assert_string_equal(fake_get(DIR "params"), before);
    free(before);
}

static void torture_libxl_precopy_control_refused_is_told(void **state)
{
    char *why = NULL;

    (void)state;
    assert_int_equal(libxl_domain_precopy_refused(NULL, 7, &why),
                     ERROR_NOTFOUND);
    fake_set(DIR "refused", "because");
    assert_int_equal(libxl_domain_precopy_refused(NULL, 7, &why), 0);
    assert_string_equal(why, "because");
    free(why);
}

static void torture_libxl_precopy_control_cancel_is_written(void **state)
{
    (void)state;
    assert_int_equal(libxl_domain_precopy_cancel(NULL, 7), 0);
    assert_non_null(fake_get(DIR "cancel"));
}

/* The two that read what is told of a migration. */
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
    fake_set(DIR "progress", "{\"iteration\":2,\"pages\":5}");
    fake_set(DIR "iteration/2", "{\"iteration\":2,\"pages\":5}");
    fake_set(DIR "report", "{\"version\":1,\"outcome\":\"aborted\"}");
    assert_int_equal(libxl_domain_precopy_progress(NULL, 7, &it), 0);
    assert_int_equal(it.pages, 5);
    assert_int_equal(libxl_domain_precopy_report(NULL, 7, &r), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_int_equal(r.nr_iterations, 1);
    libxl_precopy_report_dispose(&r);
    fake_set(DIR "progress", "{");
    assert_int_equal(libxl_domain_precopy_progress(NULL, 7, &it),
                     ERROR_FAIL);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_null(fake_get(DIR "report"));
    assert_null(fake_get(DIR "active"));
}

/* What is written for a domain that is gone makes its folder anew. */
static void torture_libxl_precopy_control_clear_leaves_no_folder(void **state)
{
    struct xs_handle *xs = xs_open(0);

    (void)state;
    xs_write(xs, XBT_NULL, "/libxl/7/precopy/report", "{}", 2);
    xs_close(xs);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_null(fake_get("/libxl/7"));
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
}

/* The helper does as it should: there is no stock one here to try it with. */
int libxl__precopy_check_helper(const libxl_precopy_params *params, char *err)
{
    (void)params;
    (void)err;
    return 0;
}

/* In place of libxl's: what does the plug-in find as it begins? */
int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how)
{
    (void)ctx;
    (void)fd;
    (void)ao_how;
    assert_int_equal(domid, 7);
    assert_true(flags & LIBXL_SUSPEND_LIVE);
    for (size_t i = 0; i < FAKE_NODES; i++) {
        const char *path = fake.node[i].path;

        if (path && !strncmp(path, DIR, strlen(DIR)) &&
            strcmp(path, DIR "params"))
            fail_msg("%s is left", path);
    }
    return 0;
}

static void torture_libxl_precopy_control_begins_with_nothing_told(
    void **state)
{
    static const char *const told[] = {
        DIR "params", DIR "active", DIR "progress", DIR "iteration",
        DIR "iteration/1", DIR "refused", DIR "report", DIR "cancel",
        DIR "overdue",
    };
    libxl_precopy_params p;

    (void)state;
    libxl_precopy_params_init(&p);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        fake_set(told[i], "");
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, &p, NULL), 0);
    assert_non_null(strstr(fake_get(DIR "params"), "\"once\":true"));
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, 1, 0, NULL, NULL), 0);
    assert_null(fake_get(DIR "params"));
}

static void torture_libxl_precopy_control_clear_keeps_a_domain(void **state)
{
    struct xs_handle *xs = xs_open(0);

    (void)state;
    xs_write(xs, XBT_NULL, "/libxl/7/type", "pvh", 3);
    xs_write(xs, XBT_NULL, "/libxl/7/precopy/report", "{}", 2);
    xs_close(xs);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 7), 0);
    assert_string_equal(fake_get("/libxl/7/type"), "pvh");
    assert_non_null(fake_get("/libxl/7"));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_libxl_precopy_control_active),
        TEST(torture_libxl_precopy_control_nothing_under_way),
        TEST(torture_libxl_precopy_control_a_killed_helper_is_stale),
        TEST(torture_libxl_precopy_control_another_process_is_stale),
        TEST(torture_libxl_precopy_control_get_has_the_last_change),
        TEST(torture_libxl_precopy_control_set_writes_all),
        TEST(torture_libxl_precopy_control_set_refuses),
        TEST(torture_libxl_precopy_control_refused_is_told),
        TEST(torture_libxl_precopy_control_cancel_is_written),
        TEST(torture_libxl_precopy_control_report_and_progress),
        TEST(torture_libxl_precopy_control_begins_with_nothing_told),
        TEST(torture_libxl_precopy_control_clear_leaves_no_folder),
        TEST(torture_libxl_precopy_control_clear_keeps_a_domain),
    };

    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
