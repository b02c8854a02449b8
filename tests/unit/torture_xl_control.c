/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xl migrate-status, migrate-set and migrate-cancel have in common, and
 * migrate-cancel.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "control/xl_control.h"
#include "support/control_fixture.h"
#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xl_cmdtable.h"

static void helper_obeys_cancel(void)
{
    assert_non_null(store_get(PRECOPY "cancel"));
    store_set(PRECOPY "cancel", NULL);
    control_end("interrupted", "aborted: it was cancelled");
}

static void torture_xl_control_cancel_waits_for_the_end(void **state)
{
    (void)state;
    domain.on_look[3] = helper_obeys_cancel;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_OK);
    assert_string_equal(xl_out, "g1 runs here; its migration: aborted: it was "
                        "cancelled\n");
}

static void torture_xl_control_cancel_without_a_migration(void **state)
{
    (void)state;
    store_set(PRECOPY "active", NULL);
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_NONE);
    assert_null(store_get(PRECOPY "cancel"));
    assert_int_equal(run_xl("migrate-cancel nobody"), CONTROL_FAILED);
    assert_int_equal(run_xl("migrate-cancel"), CONTROL_USAGE);
    assert_int_equal(run_xl("migrate-cancel --timeout=5 g1"), CONTROL_USAGE);
}

static void torture_xl_control_a_number_is_not_cut_off(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-cancel 4294967303"), CONTROL_FAILED);
    assert_out("there is no domain 4294967303");
    assert_int_equal(run_xl("migrate-status 18446744073709551623"),
                     CONTROL_FAILED);
    assert_null(store_get(PRECOPY "cancel"));
    assert_int_equal(run_xl("migrate-status 7"), CONTROL_OK);
}

static void torture_xl_control_cancel_comes_too_late(void **state)
{
    (void)state;
    domain.on_look[2] = control_sent;
    domain.on_look[3] = control_gone;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_GONE);
    assert_out("too late: g1 has been handed over to the target");
    /* Everything had been sent before the cancel. */
    memset(&domain, 0, sizeof(domain));
    store_set(PRECOPY "cancel", NULL);
    control_sent();
    domain.renamed = true;
    domain.on_look[2] = control_gone;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_GONE);
    assert_null(store_get(PRECOPY "cancel"));
}

static void guest_comes_back(void)
{
    domain.suspended = false;
}

static void torture_xl_control_cancel_during_a_handover_that_fails(void **state)
{
    (void)state;
    domain.on_look[1] = control_sent;
    domain.on_look[3] = guest_comes_back;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_OK);
    assert_out("the target did not take g1 over: it runs here");
}

/* The migration has ended, and xl waits for a guest that suspends late. */
static void torture_xl_control_cancel_waits_for_a_late_guest(void **state)
{
    char self[PROCESS_TEXT_LEN];

    (void)state;
    store_set(PRECOPY "active", NULL);
    store_set(PRECOPY "taking-back", process_text(self));
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_OK);
    assert_out("may still suspend");
    assert_int_equal(run_xl("migrate-status --json g1"), CONTROL_OK);
    assert_out("\"state\":\"taking-back\"");
    assert_int_equal(run_xl("migrate-cancel --timeout=1ms g1"), CONTROL_FAILED);
    assert_out("may still suspend");
    /* That xl was killed. */
    store_set(PRECOPY "taking-back", "2147483647");
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_NONE);
    /* A later process has its number. */
    store_set(PRECOPY "taking-back", "1 99999999");
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_NONE);
}

static void xenstore_breaks(void)
{
    store.unreadable = PRECOPY "active";
}

/* It is not said that the migration has ended. */
static void torture_xl_control_cancel_while_xenstore_cannot_be_read(
    void **state)
{
    (void)state;
    domain.on_look[1] = xenstore_breaks;
    assert_int_equal(run_xl("migrate-cancel --timeout=1ms g1"),
                     CONTROL_FAILED);
    assert_out("not known: xenstore can't be read");
    store.unreadable = PRECOPY "waiting";
    store_set(PRECOPY "active", NULL);
    assert_int_equal(run_xl("migrate-cancel --timeout=1ms g1"),
                     CONTROL_FAILED);
    assert_null(strstr(xl_out, "no migration"));
}

