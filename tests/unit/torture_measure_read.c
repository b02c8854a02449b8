/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading of measurements in the formats of other tools, as in
 * tests/data/measurements, and variations of these.
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

#define MIB (1048576 / XPC_PAGE_SIZE)
#define GIB (1024 * MIB)

static char text[65536], err[XPC_ERR_LEN];
static struct xpc_measurement *m;
static size_t nr;

static size_t load(const char *file)
{
    char path[128];
    size_t len;
    FILE *f;

    snprintf(path, sizeof(path), "tests/data/%s", file);
    f = fopen(path, "r");
    assert_non_null(f);
    len = fread(text, 1, sizeof(text) - 1, f);
    text[len] = 0;
    fclose(f);
    return len;
}

static int teardown(void **state)
{
    (void)state;
    xpc_measurements_free(m, nr);
    m = NULL;
    nr = 0;
    return 0;
}

static void read_text(uint64_t memory)
{
    int rc = xpc_measurements_read(&m, &nr, text, strlen(text), memory, err);

    if (rc)
        print_error("%s\n", err);
    assert_int_equal(rc, 0);
    for (size_t i = 0; i < nr; i++) {
        struct xpc_curve c;

        assert_int_equal(xpc_measurement_check(&m[i], err), 0);
        assert_int_equal(xpc_measurement_curve(&m[i], &c, err), 0);
        assert_int_equal(xpc_curve_check(&c, err, sizeof(err)), 0);
    }
}

static void assert_refused(const char *why)
{
    assert_int_equal(xpc_measurements_read(&m, &nr, text, strlen(text), 0,
                                           err), -1);
    if (!strstr(err, why))
        print_error("%s\n", err);
    assert_non_null(strstr(err, why));
    assert_null(strchr(err, '\n'));
    /* There must be room for the name of a file, which xl adds. */
    assert_true(strlen(err) <= 170);
}

static void assert_file_refused(const char *file, const char *why)
{
    char path[128];

    snprintf(path, sizeof(path), "measurements/%s", file);
    load(path);
    assert_refused(why);
}

/*
 * Checks that the dirty memory after t is between those of mib_per_s and of
 * 1 MiB/s more.
 */
static void assert_period(size_t i, uint64_t t_ns, double mib_per_s)
{
    double mib = m->dirty_pages[i] / MIB, s = t_ns / 1e9;

    assert_int_equal(m->period_ns[i], t_ns);
    assert_true(mib >= mib_per_s * s && mib <= (mib_per_s + 1) * s);
    assert_true(m->dirty_low[i] <= mib_per_s * s * MIB);
    assert_true(m->dirty_high[i] >= (mib_per_s + 1) * s * MIB);
}

static void torture_measure_read_a_qmp_session(void **state)
{
    (void)state;
    load("measurements/qmp-session.json");
    read_text(0);
    assert_int_equal(nr, 1);
    assert_int_equal(m->nr_periods, 3);
    assert_int_equal(m->n_total, 4 * GIB);
    assert_int_equal(m->mode, XPC_MODE_PAGE_SAMPLING);
    assert_int_equal(m->n_sampled, 2048);
    assert_period(0, 250 * XPC_MS, 1460);
    assert_period(1, XPC_S, 470);
    assert_period(2, 4 * XPC_S, 128);
    /* A sample of 2,048 pages is not exact. */
    assert_true(m->dirty_high[2] > 1.05 * m->dirty_pages[2]);
    assert_true(m->dirty_rate == 128);
}

static void torture_measure_read_rates_in_an_array_with_a_bom(void **state)
{
    (void)state;
    load("measurements/rates-array.json");
    assert_refused("--memory=MIB");
    read_text(2 * GIB);
    assert_int_equal(nr, 1);
    assert_int_equal(m->n_total, 2 * GIB);
    assert_int_equal(m->n_sampled, 2 * GIB);
    assert_period(0, XPC_S, 300);
    assert_period(1, 4 * XPC_S, 100);
    /* All pages are counted: only the rounding is uncertain. */
    assert_true(m->dirty_high[0] <= 301 * MIB);
}

