/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libxl_precopy.h"
#include "support/torture.h"
#include "xen/store.h"

static void torture_libxl_precopy_params_round_trip(void **state)
{
    libxl_precopy_params in, out;
    char *json;

    (void)state;
    libxl_precopy_params_init(&in);
    in.downtime_ns = 123000000;
    in.max_downtime_ns = 456000000;
    in.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    in.bandwidth_bytes_per_s = 12500000;
    json = libxl_precopy_params_to_json(NULL, &in);
    assert_non_null(json);
    libxl_precopy_params_init(&out);
    assert_int_equal(libxl_precopy_params_from_json(NULL, &out, json), 0);
    assert_memory_equal(&in, &out, sizeof(in));
    free(json);
    libxl_precopy_params_dispose(&in);
    libxl_precopy_params_dispose(&in);
}

static void torture_libxl_precopy_report_round_trip(void **state)
{
    libxl_precopy_report in, out;
    char *json;

    (void)state;
    libxl_precopy_report_init(&in);
    in.outcome = XPC_OUTCOME_ABORTED;
    in.text = strdup("a \"reason\"\nof two lines");
    in.reason = strdup("stalled");
    in.nr_iterations = 3;
    in.iterations = calloc(3, sizeof(*in.iterations));
    in.iterations[2].number = 3;
    in.iterations[2].decision.action = XPC_ABORT;
    json = libxl_precopy_report_to_json(NULL, &in);
    assert_non_null(json);
    libxl_precopy_report_init(&out);
    assert_int_equal(libxl_precopy_report_from_json(NULL, &out, json), 0);
    assert_int_equal(out.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(out.text, in.text);
    assert_string_equal(out.reason, "stalled");
    assert_int_equal(out.nr_iterations, 3);
    assert_int_equal(out.iterations[2].number, 3);
    assert_int_equal(out.iterations[2].decision.action, XPC_ABORT);
    /* A second document replaces the first one, which is freed. */
    assert_int_equal(libxl_precopy_report_from_json(NULL, &out, json), 0);
    free(json);
    libxl_precopy_report_dispose(&in);
    libxl_precopy_report_dispose(&out);
    libxl_precopy_report_dispose(&out);
}

static void torture_libxl_precopy_bad_json_changes_nothing(void **state)
{
    libxl_precopy_params p, before;
    libxl_precopy_report r;

    (void)state;
    libxl_precopy_params_init(&p);
    before = p;
    assert_int_equal(libxl_precopy_params_from_json(NULL, &p, "{"),
                     ERROR_INVAL);
    assert_int_equal(libxl_precopy_params_from_json(NULL, &p,
                     "{\"downtime-ms\": 5, \"nonsense\": 1}"), ERROR_INVAL);
    assert_memory_equal(&p, &before, sizeof(p));
    assert_non_null(strstr(libxl_precopy_json_error(), "nonsense"));
    assert_null(strchr(libxl_precopy_json_error(), '\n'));
    libxl_precopy_report_init(&r);
    r.text = strdup("kept");
    assert_int_equal(libxl_precopy_report_from_json(NULL, &r,
                     "{\"version\": 2}"), ERROR_INVAL);
    assert_string_equal(r.text, "kept");
    assert_non_null(strstr(libxl_precopy_json_error(), "version"));
    libxl_precopy_report_dispose(&r);
    assert_int_equal(libxl_precopy_params_from_json(NULL, &p, "{}"), 0);
    assert_string_equal(libxl_precopy_json_error(), "");
}

static void *look_for_an_error(void *arg)
{
    *(char *)arg = *libxl_precopy_json_error();
    return NULL;
}

/* A failure in one thread does not change the error of another one. */
static void torture_libxl_precopy_json_errors_are_per_thread(void **state)
{
    libxl_precopy_params p;
    char first = 'x';
    pthread_t t;

    (void)state;
    libxl_precopy_params_init(&p);
    assert_int_equal(libxl_precopy_params_from_json(NULL, &p, "["),
                     ERROR_INVAL);
    assert_string_not_equal(libxl_precopy_json_error(), "");
    assert_int_equal(pthread_create(&t, NULL, look_for_an_error, &first), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(first, 0);
}

static void torture_libxl_precopy_helper_is_beside_the_library(void **state)
{
    char cwd[PATH_MAX];
    const char *path;

    (void)state;
    unsetenv("XEN_PRECOPY_SAVE_HELPER");
    path = libxl_precopy_save_helper();
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_int_equal(*path, '/');
    /* The helper of the build tree, not the installed one. */
    assert_non_null(strstr(path,
                           "/libexec/xen-precopy/bin/libxl-save-helper"));
    assert_true(!access(path, X_OK) || !strncmp(path, "/usr/", 5));
    assert_ptr_equal(path, libxl_precopy_save_helper());
}

static void torture_libxl_precopy_helper_from_the_environment(void **state)
{
    (void)state;
    setenv("XEN_PRECOPY_SAVE_HELPER", "/some/where/helper", 1);
    assert_string_equal(libxl_precopy_save_helper(), "/some/where/helper");
    setenv("XEN_PRECOPY_SAVE_HELPER", "", 1);
    assert_string_not_equal(libxl_precopy_save_helper(), "");
    unsetenv("XEN_PRECOPY_SAVE_HELPER");
}

static void torture_libxl_precopy_path_is_in_the_toolstacks_directory(
    void **state)
{
    char path[XEN_STORE_PATH_LEN], small[8];

    (void)state;
    libxl_domain_precopy_path(42, path, sizeof(path));
    assert_string_equal(path, "/libxl/42/precopy");
    libxl_domain_precopy_path(4294967295u, path, sizeof(path));
    assert_string_equal(path, "/libxl/4294967295/precopy");
    libxl_domain_precopy_path(42, small, sizeof(small));
    assert_string_equal(small, "/libxl/");
}

/* The checks do not need Xen, and come before it is called. */
static void torture_libxl_precopy_impossible_params_are_refused(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN] = "";
    libxl_precopy_params p;

    (void)state;
    libxl_precopy_params_init(&p);
    p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;      /* without a maximum */
    assert_int_equal(libxl_domain_live_migrate_check(NULL, 1, &p, err),
                     ERROR_INVAL);
    assert_non_null(strstr(err, "maximum"));
    assert_int_equal(libxl_domain_live_migrate(NULL, 1, -1, 0, &p, NULL),
                     ERROR_INVAL);
    libxl_precopy_params_init(&p);
    *err = 0;
    assert_int_equal(libxl_domain_live_migrate_check(NULL, 0, &p, err),
                     ERROR_INVAL);
    assert_non_null(strstr(err, "domain 0"));
}

/* For a user who cannot reach xenstore. */
static void torture_libxl_precopy_no_xenstore_is_an_error(void **state)
{
    libxl_precopy_report r;
    libxl_precopy_iteration it;

    (void)state;
    setenv("XENSTORED_PATH", "/nowhere/socket", 1);
    setenv("XENSTORED_RUNDIR", "/nowhere", 1);
    libxl_precopy_report_init(&r);
    assert_int_equal(libxl_domain_precopy_report(NULL, 1, &r), ERROR_FAIL);
    assert_int_equal(libxl_domain_precopy_progress(NULL, 1, &it),
                     ERROR_FAIL);
    assert_int_equal(libxl_domain_precopy_clear(NULL, 1), ERROR_FAIL);
    assert_int_equal(libxl_domain_live_migrate(NULL, 1, -1, 0, NULL, NULL),
                     ERROR_FAIL);
    libxl_precopy_report_dispose(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_libxl_precopy_params_round_trip),
        cmocka_unit_test(torture_libxl_precopy_report_round_trip),
        cmocka_unit_test(torture_libxl_precopy_bad_json_changes_nothing),
        cmocka_unit_test(torture_libxl_precopy_json_errors_are_per_thread),
        cmocka_unit_test(torture_libxl_precopy_helper_is_beside_the_library),
        cmocka_unit_test(torture_libxl_precopy_helper_from_the_environment),
        cmocka_unit_test(
            torture_libxl_precopy_path_is_in_the_toolstacks_directory),
        cmocka_unit_test(torture_libxl_precopy_impossible_params_are_refused),
        cmocka_unit_test(torture_libxl_precopy_no_xenstore_is_an_error),
    };

    return torture_run(argc, argv, tests);
}
