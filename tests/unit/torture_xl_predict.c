/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-predict: its output as a user sees it.
 */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "libxl_precopy_profiles.h"
#include "predict/xl_migrate_predict.h"
#include "support/capture.h"
#include "support/conf_fixture.h"
#include "support/published.h"
#include "support/torture.h"

#define MEASUREMENT "--from=tests/data/calc-dirty-rate-32g.json"

#define run(...) \
    capture(cmd_migrate_predict, "migrate-predict", __VA_ARGS__)

/* Checks that the error is one line that contains text. */
static void assert_refused(int rc, const char *text)
{
    assert_int_not_equal(rc, 0);
    assert_string_equal(captured_out, "");
    assert_non_null(strstr(captured_err, text));
    assert_ptr_equal(strchr(captured_err, '\n'),
                     captured_err + strlen(captured_err) - 1);
}

static uint64_t total_bytes(const char *option)
{
    struct xpc_cells c;
    char err[XPC_ERR_LEN];
    uint64_t bytes = 0;

    assert_int_equal(run(MEASUREMENT, "--json", "--bandwidth=2Gbit", option,
                         NULL), 0);
    xpc_cells_init(&c);
    assert_int_equal(xpc_from_json(&xpc_cells_type, &c, captured_out,
                                   strlen(captured_out), err), 0);
    for (size_t i = 0; i < c.nr_cells; i++)
        bytes += c.cells[i].bytes;
    xpc_cells_dispose(&c);
    return bytes;
}

static void torture_xl_predict_leaves_out_dirty_pages(void **state)
{
    (void)state;
    assert_true(total_bytes("--skip-dirty") < total_bytes("--bitmap-time=0"));
}

static void torture_xl_predict_gives_the_published_table(void **state)
{
    double table[PUBLISHED_ROWS][PUBLISHED_COLUMNS];
    struct xpc_cells c;
    char err[XPC_ERR_LEN];

    (void)state;
    published_table(table);
    /* The table has no bitmap: one cell is at the edge of an iteration. */
    assert_int_equal(run(MEASUREMENT, "--json", "--bitmap-time=0",
        "--bandwidth=100Mibit,1Gibit,2Gibit,2.5Gibit,5Gibit,10Gibit,25Gibit,"
        "40Gibit", "--downtime=125ms,250ms,500ms,1s,5s,unlimited", NULL), 0);
    xpc_cells_init(&c);
    assert_int_equal(xpc_from_json(&xpc_cells_type, &c, captured_out,
                                   strlen(captured_out), err),
                     0);
    assert_int_equal(c.nr_cells, PUBLISHED_ROWS * PUBLISHED_COLUMNS);
    for (size_t i = 0; i < c.nr_cells; i++) {
        const struct xpc_cell *cell = &c.cells[i];
        size_t row = i / PUBLISHED_COLUMNS, column = i % PUBLISHED_COLUMNS;
        double theirs = table[row][column], off;

        assert_int_equal(cell->bandwidth_bits_per_s, published_bits[row]);
        assert_int_equal(cell->downtime_ns, published_ms[column] * XPC_MS);
        assert_int_equal(cell->converges, theirs >= 0);
        if (theirs < 0) {
            assert_int_equal(cell->total_ns, 0);
            continue;
        }
        off = fabs(cell->total_ns / 1e9 - theirs);
        assert_true(off <= 1 || off <= 0.1 * theirs);
        assert_true(cell->total_low_ns <= cell->total_ns);
        assert_true(!cell->total_high_ns ||
                    cell->total_high_ns >= cell->total_ns);
        assert_true(cell->marginal || cell->total_high_ns);
    }
    xpc_cells_dispose(&c);
}

static void torture_xl_predict_prints_text(void **state)
{
    (void)state;
    assert_int_equal(run(MEASUREMENT, "--bandwidth=100Mibit,1GiB",
                         "--downtime=500ms,unlimited",
                         "--switchover-overhead=0", NULL), 0);
    assert_string_equal(captured_err, "");
    assert_non_null(strstr(captured_out, "32.0 GiB, 61% of it zero"));
    assert_non_null(strstr(captured_out, "16m59s"));
    assert_non_null(strstr(captured_out, "--precopy-downtime=500ms"));
    assert_non_null(strstr(captured_out, "-: does not converge."));
}

