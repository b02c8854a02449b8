/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs: several sources with one timer, queries and cancellation.
 */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "sources/clock.h"
#include "sources/job.h"
#include "support/fake_source.h"
#include "support/torture.h"

static struct xpc_source_ops real_ops;

/* A fake source whose clock is the real one. */
static int real_count(struct xpc_source *src, uint64_t *pages_r)
{
    ((struct fake_source *)src)->now_ns = source_clock_now(src);
    return fake_source_count(src, pages_r);
}

static struct fake_source *guest(bool real)
{
    struct fake_source *f = fake_source(5000, 3);

    for (uint64_t i = 0; i < 5000; i++)
        f->rate[i] = i % 2;
    real_ops = fake_source_ops;
    real_ops.now = source_clock_now;
    real_ops.wait = source_clock_wait;
    real_ops.count = real_count;
    if (real) {
        f->src.ops = &real_ops;
        f->now_ns = source_clock_now(NULL);
    }
    fake_source_begin(f);
    return f;
}

static void request(struct xpc_meter_request *req, uint64_t ms)
{
    xpc_meter_request_init(req);
    xpc_meter_request_periods(req, ms * XPC_MS);
    req->mode = XPC_MODE_DIRTY_BITMAP;
    req->workset_intervals = 0;
}

static void torture_job_measures(void **state)
{
    struct fake_source *f = guest(false);
    struct xpc_source *src = &f->src;
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct source_job *job;
    char err[XPC_ERR_LEN];
    double done;

    (void)state;
    request(&req, 1000);
    job = source_job_start(&src, 1, &req, err);
    assert_non_null(job);
    source_job_wait(job);
    xpc_measurement_init(&m);
    assert_int_equal(source_job_query(job, 0, &m, &done), 0);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_true(done == 1);
    assert_true(m.start_ns > 0);
    assert_true(fabs(m.dirty_pages[5] - fake_source_truth(f, XPC_S)) < 200);
    xpc_measurement_dispose(&m);
    source_job_free(job);
}

static void torture_job_several_one_fails(void **state)
{
    struct xpc_source *src[3];
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct source_job *job;
    struct pollfd p = { .events = POLLIN };
    char err[XPC_ERR_LEN];
    uint64_t start = source_clock_now(NULL);

    (void)state;
    for (int i = 0; i < 3; i++)
        src[i] = &guest(true)->src;
    ((struct fake_source *)src[1])->busy = true;
    request(&req, 1000);
    job = source_job_start(src, 3, &req, err);
    assert_non_null(job);
    p.fd = source_job_fd(job);
    assert_int_equal(poll(&p, 1, 10000), 1);
    /* They ran at the same time. */
    assert_true(source_clock_now(NULL) - start < 2500 * XPC_MS);
    xpc_measurement_init(&m);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(source_job_query(job, i, &m, NULL), 0);
        assert_int_equal(m.status, i == 1 ? XPC_MEASURE_FAILED :
                                            XPC_MEASURE_MEASURED);
    }
    xpc_measurement_dispose(&m);
    source_job_free(job);
}

static void torture_job_query_and_cancel(void **state)
{
    struct fake_source *f = guest(true);
    struct xpc_source *src = &f->src;
    struct timespec ts = { 0, 300000000 };
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct source_job *job;
    char err[XPC_ERR_LEN];
    double done;

    (void)state;
    request(&req, 60000);
    job = source_job_start(&src, 1, &req, err);
    nanosleep(&ts, NULL);
    xpc_measurement_init(&m);
    assert_int_equal(source_job_query(job, 0, &m, &done), 0);
    assert_int_equal(m.status, XPC_MEASURE_MEASURING);
    assert_in_range(m.nr_periods, 1, 10);
    assert_true(done > 0.001 && done < 0.5);
    source_job_cancel(job);
    source_job_wait(job);
    assert_int_equal(source_job_query(job, 0, &m, &done), 0);
    assert_int_equal(m.status, XPC_MEASURE_CANCELLED);
    assert_true(m.nr_periods >= 1);
    assert_false(f->tracking);
    xpc_measurement_dispose(&m);
    source_job_free(job);
    source_job_free(NULL);
}

static void torture_job_free_ends_a_running_job(void **state)
{
    struct xpc_source *src = &guest(true)->src;
    struct xpc_meter_request req;
    char err[XPC_ERR_LEN];

    (void)state;
    request(&req, 60000);
    source_job_free(source_job_start(&src, 1, &req, err));
    src = &guest(true)->src;
    req.sample_pages = 1;
    assert_null(source_job_start(&src, 1, &req, err));
    assert_non_null(strstr(err, "sample pages"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_job_measures),
        cmocka_unit_test(torture_job_several_one_fails),
        cmocka_unit_test(torture_job_query_and_cancel),
        cmocka_unit_test(torture_job_free_ends_a_running_job),
    };

    return torture_run(argc, argv, tests);
}
