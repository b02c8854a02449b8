/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl dirty-rate: its options, and its output for a recorded trace.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "measure/xl_dirty_rate.h"
#include "measure/xl_dirty_rate_options.h"
#include "sources/record.h"
#include "support/fake_source.h"
#include "support/torture.h"
#include "xl_cmdtable.h"

static char trace[64], out[65536];

static int parse(struct dirty_rate_options *o, char *err, const char *line)
{
    static char buf[512];
    char *argv[32] = { "dirty-rate" }, *save = NULL;
    int argc = 1;

    snprintf(buf, sizeof(buf), "%s", line);
    for (char *w = strtok_r(buf, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    optind = 0;
    return dirty_rate_parse_options(argc, argv, o, err);
}

static void torture_xl_dirty_rate_options(void **state)
{
    struct dirty_rate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(parse(&o, err, "g1"), 0);
    assert_int_equal(o.req.mode, XPC_MODE_PAGE_SAMPLING);
    assert_int_equal(o.req.calc_ns, 10 * XPC_S);
    assert_int_equal(o.nr_domains, 1);
    assert_int_equal(parse(&o, err, "--calc-time=500ms --mode=dirty-bitmap "
                           "--sample-pages=128 --json -- g1 g2"), 0);
    assert_int_equal(o.req.mode, XPC_MODE_DIRTY_BITMAP);
    assert_int_equal(o.req.nr_periods, 4);
    assert_int_equal(o.nr_domains, 2);
    assert_true(o.json);
    assert_int_equal(parse(&o, err, "--periods=125,250 --pid=1,2,3"), 0);
    assert_int_equal(o.req.calc_ns, 250 * XPC_MS);
    assert_int_equal(o.nr_pids, 3);
    assert_int_equal(parse(&o, err, "--trace=x --plot"), 0);
    assert_int_equal(o.req.mode, XPC_MODE_DIRTY_BITMAP);
    assert_true(o.plot && !o.plot_file);
    assert_int_equal(parse(&o, err, "--plot=a.svg g1"), 0);
    assert_string_equal(o.plot_file, "a.svg");
    assert_int_equal(o.req.nr_methods, xpc_nr_compress_defaults);
    assert_int_equal(parse(&o, err, "--compress=lz4:9,zstd g1"), 0);
    assert_int_equal(o.req.nr_methods, 2);
    assert_int_equal(o.req.methods[0].level, 9);
    assert_int_equal(o.req.methods[1].compress, XPC_COMPRESS_ZSTD);
    assert_int_equal(parse(&o, err, "--compress=off g1"), 0);
    assert_int_equal(o.req.nr_methods, 0);
    assert_int_equal(parse(&o, err, "--watch --history g1 g2"), 0);
    assert_true(o.history && !o.history_file);
    assert_int_equal(parse(&o, err, "--watch --history=a.json g1"), 0);
    assert_string_equal(o.history_file, "a.json");
    assert_int_equal(parse(&o, err, "--help"), 1);
}

static void torture_xl_dirty_rate_refuses_invalid_options(void **state)
{
    static const struct { const char *line, *says; } t[] = {
        { "", "a domain, --pid or --trace is needed" },
        { "--calc-time=5 g1", "a unit is needed" },
        { "--calc-time=20ms g1", "50ms to 60s" },
        { "--calc-time=2m g1", "50ms to 60s" },
        { "--mode=magic g1", "page-sampling or dirty-bitmap" },
        { "--sample-pages=127 g1", "from 128" },
        { "--sample-pages=many g1", "a whole number" },
        { "--sample-pages=99999999999999999999 g1", "a whole number" },
        { "--periods=100,50 g1", "longer than the one before" },
        { "--periods=100,x g1", "--periods=x: a whole number" },
        { "--periods= g1", "periods" },
        { "--periods=70000 g1", "=70000: a whole number from 50 to 60000" },
        { "--json --plot g1", "give --plot=FILE" },
        { "--compress=gzip g1", "--compress=gzip: off, auto, zstd, lz4" },
        { "--compress= g1", "--compress=: off, auto, zstd, lz4" },
        { "--compress=zstd,off g1", "off together with a method" },
        { "--compress=auto g1", "or auto" },
        { "--compress=auto:3 g1", "=auto:3: off, auto" },
        { "--compress=zstd,zstd:1 g1", "zstd:1 is named twice" },
        { "--compress=lz4:1,lz4:2,lz4:3,lz4:4,lz4:5,lz4:6,lz4:7,lz4:8,lz4:9 "
          "g1", "8 are the most" },
        { "--trace=", "--trace=: the name of a file" },
        { "--pid=3,4,3", "--pid: 3 is named twice" },
        { "--periods=100 --calc-time=1s g1", "give one of them" },
        { "--pid=0", "--pid=0: a whole number from 1 to" },
        { "--pid=1 g1", "give a domain, or --pid" },
        { "--plot=x.gif g1", ".svg" },
        { "--record=x --mode=page-sampling g1", "dirty-bitmap" },
        { "--record=x g1 g2", "one domain" },
        { "--watch --record=x g1", "once" },
        { "--history g1", "--history: with --watch" },
        { "--watch --history --pid=1", "--history: with --watch and a dom" },
        { "--watch --history=x g1 g2", "--history=FILE is for one domain" },
        { "--watch --history= g1", "--history=: the name of a file" },
        { "--frobnicate g1", "--frobnicate is no option" },
        { "--json=yes g1", "--json takes no value" },
        { "--mode", "--mode needs a value" },
        { "--working-set=2000 g1", "1000" },
    };
    struct dirty_rate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        err[0] = 0;
        if (parse(&o, err, t[i].line) != -1)
            fail_msg("taken: %s", t[i].line);
        if (!strstr(err, t[i].says) || strchr(err, '\n'))
            fail_msg("%s: \"%s\" doesn't say \"%s\"", t[i].line, err,
                     t[i].says);
    }
}

/* Runs the command on the trace. `out` has its output. */
static int run_for(const char *calc_time, const char *option)
{
    char file[] = "/tmp/torture-out-XXXXXX", arg[128];
    char *argv[] = { "dirty-rate", arg, (char *)option, (char *)calc_time,
                     NULL };
    int fd = mkstemp(file), saved = dup(STDOUT_FILENO), rc;
    ssize_t n;

    snprintf(arg, sizeof(arg), "--trace=%s", trace);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    optind = 0;
    rc = cmd_dirty_rate(calc_time ? 4 : 3, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    n = pread(fd, out, sizeof(out) - 1, 0);
    out[n > 0 ? n : 0] = 0;
    close(fd);
    close(saved);
    unlink(file);
    return rc;
}

static int run(const char *option)
{
    return run_for("--calc-time=1s", option);
}

static int make_trace(void **state)
{
    struct trace_recording how = {
        .interval_ns = 50 * XPC_MS, .duration_ns = 4 * XPC_S,
    };
    struct fake_source *f = fake_source(5000, 1);
    char err[XPC_ERR_LEN];
    int rc, fd;

    (void)state;
    strcpy(trace, "/tmp/torture-trace-XXXXXX");
    fd = mkstemp(trace);
    close(fd);
    for (int i = 0; i < 5000; i++)
        f->rate[i] = i % 3;
    fake_source_begin(f);
    rc = xpc_source_record(&f->src, &how, trace, err);
    fake_source_close(&f->src);
    return rc;
}

static int remove_trace(void **state)
{
    (void)state;
    return unlink(trace);
}

static void torture_xl_dirty_rate_prints_json(void **state)
{
    char err[XPC_ERR_LEN];
    struct xpc_measurement m;

    (void)state;
    assert_int_equal(run("--json"), 0);
    xpc_measurement_init(&m);
    assert_int_equal(xpc_measurement_from_json(&m, out, strlen(out), err),
                     0);
    assert_int_equal(m.nr_periods, 6);
    assert_int_equal(m.source, XPC_SOURCE_TRACE);
    assert_true(m.dirty_pages[5] > 2000 && m.dirty_pages[5] < 3000);
    assert_int_equal(m.workset.intervals, 5);
    xpc_measurement_dispose(&m);
}

static void torture_xl_dirty_rate_prints_text(void **state)
{
    (void)state;
    assert_int_equal(run("--plot"), 0);
    assert_non_null(strstr(out, "dirty-bitmap"));
    assert_non_null(strstr(out, "1000.0 ms"));
    assert_non_null(strstr(out, "writable working set"));
    assert_non_null(strstr(out, "MiB dirty within t"));
}

/* Checks the first bytes of a picture. */
static void check_picture(const char *name, const char *magic)
{
    char option[128], head[64] = "";
    FILE *f;

    snprintf(option, sizeof(option), "--plot=%s", name);
    assert_int_equal(run(option), 0);
    f = fopen(name, "r");
    assert_non_null(f);
    assert_int_equal(fread(head, 1, sizeof(head) - 1, f), sizeof(head) - 1);
    fclose(f);
    unlink(name);
    assert_memory_equal(head, magic, strlen(magic));
}

static void torture_xl_dirty_rate_draws_pictures(void **state)
{
    (void)state;
    if (system("gnuplot --version >/dev/null 2>&1"))
        skip();
    check_picture("/tmp/torture's.svg", "<?xml");
    check_picture("/tmp/torture_xl_dirty_rate.png", "\x89PNG\r\n");
    assert_int_equal(run("--plot=/nowhere/at.svg"), 1);
}

/* On a full disk, gnuplot leaves half a picture and says nothing. */
static void torture_xl_dirty_rate_notices_half_a_picture(void **state)
{
    char dir[] = "/tmp/torture_xl_dirty_rate.XXXXXX", path[300], file[64];
    char *before = strdup(getenv("PATH"));
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/half.svg", dir);
    snprintf(path, sizeof(path), "%s/gnuplot", dir);
    f = fopen(path, "w");
    fprintf(f, "#!/bin/sh\ncat >/dev/null\nprintf '<?xml' >'%s'\n", file);
    fclose(f);
    assert_int_equal(chmod(path, 0700), 0);
    snprintf(path, sizeof(path), "%s:%.200s", dir, before);
    setenv("PATH", path, 1);
    snprintf(path, sizeof(path), "--plot=%s", file);
    assert_int_equal(run(path), 1);
    setenv("PATH", before, 1);
    free(before);
    unlink(file);
    snprintf(path, sizeof(path), "%s/gnuplot", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void torture_xl_dirty_rate_refuses_a_short_trace(void **state)
{
    (void)state;
    assert_int_equal(truncate(trace, 100), 0);
    assert_int_equal(run("--json"), 1);
    assert_string_equal(out, "");
}

/* Checks the last period, and whether there is a working set. */
static void check_length(const char *calc_time, double last_s,
                         uint64_t intervals)
{
    char err[XPC_ERR_LEN];
    struct xpc_measurement m;

    assert_int_equal(run_for(calc_time, "--json"), 0);
    xpc_measurement_init(&m);
    assert_int_equal(xpc_measurement_from_json(&m, out, strlen(out), err),
                     0);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_true(m.period_ns[m.nr_periods - 1] == last_s * XPC_S);
    assert_int_equal(m.workset.intervals, intervals);
    xpc_measurement_dispose(&m);
}

static void torture_xl_dirty_rate_measures_all_of_a_trace(void **state)
{
    (void)state;
    check_length(NULL, 4, 0);
    check_length("--calc-time=3s", 3, 2);
    check_length("--calc-time=2s", 2, 5);
    assert_int_equal(run_for("--calc-time=5s", "--plot"), 1);
}

/* It does not go on for ever. */
static void torture_xl_dirty_rate_watch_ends_if_nobody_can_read(void **state)
{
    char arg[128];
    char *argv[] = { "dirty-rate", arg, "--watch", NULL };
    int fd = open("/dev/full", O_WRONLY), saved = dup(STDOUT_FILENO);
    int status;

    (void)state;
    snprintf(arg, sizeof(arg), "--trace=%s", trace);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    optind = 0;
    status = xl_run_command(xl_find_command("dirty-rate"), 3, argv);
    __fpurge(stdout);
    clearerr(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    assert_int_equal(status, 1);
}

int main(int argc, char **argv)
{
#define TRACE(t) cmocka_unit_test_setup_teardown(t, make_trace, remove_trace)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_dirty_rate_options),
        cmocka_unit_test(torture_xl_dirty_rate_refuses_invalid_options),
        TRACE(torture_xl_dirty_rate_prints_json),
        TRACE(torture_xl_dirty_rate_prints_text),
        TRACE(torture_xl_dirty_rate_draws_pictures),
        TRACE(torture_xl_dirty_rate_notices_half_a_picture),
        TRACE(torture_xl_dirty_rate_measures_all_of_a_trace),
        TRACE(torture_xl_dirty_rate_refuses_a_short_trace),
        TRACE(torture_xl_dirty_rate_watch_ends_if_nobody_can_read),
    };

    return torture_run(argc, argv, tests);
}
