/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A save is refused if the plug-in would be missing. The helper and the plug-in
 * are those that were built. This program, executed again, is the stock helper.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenguest.h>
#include <xenstore.h>

#include "libxl_precopy_helper.h"
#include "support/torture.h"
#include "xen/probe.h"

/* A reference that needs libxenguest. */
static int (*volatile real_save)(xc_interface *, int, uint32_t, uint32_t,
                                 struct save_callbacks *, xc_stream_type_t,
                                 int);

static char dir[64], self[PATH_MAX], helper[PATH_MAX], said[4096];

/* Like the stock helper, it aborts at an unknown command. */
static int stock_helper(const char *mode)
{
    if (strcmp(mode, "--save-domain") && strcmp(mode, "--restore-domain"))
        abort();
    real_save = xc_domain_save;
    return printf("%s\n", mode) < 0;
}

static int setup(void **state)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    (void)state;
    if (n < 0)
        return -1;
    self[n] = 0;
    setenv("XEN_PRECOPY_STOCK_HELPER", self, 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
    unsetenv("LIBXL_SAVE_HELPER");
    unsetenv("XEN_PRECOPY_SAVE_HELPER");
    strcpy(helper, libxl_precopy_save_helper());
    strcpy(dir, "/tmp/torture_save_helper.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    unsetenv("LIBXL_SAVE_HELPER");
    unsetenv("XEN_PRECOPY_SAVE_HELPER");
    unsetenv("XEN_PRECOPY_PROBE");
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/*
 * Runs a command with $D, the test's directory. said has its output. Returns
 * its exit status.
 */
__attribute__((format(printf, 1, 2)))
static int sh(const char *fmt, ...)
{
    char command[3 * PATH_MAX];
    size_t n;
    va_list al;
    FILE *f;

    setenv("D", dir, 1);
    va_start(al, fmt);
    vsnprintf(command, sizeof(command), fmt, al);
    va_end(al);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(said, 1, sizeof(said) - 1, f);
    said[n] = 0;
    return WEXITSTATUS(pclose(f));
}

/* Installs our helper in $D/libexec/x, with a plug-in made by command. */
static void install(const char *command)
{
    assert_int_equal(sh("mkdir -p $D/libexec/x && cp %1$s $D/libexec/x/ && "
                        "P=$D/libexec/x/libxenprecopy-save.so && "
                        "O=$(dirname %1$s)/libxenprecopy-save.so && %2$s",
                        helper, command), 0);
    snprintf(helper, sizeof(helper), "%s/libexec/x/libxl-save-helper", dir);
}

/* The installed helper refuses a save before it runs the stock helper. */
static void assert_refused(const char *why)
{
    assert_int_equal(sh("%s --save-domain 3 4 5 2>&1", helper), 127);
    assert_non_null(strstr(said, why));
    assert_null(strstr(said, "--save-domain"));
    /* The probe reports it, too. */
    assert_int_equal(sh("%s --precopy-probe 2>/dev/null", helper), 127);
    assert_non_null(strstr(said, why));
    /* A restore does not need the plug-in. */
    assert_int_equal(sh("%s --restore-domain 2>&1", helper), 0);
    assert_string_equal(said, "--restore-domain\n");
}

static void torture_save_helper_probe_succeeds_with_the_plugin(void **state)
{
    (void)state;
    assert_int_equal(sh("%s --precopy-probe", helper), 0);
    assert_string_equal(said, "xen-precopy helper: ready\n");
    assert_int_equal(sh("%s --save-domain 3 4 5", helper), 0);
    assert_string_equal(said, "--save-domain\n");
}

/* Truncated at many places, as by a full disk. */
static void torture_save_helper_refuses_a_truncated_plugin(void **state)
{
    (void)state;
    install("head -c -1 $O >$P");
    assert_refused("truncated");
    for (int tenths = 1; tenths < 10; tenths++) {
        sh("D=$D/libexec/x && S=$D/libxenprecopy-save.so && "
           "truncate -s $(($(stat -c %%s $S) * 9 / 10)) $S");
        assert_refused("truncated");
    }
}

static void torture_save_helper_refuses_an_empty_or_missing_plugin(
    void **state)
{
    (void)state;
    install("true >$P");
    assert_refused("file too short");
    assert_int_equal(sh("rm $D/libexec/x/libxenprecopy-save.so"), 0);
    assert_refused("cannot open shared object file");
    assert_int_equal(sh("mkdir $D/libexec/x/libxenprecopy-save.so"), 0);
    assert_refused("can't be loaded");
}

static void torture_save_helper_refuses_a_library_that_is_no_plugin(
    void **state)
{
    (void)state;
    install("echo 'not an ELF object, and long enough for its header to be "
            "read, which takes some text' >$P");
    assert_refused("invalid ELF header");
}

/* The library of the plug-in is not where it was installed. */
static void torture_save_helper_refuses_a_plugin_without_its_library(
    void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip();     /* this program is linked to that library then */
#endif
    install("cp $O $P");
    assert_refused("libxenprecopy.so.0");
}

/* A helper without libxenguest has no save that could be interposed. */
static void torture_save_helper_refuses_a_stock_helper_without_libxenguest(
    void **state)
{
    char script[128];

    (void)state;
    snprintf(script, sizeof(script), "%s/stock", dir);
    sh("printf '#!/bin/sh\\necho \"$@\"\\n' >%1$s; chmod 755 %1$s", script);
    setenv("XEN_PRECOPY_STOCK_HELPER", script, 1);
    assert_refused("set XEN_PRECOPY_STOCK_HELPER");
}

static void torture_save_helper_accepts_a_wrapper_of_the_stock_helper(
    void **state)
{
    char script[128];

    (void)state;
    snprintf(script, sizeof(script), "%s/stock", dir);
    sh("printf '#!/bin/sh\\nexec %2$s \"$@\"\\n' >%1$s; chmod 755 %1$s",
       script, self);
    setenv("XEN_PRECOPY_STOCK_HELPER", script, 1);
    torture_save_helper_probe_succeeds_with_the_plugin(state);
}

static void torture_save_helper_does_not_run_itself(void **state)
{
    (void)state;
    setenv("XEN_PRECOPY_STOCK_HELPER", helper, 1);
    assert_int_equal(sh("%s --save-domain 3 4 5 2>&1", helper), 127);
    assert_non_null(strstr(said, "this very program"));
    assert_int_equal(sh("%s --restore-domain 2>&1", helper), 127);
}

/* A variable that is left in the environment must not end a save. */
static void torture_save_helper_probe_is_not_inherited(void **state)
{
    (void)state;
    setenv("XEN_PRECOPY_PROBE", "1", 1);
    assert_int_equal(sh("%s --save-domain 3 4 5", helper), 0);
    assert_string_equal(said, "--save-domain\n");
}

/* ---- the check before a migration -------------------------------------- */

static int check_helper(bool policy, char *err)
{
    libxl_precopy_params p;

    libxl_precopy_params_init(&p);
    if (!policy)
        p.policy = XPC_POLICY_STOCK;
    return libxl__precopy_check_helper(&p, err);
}

static void torture_save_helper_of_ours_is_accepted(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN] = "";

    (void)state;
    assert_int_equal(check_helper(true, err), 0);
    setenv("LIBXL_SAVE_HELPER", helper, 1);
    assert_int_equal(check_helper(true, err), 0);
}

static void torture_save_helper_foreign_is_refused_for_a_policy(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN] = "";

    (void)state;
    /* The stock helper, and an unrelated program. */
    setenv("LIBXL_SAVE_HELPER", self, 1);
    assert_int_equal(check_helper(true, err), ERROR_FAIL);
    assert_non_null(strstr(err, "LIBXL_SAVE_HELPER"));
    assert_non_null(strstr(err, "unset it"));
    setenv("LIBXL_SAVE_HELPER", "/bin/true", 1);
    assert_int_equal(check_helper(true, err), ERROR_FAIL);
    unsetenv("LIBXL_SAVE_HELPER");
    setenv("XEN_PRECOPY_SAVE_HELPER", "/bin/true", 1);
    assert_int_equal(check_helper(true, err), ERROR_FAIL);
    assert_non_null(strstr(err, "XEN_PRECOPY_SAVE_HELPER"));
    setenv("XEN_PRECOPY_SAVE_HELPER", "/nowhere/helper", 1);
    assert_int_equal(check_helper(true, err), ERROR_FAIL);
    assert_non_null(strstr(err, "No such file"));
}

