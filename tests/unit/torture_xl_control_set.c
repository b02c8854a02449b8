/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-set.
 */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "control/xl_control.h"
#include "json/migration.h"
#include "support/control_fixture.h"
#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

static void torture_xl_control_set_changes_only_the_named_parameters(
    void **state)
{
    struct xpc_params p;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(run_xl("migrate-set --precopy-downtime=2s "
                            "--precopy-confidence=80 g1"), CONTROL_OK);
    assert_out("g1: downtime 300 ms -> 2.00 s, confidence 95% -> 80%\n");
    assert_out("at the end of the iteration under way");
    xpc_params_init(&p);
    assert_int_equal(xpc_from_json(&xpc_params_type, &p,
                                   store_get(PRECOPY "current"),
                                   strlen(store_get(PRECOPY "current")), err),
                     0);
    assert_int_equal(p.downtime_ns, 2 * XPC_S);
    assert_int_equal(p.confidence_percent, 80);
    assert_int_equal(p.duration_ns, 60 * XPC_S);
    assert_true(p.once);
    /* A further change is based on the last one. */
    assert_int_equal(run_xl("migrate-set g1 --precopy-downtime 3s "
                            "--precopy-duration=0"), CONTROL_OK);
    assert_out("g1: duration 60.0 s -> none, downtime 2.00 s -> 3.00 s\n");
    assert_int_equal(run_xl("migrate-set --precopy-downtime=3s g1"),
                     CONTROL_OK);
    assert_out("so already");
}

/* The plug-in takes no more decision in which it could count. */
static void torture_xl_control_set_comes_too_late(void **state)
{
    char *before = strdup(store_get(PRECOPY "current"));

    (void)state;
    domain.suspended = true;
    assert_int_equal(run_xl("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_USAGE);
    assert_out("xl migrate-set: g1 is suspended already");
    assert_int_equal(out_lines(), 1);
    assert_string_equal(store_get(PRECOPY "current"), before);
    free(before);
}

/* The value of the option is optional. */
static void torture_xl_control_set_switches_strict(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-set --precopy-strict g1"), CONTROL_OK);
    assert_out("g1: strict off -> on\n");
    assert_int_equal(run_xl("migrate-set --precopy-strict=off g1"), CONTROL_OK);
    assert_out("g1: strict on -> off\n");
    /* A limit alone is not enforced; xl says so. */
    assert_int_equal(run_xl("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_OK);
    assert_out("g1: downtime 300 ms -> 2.00 s\n");
    assert_out("The downtime is not enforced: add --precopy-strict");
    assert_int_equal(run_xl(
                         "migrate-set --precopy-downtime=3s --precopy-strict "
                            "g1"),
                     CONTROL_OK);
    assert_out("strict off -> on\n");
    assert_null(strstr(xl_out, "not enforced"));
    assert_int_equal(run_xl("migrate-set --precopy-downtime=4s g1"),
                     CONTROL_OK);
    assert_null(strstr(xl_out, "not enforced"));
    assert_null(strstr(xl_out, "strict"));
}

static void torture_xl_control_set_limits_the_bandwidth(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-set --precopy-max-bandwidth=100Mbit "
                            "--precopy-switchover-bandwidth=kept g1"),
                     CONTROL_OK);
    assert_out("g1: max-bandwidth none -> 100 Mbit/s, "
               "switchover-bandwidth none -> kept\n");
    assert_int_equal(run_xl("migrate-set --precopy-max-bandwidth=none g1"),
                     CONTROL_USAGE);
    assert_out("what is to be kept?");
}

static void torture_xl_control_set_refuses_bad_changes(void **state)
{
    static const struct { const char *line, *says; int status; } t[] = {
        { "migrate-set g1", "what is to be changed", 2 },
        { "migrate-set --precopy-downtime=2s", "a domain is needed", 2 },
        { "migrate-set --precopy-downtime=2s a b", "a domain is needed", 2 },
        { "migrate-set --precopy-downtime=2 g1", "a unit is needed", 2 },
        { "migrate-set --precopy-max-downtime=200ms g1",
          "the maximum downtime, 200 ms, is below the downtime limit", 2 },
        { "migrate-set --precopy-downtime=50ms g1", "switchover alone", 2 },
        { "migrate-set --precopy-on-timeout=suspend g1", "needs a maximum",
          2 },
        { "migrate-set --precopy-policy=stock g1", "can't be changed", 2 },
        { "migrate-set --precopy-zero-pages=elide g1", "can't be changed", 2 },
        { "migrate-set --precopy-skip-dirty=off g1", "can't be changed", 2 },
        { "migrate-set --report=x g1", "--report=x is no option", 2 },
        { "migrate-set --precopy-downtime=2s nobody",
          "there is no domain nobody", 1 },
    };
    char *before = strdup(store_get(PRECOPY "current"));

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        assert_int_equal(run_xl(t[i].line), t[i].status);
        assert_out(t[i].says);
        assert_int_equal(out_lines(), 1);
        assert_string_equal(store_get(PRECOPY "current"), before);
    }
    fake_helper_publish(control_helper(), "{\"policy\":\"stock\"}");
    assert_int_equal(run_xl("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_USAGE);
    assert_out("decides as the stock xl");
    assert_int_equal(run_xl("migrate-set --precopy-iterations=2 g1"),
                     CONTROL_OK);
    store_set(PRECOPY "active", NULL);
    assert_int_equal(run_xl("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_NONE);
    assert_out("no migration of g1 with a policy is under way");
    free(before);
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, control_setup, control_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_control_set_changes_only_the_named_parameters),
        TEST(torture_xl_control_set_comes_too_late),
        TEST(torture_xl_control_set_switches_strict),
        TEST(torture_xl_control_set_limits_the_bandwidth),
        TEST(torture_xl_control_set_refuses_bad_changes),
    };

    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
