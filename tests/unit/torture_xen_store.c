/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the end of a migration removes from xenstore, and what it leaves. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json/migration.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/store.h"

static struct xs_handle *xs;

static int setup(void **state)
{
    (void)state;
    store_reset();
    xs = xs_open(0);
    return xs ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    xs_close(xs);
    store_reset();
    return 0;
}

static void write_node(const char *path, const char *value)
{
    assert_true(xs_write(xs, XBT_NULL, path, value, strlen(value)));
}

static void torture_xen_store_clear_removes_everything(void **state)
{
    (void)state;
    write_node(PRECOPY "active", "{}");
    write_node(PRECOPY "iteration/1", "{}");
    write_node(PRECOPY "cancel", "");
    assert_int_equal(xen_store_clear(xs, 7), 0);
    assert_null(store_get("/libxl/7"));
}

static void torture_xen_store_clear_keeps_what_others_wrote(void **state)
{
    (void)state;
    write_node(PRECOPY "active", "{}");
    write_node(PRECOPY "params", "{}");
    write_node(PRECOPY "waiting", "1");
    assert_int_equal(xen_store_clear(xs, 7), 0);
    assert_null(store_get(PRECOPY "active"));
    assert_string_equal(store_get(PRECOPY "waiting"), "1");
    assert_string_equal(store_get(PRECOPY "params"), "{}");
}

/* Another xl begins to wait just then. */
static void begin_to_wait(const char *path)
{
    if (strcmp(path, "/libxl/7/precopy"))
        return;
    store.on_directory = NULL;
    store.conflicts = 1;
    write_node(PRECOPY "waiting", "1");
}

static void torture_xen_store_clear_beside_one_that_waits(void **state)
{
    (void)state;
    write_node(PRECOPY "active", "{}");
    store.on_directory = begin_to_wait;
    assert_int_equal(xen_store_clear(xs, 7), 0);
    assert_non_null(store_get(PRECOPY "waiting"));
    assert_null(store_get(PRECOPY "active"));
}

static void torture_xen_store_remove_tidily_leaves_no_empty_folder(void **state)
{
    (void)state;
    write_node(PRECOPY "waiting", "1");
    write_node(PRECOPY "params", "{}");
    assert_int_equal(xen_store_remove_tidily(xs, 7, "waiting"), 0);
    assert_null(store_get(PRECOPY "waiting"));
    assert_string_equal(store_get(PRECOPY "params"), "{}");
    assert_int_equal(xen_store_remove_tidily(xs, 7, "params"), 0);
    assert_null(store_get("/libxl/7"));
}

static void write_iteration(uint64_t number, uint64_t skipped)
{
    struct xpc_iteration it = {
        .number = number, .skipped_pages = skipped,
        .decision.slow_down_percent = skipped,
    };
    char leaf[32];

    snprintf(leaf, sizeof(leaf), "iteration/%"PRIu64, number);
    assert_int_equal(xen_store_write(xs, 7, leaf, &xpc_iteration_type, &it),
                     0);
    assert_int_equal(xen_store_write(xs, 7, "progress", &xpc_iteration_type,
                                     &it), 0);
}

/* A field that an iteration does not have is not that of the one before. */
static void torture_xen_store_iterations_are_read_apart(void **state)
{
    struct xpc_report r;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_report_init(&r);
    assert_int_equal(xen_store_write(xs, 7, "report", &xpc_report_head_type,
                                     &r), 0);
    write_iteration(1, 20);
    write_iteration(2, 0);
    write_iteration(3, 30);
    assert_int_equal(xen_store_read_report(xs, 7, &r, err), 0);
    assert_int_equal(r.nr_iterations, 3);
    assert_int_equal(r.iterations[0].skipped_pages, 20);
    assert_int_equal(r.iterations[1].skipped_pages, 0);
    assert_int_equal(r.iterations[1].decision.slow_down_percent, 0);
    assert_int_equal(r.iterations[2].skipped_pages, 30);
    xpc_report_dispose(&r);
}

static int take(struct xpc_params *p)
{
    char err[XPC_ERR_LEN];

    xpc_params_init(p);
    return xen_store_take_once(xs, 7, getpid(), p, err);
}

/* Not what an earlier process with the number of this one has left. */
static void torture_xen_store_once_is_for_one_process(void **state)
{
    struct xpc_params p;
    char path[64];

    (void)state;
    xpc_params_init(&p);
    p.downtime_ns = 77000000;
    assert_int_equal(xen_store_write_once(xs, 7, &p), 0);
    assert_int_equal(take(&p), 1);
    assert_int_equal(p.downtime_ns, 77000000);
    assert_int_equal(xen_store_write_once(xs, 7, NULL), 0);
    assert_int_equal(take(&p), 0);
    assert_int_equal(xen_store_write_once(xs, 7, &p), 0);
    snprintf(path, sizeof(path), PRECOPY "once/%d/started", (int)getpid());
    assert_non_null(store_get(path));
    store_set(path, "99999999999");
    assert_int_equal(take(&p), -1);
    assert_int_equal(errno, ENOENT);
    assert_null(store_get(path));
    /* A toolstack may have written it without saying when it was started. */
    snprintf(path, sizeof(path), PRECOPY "once/%d", (int)getpid());
    write_node(path, "");
    assert_int_equal(take(&p), 0);
}

/* Nor is it kept for a later one. init lives. */
static void torture_xen_store_once_of_an_ended_process_goes(void **state)
{
    (void)state;
    write_node(PRECOPY "once/1", "");
    assert_int_equal(xen_store_forget_once(xs, 7), 0);
    assert_non_null(store_get(PRECOPY "once/1"));
    write_node(PRECOPY "once/1/started", "99999999999");
    assert_int_equal(xen_store_forget_once(xs, 7), 0);
    assert_null(store_get(PRECOPY "once/1"));
}

/* Somebody else interferes all the time, or once. */
static int write_x(struct xs_handle *h, xs_transaction_t t, uint32_t domid,
                   void *calls)
{
    assert_int_equal(domid, 7);
    ++*(int *)calls;
    return xs_write(h, t, PRECOPY "x", "1", 1);
}

static int write_and_drop(struct xs_handle *h, xs_transaction_t t,
                          uint32_t domid, void *rc)
{
    (void)domid;
    xs_write(h, t, PRECOPY "x", "2", 1);
    errno = EDOM;
    return *(int *)rc;
}

static void torture_xen_store_transacts(void **state)
{
    int calls = 0;

    (void)state;
    store.conflicts = 1;
    assert_int_equal(xen_store_transact(xs, 7, write_x, &calls), 1);
    assert_int_equal(calls, 2);
    store.conflicts = INT_MAX;
    calls = 0;
    assert_int_equal(xen_store_transact(xs, 7, write_x, &calls), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(calls, XEN_STORE_TRIES);
    for (int rc = -1; rc <= 0; rc++) {
        assert_int_equal(xen_store_transact(xs, 7, write_and_drop, &rc), rc);
        assert_int_equal(errno, EDOM);
    }
    assert_string_equal(store_get(PRECOPY "x"), "1");
}

#define T(name) cmocka_unit_test_setup_teardown(torture_xen_store_##name, \
                                                setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(clear_removes_everything),
        T(clear_keeps_what_others_wrote),
        T(clear_beside_one_that_waits),
        T(remove_tidily_leaves_no_empty_folder),
        T(iterations_are_read_apart),
        T(once_is_for_one_process),
        T(once_of_an_ended_process_goes),
        T(transacts),
    };

    return torture_run(argc, argv, tests);
}
