/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest is told of its migration, and what is read of it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/notify.h"

#define DATA "/local/domain/7/data/precopy/"

static struct xs_handle *xs;

static int setup(void **state)
{
    (void)state;
    xs = xs_open(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xs_close(xs);
    store_reset();
    return 0;
}

static void torture_xen_notify_tells_in_the_guests_folder(void **state)
{
    (void)state;
    store_set(DATA "acknowledged", "yes");
    store_set(DATA "stood-still-ms", "12");
    assert_int_equal(xen_notify_tell(xs, 7, XEN_NOTIFY_SUSPEND), 0);
    assert_string_equal(store_get(DATA "event"), "suspend");
    /* Of an earlier event. */
    assert_null(store_get(DATA "acknowledged"));
    assert_null(store_get(DATA "stood-still-ms"));
}

static void torture_xen_notify_one_word_is_an_acknowledgement(void **state)
{
    static const char *const no[] = { "", "y", "YES", "yes\n", "yes yes",
                                      "ye\377", "{\"yes\":1}" };

    (void)state;
    assert_false(xen_notify_acknowledged(xs, 7));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        store_set(DATA "acknowledged", no[i]);
        assert_false(xen_notify_acknowledged(xs, 7));
    }
    store_set(DATA "acknowledged", "yes");
    assert_true(xen_notify_acknowledged(xs, 7));
    assert_false(xen_notify_acknowledged(xs, 8));
}

static void torture_xen_notify_over(void **state)
{
    (void)state;
    xen_notify_tell(xs, 7, XEN_NOTIFY_PRECOPY);
    store.conflicts = 2;
    xen_notify_over(xs, 7, 231 * XPC_MS + 600000);
    assert_string_equal(store_get(DATA "event"), "over");
    assert_string_equal(store_get(DATA "stood-still-ms"), "232");
}

/* A guest that writes there all the time holds nobody up. */
static void torture_xen_notify_guest_that_makes_it_fail(void **state)
{
    (void)state;
    xen_notify_tell(xs, 7, XEN_NOTIFY_PRECOPY);
    store.conflicts = INT_MAX;
    xen_notify_over(xs, 7, XPC_S);
    assert_string_equal(store_get(DATA "event"), "precopy");
}

/* One that was not told, and one that is gone. */
static void torture_xen_notify_leaves_nothing_of_other_guests(void **state)
{
    (void)state;
    xen_notify_over(xs, 7, XPC_S);
    xen_notify_arrived(xs, 7, XPC_S);
    for (size_t i = 0; i < STORE_NODES; i++)
        assert_null(store_path(i));
    store_set("/local/domain/7/name", "g1");
    xen_notify_arrived(xs, 7, XPC_S);
    assert_string_equal(store_get(DATA "event"), "over");
    assert_string_equal(store_get(DATA "stood-still-ms"), "1000");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_xen_notify_tells_in_the_guests_folder),
        TEST(torture_xen_notify_one_word_is_an_acknowledgement),
        TEST(torture_xen_notify_over),
        TEST(torture_xen_notify_guest_that_makes_it_fail),
        TEST(torture_xen_notify_leaves_nothing_of_other_guests),
    };

    return torture_run(argc, argv, tests);
}