static void xen_breaks(void)
{
    domain.broken = true;
}

static void xen_answers_again(void)
{
    domain.broken = false;
    helper_obeys_cancel();
}

static void torture_xl_control_cancel_while_xen_cannot_be_asked(void **state)
{
    (void)state;
    domain.on_look[1] = xen_breaks;
    domain.on_look[3] = xen_answers_again;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_OK);
    assert_out("g1 runs here");
}

static void guest_shuts_down(void)
{
    domain.shut = true;
    control_end("failed", "failed: the guest could not be suspended");
}

static void torture_xl_control_cancel_reports_a_guest_that_does_not_run(
    void **state)
{
    (void)state;
    domain.on_look[1] = guest_shuts_down;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_FAILED);
    assert_out("does not run here");
}

static void torture_xl_control_cancel_has_a_timeout(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-cancel --timeout=1ms g1"), CONTROL_FAILED);
    assert_out("has not ended yet");
    assert_non_null(store_get(PRECOPY "cancel"));
    domain.suspended = true;
    assert_int_equal(run_xl("migrate-cancel --timeout=1ms g1"), CONTROL_FAILED);
    assert_out("is suspended on this host");
}

static void torture_xl_control_help_and_no_dry_run(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-status --help"), CONTROL_OK);
    assert_int_equal(run_xl("migrate-set --help"), CONTROL_OK);
    assert_int_equal(run_xl("migrate-cancel -h"), CONTROL_OK);
    xl_globals.dryrun = true;
    assert_int_equal(run_xl("migrate-cancel g1"), CONTROL_USAGE);
    assert_null(store_get(PRECOPY "cancel"));
    assert_int_equal(run_xl("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_USAGE);
    assert_string_equal(store_get(PRECOPY "current"), CONTROL_PARAMS);
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_OK);
}

/* A cancel succeeds even if it cannot print anything. */
static void torture_xl_control_output_cannot_be_written(void **state)
{
    static const char *const names[] = {
        "migrate", "dirty-rate", "migrate-predict", "migrate-status",
        "migrate-set", "migrate-cancel", "migrate-history", "migrate-report",
        "evacuate", "precopy-config",
    };
    char line[64];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(line, sizeof(line), "%s --help", names[i]);
        if (run_xl_full(line) != 1)
            fail_msg("%s", line);
    }
    assert_int_equal(run_xl_full("migrate-status --watch g1"),
                     CONTROL_FAILED);
    assert_int_equal(run_xl_full("migrate-status g1"), CONTROL_FAILED);
    assert_int_equal(run_xl_full("migrate-set --precopy-downtime=2s g1"),
                     CONTROL_FAILED);
    domain.on_look[domain.looks + 3] = helper_obeys_cancel;
    assert_int_equal(run_xl_full("migrate-cancel g1"), CONTROL_OK);
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, control_setup, control_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_control_cancel_waits_for_the_end),
        TEST(torture_xl_control_cancel_without_a_migration),
        TEST(torture_xl_control_cancel_comes_too_late),
        TEST(torture_xl_control_a_number_is_not_cut_off),
        TEST(torture_xl_control_cancel_during_a_handover_that_fails),
        TEST(torture_xl_control_cancel_waits_for_a_late_guest),
        TEST(torture_xl_control_cancel_reports_a_guest_that_does_not_run),
        TEST(torture_xl_control_cancel_while_xenstore_cannot_be_read),
        TEST(torture_xl_control_cancel_while_xen_cannot_be_asked),
        TEST(torture_xl_control_cancel_has_a_timeout),
        TEST(torture_xl_control_help_and_no_dry_run),
        TEST(torture_xl_control_output_cannot_be_written),
    };

    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
