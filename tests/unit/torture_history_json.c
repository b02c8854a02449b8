/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A history as JSON, as it is kept in files.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/lessons.h>
#include <xenprecopy/units.h>

#include "support/history_fixture.h"
#include "support/torture.h"

static void torture_history_json_round_trip(void **state)
{
    struct xpc_history *h = *state, back = { .stock_s = 5 };
    struct xpc_report r = migrated_report(84 * XPC_MS);
    char err[XPC_ERR_LEN];
    char *json;

    r.start_monotonic_ns = 7;
    r.params.guest = (struct xpc_guest){
        .device_model = XPC_DEVICE_MODEL_YES, .devices = 3, .vifs = 2,
        .disks = 1, .vcpus = 4, .pfns = 1 << 20, .id = XPC_GUEST_ID_MAX,
    };
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g\x1b\xff\"1"), 0);
    /* A prediction may have any value. */
    r.predicted_downtime_ns = UINT64_MAX;
    r.outcome = XPC_OUTCOME_FAILED;
    assert_int_equal(xpc_history_add(h, &r, 1700000001, "g1"), 0);
    h->stock_s = 1700000002;
    xpc_history_evacuated(h, 1.5, 1700000003);
    json = xpc_to_json(&xpc_history_type, h, true);
    assert_non_null(json);
    assert_int_equal(xpc_history_from_json(&back, json, strlen(json), err),
                     0);
    free(json);
    assert_string_equal(back.target, "host2");
    assert_int_equal(back.stock_s, 1700000002);
    assert_int_equal(back.pace_percent, 150);
    assert_int_equal(back.pace_s, 1700000003);
    assert_int_equal(back.nr_entries, 2);
    assert_string_equal(back.entries[0].domain, "g??\"1");
    assert_int_equal(back.entries[0].overhead_ns,
                     h->entries[0].overhead_ns);
    assert_int_equal(back.entries[0].suspend_pages, 240);
    assert_int_equal(back.entries[0].guest.device_model,
                     XPC_DEVICE_MODEL_YES);
    assert_memory_equal(&back.entries[0].guest, &r.params.guest,
                        sizeof(r.params.guest));
    assert_int_equal(back.entries[1].outcome, XPC_OUTCOME_FAILED);
    assert_int_equal(back.entries[1].predicted_downtime_ns,
                     XPC_HISTORY_TIME_MAX_NS);
    xpc_history_dispose(&back);
    xpc_history_dispose(&back);
}

/* Its own writer must not make a file that its reader calls damaged. */
static void torture_history_json_reads_whatever_is_written(void **state)
{
    const uint64_t day = XPC_HISTORY_TIME_MAX_NS;
    struct xpc_history *h = *state, back = { 0 };
    struct xpc_report slow = migrated_report(3 * day);
    struct xpc_report broken = broken_off_report(3 * day);
    struct xpc_report large = migrated_report(XPC_MS);
    char err[XPC_ERR_LEN];
    char *json;

    slow.target_started_ns = slow.go_ns + 2 * day;
    large.final_pages = XPC_HISTORY_PAGES_MAX;
    large.final_zero_pages = XPC_HISTORY_PAGES_MAX;
    large.decision.measured_bytes_per_s = UINT64_MAX / 2;
    assert_int_equal(xpc_history_add(h, &slow, HISTORY_NOW, "g1"), 0);
    assert_int_equal(xpc_history_add(h, &broken, HISTORY_NOW, "g1"), 0);
    assert_int_equal(xpc_history_add(h, &large, HISTORY_NOW, "g1"), 0);
    json = xpc_to_json(&xpc_history_type, h, true);
    assert_non_null(json);
    if (xpc_history_from_json(&back, json, strlen(json), err))
        fail_msg("%s", err);
    free(json);
    assert_int_equal(back.entries[0].start_ns, day);
    assert_int_equal(back.entries[1].overhead_at_least_ns, day);
    assert_int_equal(back.entries[2].suspend_pages, XPC_HISTORY_PAGES_MAX);
    xpc_history_dispose(&back);
}

/* Files of version 1 once had no kind of guest. */
static void torture_history_json_reads_files_without_guest_kind(void **state)
{
    static const char old[] =
        "{\"version\": 1, \"target\": \"host2\", \"migrations\": ["
        "{\"start-s\": 1700000000, \"domain\": \"g1\", "
        "\"outcome\": \"migrated\", \"actual-downtime-us\": 90000, "
        "\"switchover-overhead-us\": 60000, \"suspend-pages\": 240, "
        "\"start-us\": 8000}]}";
    struct xpc_history *h = *state;
    char err[XPC_ERR_LEN];
    struct xpc_prior p;

    assert_int_equal(xpc_history_from_json(h, old, sizeof(old) - 1, err), 0);
    assert_int_equal(h->entries[0].guest.device_model,
                     XPC_DEVICE_MODEL_UNKNOWN);
    assert_int_equal(xpc_history_prior(h, &guest_hvm, HISTORY_NOW, &p), 1);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    assert_int_equal(p.suspend_pages, 240);
}

