/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The meter, with a source whose dirty rates are known.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/meter.h>
#include <xenprecopy/units.h>

#include "support/fake_source.h"
#include "support/torture.h"

/* Hot, warm and unwritten pages. Every hole_every-th pfn is a hole. */
static struct fake_source *mixed(uint64_t nr, uint64_t seed,
                                 uint64_t hole_every)
{
    struct fake_source *f = fake_source(nr, seed);

    for (uint64_t i = 0; i < nr; i++) {
        f->rate[i] = i % 10 == 0 ? 20 : i % 10 < 6 ? 0.8 : 0;
        if (hole_every && i % hole_every == 3) {
            f->rate[i] = -1;
            f->src.total_pages--;
        }
    }
    fake_source_begin(f);
    return f;
}

static void run(struct fake_source *f, const struct xpc_meter_request *req,
                struct xpc_measurement *m)
{
    struct xpc_meter meter;
    int rc = xpc_meter_start(&meter, &f->src, req);

    while (!rc && !meter.finished) {
        fake_source_wait(&f->src, meter.next_ns);
        rc = xpc_meter_step(&meter);
    }
    xpc_measurement_init(m);
    xpc_meter_end(&meter, rc, m);
}

static void request(struct xpc_meter_request *req, int mode, uint64_t ms)
{
    xpc_meter_request_init(req);
    xpc_meter_request_periods(req, ms * XPC_MS);
    req->mode = mode;
}

