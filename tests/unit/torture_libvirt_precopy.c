/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is preloaded into libvirtd, between libvirt's Xen driver, which is
 * played here, and libxl and libvirt, which are too.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "base/clock.h"
#include "json/migration.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/store.h"

void virReportErrorHelper(int domain, int code, const char *file,
                          const char *function, size_t line, const char *fmt,
                          ...);

static struct {
    int rc;
    int outcome;                /* of the report; -1: none is written */
    const char *text;
    bool suspended;
    bool old;                   /* the report is of an earlier migration */
    int resumed;
    int resume_rc;
    char error[2048];           /* what virsh shows */
} world;

/* ---- libxl and libvirt --------------------------------------------------- */

static int suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                   const libxl_asyncop_how *how)
{
    struct xpc_report r;

    (void)ctx;
    (void)how;
    assert_int_equal(domid, 7);
    assert_int_equal(fd, 3);
    (void)flags;
    if (world.outcome < 0)
        return world.rc;
    xpc_report_init(&r);
    r.outcome = world.outcome;
    r.text = strdup(world.text);
    r.start_monotonic_ns = world.old ? 1 : clock_now_ns();
    r.suspended_ns = world.suspended;
    assert_int_equal(xen_store_write((struct xs_handle *)&store, 7, "report",
                                     &xpc_report_head_type, &r), 0);
    xpc_report_dispose(&r);
    return world.rc;
}

static int resume(libxl_ctx *ctx, uint32_t domid, int suspend_cancel,
                  const libxl_asyncop_how *how)
{
    (void)ctx;
    assert_int_equal(domid, 7);
    assert_int_equal(suspend_cancel, 1);
    assert_null(how);
    world.resumed++;
    return world.resume_rc;
}

static void report_error(int domain, int code, const char *file,
                         const char *function, size_t line, const char *fmt,
                         ...)
{
    va_list al;

    assert_int_equal(domain, 1);
    assert_int_equal(code, 2);
    assert_string_equal(file, "file");
    assert_string_equal(function, "function");
    assert_int_equal(line, 4);
    va_start(al, fmt);
    vsnprintf(world.error, sizeof(world.error), fmt, al);
    va_end(al);
}

void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
    assert_ptr_equal(handle, RTLD_NEXT);
    return !strcmp(name, "libxl_domain_suspend") ? (void *)suspend :
           !strcmp(name, "libxl_domain_resume") ? (void *)resume :
           !strcmp(name, "virReportErrorHelper") ? (void *)report_error :
           NULL;
}

/* As the driver does it. Returns what virsh shows. */
static const char *migrate(int flags)
{
    strcpy(world.error, "no error");
    if (libxl_domain_suspend(NULL, 7, 3, flags, NULL))
        virReportErrorHelper(1, 2, "file", "function", 4, "%s of %d",
                             "Failed", 42);
    return world.error;
}

static int setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.rc = ERROR_FAIL;
    world.text = "aborted: because";
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

/* ---- tests --------------------------------------------------------------- */

static void torture_libvirt_precopy_completes_the_error(void **state)
{
    static const struct {
        int outcome;
        bool suspended;
        const char *error;
    } t[] = {
        { XPC_OUTCOME_ABORTED, false, "Failed of 42: aborted: because; the "
          "guest keeps running here" },
        { XPC_OUTCOME_ABORTED, true, "Failed of 42: aborted: because; the "
          "guest is being resumed here" },
        { XPC_OUTCOME_REFUSED, false, "Failed of 42: aborted: because; the "
          "guest was not touched" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        world.outcome = t[i].outcome;
        world.suspended = t[i].suspended;
        assert_string_equal(migrate(LIBXL_SUSPEND_LIVE), t[i].error);
    }
    /* Those are the guard's. */
    assert_int_equal(world.resumed, 0);
    /* The next error is another's. */
    virReportErrorHelper(1, 2, "file", "function", 4, "other");
    assert_string_equal(world.error, "other");
}

static void torture_libvirt_precopy_leaves_other_errors_alone(void **state)
{
    (void)state;
    world.outcome = XPC_OUTCOME_ABORTED;
    world.old = true;
    assert_string_equal(migrate(LIBXL_SUSPEND_LIVE), "Failed of 42");
    store_reset();
    world.outcome = -1;
    assert_string_equal(migrate(LIBXL_SUSPEND_LIVE), "Failed of 42");
    /* virsh save */
    world.outcome = XPC_OUTCOME_ABORTED;
    world.old = false;
    assert_string_equal(migrate(0), "Failed of 42");
    store.gone = true;
    assert_string_equal(migrate(LIBXL_SUSPEND_LIVE), "Failed of 42");
    store.gone = false;
    world.rc = 0;
    assert_string_equal(migrate(LIBXL_SUSPEND_LIVE), "no error");
    virReportErrorHelper(1, 2, "file", "function", 4, "later");
    assert_string_equal(world.error, "later");
}

/* All was sent, but libxl could not complete it. */
static void torture_libvirt_precopy_resumes_after_a_complete_save(
    void **state)
{
    (void)state;
    world.outcome = XPC_OUTCOME_SENT;
    world.suspended = true;
    assert_string_equal(migrate(LIBXL_SUSPEND_LIVE), "Failed of 42: failed: "
                        "after the guest's memory was sent; the guest was "
                        "resumed here");
    assert_int_equal(world.resumed, 1);
    world.resume_rc = ERROR_FAIL;
    assert_non_null(strstr(migrate(LIBXL_SUSPEND_LIVE), "is suspended here"));
    /* Not after a success: then libvirt decides. */
    world.rc = 0;
    migrate(LIBXL_SUSPEND_LIVE);
    assert_int_equal(world.resumed, 2);
}

static void torture_libvirt_precopy_is_one_line(void **state)
{
    (void)state;
    world.outcome = XPC_OUTCOME_FAILED;
    world.text = "two\nlines";
    assert_null(strchr(migrate(LIBXL_SUSPEND_LIVE), '\n'));
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_libvirt_precopy_completes_the_error),
        TEST(torture_libvirt_precopy_leaves_other_errors_alone),
        TEST(torture_libvirt_precopy_resumes_after_a_complete_save),
        TEST(torture_libvirt_precopy_is_one_line),
    };

    return torture_run(argc, argv, tests);
}
