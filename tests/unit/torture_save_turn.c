/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saves that share a link suspend their guests one after the other. */
#include <stdlib.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "save/turn.h"
#include "xen/turn.h"
#include "support/torture.h"

static char path[] = "/tmp/torture_save_turn.XXXXXX";

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    setenv(XEN_TURN_ENV, path, 1);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    unsetenv(XEN_TURN_ENV);
    return unlink(path);
}

static void torture_save_turn_one_at_a_time(void **state)
{
    struct save_turn a = SAVE_TURN_INIT, b = SAVE_TURN_INIT;

    (void)state;
    assert_true(save_turn_take(&a, XPC_S));
    assert_true(save_turn_take(&a, 2 * XPC_S));
    assert_false(save_turn_take(&b, 3 * XPC_S));
    assert_false(save_turn_take(&b, 12 * XPC_S));
    close(a.fd);
    assert_true(save_turn_take(&b, 12 * XPC_S));
    close(b.fd);
}

static void torture_save_turn_is_not_waited_for_for_ever(void **state)
{
    struct save_turn a = SAVE_TURN_INIT, b = SAVE_TURN_INIT;

    (void)state;
    assert_true(save_turn_take(&a, XPC_S));
    assert_false(save_turn_take(&b, 2 * XPC_S));
    assert_true(save_turn_take(&b, 2 * XPC_S + SAVE_TURN_NS));
    close(a.fd);
    close(b.fd);
}

/* The toolstack has it until the target has started the guest. */
static void torture_save_turn_outlasts_the_helper(void **state)
{
    struct save_turn a = SAVE_TURN_INIT, b = SAVE_TURN_INIT;
    int fd = xen_turn_open();

    (void)state;
    assert_true(fd >= 0);
    xen_turn_pass_on(fd, true);
    assert_true(save_turn_take(&a, XPC_S));
    close(a.fd);
    xen_turn_pass_on(fd, false);
    assert_false(save_turn_take(&b, 2 * XPC_S));
    xen_turn_end(fd);
    assert_true(save_turn_take(&b, 3 * XPC_S));
    close(b.fd);
    close(fd);
    /* A number that means another file, or nothing. */
    xen_turn_pass_on(0, true);
    a = (struct save_turn)SAVE_TURN_INIT;
    assert_true(save_turn_take(&a, XPC_S));
    close(a.fd);
    setenv(XEN_TURN_FD_ENV, "7x", 1);
    a = (struct save_turn)SAVE_TURN_INIT;
    assert_true(save_turn_take(&a, XPC_S));
    close(a.fd);
    unsetenv(XEN_TURN_FD_ENV);
}

static void torture_save_turn_needs_no_file(void **state)
{
    struct save_turn a = SAVE_TURN_INIT;

    (void)state;
    setenv(XEN_TURN_ENV, "/nowhere/turn", 1);
    assert_true(save_turn_take(&a, XPC_S));
    unsetenv(XEN_TURN_ENV);
    assert_true(save_turn_take(&a, XPC_S));
    setenv(XEN_TURN_ENV, path, 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_save_turn_one_at_a_time),
        cmocka_unit_test(torture_save_turn_is_not_waited_for_for_ever),
        cmocka_unit_test(torture_save_turn_outlasts_the_helper),
        cmocka_unit_test(torture_save_turn_needs_no_file),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