/* Any program may hang; it is given a limited time. */
static void torture_save_helper_that_hangs_is_killed(void **state)
{
    char script[128], buf[64];

    (void)state;
    snprintf(script, sizeof(script), "%s/hangs", dir);
    sh("printf '#!/bin/sh\necho here\nsleep 3600\n' >%1$s; chmod 755 %1$s",
       script);
    assert_false(xen_probe_run(script, "ready", false, 1, buf, sizeof(buf)));
    /* Likewise one that has closed its output. */
    sh("printf '#!/bin/sh\necho here\nexec sleep 3600 >/dev/null 2>&1\n' >%1$s",
       script);
    assert_false(xen_probe_run(script, "ready", true, 600000, buf,
                               sizeof(buf)));
    assert_string_equal(buf, "here\n");
}

static void torture_save_helper_foreign_is_accepted_without_a_policy(
    void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN] = "";
    libxl_precopy_params p;

    (void)state;
    setenv("LIBXL_SAVE_HELPER", "/bin/true", 1);
    assert_int_equal(check_helper(false, err), 0);
    assert_int_equal(libxl__precopy_check_helper(NULL, err), 0);
    libxl_precopy_params_init(&p);
    p.policy = XPC_POLICY_STOCK;
    p.learned.overhead_ns = 1000000;
    assert_int_equal(libxl__precopy_check_helper(&p, err), 0);
    /* A rate limit needs our helper, and so do channels. */
    p.max_bytes_per_s = 1000000;
    assert_int_equal(libxl__precopy_check_helper(&p, err), ERROR_FAIL);
    p.max_bytes_per_s = 0;
    p.channels = 2;
    assert_int_equal(libxl__precopy_check_helper(&p, err), ERROR_FAIL);
}