static void torture_measure_read_domstats(void **state)
{
    (void)state;
    load("measurements/domstats.txt");
    read_text(0);
    assert_int_equal(nr, 2);
    assert_string_equal(m[0].name, "vm0");
    assert_string_equal(m[1].name, "vm1");
    assert_int_equal(m[0].mode, XPC_MODE_DIRTY_RING);
    assert_int_equal(m[0].n_total, 4 * GIB);
    assert_int_equal(m[1].n_total, 2 * GIB);
    assert_period(0, XPC_S, 200);
    assert_period(1, 5 * XPC_S, 90);
    load("measurements/domstats-no-memory.txt");
    teardown(NULL);
    assert_refused("virsh domstats --balloon");
    read_text(GIB);
    assert_int_equal(m->n_total, GIB);
}

static void torture_measure_read_names_other_formats(void **state)
{
    (void)state;
    assert_file_refused("qmp-measuring.json", "still measuring");
    assert_file_refused("qmp-one-rate.json", "a rate alone is not enough");
    assert_file_refused("qmp-error.json", "calc-time is out of range");
    assert_file_refused("query-migrate.json", "how a migration goes");
    assert_file_refused("domstats-unstarted.txt", "nothing was measured");
    strcpy(text, "{\"return\": {\"status\": \"unstarted\", \"sample-pages\": "
           "512, \"mode\": \"page-sampling\", \"start-time\": 0, "
           "\"calc-time\": 0}}");
    assert_refused("nothing was measured");
    strcpy(text, "[]");
    assert_refused("no measurement in it");
    strcpy(text, "{\"return\": {}} {\"return\": \"\"}");
    assert_refused("no measurement in it");
    strcpy(text, "\xff\xfe{");
    assert_refused("UTF-16");
    strcpy(text, "balloon.current=3\n dirtyrate.calc_status=2\n");
    assert_refused("Domain: 'NAME'");
}

/* Sessions with repeated queries, and with an error at first. */
static void torture_measure_read_selects_the_valid_results(void **state)
{
    static const char memory[] = "{\"return\": {\"actual\": 1073741824}}";

    (void)state;
    snprintf(text, sizeof(text), "%s", memory);
    for (int i = 0; i < 3; i++)
        strcat(text, "{\"status\":\"measuring\",\"calc-time\":1}");
    strcat(text, "{\"error\": {\"class\": \"GenericError\", \"desc\": "
           "\"still at it\"}}");
    /*
     * Of two rates with the same calc-time, the higher one. QEMU 5.2 has no
     * mode.
     */
    strcat(text, "{\"return\":{\"status\":\"measured\",\"dirty-rate\":60,"
           "\"start-time\":5,\"calc-time\":2},\"id\":7}"
           "{\"status\":\"measured\",\"dirty-rate\":40,\"calc-time\":1}"
           "{\"status\":\"measured\",\"dirty-rate\":50,\"calc-time\":1000,"
           "\"calc-time-unit\":\"millisecond\"}"
           "{\"status\":\"measured\",\"dirty-rate\":45,\"calc-time\":1}");
    read_text(7);
    assert_int_equal(m->nr_periods, 2);
    assert_int_equal(m->n_total, GIB);
    assert_period(0, XPC_S, 50);
    assert_period(1, 2 * XPC_S, 60);
}

static void torture_measure_read_never_exceeds_the_guest(void **state)
{
    (void)state;
    strcpy(text, "{\"status\":\"measured\",\"dirty-rate\":9007199254740992,"
           "\"calc-time\":3600}{\"status\":\"measured\",\"dirty-rate\":0,"
           "\"calc-time\":60}");
    read_text(1);
    assert_int_equal(m->n_total, 1);
    assert_true(m->dirty_pages[1] == 1 && m->dirty_high[1] == 1);
}

