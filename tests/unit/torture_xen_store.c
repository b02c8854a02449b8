/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the end of a migration removes from xenstore, and what it leaves. */
#include <string.h>

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

#define T(name) cmocka_unit_test_setup_teardown(torture_xen_store_##name, \
                                                setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(clear_removes_everything),
        T(clear_keeps_what_others_wrote),
        T(clear_beside_one_that_waits),
    };

    return torture_run(argc, argv, tests);
}
