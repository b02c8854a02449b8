/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-status.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/process.h"
#include "control/xl_control.h"
#include "json/migration.h"
#include "support/control_fixture.h"
#include "support/fake_helper.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

static void stop_waiting(void)
{
    store_set(PRECOPY "waiting", NULL);
}

static void torture_xl_control_status_prints_everything(void **state)
{
    (void)state;
    control_publish_iteration();
    store_set(PRECOPY "refused", "because");
    store_set(PRECOPY "current",
              "{\"downtime-ms\":2000,\"duration-ms\":60000}");
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_OK);
    assert_out("g1: iteration 3, ");
    assert_out(" sent");
    assert_out("iteration 2: 5936 pages, 23.8 MiB in 2.00 s (100 Mbit/s); "
               "2035 dirty afterwards\n");
    assert_out("copying on helps");
    assert_out("downtime would be 312 ms, the limit is 300 ms");
    assert_out("parameters: duration 60.0 s, downtime 300 ms, bandwidth auto");
    assert_out("on: downtime 300 ms -> 2.00 s\n");
    assert_out("refused: because\n");
}

static void torture_xl_control_status_before_the_first_iteration(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-status 7"), CONTROL_OK);
    assert_out("g1: iteration 1, ");
    assert_null(strstr(xl_out, " dirty"));
    assert_null(strstr(xl_out, "refused"));
    assert_null(strstr(xl_out, "->"));
}

static void torture_xl_control_status_json_is_one_object(void **state)
{
    struct xpc_iteration it = { 0 };
    char err[XPC_ERR_LEN], *part;

    (void)state;
    control_publish_iteration();
    store_set(PRECOPY "refused", "a \"reason\"");
    assert_int_equal(run_xl("migrate-status --json g1"), CONTROL_OK);
    assert_int_equal(out_lines(), 1);
    assert_true(!strncmp(xl_out, "{\"domid\":7,\"name\":\"g1\",\"state\":"
                         "\"precopy\",\"iteration\":3,", 52));
    assert_out("\"refused\":\"a \\\"reason\\\"\"");
    assert_out("\"parameters\":{\"policy\":\"limit\",\"duration-ms\":60000,");
    assert_null(strstr(xl_out, "asked-parameters"));
    assert_null(strstr(xl_out, "\"report\""));
    part = strstr(xl_out, "\"last-iteration\":");
    assert_non_null(part);
    part = strchr(part, '{');
    *strstr(part, ",\"parameters\"") = 0;
    assert_int_equal(xpc_from_json(&xpc_iteration_type, &it, part,
                                   strlen(part), err), 0);
    assert_int_equal(it.number, 2);
    assert_int_equal(it.decision.predicted_downtime_ns, 312 * XPC_MS);
}

static void torture_xl_control_status_one_that_waits(void **state)
{
    char node[80];

    (void)state;
    setenv("TZ", "UTC", 1);
    store_set(PRECOPY "active", NULL);
    control_end("aborted", "aborted: an earlier one");
    snprintf(node, sizeof(node), "%ld %"PRIu64" 1767225600", (long)getpid(),
             process_start(getpid()));
    store_set(PRECOPY "waiting", node);
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_OK);
    assert_out("g1: waits until 2026-01-01 00:00 to be migrated");
    assert_null(strstr(xl_out, "aborted"));
    assert_int_equal(run_xl("migrate-status"), CONTROL_OK);
    assert_out("g1: waits until");
    assert_int_equal(run_xl("migrate-status --json g1"), CONTROL_OK);
    assert_out("\"state\":\"waiting\",\"until-s\":1767225600");
    assert_int_equal(run_xl("migrate-status --openmetrics"), CONTROL_OK);
    assert_out("xen_precopy_running_migrations 0\n");
    assert_int_equal(run_xl("migrate-set --precopy-downtime=1s g1"),
                     CONTROL_NONE);
    /* Then it is cancelled. */
    domain.looks = 0;
    domain.on_look[1] = stop_waiting;
    assert_int_equal(run_xl("migrate-status --watch g1"), CONTROL_OK);
    assert_out("g1: waits until");
    assert_out("g1 runs here and does not wait any more");
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_NONE);
}

static void torture_xl_control_status_without_a_migration(void **state)
{
    (void)state;
    store_set(PRECOPY "active", NULL);
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_NONE);
    assert_int_equal(out_lines(), 1);
    assert_out("no migration");
    control_end("aborted", "aborted: it is as it is");
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_NONE);
    assert_out("the last one: aborted: it is as it is\n");
    assert_int_equal(run_xl("migrate-status --json g1"), CONTROL_NONE);
    assert_out("\"state\":\"none\"");
    assert_out("\"outcome\":\"aborted\"");
    assert_int_equal(run_xl("migrate-status --watch g1"), CONTROL_NONE);
    assert_int_equal(run_xl("migrate-status"), CONTROL_NONE);
    assert_out("No migration");
    assert_int_equal(run_xl("migrate-status nobody"), CONTROL_FAILED);
    assert_out("there is no domain nobody");
}

static void torture_xl_control_status_without_xenstore(void **state)
{
    static const char *const leaves[] = {
        PRECOPY "active", PRECOPY "taking-back", PRECOPY "waiting",
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        store.unreadable = leaves[i];
        assert_int_equal(run_xl("migrate-status g1"), CONTROL_FAILED);
        assert_out("g1: xenstore can't be read");
        assert_int_equal(run_xl("migrate-status"), CONTROL_FAILED);
        assert_int_equal(run_xl("migrate-status --json g1"), CONTROL_FAILED);
        assert_out("\"state\":\"unknown\"");
        assert_int_equal(run_xl("migrate-status --openmetrics"),
                         CONTROL_FAILED);
        assert_null(strstr(xl_out, "migrations 0"));
        store_set(PRECOPY "active", NULL);
    }
}

