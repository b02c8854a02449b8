/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-report: text, and pages of HTML. tests/pages/report opens them in
 * a browser.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "history/xl_history.h"
#include "json/migration.h"
#include "report/xl_migrate_report.h"
#include "report/xl_report_page.h"
#include "support/capture.h"
#include "support/report_fixture.h"
#include "support/torture.h"
#include "support/well_formed.h"

#define run(...) capture(cmd_migrate_report, "migrate-report", __VA_ARGS__)

static char page[1 << 20], html[160];

static int setup(void **state)
{
    report_setup(state);
    setenv("TZ", "UTC", 1);
    setenv(LIBXL_PRECOPY_HISTORY_ENV, report_dir, 1);
    snprintf(html, sizeof(html), "--html=%s/page", report_dir);
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", report_dir);
    return system(command);
}

/* A migration of three iterations. */
static void some_report(struct xpc_report *r)
{
    static const struct { uint64_t ms, pages, dirty, predicted_ms; } its[] = {
        { 7540, 32784, 3044, 816 }, { 507, 3044, 662, 290 },
        { 132, 672, 224, 199 },
    };
    uint64_t start = 0;

    report_fill(r);
    free(r->iterations);
    r->nr_iterations = 3;
    r->iterations = calloc(3, sizeof(*r->iterations));
    for (size_t i = 0; i < 3; i++) {
        struct xpc_iteration *it = &r->iterations[i];

        *it = (struct xpc_iteration){
            .number = i + 1, .pages = its[i].pages,
            .bytes = its[i].pages * 4104, .start_ns = start,
            .duration_ns = its[i].ms * XPC_MS, .dirty_pages = its[i].dirty,
            .decision = {
                .action = i < 2 ? XPC_CONTINUE : XPC_STOP_AND_COPY,
                .reason = i < 2 ? XPC_REASON_CONVERGING :
                                  XPC_REASON_WITHIN_LIMIT,
                .predicted_downtime_ns = its[i].predicted_ms * XPC_MS,
                .cautious_downtime_ns = its[i].predicted_ms * 11 / 10 * XPC_MS,
                .working_set.pages = 4000,
            },
        };
        start += it->duration_ns;
    }
    r->domain = strdup("web1");
    r->target = strdup("host2");
    r->start_s = 1700000000;
    r->params.downtime_ns = 400 * XPC_MS;
}

static void write_report(const struct xpc_report *r)
{
    char *json = xpc_to_json(&xpc_report_type, r, true);
    FILE *f = fopen(report_path, "w");

    fputs(json, f);
    fclose(f);
    free(json);
}

/* Makes the page of a report. */
static void make_page(const struct xpc_report *r)
{
    char path[160];

    write_report(r);
    assert_int_equal(run(html, report_path, NULL), 0);
    assert_string_equal(captured_out, "");
    assert_string_equal(captured_err, "");
    snprintf(path, sizeof(path), "%s/page", report_dir);
    read_file(path, page, sizeof(page));
    assert_well_formed(page);
}

static void assert_page(const char *part)
{
    if (!strstr(page, part))
        fail_msg("the page lacks \"%s\"", part);
}

