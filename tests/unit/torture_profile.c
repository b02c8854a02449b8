/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "support/torture.h"

#define LINK UINT64_C(125000000)

static struct xpc_profile profile;

static int setup(void **state)
{
    (void)state;
    xpc_profile_init(&profile);
    profile.domain = strdup("g1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xpc_profile_dispose(&profile);
    return 0;
}

/* A guest of 1 GiB that dirties so many pages a second, up to 100,000. */
static struct xpc_curve curve_of(double rate, double seconds)
{
    struct xpc_curve c = { .total_pages = 262144, .zero_pages = 1000 };

    for (double s = 0.125; s <= seconds; s *= 2)
        xpc_curve_add(&c, s * 1e9, 100000 * (1 - exp(-rate * s / 100000)), 0,
                      100000);
    return c;
}

static void add(unsigned int hour, double rate, double seconds)
{
    struct xpc_curve c = curve_of(rate, seconds);

    assert_int_equal(xpc_profile_add(&profile, hour, 1000 + hour, &c, NULL),
                     0);
}

static void torture_profile_keeps_mean_and_deviation(void **state)
{
    const struct xpc_profile_hour *h;
    struct xpc_curve c;
    double low = curve_of(1000, 8).pt[3].pages;
    double high = curve_of(3000, 8).pt[3].pages;

    (void)state;
    add(7, 1000, 8);
    add(7, 3000, 8);
    add(3, 1000, 8);
    assert_int_equal(profile.nr_hours, 2);
    assert_int_equal(profile.hours[0].hour, 3);
    assert_null(xpc_profile_find(&profile, 4));
    h = xpc_profile_find(&profile, 7);
    assert_int_equal(h->measurements, 2);
    assert_int_equal(h->last_s, 1007);
    assert_int_equal(h->points[3].t_ns, XPC_S);
    assert_true(fabs(h->points[3].pages - (low + high) / 2) < 1);
    assert_true(fabs(h->points[3].deviation - (high - low) / 2) < 1);
    /* Nothing is known of 16 s. */
    assert_int_equal(h->points[7].measurements, 0);
    xpc_profile_curve(h, &c);
    assert_int_equal(c.nr, 7);
    assert_int_equal(c.total_pages, 262144);
    assert_true(fabs(c.pt[3].high - fmin(c.pt[3].pages +
                     1.96 * h->points[3].deviation, 1e9)) < 1);
}

static void torture_profile_forgets(void **state)
{
    const struct xpc_profile_hour *h;

    (void)state;
    for (int i = 0; i < 100; i++)
        add(0, 50000, 1);
    for (int i = 0; i < 8 * XPC_PROFILE_MEMORY; i++)
        add(0, 100, 1);
    h = xpc_profile_find(&profile, 0);
    assert_int_equal(h->points[3].measurements, XPC_PROFILE_MEMORY);
    assert_true(h->points[3].pages < 150);
    assert_int_equal(h->measurements, 100 + 8 * XPC_PROFILE_MEMORY);
}

/* ---- regular phases --------------------------------------------------- */

/* Writes to 12,000 pages, so many times a second. */
static struct xpc_curve hot_curve(double rate)
{
    struct xpc_curve c = { .total_pages = 262144 };

    for (double s = 0.125; s <= 16; s *= 2)
        xpc_curve_add(&c, s * 1e9, 12000 * (1 - exp(-rate * s / 12000)), 0,
                      262144);
    return c;
}

/* Busy for half of the period, and hardly writing in the other half. */
static void add_phased(unsigned int hour, uint64_t period_ms)
{
    struct xpc_curve c = hot_curve(60000);
    struct xpc_phased phased = {
        .cycle = { .period_ns = period_ms * XPC_MS,
                   .busy_ns = period_ms * XPC_MS / 2, .quiet = 0.01 },
        .busy = hot_curve(120000),
    };

    assert_int_equal(xpc_profile_add(&profile, hour, 7, &c, &phased), 0);
}

/* A measurement that finds none. */
static void add_unphased(unsigned int hour)
{
    struct xpc_curve c = hot_curve(60000);
    struct xpc_phased phased = { .cycle = { 0 } };

    assert_int_equal(xpc_profile_add(&profile, hour, 7, &c, &phased), 0);
}

static bool is_phased(unsigned int hour, struct xpc_phased *phased)
{
    return xpc_profile_phased(xpc_profile_find(&profile, hour), phased);
}

static void torture_profile_keeps_regular_phases(void **state)
{
    struct xpc_phased phased;

    (void)state;
    add_unphased(5);
    add_unphased(5);
    assert_false(is_phased(5, &phased));
    add_phased(5, 980);
    assert_false(is_phased(5, &phased));
    add_phased(5, 1020);
    assert_true(is_phased(5, &phased));
    assert_int_equal(phased.cycle.period_ns, XPC_S);
    assert_int_equal(phased.cycle.busy_ns, XPC_S / 2);
    assert_true(fabs(phased.cycle.quiet - 0.01) < 1e-9);
    assert_int_equal(phased.busy.total_pages, 262144);
    assert_true(fabs(phased.busy.pt[2].pages - hot_curve(120000).pt[2].pages) <
                1);
    /* page-sampling does not look for them. */
    for (int i = 0; i < 100; i++)
        add(5, 1000, 8);
    assert_true(is_phased(5, &phased));
    /* They are gone. */
    for (int i = 0; i < XPC_PROFILE_LOOKS; i++)
        add_unphased(5);
    assert_false(is_phased(5, &phased));
    add(6, 1000, 8);
    assert_false(is_phased(6, &phased));
}

static void torture_profile_another_period_begins_anew(void **state)
{
    struct xpc_phased phased;

    (void)state;
    for (int i = 0; i < 50; i++)
        add_phased(5, 1000);
    add_phased(5, 3000);
    assert_true(is_phased(5, &phased));
    assert_int_equal(phased.cycle.period_ns, 3 * XPC_S);
    assert_int_equal(xpc_profile_find(&profile, 5)->phases.measurements, 1);
    assert_int_equal(
        xpc_profile_find(&profile, 5)->phases.points[0].measurements, 1);
}

static void torture_profile_json_round_trip(void **state)
{
    struct xpc_profile copy = { 0 };
    char err[XPC_ERR_LEN], *json, *again;

    (void)state;
    for (unsigned int h = 0; h < 24; h++) {
        add(23 - h, 100 * (h + 1), 64);
        add_phased(23 - h, 1000 + h);
        add_unphased(23 - h);
    }
    json = xpc_to_json(&xpc_profile_type, &profile, true);
    assert_non_null(json);
    /* All hours: the file is no longer than this. */
    assert_true(strlen(json) < 131072);
    assert_int_equal(xpc_profile_from_json(&copy, json, strlen(json), err),
                     0);
    again = xpc_to_json(&xpc_profile_type, &copy, true);
    assert_string_equal(json, again);
    xpc_profile_dispose(&copy);
    free(json);
    free(again);
}

static void torture_profile_damaged_is_refused(void **state)
{
    static const char negative[] =
        "{\"version\":1,\"hours\":[{\"hour\":1,\"total-pages\":9,"
        "\"periods\":[{\"period-ms\":125,\"pages\":-1}]}]}";
#define POINTS "[{\"period-ms\":1},{\"period-ms\":2},{\"period-ms\":3}," \
        "{\"period-ms\":4},{\"period-ms\":5},{\"period-ms\":6}," \
        "{\"period-ms\":7},{\"period-ms\":8},{\"period-ms\":9}," \
        "{\"period-ms\":10}]"
    /* It would be busy for longer than its period. */
    static const char phases[] =
        "{\"version\":1,\"hours\":[{\"hour\":1,\"total-pages\":9,"
        "\"periods\":" POINTS ",\"phases\":{\"looked\":1,\"found\":1,"
        "\"measurements\":1,\"period-ms\":5,\"busy-ms\":6,\"quiet\":0,"
        "\"periods\":" POINTS "}}]}";
    static const char *const bad[] = {
        "", "{", "[]", "{}", "{\"version\":2}", negative,
        "{\"version\":1,\"hours\":[{\"hour\":24}]}",
        "{\"version\":1,\"hours\":[{\"hour\":3}]}",
        phases,
    };
    struct xpc_profile p = { 0 };
    char err[XPC_ERR_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err[0] = 0;
        assert_int_equal(xpc_profile_from_json(&p, bad[i], strlen(bad[i]),
                                               err), -1);
        assert_true(*err);
        assert_null(p.hours);
    }
}

static void compute_with(struct xpc_when *w, enum xpc_lulls lulls,
                         uint64_t downtime_ns)
{
    struct xpc_predict_params p;

    xpc_predict_params_init(&p, 0, 0);
    assert_int_equal(xpc_when_compute(w, &profile, &p, lulls, LINK,
                                      downtime_ns), 0);
}

static void compute(struct xpc_when *w, uint64_t downtime_ns)
{
    compute_with(w, XPC_LULLS_ON, downtime_ns);
}

/* Quiet from 23 to 5, and quietest at 2. */
static void torture_profile_finds_the_window(void **state)
{
    struct xpc_when w;
    char *json;

    (void)state;
    for (unsigned int h = 0; h < 24; h++) {
        double rate = h == 2 ? 100 : h >= 23 || h < 5 ? 110 : 40000;

        for (int i = 0; i < 9; i++)
            add(h, rate * (0.5 + 0.125 * i), 16);
    }
    compute(&w, 300 * XPC_MS);
    assert_int_equal(w.nr_hours, 24);
    assert_int_equal(w.best_hour, 2);
    assert_int_equal(w.from_hour, 23);
    assert_int_equal(w.to_hour, 5);
    assert_true(w.hours[2].cell.converges);
    assert_false(w.hours[12].cell.converges);
    /* The first good hour of the next ones. */
    assert_int_equal(xpc_when_first(&w, 20, 6)->hour, 23);
    assert_int_equal(xpc_when_first(&w, 3, 24)->hour, 3);
    assert_int_equal(xpc_when_first(&w, 12, 2)->hour, 12);
    assert_null(xpc_when_first(&w, 12, 0));
    json = xpc_to_json(&xpc_when_type, &w, true);
    assert_non_null(strstr(json, "\"from-hour\": 23"));
    free(json);
    xpc_when_dispose(&w);
}

static void torture_profile_all_day_and_one_hour(void **state)
{
    struct xpc_when w;

    (void)state;
    add(13, 500, 16);
    compute(&w, 300 * XPC_MS);
    assert_int_equal(w.from_hour, 13);
    assert_int_equal(w.to_hour, 14);
    xpc_when_dispose(&w);
    for (unsigned int h = 0; h < 24; h++)
        add(h, 500, 16);
    compute(&w, 300 * XPC_MS);
    assert_int_equal(w.from_hour, w.to_hour);
    xpc_when_dispose(&w);
}

/* Of the hour's days, some keep the limit and some don't. */
static void torture_profile_an_hour_that_may_not_fit(void **state)
{
    struct xpc_when w;

    (void)state;
    for (int i = 0; i < 9; i++)
        add(13, i % 2 ? 40000 : 100, 16);
    compute(&w, 300 * XPC_MS);
    assert_true(w.hours[0].cell.converges && w.hours[0].cell.marginal);
    assert_int_equal(w.hours[0].cell.total_high_ns, 0);
    assert_int_equal(xpc_when_first(&w, 13, 1)->hour, 13);
    assert_int_equal(xpc_when_first(&w, 14, 24)->hour, 13);
    xpc_when_dispose(&w);
    for (unsigned int h = 12; h < 15; h += 2) {
        for (int i = 0; i < 9; i++)
            add(h, i % 2 ? 40000 : 100, 16);
    }
    compute(&w, 300 * XPC_MS);
    assert_int_equal(w.from_hour, 12);
    assert_int_equal(w.to_hour, 15);
    xpc_when_dispose(&w);
}

/* Only the lulls of 13:00 keep the limit. */
static void torture_profile_waits_for_lulls(void **state)
{
    struct xpc_when w;
    char *json;

    (void)state;
    add_phased(13, 1000);
    add_phased(13, 1000);
    add(14, 60000, 16);
    compute(&w, 300 * XPC_MS);
    assert_true(w.hours[0].cell.converges);
    assert_int_equal(w.hours[0].period_ns, XPC_S);
    assert_int_equal(w.hours[1].period_ns, 0);
    assert_int_equal(w.best_hour, 13);
    json = xpc_to_json(&xpc_when_type, &w, true);
    assert_non_null(strstr(json, "\"period-ms\": 1000"));
    free(json);
    xpc_when_dispose(&w);
    compute_with(&w, XPC_LULLS_OFF, 300 * XPC_MS);
    assert_false(w.hours[0].cell.converges);
    assert_int_equal(w.hours[0].period_ns, 0);
    xpc_when_dispose(&w);
}

#define T(name) cmocka_unit_test_setup_teardown(torture_profile_##name, \
                                                setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(keeps_mean_and_deviation),
        T(forgets),
        T(keeps_regular_phases),
        T(another_period_begins_anew),
        T(json_round_trip),
        T(damaged_is_refused),
        T(finds_the_window),
        T(all_day_and_one_hour),
        T(an_hour_that_may_not_fit),
        T(waits_for_lulls),
    };

    return torture_run(argc, argv, tests);
}
