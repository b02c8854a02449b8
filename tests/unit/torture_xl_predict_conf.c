/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-predict with the administrator's file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "predict/xl_migrate_predict.h"
#include "support/capture.h"
#include "support/conf_fixture.h"
#include "support/torture.h"

static char from[64];               /* a measurement of the guest web */
static char from_db[64];            /* of db */
static struct xpc_cells cells;

#define run(...) \
    capture(cmd_migrate_predict, "migrate-predict", __VA_ARGS__)

/* Writes the measurement as that of a guest. */
static void write_measurement(char option[64], const char *name)
{
    char json[8192], path[] = "/tmp/torture_xl_predict_conf.XXXXXX";
    FILE *in = fopen("tests/data/calc-dirty-rate-32g.json", "r");
    FILE *out = fdopen(mkstemp(path), "w");
    size_t len = fread(json, 1, sizeof(json) - 1, in);

    json[len] = 0;
    fprintf(out, "{ \"name\": \"%s\",%s", name, strchr(json, '{') + 1);
    fclose(in);
    fclose(out);
    snprintf(option, 64, "--from=%s", path);
}

static int setup(void **state)
{
    (void)state;
    write_measurement(from, "web");
    write_measurement(from_db, "db");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(from + strlen("--from="));
    unlink(from_db + strlen("--from="));
    return 0;
}

static void read_cells(void)
{
    char err[XPC_ERR_LEN];

    xpc_cells_dispose(&cells);
    xpc_cells_init(&cells);
    if (xpc_from_json(&xpc_cells_type, &cells, captured_out,
                      strlen(captured_out), err))
        fail_msg("%s: %s", err, captured_out);
}

/* Predicts for web, with options (NULL: none). */
static void predict(const char *text, const char *option, const char *other)
{
    conf_fixture_use(text);
    if (run(from, "--json", option ? option : "--no-evacuation",
            other ? other : "--no-evacuation", NULL))
        fail_msg("%s: %s", text, captured_err);
    read_cells();
}

/* The bandwidths and limits of the table: "BITS.. | MS..". */
static void assert_table(const char *expected)
{
    char rows[512] = "", columns[256] = "", table[800];
    const struct xpc_cell *c = cells.cells;
    size_t n = 0, m = 0;

    for (size_t i = 0; i < cells.nr_cells; i++) {
        if (c[i].downtime_ns == c[0].downtime_ns)
            n += snprintf(rows + n, sizeof(rows) - n, "%.0fM ",
                          c[i].bandwidth_bits_per_s / 1e6);
        if (c[i].bandwidth_bits_per_s == c[0].bandwidth_bits_per_s)
            m += snprintf(columns + m, sizeof(columns) - m, " %.0fms",
                          c[i].downtime_ns / 1e6);
    }
    snprintf(table, sizeof(table), "%s|%s", rows, columns);
    assert_string_equal(table, expected);
}

#define ROWS "100M 1000M 2500M 5000M 10000M 25000M 40000M "
#define COLUMNS "| 125ms 250ms 500ms 1000ms 5000ms 0ms"

static void assert_said(const char *text)
{
    if (!strstr(captured_err, text))
        fail_msg("not there: %s\n%s", text, captured_err);
}

static void torture_xl_predict_conf_without_a_value_says_nothing(void **state)
{
    static const char *const texts[] = {
        "", "[guest db]\ndowntime = 1s\n", "[target host2]\nduration = 1s\n",
        "[default]\nnotify = 5s\nstrict = on\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        predict(texts[i], NULL, NULL);
        assert_table(ROWS COLUMNS);
        assert_string_equal(captured_err, "");
    }
}

static void torture_xl_predict_conf_limits_are_the_columns(void **state)
{
    (void)state;
    predict("[default]\ndowntime = 300ms\n[guest web]\nmax-downtime = 2s\n",
            NULL, NULL);
    assert_table(ROWS "| 300ms 2000ms");
    assert_said("xl migrate-predict: web: downtime 300 ms from /proc/self/");
    assert_said(":2, max-downtime 2.00 s from /proc/self/");
    predict("[default]\ndowntime = 300ms\n[guest web]\npolicy = stock\n",
            NULL, NULL);
    assert_table(ROWS COLUMNS);
    assert_string_equal(captured_err, "");
}

static void torture_xl_predict_conf_command_line_outweighs(void **state)
{
    static const char text[] = "[default]\ndowntime = 300ms\n"
                               "max-downtime = 2s\nbandwidth = 1Gbit\n"
                               "max-bandwidth = 500Mbit\n";

    (void)state;
    predict(text, "--downtime=1s", "--bandwidth=10Gbit");
    assert_table("10000M | 1000ms");
    assert_string_equal(captured_err, "");
    predict(text, "--downtime=1s", NULL);
    assert_table("500M | 1000ms");
    assert_null(strstr(captured_err, "downtime"));
    assert_said("web: bandwidth 1.00 Gbit/s from ");
}

