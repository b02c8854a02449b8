/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regular phases in measurements: finding them, what that costs, and JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>

#include "core/phase_watch.h"
#include "support/fake_source.h"
#include "support/torture.h"

#define PAGES 8192

/* A guest that writes to half of its pages, each so often a second. */
static struct fake_source *guest(double rate, uint64_t period_ms,
                                 uint64_t busy_ms, uint64_t seed)
{
    struct fake_source *f = fake_source(PAGES, seed);

    f->cycle = (struct xpc_cycle){
        .period_ns = period_ms * XPC_MS, .busy_ns = busy_ms * XPC_MS,
        .busy_from_ns = 137 * XPC_MS, .quiet = 0.02,
    };
    for (uint64_t i = 0; i < PAGES; i += 2)
        f->rate[i] = rate;
    fake_source_begin(f);
    return f;
}

static void measure(struct fake_source *f, uint64_t calc_ms,
                    struct xpc_measurement *m)
{
    struct xpc_meter_request req;
    struct xpc_meter meter;
    int rc;

    xpc_meter_request_init(&req);
    xpc_meter_request_periods(&req, calc_ms * XPC_MS);
    req.mode = XPC_MODE_DIRTY_BITMAP;
    rc = xpc_meter_start(&meter, &f->src, &req);
    while (!rc && !meter.finished) {
        fake_source_wait(&f->src, meter.next_ns);
        rc = xpc_meter_step(&meter);
    }
    xpc_measurement_init(m);
    xpc_meter_end(&meter, rc, m);
    assert_int_equal(m->status, XPC_MEASURE_MEASURED);
}

static bool near(double a, double b, double share)
{
    return fabs(a - b) <= share * b;
}

static void torture_phase_watch_finds_regular_phases(void **state)
{
    static const struct {
        uint64_t period, busy, calc;
        double rate;
    } guests[] = {
        { 400, 200, 6000, 1 },
        { 500, 250, 6000, 0.5 },
        { 1000, 400, 10000, 5 },
        { 1500, 900, 10000, 0.6 },
        { 2000, 600, 15000, 20 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
        struct fake_source *f = guest(guests[i].rate, guests[i].period,
                                      guests[i].busy, i);
        struct xpc_cycle *c = &f->cycle, found;
        uint64_t start = f->now_ns;
        struct xpc_measurement m;
        double at;

        measure(f, guests[i].calc, &m);
        found = m.phases.cycle;
        assert_int_equal(m.phases.version, XPC_PHASES_VERSION);
        assert_true(near(found.period_ns, c->period_ns, 0.02));
        assert_true(near(found.busy_ns, c->busy_ns, 0.2));
        assert_true(found.quiet < 0.2);
        /* In the middle of the first busy phase, since the start. */
        at = found.busy_from_ns + found.busy_ns / 2.0 + start;
        assert_true(xpc_cycle_busy(c, at));
        xpc_measurement_dispose(&m);
        fake_source_close(&f->src);
    }
}

static void torture_phase_watch_finds_none_in_a_steady_guest(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct fake_source *f = guest(0.1 * exp2(i / 2.0), 0, 0, i);
        struct xpc_measurement m;
        struct xpc_phased phased;
        struct xpc_curve c;
        char err[XPC_ERR_LEN];

        measure(f, 8000, &m);
        assert_int_equal(m.phases.version, 0);
        assert_int_equal(xpc_measurement_curve(&m, &c, err), 0);
        assert_false(xpc_measurement_phased(&m, &c, &phased));
        xpc_measurement_dispose(&m);
        fake_source_close(&f->src);
    }
}