static void torture_meter_tracks_exactly(void **state)
{
    struct fake_source *f = mixed(20000, 1, 0);
    struct xpc_meter_request req;
    struct xpc_measurement m;

    (void)state;
    request(&req, XPC_MODE_DIRTY_BITMAP, 2000);
    run(f, &req, &m);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_int_equal(m.n_sampled, m.n_total);
    for (size_t i = 0; i < m.nr_periods; i++) {
        double truth = fake_source_truth(f, m.period_ns[i]);

        assert_true(fabs(m.n_dirty[i] - truth) < 5 * sqrt(truth));
        assert_true(m.dirty_low[i] == m.n_dirty[i]);
    }
    assert_int_equal(m.workset.intervals, 5);
    /* Hot and warm pages are six tenths of all, and dirty in the long run. */
    assert_true(m.workset.union_pages > 0.5 * 20000);
    assert_true(m.workset.union_pages <= 0.6 * 20000);
    assert_true(m.workset.jaccard > 0.3 && m.workset.jaccard < 0.9);
    assert_int_equal(f->untracked, 1);
    assert_false(f->tracking);
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

static void torture_meter_sampling_is_unbiased(void **state)
{
    struct fake_source *f = mixed(200000, 7, 5);
    struct xpc_meter_request req;
    struct xpc_measurement m;

    (void)state;
    request(&req, XPC_MODE_PAGE_SAMPLING, 3000);
    req.sample_pages = XPC_SAMPLE_PAGES_MAX;
    /* Reading all pages takes 60 ms, half of the first period. */
    f->look_ns = 5000;
    run(f, &req, &m);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_in_range(m.n_sampled, 12000, 16384);
    assert_true(m.n_holes > m.n_sampled / 6 && m.n_holes < m.n_sampled / 3);
    assert_false(m.late);
    for (size_t i = 0; i < m.nr_periods; i++) {
        double truth = fake_source_truth(f, m.period_ns[i]);

        /* Four standard deviations are the width of the interval. */
        if (fabs(m.dirty_pages[i] - truth) >
            m.dirty_high[i] - m.dirty_low[i])
            fail_msg("%g ms: %g, truth %g", m.period_ns[i] / 1e6,
                     m.dirty_pages[i], truth);
        assert_true(m.period_ns[i] < m.nominal_ns[i] + 2 * XPC_MS);
    }
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

#define SPARSE_PAGES 20000u
static uint64_t sparse_drawn;

/* Only the lowest pfns have a page. */
static int take_sparse(struct xpc_source *src, const uint64_t *pfn, size_t nr,
                       bool *hole)
{
    sparse_drawn += nr;
    for (size_t i = 0; i < nr; i++) {
        hole[i] = pfn[i] >= SPARSE_PAGES;
        if (!hole[i])
            fake_source_ops.take(src, &pfn[i], 1, &hole[i]);
    }
    return 0;
}

/* One pfn in 4096 has a page: a search for all that are wanted is too long. */
static void torture_meter_sampling_is_bounded_by_holes(void **state)
{
    struct fake_source *f = mixed(SPARSE_PAGES, 3, 0);
    struct xpc_source_ops ops = fake_source_ops;
    struct xpc_meter_request req;
    struct xpc_measurement m;

    (void)state;
    ops.take = take_sparse;
    f->src.ops = &ops;
    f->src.nr_pfns = SPARSE_PAGES * UINT64_C(4096);
    request(&req, XPC_MODE_PAGE_SAMPLING, 1000);
    req.sample_pages = XPC_SAMPLE_PAGES_MAX;
    run(f, &req, &m);
    f->src.nr_pfns = SPARSE_PAGES;
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_in_range(sparse_drawn, 1000000, 1000000 + 9 * 16384 + 1024);
    assert_in_range(m.n_sampled, 200, 400);
    assert_int_equal(m.n_holes, sparse_drawn - m.n_sampled);
    for (size_t i = 0; i < m.nr_periods; i++) {
        double truth = fake_source_truth(f, m.period_ns[i]);

        assert_true(m.dirty_low[i] <= truth && truth <= m.dirty_high[i]);
    }
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

/* Reading is so slow that rounds are late, and intervals differ by page. */
static void torture_meter_slow_hashing_is_unbiased(void **state)
{
    struct xpc_meter_request req;
    struct xpc_measurement m;
    double error[5] = { 0 };
    const int runs = 30;

    (void)state;
    for (int r = 0; r < runs; r++) {
        struct fake_source *f = mixed(50000, 100 + r, 0);

        request(&req, XPC_MODE_PAGE_SAMPLING, 750);
        req.sample_pages = 8192;
        req.seed = r;
        f->look_ns = 50000;     /* 80 ms for the sample */
        run(f, &req, &m);
        for (size_t i = 0; i < m.nr_periods; i++) {
            double truth = fake_source_truth(f, m.period_ns[i]);

            error[i] += (m.dirty_pages[i] - truth) / truth / runs;
        }
        xpc_measurement_dispose(&m);
        fake_source_close(&f->src);
    }
    /* There is no bias: the noise of 30 runs averages to about 1%. */
    for (size_t i = 0; i < 5; i++) {
        if (fabs(error[i]) > 0.02)
            fail_msg("period %zu: mean error %g", i, error[i]);
    }
}

static void torture_meter_intervals_cover_the_truth(void **state)
{
    struct xpc_meter_request req;
    struct xpc_measurement m;
    int covered[4] = { 0 };
    const int runs = 200;

    (void)state;
    for (int r = 0; r < runs; r++) {
        struct fake_source *f = mixed(30000, 1000 + r, 7);

        request(&req, XPC_MODE_PAGE_SAMPLING, 500);
        req.seed = r * 77 + 5;
        f->look_ns = 20000;
        run(f, &req, &m);
        for (size_t i = 0; i < 4; i++) {
            double truth = fake_source_truth(f, m.period_ns[i]);

            covered[i] += m.dirty_low[i] <= truth &&
                          truth <= m.dirty_high[i];
        }
        xpc_measurement_dispose(&m);
        fake_source_close(&f->src);
    }
    for (size_t i = 0; i < 4; i++) {
        print_message("period %zu: the truth is in %d of %d\n", i,
                      covered[i], runs);
        assert_in_range(covered[i], 0.90 * runs, 0.99 * runs);
    }
}

static void torture_meter_draws_uniformly(void **state)
{
    uint64_t hits[64] = { 0 }, pfn;
    const uint64_t nr[] = { 64, 4096 };

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        memset(hits, 0, sizeof(hits));
        for (uint64_t seed = 0; seed < 4000; seed++) {
            struct xpc_draw d;

            assert_int_equal(xpc_draw_init(&d, nr[k], 16, seed), 0);
            for (int i = 0; i < 16; i++) {
                assert_true(xpc_draw_next(&d, &pfn));
                assert_true(pfn < nr[k]);
                hits[pfn * 64 / nr[k]]++;
            }
            xpc_draw_dispose(&d);
        }
        /* 1000 for each page, and for the last one. */
        for (int i = 0; i < 64; i++)
            assert_in_range(hits[i], 850, 1150);
    }
}

static void torture_meter_draws_without_replacement(void **state)
{
    static bool seen[5000];
    struct xpc_draw d;
    uint64_t pfn;

    (void)state;
    /* Far more than were requested: the set has to grow. */
    assert_int_equal(xpc_draw_init(&d, 5000, 10, 3), 0);
    for (int i = 0; i < 5000; i++) {
        assert_true(xpc_draw_next(&d, &pfn));
        assert_false(seen[pfn]);
        seen[pfn] = true;
    }
    assert_false(xpc_draw_next(&d, &pfn));
    xpc_draw_dispose(&d);
}

static void torture_meter_marks_ballooned_paused_and_late(void **state)
{
    struct fake_source *f = mixed(2000, 1, 0);
    struct xpc_meter_request req;
    struct xpc_measurement m;

    (void)state;
    request(&req, XPC_MODE_PAGE_SAMPLING, 250);
    f->balloon = 100;
    f->paused = true;
    f->look_ns = 400000;
    run(f, &req, &m);
    assert_int_equal(m.status, XPC_MEASURE_MEASURED);
    assert_true(m.ballooned);
    assert_true(m.paused);
    assert_true(m.late);
    assert_true(f->dropped >= 1);
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

static void torture_meter_reports_failures(void **state)
{
    struct fake_source *f = mixed(2000, 1, 0);
    struct xpc_meter_request req;
    struct xpc_measurement m;

    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        request(&req, mode, 250);
        f->gone = true;
        run(f, &req, &m);
        assert_int_equal(m.status, XPC_MEASURE_FAILED);
        assert_string_equal(m.error, "the guest has died");
        assert_int_equal(m.nr_periods, 0);
        assert_false(f->tracking);
        xpc_measurement_dispose(&m);
    }
    f->gone = false;
    f->busy = true;
    run(f, &req, &m);
    assert_int_equal(m.status, XPC_MEASURE_FAILED);
    assert_non_null(strstr(m.error, "somebody else"));
    xpc_measurement_dispose(&m);
    f->busy = false;
    f->stolen = true;
    run(f, &req, &m);
    assert_string_equal(m.error, "taken over");
    xpc_measurement_dispose(&m);
    f->src.total_pages = 0;
    run(f, &req, &m);
    assert_non_null(strstr(m.error, "no memory"));
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

static void torture_meter_can_be_cancelled(void **state)
{
    struct fake_source *f = mixed(2000, 1, 0);
    struct xpc_meter_request req;
    struct xpc_measurement m;
    struct xpc_meter meter;

    (void)state;
    request(&req, XPC_MODE_DIRTY_BITMAP, 1000);
    assert_int_equal(xpc_meter_start(&meter, &f->src, &req), 0);
    assert_true(f->tracking);
    fake_source_wait(&f->src, meter.next_ns);
    assert_int_equal(xpc_meter_step(&meter), 0);
    xpc_measurement_init(&m);
    assert_true(xpc_meter_progress(&meter, f->now_ns) > 0.05);
    xpc_meter_end(&meter, false, &m);
    assert_int_equal(m.status, XPC_MEASURE_CANCELLED);
    assert_int_equal(m.nr_periods, 1);
    assert_false(f->tracking);
    xpc_measurement_dispose(&m);
    fake_source_close(&f->src);
}

static void torture_meter_checks_requests(void **state)
{
    struct xpc_meter_request r;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_meter_request_init(&r);
    assert_int_equal(r.nr_periods, 13);
    assert_int_equal(xpc_meter_request_check(&r, err), 0);
    xpc_meter_request_periods(&r, 60 * XPC_S);
    assert_int_equal(r.nr_periods, 22);
    xpc_meter_request_periods(&r, 50 * XPC_MS);
    assert_int_equal(r.nr_periods, 1);
    assert_int_equal(xpc_meter_request_check(&r, err), 0);
    xpc_meter_request_periods(&r, 49 * XPC_MS);
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    xpc_meter_request_periods(&r, 61 * XPC_S);
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    xpc_meter_request_init(&r);
    r.period_ns[1] = r.period_ns[0];
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    xpc_meter_request_init(&r);
    r.sample_pages = 127;
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    r.sample_pages = 16385;
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    r.nr_periods = 0;
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    xpc_meter_request_init(&r);
    r.methods[2].compress = XPC_COMPRESS_OFF;
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
    r.nr_methods = 2;
    assert_int_equal(xpc_meter_request_check(&r, err), 0);
    r.nr_methods = XPC_COMPRESS_METHODS_MAX + 1;
    assert_int_equal(xpc_meter_request_check(&r, err), -1);
}

/*
 * Pages have 8 bytes of data, the number of their writes. Those that have kept
 * their first become a quarter, others half as long.
 */
static size_t compress(const struct xpc_compressor *c,
                       const struct xpc_compress_method *method,
                       const void *from, size_t len, uint64_t *ns_r)
{
    uint64_t writes = 0;

    (void)c;
    assert_true(len && len <= XPC_COMPRESS_BLOCK * XPC_PAGE_SIZE);
    for (size_t at = 0; at < len; at += XPC_PAGE_SIZE) {
        memcpy(&writes, (const char *)from + at, sizeof(writes));
        assert_true(writes > 0);
    }
    *ns_r = len * (method->level ? method->level : 1);
    return writes == 1 ? len / 4 : len / 2;
}

static const struct xpc_compressor compressor = { compress };

/* Every other page is zero, and every 64th of the others is written. */
static void measure_compress(int mode, uint64_t pages, double rate,
                             struct xpc_measurement *m)
{
    struct fake_source *f = fake_source(pages, 5);
    struct xpc_meter_request req;

    for (uint64_t i = 0; i < pages; i++) {
        f->version[i] = i % 2;
        f->rate[i] = i % 128 == 1 ? rate : 0;
    }
    fake_source_begin(f);
    request(&req, mode, 1000);
    req.compressor = &compressor;
    run(f, &req, m);
    assert_int_equal(m->status, XPC_MEASURE_MEASURED);
    assert_int_equal(m->nr_compress, xpc_nr_compress_defaults);
    fake_source_close(&f->src);
}

static void torture_meter_compresses_by_class(void **state)
{
    struct xpc_measurement m;

    (void)state;
    for (int mode = XPC_MODE_PAGE_SAMPLING; mode <= XPC_MODE_DIRTY_BITMAP;
         mode++) {
        measure_compress(mode, 200000, 50, &m);
        for (size_t i = 0; i < m.nr_compress; i++) {
            const struct xpc_compress_result *r = &m.compress[i];

            assert_true(xpc_compress_result_valid(r));
            assert_true(xpc_compress_same(&xpc_compress_defaults[i],
                        &(struct xpc_compress_method){ r->compress,
                                                       r->level }));
            assert_true(r->kept.share == 0.25 && r->changed.share == 0.5);
            assert_int_equal(r->kept.blocks, XPC_COMPRESS_BLOCKS);
            assert_true(r->kept.pages > 3 * XPC_COMPRESS_BLOCKS);
            assert_true(r->kept.page_ns == XPC_PAGE_SIZE * r->level);
        }
        xpc_measurement_dispose(&m);
    }
}

/* The bitmap names all pages that were written. A sample has few of them. */
static void torture_meter_compresses_rare_writes(void **state)
{
    struct xpc_measurement m;

    (void)state;
    measure_compress(XPC_MODE_DIRTY_BITMAP, 400000, 50, &m);
    /* The last block of the guest may be a part of one. */
    assert_true(m.compress[0].changed.pages >
                (XPC_COMPRESS_BLOCKS - 1) * XPC_COMPRESS_BLOCK);
    xpc_measurement_dispose(&m);
    measure_compress(XPC_MODE_PAGE_SAMPLING, 200000, 50, &m);
    assert_true(m.compress[0].changed.pages > 0);
    assert_true(m.compress[0].changed.pages < 100);
    xpc_measurement_dispose(&m);
    measure_compress(XPC_MODE_DIRTY_BITMAP, 200000, 0, &m);
    assert_int_equal(m.compress[0].changed.pages, 0);
    xpc_measurement_dispose(&m);
    /* A guest that is smaller than the sample. */
    measure_compress(XPC_MODE_PAGE_SAMPLING, 40, 50, &m);
    assert_int_equal(m.compress[0].kept.blocks, 5);
    assert_int_equal(m.compress[0].kept.pages, 19);
    assert_int_equal(m.compress[0].changed.pages, 2);
    xpc_measurement_dispose(&m);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_meter_tracks_exactly),
        cmocka_unit_test(torture_meter_sampling_is_unbiased),
        cmocka_unit_test(torture_meter_sampling_is_bounded_by_holes),
        cmocka_unit_test(torture_meter_slow_hashing_is_unbiased),
        cmocka_unit_test(torture_meter_intervals_cover_the_truth),
        cmocka_unit_test(torture_meter_draws_uniformly),
        cmocka_unit_test(torture_meter_draws_without_replacement),
        cmocka_unit_test(torture_meter_marks_ballooned_paused_and_late),
        cmocka_unit_test(torture_meter_reports_failures),
        cmocka_unit_test(torture_meter_can_be_cancelled),
        cmocka_unit_test(torture_meter_checks_requests),
        cmocka_unit_test(torture_meter_compresses_by_class),
        cmocka_unit_test(torture_meter_compresses_rare_writes),
    };

    return torture_run(argc, argv, tests);
}