static void torture_xl_control_status_of_all_domains(void **state)
{
    (void)state;
    assert_int_equal(run_xl("migrate-status"), CONTROL_OK);
    assert_out("g1: iteration 1");
}

static void torture_xl_control_status_after_the_stream(void **state)
{
    (void)state;
    control_sent();
    domain.renamed = true;
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_OK);
    assert_out("g1: suspended, all is sent");
    /* A guest that was saved and runs is not being migrated. */
    domain.suspended = false;
    assert_int_equal(run_xl("migrate-status 7"), CONTROL_NONE);
}

static void torture_xl_control_status_while_suspended(void **state)
{
    (void)state;
    domain.suspended = true;
    assert_int_equal(run_xl("migrate-status g1"), CONTROL_OK);
    assert_out("g1: suspended, copying the rest, ");
}

static void torture_xl_control_status_watch_follows_to_the_end(void **state)
{
    (void)state;
    domain.on_look[2] = control_publish_iteration;
    domain.on_look[4] = control_sent;
    domain.on_look[5] = control_gone;
    assert_int_equal(run_xl("migrate-status --watch g1"), CONTROL_OK);
    /* One line per change, and one at the end. */
    assert_int_equal(out_lines(), 4);
    assert_out("g1: iteration 3, ");
    assert_out("2035 dirty, predicted downtime 312 ms, limit 300 ms\n");
    assert_out("g1: suspended, all is sent");
    assert_out("g1 has been handed over to the target");
}

static void torture_xl_control_status_watch_json_prints_one_line_per_change(
    void **state)
{
    (void)state;
    domain.on_look[1] = control_publish_iteration;
    domain.on_look[3] = control_sent;
    domain.on_look[4] = control_gone;
    assert_int_equal(run_xl("migrate-status --watch --json g1"), CONTROL_OK);
    assert_int_equal(out_lines(), 4);
    assert_out("\"state\":\"handover\"");
    /* The last report before the domain was gone. */
    assert_out("\"state\":\"gone\",\"report\":{\"version\":1,\"outcome\":"
               "\"sent\"");
}

static void torture_xl_control_status_prints_metrics(void **state)
{
    (void)state;
    control_publish_iteration();
    assert_int_equal(run_xl("migrate-status --openmetrics"), CONTROL_OK);
    assert_out("\nxen_precopy_running_migrations 1\n");
    assert_out("\nxen_precopy_running_state{domain=\"g1\",domid=\"7\",state="
               "\"precopy\"} 1\n");
    assert_out("# UNIT xen_precopy_running_dirty_bytes bytes\n"
               "xen_precopy_running_dirty_bytes{domain=\"g1\",domid=\"7\"} "
               "8335360\n");
    assert_out("predicted_downtime_seconds{domain=\"g1\",domid=\"7\"} "
               "0.312\n");
    assert_out("downtime_limit_seconds{domain=\"g1\",domid=\"7\"} 0.3\n");
    assert_out("bandwidth_bytes_per_second{domain=\"g1\",domid=\"7\"} "
               "12500000\n");
    assert_string_equal(xl_out + strlen(xl_out) - 6, "# EOF\n");
    domain.suspended = true;
    assert_int_equal(run_xl("migrate-status --openmetrics g1"), CONTROL_OK);
    assert_out("state=\"suspended\"} 1\n");
}

/* A timer that writes them must not fail because nothing happens. */
static void torture_xl_control_status_metrics_without_a_migration(
    void **state)
{
    (void)state;
    store_set(PRECOPY "active", NULL);
    assert_int_equal(run_xl("migrate-status --openmetrics"), CONTROL_OK);
    assert_out("\nxen_precopy_running_migrations 0\n# EOF\n");
    assert_int_equal(run_xl("migrate-status --openmetrics g1"), CONTROL_OK);
    assert_int_equal(run_xl("migrate-status --openmetrics nobody"),
                     CONTROL_FAILED);
    assert_int_equal(run_xl("migrate-status --openmetrics --watch g1"),
                     CONTROL_USAGE);
    assert_out("--openmetrics can't be combined with --watch");
    assert_int_equal(run_xl("migrate-status --openmetrics=/nowhere/x"),
                     CONTROL_FAILED);
    assert_out("--openmetrics=/nowhere/x: can't be written: ");
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, control_setup, control_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_control_status_prints_everything),
        TEST(torture_xl_control_status_before_the_first_iteration),
        TEST(torture_xl_control_status_json_is_one_object),
        TEST(torture_xl_control_status_one_that_waits),
        TEST(torture_xl_control_status_without_a_migration),
        TEST(torture_xl_control_status_without_xenstore),
        TEST(torture_xl_control_status_of_all_domains),
        TEST(torture_xl_control_status_after_the_stream),
        TEST(torture_xl_control_status_while_suspended),
        TEST(torture_xl_control_status_watch_follows_to_the_end),
        TEST(torture_xl_control_status_watch_json_prints_one_line_per_change),
        TEST(torture_xl_control_status_prints_metrics),
        TEST(torture_xl_control_status_metrics_without_a_migration),
    };

    fake_helper_main(argc, argv);
    return torture_run(argc, argv, tests);
}