/* The intervals of the working set are as long, with or without phases. */
static void torture_phase_watch_keeps_the_working_set(void **state)
{
    struct fake_source *f = guest(0.5, 500, 250, 3);
    struct xpc_measurement m;

    (void)state;
    measure(f, 6000, &m);
    assert_int_equal(m.workset.intervals, 5);
    assert_true(near(m.workset.interval_ns, (6000 + 4 * 1500) / 5.0 * XPC_MS,
                     0.01));
    assert_true(near(m.workset.union_pages,
                     PAGES / 2 * -expm1(-0.5 * 6.12), 0.03));
    assert_true(f->cleans > 12 && f->cleans < 6000 / 100);
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

/* With shadow page tables, the log is not cleaned more often than before. */
static void torture_phase_watch_spares_costly_cleans(void **state)
{
    struct fake_source *f = guest(0.5, 500, 250, 3);
    struct xpc_measurement m;

    (void)state;
    f->src.clean_is_costly = true;
    measure(f, 6000, &m);
    assert_int_equal(f->cleans, 5);
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

/* Counting may take long, on a busy host or for a process. */
static void torture_phase_watch_bounds_counting(void **state)
{
    struct fake_source *f = guest(0.5, 0, 0, 1);
    struct xpc_measurement m;

    (void)state;
    f->count_ns = 4 * XPC_MS;
    measure(f, 6000, &m);
    /* 13 for the curve. */
    assert_true((m.cost.peeks - 13) * f->count_ns <=
                2 * XPC_WATCH_COUNT_SHARE * 6000 * XPC_MS);
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

/* What the guest is slowed by, if a write to a clean page takes 2 us. */
static double faulting(uint64_t pages_per_clean, uint64_t longest_ns)
{
    struct xpc_phase_watch w = { .longest_ns = longest_ns };
    uint64_t now = 5 * XPC_S, faults = 0;

    xpc_phase_watch_clean(&w, now, 0, 0);
    while (now < 5 * XPC_S + 4 * longest_ns) {
        uint64_t end = w.clean_ns + longest_ns;

        now = w.clean_due_ns < end ? w.clean_due_ns : end;
        faults += pages_per_clean;
        xpc_phase_watch_clean(&w, now, 0, pages_per_clean);
    }
    return faults * (double)XPC_FAULT_NS / (now - w.start_ns);
}

static void torture_phase_watch_bounds_faults(void **state)
{
    uint64_t longest = 2500 * XPC_MS;

    (void)state;
    /* The working set alone: four times. */
    for (uint64_t pages = 1000; pages < 300000; pages *= 2)
        assert_true(faulting(pages, longest) < 1.5 * XPC_WATCH_FAULT_SHARE +
                    5.0 * pages * XPC_FAULT_NS / (4 * longest));
    /* A guest that writes little is not looked at less often. */
    assert_true(faulting(3000, longest) > 3000 * 2e-6 / 0.16);
}

/* ---- JSON ------------------------------------------------------------- */

static const char head[] =
    "{\"page-size\": 4096, \"status\": \"measured\", \"mode\": "
    "\"dirty-bitmap\", \"periods\": [250, 500, 1000, 1500], "
    "\"n-dirty-pages\": [90, 100, 200, 300], \"n-sampled-pages\": 10000, "
    "\"n-total-pages\": 10000";

/* Reads a measurement with these phases. Returns 0 or -1. */
static int read_phases(const char *phases, struct xpc_measurement *m,
                       char err[XPC_ERR_LEN])
{
    char json[1024];

    xpc_measurement_init(m);
    snprintf(json, sizeof(json), "%s%s%s}", head, *phases ? ", \"phases\": " :
             "", phases);
    return xpc_measurement_from_json(m, json, strlen(json), err);
}

static void torture_phase_watch_json_is_read_and_written(void **state)
{
    struct xpc_measurement m, again;
    char err[XPC_ERR_LEN], *json;

    (void)state;
    assert_int_equal(read_phases("{\"version\": 1, \"period-ms\": 500.5, "
                                 "\"busy-ms\": 250, \"busy-from-ms\": 0, "
                                 "\"quiet\": 0.25}", &m, err), 0);
    assert_int_equal(m.phases.cycle.period_ns, 500500000);
    json = xpc_to_json(&xpc_measurement_type, &m, false);
    xpc_measurement_init(&again);
    assert_int_equal(xpc_measurement_from_json(&again, json, strlen(json),
                                               err), 0);
    assert_memory_equal(&again.phases, &m.phases, sizeof(m.phases));
    free(json);
    xpc_measurement_dispose(&again);
    xpc_measurement_dispose(&m);
}

/* Those of earlier versions, and of guests without phases. */
static void torture_phase_watch_json_may_have_none(void **state)
{
    struct xpc_measurement m;
    char err[XPC_ERR_LEN], *json;

    (void)state;
    assert_int_equal(read_phases("", &m, err), 0);
    assert_int_equal(m.phases.version, 0);
    json = xpc_to_json(&xpc_measurement_type, &m, false);
    assert_null(strstr(json, "phases"));
    free(json);
    xpc_measurement_dispose(&m);
}

static void torture_phase_watch_json_is_checked(void **state)
{
    static const struct {
        const char *phases, *line;
    } bad[] = {
        { "{}", "version" },
        { "[]", "expected an object, got an array" },
        { "{\"version\": 0, \"period-ms\": 500, \"busy-ms\": 250, "
          "\"busy-from-ms\": 0, \"quiet\": 0}", "version: 0 is out of range" },
        { "{\"version\": 2, \"period-ms\": 500, \"busy-ms\": 250, "
          "\"busy-from-ms\": 0, \"quiet\": 0}",
          "phases: version 2 is not known, 1 is: measure again" },
        { "{\"version\": 1, \"busy-ms\": 250, \"busy-from-ms\": 0, "
          "\"quiet\": 0}", "period-ms" },
        { "{\"version\": 1, \"period-ms\": 0, \"busy-ms\": 0, "
          "\"busy-from-ms\": 0, \"quiet\": 0}",
          "phases: period-ms: from 25 to 60000 are possible" },
        { "{\"version\": 1, \"period-ms\": 1e9, \"busy-ms\": 250, "
          "\"busy-from-ms\": 0, \"quiet\": 0}",
          "phases: period-ms: from 25 to 60000 are possible" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": 0, "
          "\"busy-from-ms\": 0, \"quiet\": 0}",
          "phases: busy-ms is not within the period" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": 500, "
          "\"busy-from-ms\": 0, \"quiet\": 0}",
          "phases: busy-ms is not within the period" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": -1, "
          "\"busy-from-ms\": 0, \"quiet\": 0}", "busy-ms: -1 is not a number" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": 250, "
          "\"busy-from-ms\": 501, \"quiet\": 0}",
          "phases: busy-from-ms is after the first period" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": 250, "
          "\"busy-from-ms\": 0, \"quiet\": 1}",
          "phases: quiet is not a share below 1" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": 250, "
          "\"busy-from-ms\": 0, \"quiet\": null}",
          "phases: quiet is not a share below 1" },
        { "{\"version\": 1, \"period-ms\": 500, \"busy-ms\": 250, "
          "\"busy-from-ms\": 0, \"quiet\": -0.1}",
          "phases: quiet is not a share below 1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char err[XPC_ERR_LEN] = "";
        struct xpc_measurement m;

        assert_int_equal(read_phases(bad[i].phases, &m, err), -1);
        if (!strstr(err, bad[i].line))
            fail_msg("\"%s\" has no \"%s\"", err, bad[i].line);
        assert_null(strchr(err, '\n'));
    }
}

static void torture_phase_watch_busy_curve(void **state)
{
    struct xpc_phased phased;
    struct xpc_measurement m;
    struct xpc_curve c;
    char err[XPC_ERR_LEN];

    (void)state;
    /* Busy from 250 to 500 ms, from 1250 to 1500 ms. */
    assert_int_equal(read_phases("{\"version\": 1, \"period-ms\": 1000, "
                                 "\"busy-ms\": 250, \"busy-from-ms\": 250, "
                                 "\"quiet\": 0.01}", &m, err), 0);
    assert_int_equal(xpc_measurement_curve(&m, &c, err), 0);
    assert_true(xpc_measurement_phased(&m, &c, &phased));
    assert_int_equal(phased.busy.nr, 4);
    assert_true(near(phased.busy.pt[0].t_ns, 2.5e6, 1e-6));
    assert_true(near(phased.busy.pt[1].t_ns, 252.5e6, 1e-6));
    assert_true(near(phased.busy.pt[2].t_ns, 257.5e6, 1e-6));
    assert_true(near(phased.busy.pt[3].t_ns, 510e6, 1e-6));
    assert_true(phased.busy.pt[1].pages == 100);
    assert_int_equal(xpc_curve_check(&phased.busy, err, sizeof(err)), 0);
    /* No time passes for it in a lull: two points are left. */
    m.phases.cycle.quiet = 0;
    assert_true(xpc_measurement_phased(&m, &c, &phased));
    assert_int_equal(phased.busy.nr, 2);
    xpc_measurement_dispose(&m);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_phase_watch_finds_regular_phases),
        cmocka_unit_test(torture_phase_watch_finds_none_in_a_steady_guest),
        cmocka_unit_test(torture_phase_watch_keeps_the_working_set),
        cmocka_unit_test(torture_phase_watch_spares_costly_cleans),
        cmocka_unit_test(torture_phase_watch_bounds_counting),
        cmocka_unit_test(torture_phase_watch_bounds_faults),
        cmocka_unit_test(torture_phase_watch_json_is_read_and_written),
        cmocka_unit_test(torture_phase_watch_json_may_have_none),
        cmocka_unit_test(torture_phase_watch_json_is_checked),
        cmocka_unit_test(torture_phase_watch_busy_curve),
    };

    return torture_run(argc, argv, tests);
}