/* Counters must not decrease when old entries are dropped. */
static void torture_history_json_keeps_totals(void **state)
{
    struct xpc_history *h = *state, back = { 0 };
    struct xpc_report r = migrated_report(84 * XPC_MS);
    char err[XPC_ERR_LEN];
    char *json;

    for (int i = 0; i < XPC_HISTORY_MAX + 6; i++)
        assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    r.actual_downtime_ns = 2 * XPC_S;
    r.total_bytes = UINT64_MAX;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    h->entries[h->nr_entries - 1].total_bytes = 1;
    json = xpc_to_json(&xpc_history_type, h, true);
    if (xpc_history_from_json(&back, json, strlen(json), err))
        fail_msg("%s", err);
    free(json);
    assert_int_equal(back.nr_entries, XPC_HISTORY_MAX);
    assert_int_equal(back.totals.outcomes[XPC_OUTCOME_MIGRATED],
                     XPC_HISTORY_MAX + 7);
    assert_int_equal(back.totals.over_limit, 1);
    assert_int_equal(back.totals.bytes, XPC_HISTORY_TOTAL_MAX);
    assert_int_equal(back.totals.time_ns, (XPC_HISTORY_MAX + 7) * 3 * XPC_S);
    xpc_history_dispose(&back);
}

static void torture_history_json_completes_totals(void **state)
{
    static const char old[] =
        "{\"version\": 1, \"target\": \"host2\", \"migrations\": ["
        "{\"outcome\": \"migrated\", \"actual-downtime-us\": 90000, "
        "\"downtime-limit-us\": 80000, \"total-bytes\": 5}, "
        "{\"outcome\": \"aborted\", \"total-time-us\": 7}]}";
    struct xpc_history *h = *state;
    char err[XPC_ERR_LEN];

    assert_int_equal(xpc_history_from_json(h, old, sizeof(old) - 1, err), 0);
    assert_int_equal(h->totals.outcomes[XPC_OUTCOME_MIGRATED], 1);
    assert_int_equal(h->totals.outcomes[XPC_OUTCOME_ABORTED], 1);
    assert_int_equal(h->totals.over_limit, 1);
    assert_int_equal(h->totals.bytes, 5);
    assert_int_equal(h->totals.time_ns, 7000);
    assert_int_equal(h->totals.downtime_ns, 90 * XPC_MS);
}

static void torture_history_json_damage_is_refused_in_one_line(void **state)
{
#define ONE "\"version\": 1, \"target\": \"host2\""
    static const struct { const char *json, *says; } bad[] = {
        { "", "not JSON" },
        { "{" ONE, "not JSON" },
        { "{}", "\"version\" is missing" },
        { "{\"version\": 2, \"target\": \"a\", \"migrations\": []}",
          "version: 2 is out of range (1 to 1)" },
        { "{" ONE "}", "\"migrations\" is missing" },
        { "{\"version\": 1, \"target\": null, \"migrations\": []}",
          "target" },
        { "{" ONE ", \"migrations\": 1}", "expected an array" },
        { "{" ONE ", \"migrations\": [{}]}", "\"outcome\" is missing" },
        { "{" ONE ", \"migrations\": [{\"outcome\": \"fine\"}]}",
          "is not one of" },
        { "{" ONE ", \"evacuation-pace-percent\": 1e9, \"migrations\": []}",
          "out of range (33 to 300)" },
        { "{" ONE ", \"evacuation-pace-percent\": 0, \"migrations\": []}",
          "out of range (33 to 300)" },
        { "{" ONE ", \"migrations\": [{\"outcome\": \"migrated\", "
          "\"switchover-overhead-us\": 1e12}]}", "out of range" },
    };
    struct xpc_history *h = *state;
    char err[XPC_ERR_LEN], many[4096];
    size_t n;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(xpc_history_from_json(h, bad[i].json,
                                               strlen(bad[i].json), err), -1);
        assert_int_equal(errno, EINVAL);
        if (!strstr(err, bad[i].says) || strchr(err, '\n'))
            fail_msg("%s: %s", bad[i].json, err);
        assert_string_equal(h->target, "host2");
    }
    n = snprintf(many, sizeof(many), "{" ONE ", \"migrations\": [");
    for (int i = 0; i <= XPC_HISTORY_MAX; i++)
        n += snprintf(many + n, sizeof(many) - n,
                      "%s{\"outcome\": \"failed\"}", i ? "," : "");
    n += snprintf(many + n, sizeof(many) - n, "]}");
    assert_int_equal(xpc_history_from_json(h, many, n, err), -1);
    assert_non_null(strstr(err, "65 entries, at most 64"));
}

int main(int argc, char **argv)
{
#define TEST(t) \
    cmocka_unit_test_setup_teardown(t, history_setup, history_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_history_json_round_trip),
        TEST(torture_history_json_reads_whatever_is_written),
        TEST(torture_history_json_reads_files_without_guest_kind),
        TEST(torture_history_json_keeps_totals),
        TEST(torture_history_json_completes_totals),
        TEST(torture_history_json_damage_is_refused_in_one_line),
    };

    return torture_run(argc, argv, tests);
}
