/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the end of a migration removes from xenstore, and what it leaves. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/compress.h>

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

/* ---- the largest values -------------------------------------------------- */

static int longest(const struct xpc_field *f)
{
    int best = 0;

    for (int k = 0; f->names[k]; k++) {
        if (strlen(f->names[k]) > strlen(f->names[best]) ||
            (f->omit_zero && !best))
            best = k;
    }
    return best;
}

/* Sets all fields but strings and arrays. */
static void fill(const struct xpc_type *type, void *obj)
{
    for (size_t i = 0; i < type->nr_fields; i++) {
        const struct xpc_field *f = &type->fields[i];
        void *m = (char *)obj + f->offset;

        if (f->kind == XPC_FIELD_U64)
            *(uint64_t *)m = f->max ? f->max : UINT64_MAX;
        else if (f->kind == XPC_FIELD_BOOL)
            *(bool *)m = true;
        else if (f->kind == XPC_FIELD_ENUM)
            *(int *)m = longest(f);
        else if (f->kind == XPC_FIELD_OBJECT)
            fill(f->elem, m);
    }
}

/* xenstored would refuse a longer value. */
static void torture_xen_store_largest_values_fit(void **state)
{
    struct xpc_params p;
    struct xpc_iteration it;
    struct xpc_active a;

    (void)state;
    fill(&xpc_params_type, &p);
    fill(&xpc_iteration_type, &it);
    fill(&xpc_active_type, &a);
    assert_int_equal(xen_store_write(xs, 7, "current", &xpc_params_type, &p),
                     0);
    assert_int_equal(xen_store_write(xs, 7, "progress", &xpc_iteration_type,
                                     &it), 0);
    assert_int_equal(xen_store_write(xs, 7, "active", &xpc_active_type, &a),
                     0);
}

static struct xpc_report largest_report(void)
{
    struct xpc_report r;

    xpc_report_init(&r);
    fill(&xpc_report_head_type, &r);
    r.compress = calloc(XPC_COMPRESS_METHODS_MAX, sizeof(*r.compress));
    r.nr_compress = XPC_COMPRESS_METHODS_MAX;
    r.reason = strdup("log-lost-and-a-longer-one");
    /* What is no UTF-8 gets three bytes of JSON. */
    r.text = malloc(1001);
    memset(r.text, 0xff, 1000);
    r.text[1000] = 0;
    r.sources = strdup(r.text);
    return r;
}

/* The deadline of strict depends on it. */
static void torture_xen_store_largest_report_fits(void **state)
{
    struct xpc_report r = largest_report(), read;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(xen_store_write_report(xs, 7, &r), 0);
    assert_true(strlen(store_get(PRECOPY "report")) <= XEN_STORE_VALUE_MAX);
    xpc_report_init(&read);
    assert_int_equal(xen_store_read_report(xs, 7, &read, err), 0);
    assert_int_equal(read.params.strict, r.params.strict);
    assert_true(read.suspended_ns > UINT64_MAX / 8);
    assert_true(strlen(read.text) >= 100);
    assert_null(read.sources);
    assert_int_equal(read.nr_compress, 0);
    xpc_report_dispose(&read);
    /* If there is room, all is kept. */
    xpc_report_dispose(&r);
    xpc_report_init(&r);
    r.text = strdup("a text");
    r.sources = strdup("from a file");
    assert_int_equal(xen_store_write_report(xs, 7, &r), 0);
    xpc_report_init(&read);
    assert_int_equal(xen_store_read_report(xs, 7, &read, err), 0);
    assert_string_equal(read.sources, r.sources);
    xpc_report_dispose(&read);
    xpc_report_dispose(&r);
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
        T(largest_values_fit),
        T(largest_report_fits),
    };

    return torture_run(argc, argv, tests);
}