static void torture_xl_predict_plans_for_several_domains(void **state)
{
    (void)state;
    assert_int_equal(run(MEASUREMENT, MEASUREMENT, "--bandwidth=10Gbit",
                         "--downtime=1s", NULL), 0);
    assert_non_null(strstr(captured_out, "Evacuation of 2 domains"));
    assert_int_equal(run(MEASUREMENT, MEASUREMENT, "--bandwidth=10Gbit",
                         "--downtime=1s", "--no-evacuation", NULL), 0);
    assert_null(strstr(captured_out, "Evacuation"));
    assert_int_equal(run(MEASUREMENT, MEASUREMENT, "--bandwidth=10Gbit",
                         "--downtime=1s", "--json", NULL), 0);
    assert_non_null(strstr(captured_out, "\"all-at-once-downtime-ms\""));
}

static void torture_xl_predict_plots(void **state)
{
    (void)state;
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1Gbit", "--downtime=1s",
                         "--plot", NULL), 0);
    assert_non_null(strstr(captured_out, "Least downtime over bandwidth"));
    assert_non_null(strstr(captured_out, "iteration"));
}

static void torture_xl_predict_draws_a_picture(void **state)
{
    static const char name[] = "/tmp/torture_xl_predict.svg";
    static char text[1 << 17];
    struct stat st;
    FILE *f;

    (void)state;
    if (system("gnuplot --version >/dev/null 2>&1"))
        skip();
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1Gbit", "--downtime=1s",
                         "--plot=/tmp/torture_xl_predict.svg", NULL), 0);
    assert_int_equal(stat(name, &st), 0);
    assert_true(st.st_size > 5000);
    f = fopen(name, "r");
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    unlink(name);
    assert_non_null(strstr(text, ">At 1.00 Gbit/s, a downtime of "));
    assert_non_null(strstr(text, ">limit 1.00 s<"));
    assert_non_null(strstr(text, "2 Gbit/s<"));
}

static void torture_xl_predict_reads_standard_input(void **state)
{
    int fd = open("tests/data/calc-dirty-rate-32g.json", O_RDONLY);
    int saved = dup(0);

    (void)state;
    dup2(fd, 0);
    assert_int_equal(run("--from=-", "--bandwidth=1Gbit", NULL), 0);
    dup2(saved, 0);
    close(saved);
    close(fd);
    assert_non_null(strstr(captured_out, "stdin: 32.0 GiB"));
}

/* The formats of xl dirty-rate --json for several domains, and of QMP. */
static void torture_xl_predict_reads_several_domains_from_a_file(void **state)
{
    char path[] = "/tmp/torture_xl_predict.XXXXXX", option[64], json[8192];
    FILE *in = fopen("tests/data/calc-dirty-rate-32g.json", "r"), *f;
    size_t len = fread(json, 1, sizeof(json) - 1, in);

    (void)state;
    json[len] = 0;
    f = fdopen(mkstemp(path), "w");
    fprintf(f, "%s\n%s{ \"return\" :%s, \"id\": \"{\" }\n", json, json,
            json);
    fclose(f);
    fclose(in);
    snprintf(option, sizeof(option), "--from=%s", path);
    assert_int_equal(run(option, "--bandwidth=10Gbit", "--downtime=1s",
                         NULL), 0);
    assert_string_equal(captured_err, "");
    assert_non_null(strstr(captured_out, "Evacuation of 3 domains"));
    unlink(path);
}

/* The predicted downtime in ms of the only cell that was printed. */
static double downtime(void)
{
    const char *s = strstr(captured_out, "\"predicted-downtime-ms\": ");

    assert_non_null(s);
    return atof(strchr(s, ':') + 1);
}