static unsigned int reached;        /* the number of calls of xs_open() */

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    reached++;
    errno = ENOENT;
    return NULL;
}

/* The API checks, whether its caller has checked or not. */
static void torture_save_helper_foreign_is_refused_by_the_api(void **state)
{
    libxl_precopy_params p;

    (void)state;
    libxl_precopy_params_init(&p);
    setenv("LIBXL_SAVE_HELPER", self, 1);
    reached = 0;
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, -1, 0, &p, NULL),
                     ERROR_FAIL);
    assert_int_equal(reached, 0);
    setenv("LIBXL_SAVE_HELPER", helper, 1);
    assert_int_equal(libxl_domain_live_migrate(NULL, 7, -1, 0, &p, NULL),
                     ERROR_FAIL);
    assert_int_equal(reached, 1);
}

static void torture_save_helper_broken_is_reported_with_its_reason(
    void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN] = "";

    (void)state;
    install("head -c 100 $O >$P");
    setenv("XEN_PRECOPY_SAVE_HELPER", helper, 1);
    assert_int_equal(check_helper(true, err), ERROR_FAIL);
    assert_non_null(strstr(err, "truncated: reinstall xen-precopy"));
    assert_null(strchr(err, '\n'));
    /* Without a policy, it would fail as well, but later. */
    assert_int_equal(check_helper(false, err), ERROR_FAIL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_save_helper_probe_succeeds_with_the_plugin),
        TEST(torture_save_helper_refuses_a_truncated_plugin),
        TEST(torture_save_helper_refuses_an_empty_or_missing_plugin),
        TEST(torture_save_helper_refuses_a_library_that_is_no_plugin),
        TEST(torture_save_helper_refuses_a_plugin_without_its_library),
        TEST(torture_save_helper_refuses_a_stock_helper_without_libxenguest),
        TEST(torture_save_helper_accepts_a_wrapper_of_the_stock_helper),
        TEST(torture_save_helper_does_not_run_itself),
        TEST(torture_save_helper_probe_is_not_inherited),
        TEST(torture_save_helper_of_ours_is_accepted),
        TEST(torture_save_helper_foreign_is_refused_for_a_policy),
        TEST(torture_save_helper_foreign_is_accepted_without_a_policy),
        TEST(torture_save_helper_that_hangs_is_killed),
        TEST(torture_save_helper_foreign_is_refused_by_the_api),
        TEST(torture_save_helper_broken_is_reported_with_its_reason),
    };

    if (argc > 1 && !strncmp(argv[1], "--", 2))
        return stock_helper(argv[1]);
    return torture_run(argc, argv, tests);
}