static void torture_xl_predict_conf_of_the_target(void **state)
{
    static const char text[] = "[target host2]\nbandwidth = 2Gbit\n"
                               "[target host3]\nbandwidth = 3Gbit\n";

    (void)state;
    setenv("XEN_PRECOPY_HISTORY", "/nonexistent", 1);
    predict(text, "--target=host2", NULL);
    assert_table("2000M " COLUMNS);
    predict(text, NULL, NULL);
    assert_table(ROWS COLUMNS);
}

/* Rows above the cap could not be reached. */
static void torture_xl_predict_conf_cap_is_the_last_row(void **state)
{
    (void)state;
    predict("[default]\nmax-bandwidth = 3Gbit\n", NULL, NULL);
    assert_table("100M 1000M 2500M 3000M " COLUMNS);
    predict("[default]\nmax-bandwidth = 60Gbit\n", NULL, NULL);
    assert_table(ROWS COLUMNS);
}

static const struct xpc_cell *cell(const char *text, const char *option)
{
    predict(text, option, "--bandwidth=2Gbit");
    return &cells.cells[0];
}

/* Lifted, the cap is no part of the downtime. */
static void torture_xl_predict_conf_cap_is_lifted(void **state)
{
    static const char lifted[] = "[default]\nbandwidth = 10Gbit\n"
                                 "max-bandwidth = 2Gbit\ndowntime = 2s\n";
    static const char kept[] = "[default]\nbandwidth = 10Gbit\n"
                               "max-bandwidth = 2Gbit\ndowntime = 2s\n"
                               "switchover-bandwidth = kept\n";
    uint64_t with;

    (void)state;
    predict(kept, NULL, NULL);
    assert_table("2000M | 2000ms");
    with = cells.cells[0].predicted_ns;
    predict(lifted, NULL, NULL);
    assert_table("2000M | 2000ms");
    assert_true(cells.cells[0].predicted_ns < with);
}

static void torture_xl_predict_conf_parameters(void **state)
{
    static const char base[] = "[default]\ndowntime = 500ms\n";
    const struct xpc_cell plain = *cell(base, NULL);
    const struct {
        const char *text, *option;      /* the same, otherwise */
    } t[] = {
        { "duration = 20s\n", "--duration=20s" },
        { "iterations = 2\n", "--iterations=2" },
        { "switchover-overhead = 400ms\n", "--switchover-overhead=400ms" },
        { "confidence = 99\n", "--confidence=99" },
        { "skip-dirty = on\n", "--skip-dirty" },
        { "zero-pages = send\n", "--zero-page-bytes=4104" },
    };
    struct xpc_cell by_file, by_option;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", base, t[i].text);
        by_file = *cell(text, NULL);
        by_option = *cell(base, t[i].option);
        if (by_file.total_ns != by_option.total_ns ||
            by_file.predicted_ns != by_option.predicted_ns ||
            by_file.iterations != by_option.iterations)
            fail_msg("%s", t[i].text);
        if (by_file.total_ns == plain.total_ns &&
            by_file.predicted_ns == plain.predicted_ns)
            fail_msg("%s changes nothing", t[i].text);
    }
    /* What is learned of the target does not outweigh it. */
    by_file = *cell("[default]\ndowntime = 500ms\nswitchover-overhead = 1s\n",
                    "--switchover-overhead=1ms");
    by_option = *cell(base, "--switchover-overhead=1ms");
    assert_int_equal(by_file.predicted_ns, by_option.predicted_ns);
}

/* Each domain has its own; a plan is made with the same for all. */
/* As write_measurement(), with these regular phases. */
static void write_phases(char option[64], const char *phases)
{
    char more[256];

    snprintf(more, sizeof(more), "web\", \"phases\": %s, \"error\": \"",
             phases);
    write_measurement(option, more);
}

static void torture_xl_predict_conf_lulls(void **state)
{
    static const char phases[] = "{ \"version\": 1, \"period-ms\": 40000, "
        "\"busy-ms\": 20000, \"busy-from-ms\": 10, \"quiet\": 0.001 }";
    static const char said[] = "regular phases: busy for 20.0 s of every 40.0 "
                               "s; the predictions are for";
    char option[64];

    (void)state;
    write_phases(option, phases);
    conf_fixture_use("[default]\nlulls = on\n");
    assert_int_equal(run(option, "--bandwidth=2Gbit", "--downtime=125ms",
                         NULL), 0);
    assert_non_null(strstr(captured_out, said));
    assert_non_null(strstr(captured_out, "it fits"));
    assert_string_equal(captured_err, "");
    conf_fixture_use("[default]\nlulls = off\n");
    assert_int_equal(run(option, "--bandwidth=2Gbit", "--downtime=125ms",
                         NULL), 0);
    assert_null(strstr(captured_out, said));
    assert_non_null(strstr(captured_out, "can't be met"));
    assert_said("web: lulls off from ");
    unlink(option + strlen("--from="));
    write_phases(option, "{ \"version\": 2, \"period-ms\": 4000, "
                 "\"busy-ms\": 2000, \"busy-from-ms\": 0, \"quiet\": 0 }");
    assert_int_equal(run(option, "--bandwidth=2Gbit", NULL), 1);
    assert_said("phases: version 2 is not known, 1 is: measure again with ");
    unlink(option + strlen("--from="));
}