static void torture_xl_predict_uses_the_history_of_the_target(void **state)
{
    static const char history[] = "{\"version\": 1, \"target\": \"host2\","
        "\"migrations\": [{\"outcome\": \"migrated\", "
        "\"device-model\": \"no\", "
        "\"switchover-overhead-us\": 40000, \"suspend-pages\": 500}]}";
    char dir[] = "/tmp/torture_xl_predict.XXXXXX", path[64];
    double usual, known, stated;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/host2.json", dir);
    f = fopen(path, "w");
    fputs(history, f);
    fclose(f);
    setenv("XEN_PRECOPY_HISTORY", dir, 1);
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1GB", "--json",
                         "--downtime=unlimited", NULL), 0);
    usual = downtime();
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1GB", "--json",
                         "--downtime=unlimited", "--target=Host2", NULL), 0);
    assert_string_equal(captured_err, "xl migrate-predict: switchover overhead "
                        "learned from 1 migration to Host2: 40.5 ms +- "
                        "5.68 ms\n");
    known = downtime();
    /* 59.5 ms less, and 244 pages more of 4 us each. */
    assert_true(fabs(usual - known - 58.5) < 0.1);
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1GB", "--json",
                         "--downtime=unlimited", "--switchover-overhead=1s",
                         "--target=host2", NULL), 0);
    assert_string_equal(captured_err, "");
    stated = downtime();
    assert_true(fabs(stated - known - 959.5) < 0.1);
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1GB", "--json",
                         "--downtime=unlimited", "--target=host3", NULL), 0);
    assert_non_null(strstr(captured_err, "no migration to host3 is known"));
    assert_true(downtime() == usual);
    /* For a guest with a device model, the longer default is used. */
    assert_int_equal(run(MEASUREMENT, "--bandwidth=1GB", "--json",
                         "--downtime=unlimited", "--device-model",
                         "--target=host2", NULL), 0);
    assert_non_null(strstr(captured_err, "no migration to host2 is known"));
    assert_true(fabs(downtime() - usual - 350) < 0.1);
    unsetenv("XEN_PRECOPY_HISTORY");
    unlink(path);
    rmdir(dir);
}

static void torture_xl_predict_refuses_bad_options(void **state)
{
    (void)state;
    assert_refused(run(NULL), "a domain, or --from=FILE");
    assert_refused(run(MEASUREMENT, "--bandwidth=5", NULL),
                   "a unit is needed");
    assert_refused(run(MEASUREMENT, "--bandwidth=", NULL), "not a bandwidth");
    assert_refused(run(MEASUREMENT, "--bandwidth=1Gbit,,", NULL),
                   "not a bandwidth");
    assert_refused(run(MEASUREMENT, "--downtime=0", NULL), "more than 0");
    assert_refused(run(MEASUREMENT, "--downtime=1s,never", NULL),
                   "=never: not a time");
    assert_refused(run(MEASUREMENT, "--below=sideways", NULL),
                   "power, origin or offset is accepted");
    assert_refused(run(MEASUREMENT, "--json", "--plot", NULL), "--plot=FILE");
    assert_refused(run(MEASUREMENT, "--plot=x.pdf", NULL), ".svg or .png");
    assert_refused(run(MEASUREMENT, "--calc-time=1s", NULL), "--calc-time");
    assert_refused(run("--calc-time=99h", "g1", NULL), "50ms to 60s");
    assert_refused(run(MEASUREMENT, "--mode=dirty-bitmap", NULL),
                   "--mode: nothing is measured");
    assert_refused(run("--mode=bitmap", "g1", NULL), "dirty-bitmap");
    assert_refused(run(MEASUREMENT, "--concurrency=0", NULL), "1 to 16");
    assert_refused(run(MEASUREMENT, "--iterations=0", NULL), "from 1");
    assert_refused(run("--from=", NULL), "the name of a file");
    assert_refused(run(MEASUREMENT, "--variation=101", NULL),
                   "0 to 100");
    assert_refused(run("--from", NULL), "needs a value");
    assert_refused(run("--wat", NULL), "is no option");
    assert_refused(run("--from=/nonexistent/\x1b[31m", NULL),
                   "No such file or directory");
    assert_null(strchr(captured_err, '\x1b'));
}

