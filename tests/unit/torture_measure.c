/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurements: JSON, checks, curves and intervals.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/measure.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "support/torture.h"

/* The format of QEMU. */
static const char qemu[] =
    "{ \"page-size\": 4096, \"periods\": [125, 250, 4001],"
    " \"status\": \"measured\", \"sample-pages\": 512, \"dirty-rate\": 98,"
    " \"mode\": \"page-sampling\", \"n-dirty-pages\": [33, 78, 505],"
    " \"n-sampled-pages\": 16392, \"n-zero-pages\": 10060,"
    " \"n-total-pages\": 8392704, \"start-time\": 2916750,"
    " \"calc-time\": 60 }";

static int read_text(struct xpc_measurement *m, const char *s, char *err)
{
    xpc_measurement_init(m);
    return xpc_measurement_from_json(m, s, strlen(s), err);
}

static void torture_measure_reports_a_failure_in_one_line(void **state)
{
    char err[XPC_ERR_LEN];
    struct xpc_measurement m;
    struct xpc_curve c;

    (void)state;
    assert_int_equal(read_text(&m, "{\"page-size\": 4096, \"periods\": [],"
                               "\"status\": \"failed\", \"error\": \"a\\nb\","
                               "\"mode\": \"page-sampling\","
                               "\"n-dirty-pages\": [],"
                               "\"n-sampled-pages\": 0,"
                               "\"n-total-pages\": 0}", err), 0);
    assert_int_equal(xpc_measurement_curve(&m, &c, err), -1);
    assert_non_null(strstr(err, "a?b"));
    xpc_measurement_dispose(&m);
}

static void torture_measure_reads_qemu(void **state)
{
    char err[XPC_ERR_LEN];
    struct xpc_measurement m;
    struct xpc_curve c;

    (void)state;
    assert_int_equal(read_text(&m, qemu, err), 0);
    assert_int_equal(m.nr_periods, 3);
    assert_int_equal(m.period_ns[2], 4001 * XPC_MS);
    assert_int_equal(m.nominal_ns[2], 4001 * XPC_MS);
    assert_true(fabs(m.dirty_pages[0] - 33 * 512.0) < 10);
    assert_true(m.dirty_low[0] < m.dirty_pages[0]);
    assert_true(m.dirty_high[0] > m.dirty_pages[0]);
    assert_true(fabs(m.zero_pages / m.n_total - 10060.0 / 16392) < 1e-9);
    assert_int_equal(xpc_measurement_calc_ns(&m), 60 * XPC_S);
    assert_int_equal(xpc_measurement_curve(&m, &c, err), 0);
    assert_int_equal(c.nr, 3);
    assert_int_equal(c.total_pages, 8392704);
    assert_true(c.pt[0].low <= c.pt[0].pages);
    xpc_measurement_dispose(&m);
    xpc_measurement_dispose(&m);
}

static void torture_measure_round_trip(void **state)
{
    char err[XPC_ERR_LEN], *json;
    struct xpc_measurement m, n;

    (void)state;
    assert_int_equal(read_text(&m, qemu, err), 0);
    m.nominal_ns[2] = 4000 * XPC_MS;
    m.name = strdup("g1");
    m.ballooned = true;
    m.workset = (struct xpc_workset_result){
        .intervals = 4, .interval_ns = XPC_S, .sampled_pfns = 100,
        .union_pages = 10, .union_low = 5, .union_high = 20,
        .jaccard = 0.5, .converged = true,
    };
    m.cost.peek_max_ns = 123456;
    m.nr_compress = 2;
    m.compress = calloc(2, sizeof(*m.compress));
    m.compress[0].compress = XPC_COMPRESS_LZ4;
    m.compress[1] = (struct xpc_compress_result){
        .compress = XPC_COMPRESS_ZSTD, .level = 3,
        .changed = { .pages = 20, .blocks = 3, .share = 1.0 / 3,
                     .share_low = 0.3, .share_high = 0.4,
                     .page_ns = 1234.5, .page_ns_high = 2000 },
    };
    json = xpc_to_json(&xpc_measurement_type, &m, true);
    assert_non_null(json);
    assert_int_equal(read_text(&n, json, err), 0);
    assert_int_equal(n.nominal_ns[2], 4000 * XPC_MS);
    assert_memory_equal(n.n_dirty, m.n_dirty, 3 * sizeof(uint64_t));
    assert_true(fabs(n.dirty_high[1] - m.dirty_high[1]) < 1);
    assert_string_equal(n.name, "g1");
    assert_true(n.ballooned);
    assert_true(n.workset.converged);
    assert_int_equal(n.cost.peek_max_ns, 123456);
    assert_int_equal(n.nr_compress, 2);
    assert_int_equal(n.compress[0].compress, XPC_COMPRESS_LZ4);
    assert_int_equal(n.compress[1].level, 3);
    assert_int_equal(n.compress[1].changed.blocks, 3);
    assert_true(n.compress[1].changed.page_ns == 1234.5);
    assert_true(n.compress[1].changed.share_low == 0.3);
    free(json);
    /* A copy has its own. */
    assert_int_equal(xpc_measurement_copy(&n, 2, &m), 0);
    assert_int_equal(m.nr_compress, 2);
    assert_true(m.compress != n.compress);
    assert_int_equal(m.compress[1].level, 3);
    xpc_measurement_dispose(&m);
    xpc_measurement_dispose(&n);
}

