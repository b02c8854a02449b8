/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report as it is printed for people.
 */
#include <stdio.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "migrate/xl_downtime.h"
#include "migrate/xl_report.h"
#include "support/report_fixture.h"
#include "support/torture.h"

static void text_of_report(char *buf, size_t len, const struct xpc_report *r)
{
    FILE *f = fopen(report_path, "w+");

    report_print(f, "g1", r);
    fclose(f);
    read_file(report_path, buf, len);
}

static void torture_xl_report_shows_predicted_and_actual_downtime(void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    report_fill(&r);
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "Migration of g1: migrated\n"));
    assert_non_null(strstr(buf, "suspending: fits\n"));
    assert_non_null(strstr(buf, "predicted 250 ms, actual 225 ms"));
    assert_non_null(strstr(buf, "32784"));
    assert_non_null(strstr(buf, "stop-and-copy"));
    xpc_report_dispose(&r);
}

/* The report says 225 ms. */
static void torture_xl_report_says_if_a_limit_was_exceeded(void **state)
{
    static const struct {
        uint64_t limit_ms, maximum_ms;
        enum xpc_policy policy;
        const char *text;
    } t[] = {
        { 225, 0, XPC_POLICY_LIMIT, "actual 225 ms\n" },
        { 200, 0, XPC_POLICY_LIMIT,
          "actual 225 ms, over the downtime limit of 200 ms\n" },
        { 100, 225, XPC_POLICY_LIMIT,
          "actual 225 ms, over the downtime limit of 100 ms\n" },
        { 100, 200, XPC_POLICY_LIMIT,
          "actual 225 ms, over the maximum downtime of 200 ms\n" },
        { 200, 0, XPC_POLICY_STOCK, "actual 225 ms\n" },
    };
    struct xpc_report r;
    char buf[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        report_fill(&r);
        r.params.policy = t[i].policy;
        r.params.downtime_ns = t[i].limit_ms * XPC_MS;
        r.params.max_downtime_ns = t[i].maximum_ms * XPC_MS;
        text_of_report(buf, sizeof(buf), &r);
        if (!strstr(buf, t[i].text))
            fail_msg("lacks \"%s\": %s", t[i].text, buf);
        xpc_report_dispose(&r);
    }
    report_fill(&r);
    r.params.downtime_ns = 200 * XPC_MS;
    r.resumed_ns = 1300000000;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "for 225 ms, over the downtime limit of 200 "
                           "ms, and runs here again\n"));
    xpc_report_dispose(&r);
}

/* A paused guest does not run here. */
static void torture_xl_report_says_that_the_guest_stays_paused(void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    report_fill(&r);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.decision.reason = XPC_REASON_PAUSED;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "g1: aborted, the guest stays paused here\n"));
    assert_null(strstr(buf, "runs here"));
    xpc_report_dispose(&r);
}

static void torture_xl_report_counts_zero_pages(void **state)
{
    struct xpc_report r;
    char buf[4096];
    FILE *f = fopen(report_path, "w+");

    (void)state;
    report_fill(&r);
    r.total_pages_sent = 4321;
    r.total_zero_pages = 28463;
    r.zero_pages_in_full = 1000;
    report_print(f, "g1", &r);
    fclose(f);
    read_file(report_path, buf, sizeof(buf));
    assert_non_null(strstr(buf, "4321 normal, 28463 duplicate (all zero"));
    assert_non_null(
        strstr(buf, "zero pages: 1000, 3.91 MiB, were sent in full"));
    xpc_report_dispose(&r);
}

/*
 * A column shows the part of the downtime at its middle: 225 ms are 60 columns
 * of 3.75 ms.
 */
