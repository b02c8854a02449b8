/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xl migrate keeps and learns, and the output of xl migrate-history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "history/xl_history.h"
#include "history/xl_migrate_history.h"
#include "support/capture.h"
#include "support/torture.h"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/torture_xl_history.XXXXXX");
    assert_non_null(mkdtemp(dir));
    setenv(LIBXL_PRECOPY_HISTORY_ENV, dir, 1);
    return 0;
}

static int teardown(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static const struct xpc_guest guest = {
    .device_model = XPC_DEVICE_MODEL_NO,
};

/* A migration with an overhead of 80 ms, and no pages. */
static void a_report(struct xpc_report *r)
{
    xpc_report_init(r);
    r->outcome = XPC_OUTCOME_MIGRATED;
    r->params.guest = guest;
    r->decision.bandwidth_bytes_per_s = 125000000;
    r->predicted_downtime_ns = 100 * XPC_MS;
    r->actual_downtime_ns = 80 * XPC_MS;
    r->suspended_ns = 1900 * XPC_MS;
    r->stream_end_ns = r->target_ready_ns = r->go_ns = 1950 * XPC_MS;
    r->target_started_ns = 1980 * XPC_MS;
    r->total_bytes = 1 << 27;
    r->total_time_ns = 2 * XPC_S;
}

/* Keeps a report. captured_err has the messages. */
static void keep_domain(const char *host, const char *domain,
                        const struct xpc_report *r)
{
    FILE *f = fmemopen(captured_out, sizeof(captured_out), "w");

    history_keep(f, host, domain, 1700000000, r);
    fclose(f);
}

static void keep(const char *host, const struct xpc_report *r)
{
    keep_domain(host, "g1", r);
}

static void torture_xl_history_learns_from_earlier_migrations(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    struct xpc_prior p;
    struct xpc_report r;
    char text[160];

    (void)state;
    a_report(&r);
    assert_int_equal(history_learn("host2", &guest, &p, err), 0);
    assert_int_equal(p.overhead_ns | p.suspend_pages, 0);
    keep("host2", &r);
    assert_string_equal(captured_out, "");
    assert_int_equal(history_learn("host2", &guest, &p, err), 1);
    assert_in_range(p.overhead_ns, 80 * XPC_MS, 82 * XPC_MS);
    history_text(text, sizeof(text), "host2", 1, &p);
    assert_string_equal(text, "switchover overhead learned from 1 migration "
                        "to host2: 80.9 ms +- 11.3 ms");
    keep("root@HOST2", &r);
    assert_int_equal(history_learn("host2", &guest, &p, err), 2);
    history_text(text, sizeof(text), "ho\nst2", 2, &p);
    assert_non_null(strstr(text, "from 2 migrations to ho?st2: "));
    assert_int_equal(history_learn("host3", &guest, &p, err), 0);
}

static void torture_xl_history_keeps_only_migrations_that_touched_the_guest(
    void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    struct xpc_prior p;
    struct xpc_report r;

    (void)state;
    a_report(&r);
    /* The host could not be reached. */
    r.outcome = XPC_OUTCOME_FAILED;
    r.total_bytes = 0;
    keep("hots2", &r);
    assert_int_equal(rmdir(dir), 0);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.total_bytes = 1;
    keep("host2", &r);
    assert_int_equal(history_learn("host2", &guest, &p, err), 0);
    assert_int_equal(access(dir, F_OK), 0);
}

static void torture_xl_history_errors_are_one_line(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    char path[96];
    struct xpc_prior p;
    struct xpc_report r;
    FILE *f;

    (void)state;
    a_report(&r);
    snprintf(path, sizeof(path), "%s/host2.json", dir);
    f = fopen(path, "w");
    fputs("{\"version\": 7, \"target\": \"host2\", \"migrations\": []}", f);
    fclose(f);
    assert_int_equal(history_learn("host2", &guest, &p, err), 0);
    assert_non_null(strstr(err, "version"));
    keep("host2", &r);
    assert_non_null(
        strstr(captured_out, "begun anew, the old one ends in .bad\n"));
    assert_ptr_equal(strchr(captured_out, '\n'),
                     captured_out + strlen(captured_out) - 1);
    assert_int_equal(history_learn("host2", &guest, &p, err), 1);

    setenv(LIBXL_PRECOPY_HISTORY_ENV, "/dev/null/history", 1);
    assert_int_equal(history_learn("host2", &guest, &p, err), 0);
    keep("host2", &r);
    assert_non_null(
        strstr(captured_out, "xl migrate: the history is not kept: "));
    assert_ptr_equal(strchr(captured_out, '\n'),
                     captured_out + strlen(captured_out) - 1);
}

/* ---- xl migrate-history ----------------------------------------------- */

#define run(...) \
    capture(cmd_migrate_history, "migrate-history", __VA_ARGS__)

/* Two migrations to host2, one of them aborted, and one to host3. */
static void some_history(void)
{
    struct xpc_report r;

    a_report(&r);
    keep("host2", &r);
    keep("host3", &r);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.actual_downtime_ns = r.predicted_downtime_ns = 0;
    keep("host2", &r);
}

static void torture_xl_history_remembers_a_stock_receiver(void **state)
{
    const time_t week = 7 * 86400, seen = 1700000000;
    FILE *f = fmemopen(captured_out, sizeof(captured_out), "w");

    (void)state;
    setvbuf(f, NULL, _IONBF, 0);
    assert_int_equal(history_receiver("host2", seen), RECEIVER_UNKNOWN);
    history_keep_receiver(f, "host2", seen);
    assert_int_equal(history_receiver("host2", seen + 60), RECEIVER_STOCK);
    assert_int_equal(history_receiver("host2", seen + week),
                     RECEIVER_WAS_STOCK);
    assert_int_equal(history_receiver("host3", seen), RECEIVER_UNKNOWN);
    assert_int_equal(run(NULL), 0);
    assert_non_null(strstr(captured_out, "host2: 0 migrations\n"));
    assert_non_null(
        strstr(captured_out, "  its receiver was a stock one on 2023-11-1"));
    history_keep_receiver(f, "host2", 0);
    assert_int_equal(history_receiver("host2", seen + 60), RECEIVER_UNKNOWN);
    fclose(f);
}

static void torture_xl_history_tells_the_pace_of_evacuations(void **state)
{
    char err[LIBXL_PRECOPY_ERR_LEN];

    (void)state;
    some_history();
    assert_int_equal(run("host2", NULL), 0);
    assert_null(strstr(captured_out, "evacuations"));
    assert_int_equal(libxl_precopy_history_evacuated(NULL, "host2", 1.5,
                                                     1700000000, err), 0);
    assert_int_equal(run("host2", NULL), 0);
    assert_non_null(strstr(captured_out, "  evacuations took 1.50 times as "
                           "long as forecast, the last until 2023-11-1"));
    assert_int_equal(run("--json", "host2", NULL), 0);
    assert_non_null(strstr(captured_out, "\"evacuation-pace-percent\": 150,"));
    assert_non_null(strstr(captured_out, "\"evacuation-s\": 1700000000,"));
}

static void torture_xl_history_prints_text(void **state)
{
    (void)state;
    assert_int_equal(run(NULL), 0);
    assert_string_equal(captured_out, "No migrations are known.\n");
    some_history();
    assert_int_equal(run(NULL), 0);
    assert_string_equal(captured_err, "");
    assert_non_null(strstr(captured_out,
                           "host2: 2 migrations\n  learned from 1: "
                           "switchover overhead 80.9 ms +- 11.3 ms"));
    assert_non_null(
        strstr(captured_out, "off by 20.0% (median), -20.0% at worst"));
    assert_non_null(strstr(captured_out, "aborted"));
    assert_non_null(strstr(captured_out, "host3: 1 migration\n"));
    assert_int_equal(run("root@HOST3", NULL), 0);
    assert_null(strstr(captured_out, "host2"));
    assert_non_null(
        strstr(captured_out, "100 ms   80.0 ms    300 ms   80.0 ms"));
}

static void torture_xl_history_prints_names_plainly(void **state)
{
    struct xpc_report r;

    (void)state;
    a_report(&r);
    keep_domain("ho\33[1mst", "a\33[31mb\nc", &r);
    assert_int_equal(run(NULL), 0);
    assert_null(strchr(captured_out, '\33'));
    assert_non_null(strstr(captured_out, "ho?[1mst: 1 migration\n"));
    assert_non_null(strstr(captured_out, " a?[31mb?c "));
}

/* A guest with a slow script, and another one. */
static void two_guests(void)
{
    struct xpc_report r;

    a_report(&r);
    r.params.guest.devices = r.params.guest.vifs = 1;
    for (int i = 0; i < 5; i++) {
        r.params.guest.id = i < 3 ? 1 : 2;
        r.actual_downtime_ns = i < 3 ? 2150 * XPC_MS : 128 * XPC_MS;
        keep_domain("host2", i < 3 ? "web1" : "db1", &r);
    }
}

static void torture_xl_history_tells_guests_apart(void **state)
{
    (void)state;
    two_guests();
    assert_int_equal(run("host2", NULL), 0);
    assert_non_null(strstr(captured_out, "\n  from 2 guests: "));
    assert_non_null(strstr(captured_out, " ms each, device model 350 ms, "));
    assert_non_null(strstr(captured_out, "\n  db1, from 2: 12"));
    assert_non_null(strstr(captured_out, "\n  web1, from 3: 2.15 s +- "));
    assert_int_equal(run("--json", "host2", NULL), 0);
    assert_non_null(strstr(captured_out, "\"costs-learned-from-guests\": 2,"));
    assert_non_null(strstr(captured_out, "\"cost-disk-us\": 50000,"));
    assert_non_null(strstr(captured_out, "\"domain\": \"web1\","));
    assert_non_null(strstr(captured_out, "\"guest-id\": 2,"));
}

/* Nothing else would say why the next one is refused. */
static void torture_xl_history_shows_a_broken_off_switchover(void **state)
{
    struct xpc_report r;
    FILE *f = fmemopen(captured_out, sizeof(captured_out), "w");

    (void)state;
    a_report(&r);
    r.outcome = XPC_OUTCOME_ABORTED;
    r.decision.reason = XPC_REASON_OVERRUN;
    r.params.guest.id = 1;
    r.pages_sent_ns = 1910 * XPC_MS;
    r.broken_off_ns = r.suspended_ns + 2 * XPC_S;
    history_keep(f, "host2", NULL, time(NULL), &r);
    fclose(f);
    assert_int_equal(run("host2", NULL), 0);
    assert_null(strstr(captured_out, "nothing was learned"));
    assert_non_null(strstr(captured_out, ", from 0: 2.50 s +- 250 ms; it was "
                           "more than 2.00 s when a switchover was broken "
                           "off\n"));
    assert_int_equal(run("--json", "host2", NULL), 0);
    assert_non_null(strstr(captured_out, "\"switchover-overhead-at-least-us\""
                           ": 2000000"));
}

/* A file that was edited. */
static void torture_xl_history_prints_guests_without_names(void **state)
{
    char path[96];
    FILE *f;

    (void)state;
    two_guests();
    snprintf(path, sizeof(path), "%s/host2.json", dir);
    f = fopen(path, "w");
    fputs("{\"version\": 1, \"target\": \"host2\", \"migrations\": [", f);
    for (int i = 1; i < 3; i++)
        fprintf(f, "%s{\"outcome\": \"migrated\", \"device-model\": \"no\", "
                "\"guest-id\": %d, \"switchover-overhead-us\": 80000}",
                i > 1 ? ", " : "", i);
    fputs("]}", f);
    fclose(f);
    assert_int_equal(run("host2", NULL), 0);
    assert_non_null(strstr(captured_out, "host2: 2 migrations\n"));
    assert_non_null(strstr(captured_out, ", from 1: "));
    assert_null(strstr(captured_out, "null"));
}

static void torture_xl_history_prints_json(void **state)
{
    (void)state;
    assert_int_equal(run("--json", NULL), 0);
    assert_non_null(strstr(captured_out, "\"targets\": ["));
    some_history();
    assert_int_equal(run("--json", "host2", NULL), 0);
    assert_non_null(strstr(captured_out, "\"target\": \"host2\""));
    assert_non_null(strstr(captured_out, "\"learned-from\": 1,"));
    assert_non_null(strstr(captured_out, "\"switchover-overhead-us\": 80000,"));
    assert_non_null(strstr(captured_out, "\"prediction-error-worst\": -0.2,"));
    assert_non_null(strstr(captured_out, "\"outcome\": \"aborted\""));
    assert_non_null(strstr(captured_out, "\"start-s\": 1700000000"));
    assert_null(strstr(captured_out, "host3"));
}

/* A program that reads standard input, if it is installed. */
static void assert_accepted(const char *program, const char *input)
{
    char command[128];
    FILE *p;

    snprintf(command, sizeof(command), "command -v %.60s >/dev/null",
             program);
    if (system(command))
        return;
    p = popen(program, "w");
    assert_non_null(p);
    fputs(input, p);
    assert_int_equal(pclose(p), 0);
}

static void torture_xl_history_prints_metrics(void **state)
{
    (void)state;
    assert_int_equal(run("--openmetrics", NULL), 0);
    assert_string_equal(captured_out, "# EOF\n");
    some_history();
    assert_int_equal(run("--openmetrics", NULL), 0);
    assert_string_equal(captured_err, "");
    assert_non_null(strstr(captured_out, "\nxen_precopy_migrations_total{"
                           "target=\"host2\",outcome=\"aborted\"} 1\n"));
    assert_non_null(strstr(captured_out, "\nxen_precopy_downtime_seconds_total"
                           "{target=\"host2\"} 0.08\n"));
    assert_non_null(strstr(captured_out,
                           "# TYPE xen_precopy_last_sent_bytes gauge\n"
                           "# UNIT xen_precopy_last_sent_bytes bytes\n"
                           "xen_precopy_last_sent_bytes{target=\"host2\","
                           "domain=\"g1\"} 134217728\n"));
    assert_non_null(strstr(captured_out, "\nxen_precopy_last_outcome{target="
                           "\"host2\",domain=\"g1\",outcome=\"aborted\"} "
                           "1\n"));
    assert_non_null(strstr(captured_out, "{target=\"host3\",domain=\"g1\"} "
                           "0.08\n"));
    assert_non_null(strstr(captured_out, "statistic=\"worst\"} -0.19999"));
    assert_string_equal(captured_out + strlen(captured_out) - 6, "# EOF\n");
    assert_accepted("promtool check metrics", captured_out);
}

/* Two samples of the same name must differ in their labels. */
static void torture_xl_history_metrics_are_never_repeated(void **state)
{
    char command[256];

    (void)state;
    some_history();
    snprintf(command, sizeof(command), "cp %s/host2.json %s/copy.json", dir,
             dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(run("--openmetrics", NULL), 0);
    for (char *line = captured_out; *line; line = strchr(line, '\n') + 1) {
        char sample[256];
        int n = strcspn(line, " \n");

        snprintf(sample, sizeof(sample), "\n%.*s ", n, line);
        if (*line != '#' && strstr(line + n, sample))
            fail_msg("twice: %s", sample);
    }
    assert_int_equal(run("--openmetrics", "host2", "root@HOST2", NULL), 0);
    assert_accepted("promtool check metrics", captured_out);
}

static void torture_xl_history_writes_metrics_to_a_file(void **state)
{
    char option[96], path[80], text[8192];
    mode_t mask = umask(077);
    struct stat st;
    FILE *f;

    (void)state;
    some_history();
    snprintf(path, sizeof(path), "%s/x.prom", dir);
    snprintf(option, sizeof(option), "--openmetrics=%s", path);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(option, NULL), 0);
        assert_string_equal(captured_out, "");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
    }
    umask(mask);
    f = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    /* A history that can't be read: the rest is written all the same. */
    snprintf(text, sizeof(text), "%s/host2.json", dir);
    f = fopen(text, "w");
    fputs("{}", f);
    fclose(f);
    assert_int_equal(run(option, NULL), 1);
    assert_non_null(strstr(captured_err, "host2.json: "));
    assert_int_equal(run("--openmetrics=/nowhere/x.prom", NULL), 1);
    assert_non_null(strstr(captured_err,
                           "--openmetrics=/nowhere/x.prom: can't be written"));
    assert_int_equal(run("--openmetrics=", NULL), 2);
    assert_int_equal(run("--openmetrics", "--json", NULL), 2);
    assert_non_null(strstr(captured_err, "can't be combined with --json"));
}

