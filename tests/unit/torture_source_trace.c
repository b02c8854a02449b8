/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recording of a source, and the recording as a source.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>

#include "sources/record.h"
#include "sources/trace.h"
#include "support/fake_source.h"
#include "support/torture.h"

static char path[64], err[XPC_ERR_LEN];

static int name_trace(void **state)
{
    int fd;

    (void)state;
    strcpy(path, "/tmp/torture-trace-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_trace(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static struct fake_source *guest(void)
{
    struct fake_source *f = fake_source(20000, 3);

    for (uint64_t i = 0; i < 20000; i++)
        f->rate[i] = i < 2000 ? 10 : i < 10000 ? 0.5 : 0;
    fake_source_begin(f);
    return f;
}

/* Records to path. Returns 0, or -1 with err. */
static int record(struct fake_source *f, uint64_t duration_ns)
{
    const struct trace_recording how = {
        .interval_ns = 50 * XPC_MS, .duration_ns = duration_ns,
    };

    return xpc_source_record(&f->src, &how, path, err);
}

static struct xpc_source *open_trace(void)
{
    struct xpc_source *src = xpc_source_trace(path, 0, err);

    assert_non_null(src);
    return src;
}

static bool stop_at_three(void *opaque, uint64_t done_ns)
{
    (void)opaque;
    return done_ns >= 3 * XPC_S;
}

static void torture_source_trace_record_and_replay(void **state)
{
    struct trace_recording how = {
        .interval_ns = 50 * XPC_MS, .duration_ns = 5 * XPC_S,
        .zero_pages = 1000,
    };
    struct fake_source *f = guest();
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct xpc_meter meter;
    struct xpc_source *src;
    int rc;

    (void)state;
    assert_int_equal(xpc_source_record(&f->src, &how, path, err), 0);
    assert_false(f->tracking);
    src = xpc_source_trace(path, 250 * XPC_MS, err);
    assert_non_null(src);
    xpc_meter_request_init(&req);
    xpc_meter_request_periods(&req, 2 * XPC_S);
    req.mode = XPC_MODE_DIRTY_BITMAP;
    rc = xpc_meter_start(&meter, src, &req);
    while (!rc && !meter.finished) {
        src->ops->wait(src, meter.next_ns);
        rc = xpc_meter_step(&meter);
    }
    xpc_measurement_init(&m);
    xpc_meter_end(&meter, rc, &m);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_int_equal(m.nr_periods, 8);
    assert_true(m.zero_pages == 1000);
    for (size_t i = 0; i < m.nr_periods; i++) {
        double truth = fake_source_truth(f, m.period_ns[i]);

        if (fabs(m.dirty_pages[i] - truth) > 0.03 * truth + 20)
            fail_msg("%g ms: %g, truth %g", m.period_ns[i] / 1e6,
                     m.dirty_pages[i], truth);
    }
    xpc_measurement_dispose(&m);
    src->ops->close(src);
    how.stop = stop_at_three;
    assert_int_equal(xpc_source_record(&f->src, &how, path, err), 0);
    src = open_trace();
    src->ops->wait(src, 4 * XPC_S);
    assert_int_equal(src->ops->track(src), -1);
    assert_non_null(strstr(src->err, "ends after 3.000 s"));
    src->ops->close(src);
    fake_source_close(&f->src);
}

static void torture_source_trace_page_sampling_is_refused(void **state)
{
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct xpc_meter meter;
    struct fake_source *f = guest();
    struct xpc_source *src;

    (void)state;
    assert_int_equal(record(f, 100 * XPC_MS), 0);
    fake_source_close(&f->src);
    src = open_trace();
    xpc_meter_request_init(&req);
    assert_int_equal(xpc_meter_start(&meter, src, &req), -1);
    assert_non_null(strstr(src->err, "page-sampling is not possible"));
    xpc_measurement_init(&m);
    xpc_meter_end(&meter, true, &m);
    xpc_measurement_dispose(&m);
    src->ops->close(src);
}

static void torture_source_trace_failed_recording_leaves_no_file(void **state)
{
    struct fake_source *f = guest();

    (void)state;
    unlink(path);
    f->busy = true;
    assert_int_equal(record(f, XPC_S), -1);
    assert_non_null(strstr(err, "somebody else"));
    assert_int_equal(access(path, F_OK), -1);
    f->busy = false;
    f->gone = true;
    assert_int_equal(record(f, XPC_S), -1);
    assert_non_null(strstr(err, "died"));
    assert_int_equal(access(path, F_OK), -1);
    fake_source_close(&f->src);
}

/* A device or a pipe is not removed, and what was recorded before is kept. */
static void torture_source_trace_failed_recording_keeps_what_is_there(
    void **state)
{
    struct fake_source *f = guest();
    struct xpc_source *src;
    char beside[80];
    struct stat st;
    int fd;

    (void)state;
    assert_int_equal(record(f, XPC_S), 0);
    f->busy = true;
    assert_int_equal(record(f, XPC_S), -1);
    src = open_trace();
    src->ops->close(src);
    snprintf(beside, sizeof(beside), "%s~", path);
    assert_int_equal(access(beside, F_OK), -1);

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR);
    assert_int_equal(record(f, XPC_S), -1);
    close(fd);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));

    unlink(path);
    assert_int_equal(symlink("/dev/full", path), 0);
    f->busy = false;
    assert_int_equal(record(f, XPC_S), -1);
    assert_non_null(strstr(err, "No space"));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    fake_source_close(&f->src);
}

static void torture_source_trace_name_is_plain(void **state)
{
    struct fake_source *f = guest();
    struct xpc_source *src;

    (void)state;
    strcpy(f->src.name, "\33[31mred");
    assert_int_equal(record(f, 100 * XPC_MS), 0);
    fake_source_close(&f->src);
    src = open_trace();
    assert_string_equal(src->name, "?[31mred");
    src->ops->close(src);
}

static void torture_source_trace_damaged_is_refused(void **state)
{
    FILE *f = fopen(path, "w");

    (void)state;
    fputs("XPCTRACE and then something else that is not at all a trace", f);
    fclose(f);
    assert_null(xpc_source_trace(path, 0, err));
    assert_non_null(strstr(err, path));
    assert_null(xpc_source_trace("/tmp", 0, err));
    assert_string_equal(err, "/tmp: is no regular file");
    assert_null(xpc_source_trace("/nonexistent/x", 0, err));
    assert_non_null(strstr(err, "/nonexistent/x"));
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, name_trace, remove_trace)
    const struct CMUnitTest tests[] = {
        TEST(torture_source_trace_record_and_replay),
        TEST(torture_source_trace_page_sampling_is_refused),
        TEST(torture_source_trace_failed_recording_leaves_no_file),
        TEST(torture_source_trace_failed_recording_keeps_what_is_there),
        TEST(torture_source_trace_name_is_plain),
        TEST(torture_source_trace_damaged_is_refused),
    };

    return torture_run(argc, argv, tests);
}