static void torture_xl_predict_conf_domains_differ(void **state)
{
    static const char text[] = "[default]\ndowntime = 1s\nbandwidth = 10Gbit\n"
                               "[guest db]\ndowntime = 2s\n";

    (void)state;
    conf_fixture_use(text);
    assert_int_equal(run(from, from_db, "--json", NULL), 0);
    read_cells();
    assert_int_equal(cells.nr_cells, 2);
    assert_int_equal(cells.nr_advice, 2);
    assert_int_equal(cells.nr_plans, 0);
    assert_string_equal(cells.cells[0].domain, "web");
    assert_int_equal(cells.cells[0].downtime_ns, XPC_S);
    assert_string_equal(cells.cells[1].domain, "db");
    assert_int_equal(cells.cells[1].downtime_ns, 2 * XPC_S);
    assert_said("web: downtime 1.00 s");
    assert_said("db: downtime 2.00 s");
    assert_said("no plan, since the settings of the domains differ: xl "
                "evacuate --dry-run makes one");
    assert_int_equal(run(from, from_db, NULL), 0);
    assert_non_null(strstr(captured_out, "limit 1.00 s"));
    assert_non_null(strstr(captured_out, "limit 2.00 s"));
    assert_null(strstr(captured_out, "Evacuation"));
    assert_int_equal(run(from, from_db, "--downtime=1s", NULL), 0);
    assert_non_null(strstr(captured_out, "Evacuation of 2 domains"));
    assert_null(strstr(captured_err, "no plan"));
}

/* Each setting of one of them that a prediction depends on. */
static void torture_xl_predict_conf_any_difference(void **state)
{
    static const char *const settings[] = {
        "downtime = 2s", "max-downtime = 3s", "bandwidth = 5Gbit",
        "max-bandwidth = 1Gbit", "duration = 1min", "iterations = 7",
        "switchover-overhead = 200ms", "confidence = 80", "skip-dirty = on",
        "zero-pages = send", "lulls = off",
        "max-bandwidth = 1Gbit\nswitchover-bandwidth = 2Gbit",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        char *text = xl_asprintf("[default]\ndowntime = 1s\n"
                                 "bandwidth = 10Gbit\n[guest db]\n%s\n",
                                 settings[i]);

        conf_fixture_use(text);
        if (run(from, from_db, NULL) || !strstr(captured_err, "no plan"))
            fail_msg("%s: %s", settings[i], captured_err);
        free(text);
    }
    conf_fixture_use("[default]\ndowntime = 1s\nbandwidth = 10Gbit\n"
                     "[guest db]\nearly-abort = off\n");
    assert_int_equal(run(from, from_db, NULL), 0);
    assert_null(strstr(captured_err, "no plan"));
}

static void torture_xl_predict_conf_compression_needs_the_option(void **state)
{
    (void)state;
    predict("[default]\ncompress = zstd\n", NULL, NULL);
    assert_said("web: compress zstd from /proc/self/");
    assert_said("is not predicted: give --compress=zstd");
    predict("[default]\ncompress = zstd\n", "--compress=off", NULL);
    assert_string_equal(captured_err, "");
}

static void assert_refused(const char *text, const char *why)
{
    conf_fixture_use(text);
    assert_int_equal(run(from, NULL), 2);
    assert_string_equal(captured_out, "");
    assert_said(why);
    assert_ptr_equal(strchr(captured_err, '\n'),
                     captured_err + strlen(captured_err) - 1);
}

static void torture_xl_predict_conf_bad_file_is_status_2(void **state)
{
    (void)state;
    assert_refused("[default]\ndowntime = much\n", ":2: downtime");
    assert_refused("[default]\ndowntime = 2s\nmax-downtime = 1s\n",
                   "web: the maximum downtime, 1.00 s, is below");
}

static void torture_xl_predict_conf_gives_when_its_limit(void **state)
{
    (void)state;
    conf_fixture_use("[default]\ndowntime = 1s\nbandwidth = 1Gbit\n");
    assert_int_equal(run("--when=/nonexistent", NULL), 2);
    assert_non_null(strstr(captured_err, "there is no profile"));
    conf_fixture_use("[default]\ndowntime = 1s\n");
    assert_int_equal(run("--when=/nonexistent", NULL), 2);
    assert_said("--when: one --bandwidth and one --downtime are needed");
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test(torture_xl_predict_conf_##name)
    const struct CMUnitTest tests[] = {
        T(without_a_value_says_nothing),
        T(limits_are_the_columns),
        T(command_line_outweighs),
        T(of_the_target),
        T(cap_is_the_last_row),
        T(cap_is_lifted),
        T(parameters),
        T(lulls),
        T(domains_differ),
        T(any_difference),
        T(compression_needs_the_option),
        T(bad_file_is_status_2),
        T(gives_when_its_limit),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