static void torture_xl_history_plots(void **state)
{
    static char text[1 << 16];
    char option[96], path[80];
    struct stat st;
    FILE *f;

    (void)state;
    assert_int_equal(run("--plot", NULL), 1);
    assert_non_null(strstr(captured_err, "nothing to draw"));
    some_history();
    assert_int_equal(run("--plot", NULL), 0);
    assert_non_null(strstr(captured_out, "Actual downtime over predicted"));
    /* Longer than predicted is above the diagonal: this is below. */
    assert_true(strchr(strstr(captured_out, "   ms\n"), '.') <
                strrchr(captured_out, 'b'));
    assert_int_equal(run("--plot=ascii", "host2", NULL), 0);
    assert_non_null(strstr(captured_out, "a host2"));
    if (system("command -v gnuplot >/dev/null"))
        return;
    snprintf(path, sizeof(path), "%s/x.svg", dir);
    snprintf(option, sizeof(option), "--plot=%s", path);
    assert_int_equal(run("--json", option, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 1000);
    f = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    /* The finding, ticks that people say, and the target by its mark. */
    assert_non_null(strstr(text, "No downtime of 2 was more than 10% longer "
                           "than predicted<"));
    assert_non_null(strstr(text, "100 ms<"));
    assert_non_null(strstr(text, ">host3<"));
}

static void torture_xl_history_refuses_invalid_requests(void **state)
{
    char path[96];
    FILE *f;

    (void)state;
    some_history();
    assert_int_equal(run("--wat", NULL), 2);
    assert_non_null(strstr(captured_err, "--wat is no option"));
    assert_int_equal(run("--plot=x.pdf", NULL), 2);
    assert_non_null(strstr(captured_err, ".svg or .png"));
    assert_int_equal(run("--plot", "--json", NULL), 2);
    assert_non_null(strstr(captured_err, "give --plot=FILE"));
    assert_int_equal(run("--plot=/nowhere/x.svg", NULL), 1);
    assert_non_null(strstr(captured_err, "/nowhere/x.svg: can't be written"));
    assert_int_equal(run("ho\x1bst9", NULL), 1);
    assert_string_equal(captured_err,
                        "xl migrate-history: no migration to ho?st9 "
                        "is known\n");
    assert_string_equal(captured_out, "");
    /* The valid files are shown all the same. */
    assert_int_equal(run("host9", "host2", NULL), 1);
    assert_non_null(strstr(captured_out, "host2: 2 migrations"));
    snprintf(path, sizeof(path), "%s/host2.json", dir);
    f = fopen(path, "w");
    fputs("{}", f);
    fclose(f);
    assert_int_equal(run(NULL), 1);
    assert_non_null(strstr(captured_err, "host2.json: migration history: "));
    assert_non_null(strstr(captured_out, "host3: 1 migration"));
    assert_int_equal(run("--help", NULL), 0);
    assert_non_null(strstr(captured_out, "--plot[=ascii"));
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_history_learns_from_earlier_migrations),
        TEST(torture_xl_history_keeps_only_migrations_that_touched_the_guest),
        TEST(torture_xl_history_errors_are_one_line),
        TEST(torture_xl_history_remembers_a_stock_receiver),
        TEST(torture_xl_history_tells_the_pace_of_evacuations),
        TEST(torture_xl_history_prints_text),
        TEST(torture_xl_history_prints_names_plainly),
        TEST(torture_xl_history_tells_guests_apart),
        TEST(torture_xl_history_shows_a_broken_off_switchover),
        TEST(torture_xl_history_prints_guests_without_names),
        TEST(torture_xl_history_prints_json),
        TEST(torture_xl_history_prints_metrics),
        TEST(torture_xl_history_metrics_are_never_repeated),
        TEST(torture_xl_history_writes_metrics_to_a_file),
        TEST(torture_xl_history_plots),
        TEST(torture_xl_history_refuses_invalid_requests),
    };

    return torture_run(argc, argv, tests);
}