static void torture_measure_read_refuses_odd_rates(void **state)
{
    (void)state;
    strcpy(text, "{\"status\":\"measured\",\"dirty-rate\":1,\"calc-time\":0}");
    assert_refused("calc-time: 0");
    strcpy(text, "{\"status\":\"measured\",\"dirty-rate\":1,"
           "\"calc-time\":18446744073709551615}");
    assert_refused("out of range");
    strcpy(text, "{\"status\":\"measured\",\"dirty-rate\":-5,\"calc-time\":1}");
    assert_refused("dirty-rate");
    strcpy(text, "{\"status\":\"measured\",\"dirty-rate\":5,\"calc-time\":1,"
           "\"mode\":\"dirty-bitmap\"}{\"status\":\"measured\","
           "\"dirty-rate\":5,\"calc-time\":2}");
    assert_refused("take all in the same");
    strcpy(text, "{\"status\":\"measured\",\"dirty-rate\":5,\"calc-time\":1,}");
    assert_refused("not JSON");
    strcpy(text, "[{\"status\":\"measured\",\"dirty-rate\":5,");
    assert_refused("not JSON");
    *text = 0;
    for (int i = 1; i <= XPC_PERIODS_MAX + 1; i++)
        sprintf(text + strlen(text), "{\"status\":\"measured\","
                "\"dirty-rate\":5,\"calc-time\":%d}", i);
    assert_refused("more than");
}

static void torture_measure_read_our_format_in_any_envelope(void **state)
{
    char one[4096];

    (void)state;
    load("calc-dirty-rate-32g.json");
    assert_true(strlen(text) < sizeof(one));
    strcpy(one, text);
    read_text(0);
    assert_int_equal(nr, 1);
    assert_int_equal(m->nr_periods, 22);
    teardown(NULL);
    snprintf(text, sizeof(text), "[%s,%s]\n{\"return\": %s, \"id\": \"}\"}%s",
             one, one, one, one);
    read_text(0);
    assert_int_equal(nr, 4);
    teardown(NULL);
    /* A session may contain more than one. */
    snprintf(text, sizeof(text), "{\"QMP\": {}}{\"return\": {}}"
             "{\"return\":{\"status\":\"measuring\",\"calc-time\":1}}"
             "{\"return\": %s}", one);
    read_text(0);
    assert_int_equal(nr, 1);
    teardown(NULL);
    snprintf(text, sizeof(text), "%s,", one);
    assert_refused("not JSON");
    snprintf(text, sizeof(text), "%s}", one);
    assert_refused("not JSON");
    snprintf(text, sizeof(text), "{\"a\": 1}");
    assert_refused("is missing");
    memset(text, '[', 60000);
    text[60000] = 0;
    assert_refused("nested deeper");
}

/* A truncated document is always refused. */
static void torture_measure_read_refuses_any_truncation(void **state)
{
    static const char *const files[] = {
        "measurements/qmp-session.json", "measurements/rates-array.json",
        "measurements/domstats.txt", "measurements/query-migrate.json",
    };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t len = load(files[i]);

        for (size_t n = 0; n <= len; n++) {
            char *part = malloc(n ? n : 1);     /* no spare byte, for ASan */

            memcpy(part, text, n);
            if (xpc_measurements_read(&m, &nr, part, n, GIB, err))
                assert_true(strlen(err) > 0);
            teardown(NULL);
            free(part);
        }
    }
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_teardown(torture_measure_read_##name, teardown)
    const struct CMUnitTest tests[] = {
        T(a_qmp_session),
        T(rates_in_an_array_with_a_bom),
        T(domstats),
        T(names_other_formats),
        T(selects_the_valid_results),
        T(never_exceeds_the_guest),
        T(refuses_odd_rates),
        T(our_format_in_any_envelope),
        T(refuses_any_truncation),
    };

    return torture_run(argc, argv, tests);
}