static void torture_xl_predict_reads_the_formats_of_qemu_and_libvirt(
    void **state)
{
    (void)state;
    assert_int_equal(run("--from=tests/data/measurements/qmp-session.json",
                         "--bandwidth=10 Gbps", "--downtime=300 ms", NULL), 0);
    assert_non_null(strstr(captured_out, "qmp-session.json: 4.00 GiB"));
    assert_int_equal(run("--from=tests/data/measurements/domstats.txt",
                         "--bandwidth=10Gbit", "--downtime=1s", NULL), 0);
    assert_non_null(strstr(captured_out, "vm0: 4.00 GiB"));
    assert_non_null(strstr(captured_out, "Evacuation of 2 domains"));
    assert_refused(run("--from=tests/data/measurements/rates-array.json",
                       NULL), "--memory=MIB");
    assert_int_equal(run("--from=tests/data/measurements/rates-array.json",
                         "--memory=2048", "--bandwidth=10Gbit", NULL), 0);
    assert_non_null(strstr(captured_out, "rates-array.json: 2.00 GiB"));
    assert_refused(run("--memory=0", "--from=x", NULL), "--memory");
}

static void write_file(char *path, const char *json)
{
    int fd = mkstemp(path);

    assert_int_equal(write(fd, json, strlen(json)), strlen(json));
    close(fd);
}

/*
 * redis with 8 clients that use SET, measured on Linux: 62,132 pages are dirty
 * after 0.25 s. A straight line through the longest period alone has 4,172.
 */
static void torture_xl_predict_refuses_one_period(void **state)
{
#define PART(periods, dirty) \
    "{\"page-size\":4096,\"periods\":" periods ",\"status\":\"measured\"," \
    "\"mode\":\"dirty-bitmap\",\"n-dirty-pages\":" dirty "," \
    "\"n-sampled-pages\":1048576,\"n-total-pages\":1048576}"
    static const char *const whole = PART("[125,250,500,1000,2000,4000,8000]",
        "[38784,62132,92817,120103,131757,133234,133509]");
    static const char *const longest = PART("[8000]", "[133509]");
    char path[] = "/tmp/torture_xl_predict.XXXXXX", option[64];

    (void)state;
    write_file(path, whole);
    snprintf(option, sizeof(option), "--from=%s", path);
    assert_int_equal(run(option, "--bandwidth=2Gbit", "--downtime=300ms",
                         NULL), 0);
    assert_null(strstr(captured_out, "it fits"));
    unlink(path);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    write_file(path, longest);
    snprintf(option, sizeof(option), "--from=%s", path);
    assert_refused(run(option, "--bandwidth=2Gbit", "--downtime=300ms", NULL),
                   "one period is no curve");
    unlink(path);
}