/* The QEMU document with the first `from` replaced by `to`; malloc()ed. */
static char *edit(const char *from, const char *to)
{
    const char *p = strstr(qemu, from);
    char *out = NULL;

    assert_non_null(p);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(p - qemu), qemu, to,
                         p + strlen(from)) > 0);
    return out;
}

static void torture_measure_refuses_invalid_documents(void **state)
{
    static const struct { const char *from, *to, *says; } t[] = {
        { "[125, 250, 4001]", "[125, 125, 4001]", "does not come after" },
        { "[125, 250, 4001]", "[250, 125, 4001]", "does not come after" },
        { "[125, 250, 4001]", "[0, 250, 4001]", "entry 1 is 0" },
        { "[125, 250, 4001]", "[125, 250]", "3 entries, periods has 2" },
        { "[125, 250, 4001]", "[]", "3 entries, periods has 0" },
        { "[125, 250, 4001]", "[125, 250, 18446744073709551616]", "rang" },
        { "[125, 250, 4001]", "[125, 250, NaN]", "not JSON" },
        { "[125, 250, 4001]", "[125, -250, 4001]", "not a number from" },
        { "[125, 250, 4001]", "[125, null, 4001]", "expected a number" },
        { "[33, 78, 505]", "[33, 78, 16393]", "more than the 16392" },
        { "[33, 78, 505]", "[33, 78, 1.5]", "not a whole number" },
        { "16392", "0", "more than the 0" },
        { "16392", "9000000", "more than the 8392704" },
        { "10060", "16393", "more than the 16392" },
        { "8392704", "18446744073709551616", "n-total-pages" },
        { "8392704", "9007199254740992", "more than any machine" },
        { "4096", "65536", "page-size" },
        { "\"measured\"", "\"sideways\"", "not one of" },
        { "\"calc-time\": 60", "\"calc-time\": 9223372036854775807",
          "calc-time" },
        { "\"dirty-rate\": 98", "\"dirty-rate\": null", "not a rate" },
        { "\"dirty-rate\": 98", "\"dirty-pages\": [1, 2]", "2 entries" },
        { "\"dirty-rate\": 98", "\"dirty-pages\": [1, 2, null]", "entry 3" },
        { "\"dirty-rate\": 98", "\"dirty-pages-low\": [1, 2, 3]",
          "go together" },
        { "\"dirty-rate\": 98", "\"zero-pages\": 1e99", "zero-pages" },
        { "\"dirty-rate\": 98", "\"working-set\": { \"intervals\": 1, "
          "\"jaccard\": 2 }", "contradict" },
        { "\"dirty-rate\": 98", "\"compression\": [{}]", "is missing" },
        { "\"dirty-rate\": 98", "\"compression\": [{ \"compress\": "
          "\"off\" }]", "entry 1 contradict" },
        { "\"dirty-rate\": 98", "\"compression\": [{ \"compress\": "
          "\"lz4\", \"kept\": { \"pages\": 1 } }]", "entry 1 contradict" },
        { "\"mode\"", "\"mood\"", "is missing" },
        { "\"calc-time\"", "\"page-size\"", "given twice" },
        { " }", "", "not JSON" },
    };
    char err[XPC_ERR_LEN], *s;
    struct xpc_measurement m;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        s = edit(t[i].from, t[i].to);
        err[0] = 0;
        if (!read_text(&m, s, err))
            fail_msg("taken: %s", s);
        if (!strstr(err, t[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err, t[i].says);
        assert_null(strchr(err, '\n'));
        assert_int_equal(m.nr_periods, 0);
        free(s);
        xpc_measurement_dispose(&m);
    }
}

static void torture_measure_curve_needs_result(void **state)
{
    char err[XPC_ERR_LEN], *s = edit("\"measured\"", "\"measuring\"");
    struct xpc_measurement m;
    struct xpc_curve c;

    (void)state;
    assert_int_equal(read_text(&m, s, err), 0);
    assert_int_equal(xpc_measurement_curve(&m, &c, err), -1);
    assert_non_null(strstr(err, "measuring"));
    free(s);
    xpc_measurement_dispose(&m);
}

static void torture_measure_curve_never_falls(void **state)
{
    char err[XPC_ERR_LEN], *s = edit("[33, 78, 505]", "[78, 33, 505]");
    struct xpc_measurement m;
    struct xpc_curve c;

    (void)state;
    assert_int_equal(read_text(&m, s, err), 0);
    assert_int_equal(xpc_measurement_curve(&m, &c, err), 0);
    assert_true(c.pt[1].pages >= c.pt[0].pages);
    assert_true(c.pt[1].high >= c.pt[1].pages);
    free(s);
    xpc_measurement_dispose(&m);
}

static void torture_measure_interval_ends(void **state)
{
    double low, high;

    (void)state;
    xpc_interval(0, 0, 1000, &low, &high);
    assert_true(low == 0 && high == 1000);
    xpc_interval(0, 100, 1000, &low, &high);
    assert_true(low == 0 && high > 10 && high < 60);
    xpc_interval(100, 100, 1000, &low, &high);
    assert_true(high == 1000 && low > 940);
    xpc_interval(7, 1000, 1000, &low, &high);
    assert_true(low == 7 && high == 7);
    xpc_interval(500, 999, 1000, &low, &high);
    assert_true(low >= 500 && high <= 501);
}

/*
 * Draws n of total items without replacement. Returns how many of the marked
 * ones were drawn.
 */
static uint64_t draw(unsigned int *seed, uint64_t marked, uint64_t n,
                     uint64_t total)
{
    uint64_t hits = 0;

    for (uint64_t i = 0; i < n; i++) {
        double p = (double)(marked - hits) / (total - i);

        hits += rand_r(seed) < p * ((double)RAND_MAX + 1);
    }
    return hits;
}

static void torture_measure_interval_covers(void **state)
{
    static const double share[] = { 0.002, 0.05, 0.3, 0.9 };
    static const uint64_t samples[] = { 512, 4000, 9000 };
    unsigned int seed = 1;

    (void)state;
    for (size_t s = 0; s < 4; s++) {
        for (size_t k = 0; k < 3; k++) {
            uint64_t total = 10000, truth = share[s] * total;
            int covered = 0, runs = 1000;

            for (int r = 0; r < runs; r++) {
                double low, high;

                xpc_interval(draw(&seed, truth, samples[k], total),
                             samples[k], total, &low, &high);
                covered += low <= truth && truth <= high;
            }
            if (covered < 0.90 * runs || covered > 0.995 * runs)
                fail_msg("share %g, sample %d: covered %d of %d", share[s],
                         (int)samples[k], covered, runs);
        }
    }
}

static void torture_measure_calc_time(void **state)
{
    struct xpc_measurement m;

    (void)state;
    xpc_measurement_init(&m);
    xpc_measurement_set_calc_ns(&m, 500 * XPC_MS);
    assert_int_equal(m.calc_time, 500);
    assert_int_equal(m.calc_time_unit, XPC_UNIT_MILLISECOND);
    assert_int_equal(xpc_measurement_calc_ns(&m), 500 * XPC_MS);
    xpc_measurement_set_calc_ns(&m, 10 * XPC_S);
    assert_int_equal(m.calc_time, 10);
    assert_int_equal(m.calc_time_unit, XPC_UNIT_SECOND);
    assert_int_equal(xpc_measurement_alloc(&m, 0), -1);
    assert_int_equal(xpc_measurement_alloc(&m, XPC_PERIODS_MAX + 1), -1);
    assert_int_equal(xpc_measurement_alloc(&m, 2), 0);
    assert_int_equal(xpc_measurement_alloc(&m, 3), 0);
    assert_int_equal(m.nr_dirty_high, 3);
    xpc_measurement_dispose(&m);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_measure_reads_qemu),
        cmocka_unit_test(torture_measure_reports_a_failure_in_one_line),
        cmocka_unit_test(torture_measure_round_trip),
        cmocka_unit_test(torture_measure_refuses_invalid_documents),
        cmocka_unit_test(torture_measure_curve_needs_result),
        cmocka_unit_test(torture_measure_curve_never_falls),
        cmocka_unit_test(torture_measure_interval_ends),
        cmocka_unit_test(torture_measure_interval_covers),
        cmocka_unit_test(torture_measure_calc_time),
    };

    return torture_run(argc, argv, tests);
}