static void torture_xl_migrate_report_prints_text(void **state)
{
    struct xpc_report r;

    (void)state;
    some_report(&r);
    r.text = strcpy(realloc(r.text, 64), "suspending\033[31m");
    write_report(&r);
    assert_int_equal(run(report_path, NULL), 0);
    assert_non_null(strstr(captured_out, "Migration of web1 to host2, begun "
                           "2023-11-14 22:13:20\n"));
    assert_non_null(strstr(captured_out, "downtime: predicted 250 ms, actual "
                           "225 ms\n"));
    /* The file may be from anywhere. */
    assert_null(strchr(captured_out, '\033'));
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_page_states_findings(void **state)
{
    struct xpc_report r;

    (void)state;
    some_report(&r);
    make_page(&r);
#define S "\xc2\xa0"
    assert_page("<h1>Migration of web1 to host2</h1>");
    assert_page("<h2>The predicted downtime fell from 816" S "ms to 199" S
                "ms, within the limit of 400" S "ms</h2>");
    assert_page("<h2>3" S "iterations cut what was left to copy from 128" S
                "MiB to 896" S "KiB</h2>");
    assert_page("<h2>The guest stood still for 225" S "ms, 89.0" S "ms of it "
                "for sending the last pages</h2>");
    assert_page("<h2>The guest dirtied 896" S "KiB within 132" S "ms, and "
                "11.9" S "MiB within 7.54" S "s</h2>");
    assert_page("<dd>2023-11-14 22:13:20</dd>");
    assert_page("<th scope=\"row\">2</th><td>7.54 s</td><td>290 ms</td>");
    /* The limits and the curves are named beside them. */
    assert_page(">limit 400 ms</text>");
    assert_page(">predicted</text>");
    assert_page(">working set</text>");
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_page_shows_the_levers(void **state)
{
    struct xpc_report r;

    (void)state;
    some_report(&r);
    make_page(&r);
    assert_null(strstr(page, "Slowed down"));
    assert_null(strstr(page, "Left out"));
    assert_null(strstr(page, "Taken next"));
    r.total_skipped_pages = 1234;
    r.peeks = 5;
    r.peek_ns = 7 * XPC_MS;
    r.slowed_ns = 600 * XPC_MS;
    r.cpu_taken_ns = 300 * XPC_MS;
    r.predicted_slowed_ns = 500 * XPC_MS;
    r.predicted_cpu_taken_ns = 200 * XPC_MS;
    r.iterations[1].decision.slow_down_percent = 40;
    make_page(&r);
    assert_page("<dt>Left out</dt>\n<dd>1234 pages that were dirty again; "
                "7.00 ms to look for them</dd>");
    assert_page("<dt>Slowed down</dt>\n<dd>300 ms of CPU time in 600 ms; "
                "200 ms in 500 ms were predicted</dd>");
    assert_page("<th scope=\"col\">Taken next</th>");
    assert_page("<th scope=\"row\">2</th><td>507 ms</td><td>2.59 MiB</td>"
                "<td>15.6 MiB</td><td>40%</td>");
    assert_page("<th scope=\"row\">3</th><td>132 ms</td><td>896 KiB</td>"
                "<td>15.6 MiB</td><td>-</td>");
    assert_int_equal(run(report_path, NULL), 0);
    assert_non_null(strstr(captured_out, "\n  left out: 1234 pages that were "
                           "dirty again; 7.00 ms to look for them\n"));
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_page_of_an_abort(void **state)
{
    struct xpc_report r;

    (void)state;
    some_report(&r);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.params.downtime_ns = 100 * XPC_MS;
    r.params.max_downtime_ns = 150 * XPC_MS;
    r.suspended_ns = r.actual_downtime_ns = 0;
    r.iterations[2].decision.action = XPC_ABORT;
    make_page(&r);
    assert_page("<h2>The predicted downtime stayed over the limit of 100" S
                "ms: 199" S "ms at best, after iteration 3</h2>");
    assert_page(">max. 150 ms</text>");
    assert_page("<dd>100 ms, and never more than 150 ms</dd>");
    assert_null(strstr(page, "stood still"));
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_page_escapes_names(void **state)
{
    struct xpc_report r;

    (void)state;
    some_report(&r);
    free(r.domain);
    free(r.text);
    r.domain = strdup("</script><svg onload=alert(1)>\"'&\x1b");
    r.text = strdup("<img src=x>\n\x7f");
    make_page(&r);
    assert_page("<h1>Migration of &lt;/script&gt;&lt;svg onload=alert(1)&gt;"
                "&quot;&#39;&amp;\xef\xbf\xbd to host2</h1>");
    assert_page("&lt;img src=x&gt;\n\xef\xbf\xbd</p>");
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "http:") ? strstr(page, "src=\"") : NULL);
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_target_may_be_a_command(void **state)
{
    struct xpc_report r;

    (void)state;
    some_report(&r);
    free(r.target);
    r.target = strdup("socat - TCP:host2:4444");
    make_page(&r);
    assert_page("<h1>Migration of web1</h1>");
    assert_page("<dd>socat - TCP:host2:4444</dd>");
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_page_is_deterministic(void **state)
{
    static char before[sizeof(page)];
    struct xpc_report r;

    (void)state;
    some_report(&r);
    make_page(&r);
    strcpy(before, page);
    make_page(&r);
    assert_string_equal(page, before);
    xpc_report_dispose(&r);
}

/* Reports may have any numbers, and any number of iterations. */
static void torture_xl_migrate_report_page_takes_any_numbers(void **state)
{
    static const uint64_t values[] = { 0, 1, 1000, UINT64_C(1) << 62 };
    struct xpc_report r;

    (void)state;
    for (size_t v = 0; v < 4; v++) {
        some_report(&r);
        for (size_t i = 0; i < 3; i++) {
            struct xpc_iteration *it = &r.iterations[i];

            it->pages = it->bytes = it->dirty_pages = values[v];
            it->start_ns = it->duration_ns = values[(v + i) % 4];
            it->decision.predicted_downtime_ns = values[v] / 1000 * 1000;
            it->decision.working_set.pages = values[v];
        }
        r.params.bandwidth_bytes_per_s = values[v];
        make_page(&r);
        assert_null(strstr(page, "nan"));
        assert_null(strstr(page, "inf\""));
        xpc_report_dispose(&r);
    }
    some_report(&r);
    r.nr_iterations = 5000;
    r.iterations = realloc(r.iterations, 5000 * sizeof(*r.iterations));
    for (size_t i = 3; i < 5000; i++) {
        r.iterations[i] = r.iterations[2];
        r.iterations[i].number = i + 1;
    }
    make_page(&r);
    assert_true(strlen(page) < sizeof(page) / 2);
    assert_page("<th scope=\"row\">5000</th>");
    assert_page("<th scope=\"row\">...</th>");
    assert_null(strstr(page, "<th scope=\"row\">21</th>"));
    r.nr_iterations = 0;
    make_page(&r);
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_shows_the_last_one(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(run("--last", NULL), 1);
    assert_string_equal(captured_err, "xl migrate-report: no report of a "
                        "migration is kept\n");
    some_report(&r);
    history_keep_report(stderr, &r);
    assert_int_equal(run("--last", NULL), 0);
    assert_non_null(strstr(captured_out, "Migration of web1 to host2"));
    assert_int_equal(run("--last", "web1", NULL), 0);
    assert_int_equal(run("--last", "db1", NULL), 1);
    assert_non_null(strstr(captured_err, "no report of a migration of db1"));
    assert_int_equal(run("--last", "a", "b", NULL), 2);
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_shows_the_history(void **state)
{
    struct xpc_report r;
    char path[160];

    (void)state;
    some_report(&r);
    history_keep(stderr, "host2", "w<b>1", r.start_s, &r);
    r.outcome = XPC_OUTCOME_ABORTED;
    history_keep(stderr, "host2", "web1", r.start_s + 86400, &r);
    assert_int_equal(run("--history", NULL), 0);
    assert_non_null(strstr(captured_out, "host2: 2 migrations\n"));
    assert_int_equal(run("--history", html, "host2", NULL), 0);
    snprintf(path, sizeof(path), "%s/page", report_dir);
    read_file(path, page, sizeof(page));
    assert_well_formed(page);
    assert_page("<h2>1" S "of 2" S "migrations reached host2; no downtime was "
                "over its limit</h2>");
    assert_page("<td>w&lt;b&gt;1</td>");
    assert_page(">14 Nov</text>");
    assert_int_equal(run("--history", "host3", NULL), 1);
    assert_non_null(strstr(captured_err, "no migration to host3 is known"));
    xpc_report_dispose(&r);
}

static void torture_xl_migrate_report_refuses_invalid_requests(void **state)
{
    static const struct { const char *text, *says; } files[] = {
        { "", "not JSON" },
        { "{\"version\": 3}", "version" },
        { "{\"dirty-rate\": 3}", "is not a report of xl migrate --report" },
    };
    FILE *f;

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        f = fopen(report_path, "w");
        fputs(files[i].text, f);
        fclose(f);
        assert_int_equal(run(report_path, NULL), 1);
        if (!strstr(captured_err, files[i].says))
            fail_msg("%s: %s", files[i].text, captured_err);
    }
    assert_int_equal(run(NULL), 2);
    assert_non_null(strstr(captured_err, "a file, --last or --history is "
                           "needed"));
    assert_int_equal(run("a", "b", NULL), 2);
    assert_int_equal(run("--last", "--history", NULL), 2);
    assert_int_equal(run("--html=", "a", NULL), 2);
    assert_int_equal(run("/nowhere/x.json", NULL), 1);
    assert_non_null(strstr(captured_err, "/nowhere/x.json can't be read: "));
    assert_int_equal(run("--history", "--html=/nowhere/x", NULL), 1);
    assert_non_null(strstr(captured_err, "--html=/nowhere/x: can't be "
                           "written"));
    assert_int_equal(run("--help", NULL), 0);
    assert_non_null(strstr(captured_out, "--html=FILE"));
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_migrate_report_prints_text),
        TEST(torture_xl_migrate_report_page_states_findings),
        TEST(torture_xl_migrate_report_page_shows_the_levers),
        TEST(torture_xl_migrate_report_page_of_an_abort),
        TEST(torture_xl_migrate_report_page_escapes_names),
        TEST(torture_xl_migrate_report_target_may_be_a_command),
        TEST(torture_xl_migrate_report_page_is_deterministic),
        TEST(torture_xl_migrate_report_page_takes_any_numbers),
        TEST(torture_xl_migrate_report_shows_the_last_one),
        TEST(torture_xl_migrate_report_shows_the_history),
        TEST(torture_xl_migrate_report_refuses_invalid_requests),
    };

    return torture_run(argc, argv, tests);
}