static void torture_xl_predict_names_the_error(void **state)
{
    static const char *const marked = "{\"page-size\":4096,"
        "\"periods\":[100,1000],\"status\":\"measured\",\"mode\":"
        "\"dirty-bitmap\",\"n-dirty-pages\":[10,20],\"n-sampled-pages\":"
        "65536,\"n-total-pages\":65536,\"name\":\"g1\",\"paused\":true,"
        "\"late\":true,\"ballooned\":true}";
    static const char *const words[] = {
        "g1 was paused for a part", "of g1 was over 10% late",
        "memory of g1 grew or shrank",
    };
    char path[] = "/tmp/torture_xl_predict.XXXXXX", option[64];

    (void)state;
    write_file(path, marked);
    snprintf(option, sizeof(option), "--from=%s", path);
    assert_int_equal(run(option, "--bandwidth=2Gbit", NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(captured_out, words[i]));
    assert_string_equal(captured_err, "");
    assert_int_equal(run(option, "--bandwidth=2Gbit", "--json", NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_null(strstr(captured_out, words[i]));
        assert_non_null(strstr(captured_err, words[i]));
    }
    assert_int_equal(run(MEASUREMENT, "--bandwidth=2Gbit", NULL), 0);
    assert_null(strstr(captured_out, "Caution"));
    unlink(path);
}

/*
 * lz4 leaves half of each page in half the time of zstd:3, which leaves a
 * quarter.
 */
static void write_compression(char *path)
{
#define FIT(share, ns) "{\"pages\":9,\"blocks\":3,\"share\":" share \
    ",\"share-low\":" share ",\"share-high\":" share ",\"page-ns\":" ns \
    ",\"page-ns-low\":" ns ",\"page-ns-high\":" ns "}"
    write_file(path, "{\"page-size\":4096,\"periods\":[100,1000],"
        "\"status\":\"measured\",\"mode\":\"dirty-bitmap\","
        "\"n-dirty-pages\":[10,20],\"n-sampled-pages\":65536,"
        "\"n-total-pages\":65536,\"name\":\"g1\",\"compression\":["
        "{\"compress\":\"lz4\",\"kept\":" FIT("0.5", "20000") "},"
        "{\"compress\":\"zstd\",\"kept\":" FIT("0.3", "30000") "},"
        "{\"compress\":\"zstd\",\"level\":3,\"kept\":" FIT("0.25", "40000")
        "}]}");
}

static void torture_xl_predict_compares_compressions(void **state)
{
    char path[] = "/tmp/torture_xl_predict.XXXXXX", option[64];
    struct xpc_cells c;
    char err[XPC_ERR_LEN];

    (void)state;
    write_compression(path);
    snprintf(option, sizeof(option), "--from=%s", path);
    assert_int_equal(run(option, "--compress=off,lz4,zstd:3",
                         "--bandwidth=100Mbit,10Gbit", "--downtime=1s",
                         "--switchover-overhead=0", "--json", NULL), 0);
    xpc_cells_init(&c);
    assert_int_equal(xpc_from_json(&xpc_cells_type, &c, captured_out,
                                   strlen(captured_out), err), 0);
    assert_int_equal(c.nr_cells, 6);
    assert_string_equal(c.cells[0].compress, "off");
    assert_string_equal(c.cells[2].compress, "lz4");
    assert_string_equal(c.advice[5].compress, "zstd:3");
    assert_non_null(strstr(c.advice[5].options,
                           "--precopy-compress=zstd:3"));
    /* By the link, and by the processor. */
    assert_true(fabs(c.cells[0].total_ns / (double)c.cells[2].total_ns - 2) <
                0.01);
    assert_true(fabs(c.cells[0].total_ns / (double)c.cells[4].total_ns - 4) <
                0.01);
    assert_true(fabs(c.cells[3].total_ns / 1e9 - 65536 * 20e-6) < 0.02);
    assert_true(fabs(c.cells[5].total_ns / 1e9 - 65536 * 40e-6) < 0.02);
    xpc_cells_dispose(&c);
    assert_int_equal(run(option, "--compress=off,lz4,zstd:3",
                         "--bandwidth=100Mbit,10Gbit", "--downtime=1s",
                         NULL), 0);
    assert_non_null(strstr(captured_out, "compression lz4, 50% (50..50%) left "
                           "of the first copy, 50% (50..50%) of later ones, "
                           "20.0 and 20.0 us a page, 1 processor:"));
    assert_non_null(strstr(captured_out, "At 100 Mbit/s, limit 1.00 s, "
                           "compression zstd:3: it fits"));
    assert_non_null(strstr(captured_out, "At 10.0 Gbit/s, limit 1.00 s, "
                           "compression off: it fits"));
    assert_int_equal(run(option, "--compress=zstd:3", "--channels=4",
                         "--bandwidth=10Gbit", "--downtime=1s", "--plot",
                         NULL), 0);
    assert_non_null(strstr(captured_out, "--precopy-compress=zstd:3 "
                           "--precopy-channels=4"));
    assert_refused(run(option, "--compress=zstd:9", NULL),
                   "use xl dirty-rate --compress=zstd:9");
    assert_refused(run(option, "--compress=gzip", NULL),
                   "off, auto, zstd, lz4");
    assert_refused(run(option, "--channels=17", NULL), "1 to 16");
    assert_refused(run(option, option, "--compress=lz4,zstd:3", NULL),
                   "one method");
    assert_int_equal(run(option, option, "--compress=lz4", NULL), 0);
    assert_refused(run(MEASUREMENT, "--compress=lz4", NULL),
                   "was not measured");
    unlink(path);
}

/* auto is as good as the best, at each bandwidth. */
static void torture_xl_predict_chooses_a_compression(void **state)
{
    char path[] = "/tmp/torture_xl_predict.XXXXXX", option[64];
    struct xpc_cells c;
    char err[XPC_ERR_LEN];

    (void)state;
    write_compression(path);
    snprintf(option, sizeof(option), "--from=%s", path);
    assert_int_equal(run(option, "--compress=auto,off,lz4,zstd:3",
                         "--bandwidth=100Mbit,1.5Gbit,10Gbit",
                         "--downtime=1s", "--channels=2", "--json", NULL), 0);
    xpc_cells_init(&c);
    assert_int_equal(xpc_from_json(&xpc_cells_type, &c, captured_out,
                                   strlen(captured_out), err), 0);
    assert_int_equal(c.nr_cells, 12);
    assert_int_equal(c.cells[0].total_ns, c.cells[9].total_ns);
    assert_int_equal(c.cells[1].total_ns, c.cells[7].total_ns);
    assert_int_equal(c.cells[2].total_ns, c.cells[5].total_ns);
    assert_non_null(strstr(c.advice[0].options, "--precopy-compress=auto "
                           "--precopy-channels=2"));
    xpc_cells_dispose(&c);
    unlink(path);
}

/* The error is one line that says what is wrong. */
static void torture_xl_predict_refuses_bad_measurements(void **state)
{
#define BASE(periods, dirty, sampled, zero, total, status) \
    "{\"page-size\":4096,\"periods\":" periods ",\"status\":\"" status "\"," \
    "\"sample-pages\":512,\"dirty-rate\":9,\"mode\":\"page-sampling\"," \
    "\"n-dirty-pages\":" dirty ",\"n-sampled-pages\":" sampled "," \
    "\"n-zero-pages\":" zero ",\"n-total-pages\":" total "}"
    static const struct { const char *json, *text; } cases[] = {
        { "", "not JSON" },
        { "{", "not JSON" },
        { "[]", "no measurement in it" },
        { "[1]", "expected an object" },
        { "{}", "missing" },
        { BASE("[9,8]", "[1,2]", "10", "0", "10", "measured"), "entry 2" },
        { BASE("[0,8]", "[1,2]", "10", "0", "10", "measured"), "entry 1" },
        { BASE("[8,9]", "[1]", "10", "0", "10", "measured"), "entries" },
        { BASE("[8,9]", "[1,11]", "10", "0", "10", "measured"), "11" },
        { BASE("[8]", "[1]", "10", "11", "20", "measured"), "n-zero-pages" },
        { BASE("[8]", "[1]", "30", "0", "20", "measured"), "n-sampled" },
        { BASE("[]", "[]", "10", "0", "10", "measured"), "empty" },
        { BASE("[8]", "[1]", "10", "0", "10", "measuring"), "measuring" },
        { BASE("[8]", "[1]", "10", "0", "10", "measured"), "no curve" },
        { BASE("[8]", "[NaN]", "10", "0", "10", "measured"), "not JSON" },
        { BASE("[8]", "[1e999]", "10", "0", "10", "measured"), "n-dirty" },
        { BASE("[8]", "[-1]", "10", "0", "10", "measured"), "n-dirty" },
        { BASE("[8]", "[18446744073709551616]", "10", "0", "10", "measured"),
          "n-dirty" },
        { BASE("[8]", "[0]", "0", "0", "0", "measured"), "n-sampled-pages" },
        { BASE("[8]", "[1]", "10", "0", "10", "measured") "}", "not JSON" },
        { "{\"return\": {\"status\": \"measured\", \"sample-pages\": 512, "
          "\"dirty-rate\": 108, \"start-time\": 1, \"calc-time\": 1}}",
          "a rate alone is not enough" },
    };
    char path[] = "/tmp/torture_xl_predict.XXXXXX", option[64];
    int fd = mkstemp(path);

    (void)state;
    snprintf(option, sizeof(option), "--from=%s", path);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].json);

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, cases[i].json, len, 0), len);
        assert_refused(run(option, NULL), cases[i].text);
        assert_non_null(strstr(captured_err, path));
    }
    close(fd);
    unlink(path);
}