static void torture_xl_report_shows_the_parts_of_the_downtime(void **state)
{
    struct xpc_report r;
    char buf[4096];
    const char *bar;
    FILE *f = fopen(report_path, "w+");

    (void)state;
    report_fill(&r);
    downtime_print(f, &r);
    fclose(f);
    read_file(report_path, buf, sizeof(buf));
    bar = strchr(buf, '[');
    assert_non_null(bar);
    assert_int_equal(strcspn(bar + 1, "]"), 60);
    assert_int_equal(strspn(bar + 1, "p"), 24);
    assert_int_equal(strspn(bar + 25, "s"), 3);
    assert_int_equal(strspn(bar + 28, "r"), 21);
    assert_int_equal(strspn(bar + 49, "t"), 12);
    assert_non_null(strstr(buf, "p pages 89.0 ms (512 KiB)"));
    assert_non_null(strstr(buf, "s state 10.0 ms (32.0 KiB)"));
    assert_non_null(strstr(buf, "r restore 79.0 ms"));
    assert_non_null(strstr(buf, "t start 44.5 ms"));
    assert_non_null(strstr(buf, "took 5.00 ms to suspend"));
    xpc_report_dispose(&r);
}

static void torture_xl_report_shows_the_downtime_of_an_aborted_migration(
    void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    report_fill(&r);
    r.outcome = XPC_OUTCOME_FAILED;
    r.target_ready_ns = r.go_ns = r.target_started_ns = 0;
    r.resumed_ns = 1300000000;
    r.actual_downtime_ns = 300000000;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "stood still for 300 ms and runs here"));
    assert_non_null(strstr(buf, "x taken back 199 ms"));
    assert_null(strstr(buf, "restore"));
    xpc_report_dispose(&r);
}

/* A stop-and-copy that was broken off has no duration. */
static void torture_xl_report_has_no_rate_for_a_broken_stop_and_copy(
    void **state)
{
    struct xpc_report r;
    char buf[4096];

    (void)state;
    report_fill(&r);
    r.outcome = XPC_OUTCOME_FAILED;
    r.pages_sent_ns = r.state_sent_ns = r.stream_end_ns = 0;
    r.target_ready_ns = r.go_ns = r.target_started_ns = 0;
    text_of_report(buf, sizeof(buf), &r);
    assert_non_null(strstr(buf, "  stop-and-copy       128    544 KiB"
                           "         -            -\n"));
    xpc_report_dispose(&r);
}

static uint64_t max_bytes_per_s;

/* The printed report with these bandwidths, in bytes per second. */
static void text_with(char *buf, size_t len, uint64_t stated, uint64_t measured)
{
    struct xpc_report r;

    report_fill(&r);
    r.params.bandwidth_bytes_per_s = stated;
    r.params.max_bytes_per_s = max_bytes_per_s;
    r.decision.measured_bytes_per_s = measured;
    text_of_report(buf, len, &r);
    xpc_report_dispose(&r);
}

static void torture_xl_report_warns_if_the_stated_bandwidth_was_wrong(
    void **state)
{
    char buf[4096];

    (void)state;
    text_with(buf, sizeof(buf), 1250000000, 500000000);
    assert_non_null(strstr(buf, "bandwidth: 10.0 Gbit/s was stated, the link "
                           "gave 4.00 Gbit/s"));
    text_with(buf, sizeof(buf), 12500000, 125000000);
    assert_non_null(strstr(buf, "bandwidth: 100 Mbit/s was stated"));
    /* Close enough, none stated, none measured. */
    text_with(buf, sizeof(buf), 1250000000, 1010000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 1250000000, 1550000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 0, 1250000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 1250000000, 0);
    assert_null(strstr(buf, "bandwidth:"));
    /* The rate limit explains the first one, not the second one. */
    max_bytes_per_s = 500000000;
    text_with(buf, sizeof(buf), 1250000000, 495000000);
    assert_null(strstr(buf, "bandwidth:"));
    text_with(buf, sizeof(buf), 1250000000, 300000000);
    assert_non_null(strstr(buf, "the link gave 2.40 Gbit/s"));
    max_bytes_per_s = 0;
}

int main(int argc, char **argv)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, report_setup, report_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_report_shows_predicted_and_actual_downtime),
        TEST(torture_xl_report_says_if_a_limit_was_exceeded),
        TEST(torture_xl_report_says_that_the_guest_stays_paused),
        TEST(torture_xl_report_counts_zero_pages),
        TEST(torture_xl_report_shows_the_parts_of_the_downtime),
        TEST(torture_xl_report_shows_the_downtime_of_an_aborted_migration),
        TEST(torture_xl_report_has_no_rate_for_a_broken_stop_and_copy),
        TEST(torture_xl_report_warns_if_the_stated_bandwidth_was_wrong),
    };

    return torture_run(argc, argv, tests);
}