/* A profile of 24 hours, in which the guest is quiet from 1 to 4. */
static void write_profile(const char *path)
{
    char err[LIBXL_PRECOPY_ERR_LEN];

    for (unsigned int hour = 0; hour < 24; hour++) {
        double pages = hour >= 1 && hour < 4 ? 100 : 60000;

        for (int i = 0; i < 4; i++) {
            struct xpc_curve c = { .total_pages = 262144 };

            for (uint64_t ns = 125 * XPC_MS; ns <= 8 * XPC_S; ns *= 2)
                xpc_curve_add(&c, ns, pages * (0.9 + 0.05 * i) * ns / XPC_S,
                              0, 262144);
            assert_int_equal(libxl_precopy_profile_add(NULL, path, "g1", hour,
                                                       5, &c, NULL, err), 0);
        }
    }
}

static void torture_xl_predict_names_the_best_hours(void **state)
{
    char dir[] = "/tmp/torture-when-XXXXXX", path[64], option[80];
    struct xpc_when w = { 0 };
    char err[XPC_ERR_LEN];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/p.json", dir);
    snprintf(option, sizeof(option), "--when=%s", path);
    /* Without a profile: 2, and a line that says what to do. */
    assert_int_equal(run(option, "--bandwidth=1Gbit", "--downtime=300ms",
                         NULL), 2);
    assert_refused(2, "let xl dirty-rate --watch --history run for a day");
    write_profile(path);
    assert_int_equal(run(option, "--bandwidth=1Gbit", "--downtime=300ms",
                         NULL), 0);
    assert_non_null(strstr(captured_out, "best: 01:00 to 04:00"));
    assert_non_null(strstr(captured_out, "12:00"));
    assert_int_equal(run(option, "--bandwidth=1Gbit", "--downtime=300ms",
                         "--json", NULL), 0);
    assert_int_equal(xpc_from_json(&xpc_when_type, &w, captured_out,
                                   strlen(captured_out), err), 0);
    assert_int_equal(w.nr_hours, 24);
    assert_int_equal(w.from_hour, 1);
    assert_int_equal(w.to_hour, 4);
    xpc_when_dispose(&w);
    /* No hour keeps this. */
    assert_int_equal(run(option, "--bandwidth=1Gbit", "--downtime=101ms",
                         NULL), 0);
    assert_non_null(strstr(captured_out, "no hour of those measured keeps"));
    assert_refused(run(option, NULL), "one --bandwidth and one --downtime");
    assert_refused(run("--when", "--bandwidth=1Gbit", "--downtime=1s", NULL),
                   "--when: one domain");
    assert_refused(run(option, "--plot", "--bandwidth=1Gbit",
                       "--downtime=1s", NULL), "--when reads a profile");
    unlink(path);
    snprintf(path, sizeof(path), "%s/.lock", dir);
    unlink(path);
    rmdir(dir);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test(torture_xl_predict_##name)
    const struct CMUnitTest tests[] = {
        T(leaves_out_dirty_pages),
        T(gives_the_published_table),
        T(prints_text),
        T(plans_for_several_domains),
        T(plots),
        T(draws_a_picture),
        T(reads_standard_input),
        T(reads_several_domains_from_a_file),
        T(uses_the_history_of_the_target),
        T(reads_the_formats_of_qemu_and_libvirt),
        T(refuses_one_period),
        T(names_the_error),
        T(compares_compressions),
        T(chooses_a_compression),
        T(names_the_best_hours),
        T(refuses_bad_options),
        T(refuses_bad_measurements),
    };

    conf_fixture_use("");
    return torture_run(argc, argv, tests);
}
