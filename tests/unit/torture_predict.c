/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <xenprecopy/predict_any.h>
#include <xenprecopy/units.h>

#include "support/published.h"
#include "support/random.h"
#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

static struct xpc_curve curve;
static struct xpc_predict_params params;
static struct xpc_predict_state start;
static struct xpc_prediction r;

/*
 * 100,000 pages, of which 20,000 are zero. 1,000 pages a second are dirtied, up
 * to 8,000. The link carries 10,000 pages a second; the limit is 100 ms, and
 * there is no overhead.
 */
static int setup(void **state)
{
    (void)state;
    curve = (struct xpc_curve){ .total_pages = 100000, .zero_pages = 20000 };
    for (int i = 1; i <= 8; i++)
        xpc_curve_add(&curve, i * XPC_S, 1000 * i, 900 * i, 1100 * i);
    xpc_predict_params_init(&params, 10000 * PAGE_BYTES, 100 * XPC_MS);
    params.overhead_ns = 0;
    xpc_predict_start(&start, &curve, &params);
    return 0;
}

static void run(void)
{
    xpc_predict_run(&r, &curve, &params, &start, 0, NULL);
}

#define assert_ms(ns, ms) \
    assert_true(fabs((double)(ns) / 1e6 - (ms)) < 0.01 * (ms) + 0.01)

static void torture_predict_matches_a_computation_by_hand(void **state)
{
    struct xpc_predict_round rounds[4];
    struct xpc_predict_trace trace = { rounds, 4, 0 };

    (void)state;
    params.zero_page_bytes = 0;
    xpc_predict_run(&r, &curve, &params, &start, 0, &trace);
    /* 8 s leave 8,000 pages; 0.8 s leave 800, within 100 ms. */
    assert_true(r.converges);
    assert_int_equal(r.reason, XPC_REASON_WITHIN_LIMIT);
    assert_int_equal(r.iterations, 2);
    assert_ms(r.downtime_ns, 80);
    assert_ms(r.total_time_ns, 8880);
    assert_true(llabs((long long)(r.bytes - 88800 * PAGE_BYTES)) < 100);
    assert_int_equal(trace.nr, 2);
    assert_int_equal(rounds[1].number, 2);
    assert_ms(rounds[1].start_ns, 8000);
    assert_ms(rounds[1].duration_ns, 800);
    assert_true(fabs(rounds[1].pages - 8000) < 1);
    assert_true(fabs(rounds[1].dirty_pages - 800) < 1);
    assert_ms(rounds[0].downtime_ns, 800);
}

static void torture_predict_zero_pages_cost_a_header(void **state)
{
    uint64_t with;

    (void)state;
    params.rule.min_iterations = 0;
    params.rule.downtime_ns = params.rule.max_downtime_ns = XPC_NO_LIMIT;
    run();
    assert_int_equal(r.bytes, 80000 * PAGE_BYTES + 20000 * XPC_PAGE_HEADER);
    with = r.bytes;
    params.zero_page_bytes = PAGE_BYTES;
    run();
    assert_int_equal(r.bytes, with + 20000 * XPC_PAGE_SIZE);
}

static void torture_predict_counts_all_parts_of_the_downtime(void **state)
{
    uint64_t total;

    (void)state;
    run();
    total = r.total_time_ns;
    params.overhead_ns = 15 * XPC_MS;
    run();
    assert_ms(r.total_time_ns, (total + params.overhead_ns) / 1e6);
    params.overhead_ns = 0;
    params.suspend_pages = 100;     /* 10 ms at 10,000 pages a second */
    run();
    assert_int_equal(r.iterations, 2);
    assert_ms(r.downtime_ns, 90.2);
    params.suspend_pages = 0;
    params.setup_ns = 2 * XPC_S;
    xpc_predict_start(&start, &curve, &params);
    run();
    assert_ms(r.total_time_ns, (total + params.setup_ns) / 1e6);
    start.elapsed_ns = 0;
    params.iteration_ns = 100 * XPC_MS;
    run();
    /* 100 ms more per iteration: 8.1 s leave 8,100; 0.91 s leave 910. */
    assert_int_equal(r.iterations, 2);
    assert_ms(r.downtime_ns, 91.2);
}

static void torture_predict_in_the_middle_agrees_with_the_start(void **state)
{
    struct xpc_predict_round rounds[8];
    struct xpc_predict_trace trace = { rounds, 8, 0 };
    struct xpc_predict_state s;
    uint64_t total, bytes;

    (void)state;
    xpc_predict_run(&r, &curve, &params, &start, 0, &trace);
    total = r.total_time_ns;
    bytes = r.bytes;

    /* After the first iteration. */
    s = (struct xpc_predict_state){
        .elapsed_ns = rounds[0].duration_ns, .iterations = 1,
        .dirty_pages = rounds[0].dirty_pages,
        .since_clean_ns = rounds[0].duration_ns,
        .best_dirty_pages = rounds[0].dirty_pages,
    };
    xpc_predict_run(&r, &curve, &params, &s, 0, NULL);
    assert_ms(r.total_time_ns, total / 1e6);
    assert_int_equal(r.iterations, 2);
    assert_true(r.bytes < bytes);

    /* In the middle of the first one, with what is expected then. */
    s = (struct xpc_predict_state){
        .elapsed_ns = rounds[0].duration_ns / 2,
        .pages = 40000, .zero_pages = 10000,
        .dirty_pages = 500 * rounds[0].duration_ns / 1e9,
        .since_clean_ns = rounds[0].duration_ns / 2,
    };
    xpc_predict_run(&r, &curve, &params, &s, 0, NULL);
    assert_ms(r.total_time_ns, total / 1e6);
    assert_int_equal(r.iterations, 2);
}

static void torture_predict_detects_a_guest_that_does_not_converge(
    void **state)
{
    (void)state;
    params.bandwidth_bytes_per_s = 900 * PAGE_BYTES;
    run();
    assert_false(r.converges);
    assert_int_equal(r.action, XPC_ABORT);
    assert_int_equal(r.reason, XPC_REASON_STALLED);
    assert_true(r.least_downtime_ns > XPC_S);
}

static void torture_predict_stops_at_once_without_a_limit(void **state)
{
    (void)state;
    params.rule.downtime_ns = params.rule.max_downtime_ns = XPC_NO_LIMIT;
    params.rule.min_iterations = 0;
    run();
    assert_true(r.converges);
    assert_int_equal(r.iterations, 0);
    assert_int_equal(r.total_time_ns, r.downtime_ns);
}

static void torture_predict_respects_the_duration(void **state)
{
    (void)state;
    params.rule.duration_ns = 8 * XPC_S;    /* the first takes 8.004 s */
    run();
    assert_false(r.converges);
    assert_int_equal(r.reason, XPC_REASON_DURATION);
    assert_int_equal(r.iterations, 1);
    params.rule.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    params.rule.max_downtime_ns = XPC_S;
    run();
    assert_true(r.converges);
    assert_ms(r.downtime_ns, 800);
    params.rule.max_downtime_ns = 500 * XPC_MS;
    run();
    assert_false(r.converges);
    assert_int_equal(r.reason, XPC_REASON_OVER_MAXIMUM);
}

static void torture_predict_continues_if_a_round_gains(void **state)
{
    (void)state;
    params.rule.gain = 0.5;     /* 800 -> 80 -> 8 -> ... */
    run();
    assert_true(r.converges);
    assert_true(r.iterations > 3);
    params.rule.iterations = 3;
    run();
    assert_true(r.converges);
    assert_int_equal(r.iterations, 3);
    assert_ms(r.downtime_ns, 8);
}

static void torture_predict_continues_if_small_gains_add_up(void **state)
{
    (void)state;
    /* 9,300 of 10,000 pages a second: each round gains 7%. */
    curve.nr = 0;
    curve.zero_pages = 0;
    for (int i = 1; i <= 8; i++)
        xpc_curve_add(&curve, i * XPC_S, 9300 * i, 9300 * i, 9300 * i);
    xpc_predict_start(&start, &curve, &params);
    params.rule.downtime_ns = params.rule.max_downtime_ns = XPC_S;
    params.rule.gain = 0.9;
    run();
    assert_true(r.converges);
    assert_true(r.downtime_ns < 20 * XPC_MS);
    /* The curve has a floor: the rest remains dirty. */
    params.overhead_ns = 100 * XPC_MS;
    params.rule.downtime_ns = 120 * XPC_MS;
    run();
    assert_true(r.converges);
    assert_true(r.downtime_ns < 112 * XPC_MS);
    assert_true(r.downtime_ns > 105 * XPC_MS);
}

/* With half of its CPU time, a guest does in 2 t what it did in t. */
static void torture_predict_gives_the_guest_a_share(void **state)
{
    struct xpc_curve slow;
    struct xpc_prediction half;

    (void)state;
    for (int skip = 0; skip < 2; skip++) {
        params.skip_dirty = skip;
        params.cpu_share = 0.5;
        run();
        half = r;
        params.cpu_share = 1;
        xpc_curve_throttle(&slow, &curve, 0.5);
        xpc_predict_run(&r, &slow, &params, &start, 0, NULL);
        assert_true(half.converges && r.converges);
        assert_int_equal(half.iterations, r.iterations);
        assert_true(fabs((double)half.total_time_ns - r.total_time_ns) <
                    0.01 * r.total_time_ns);
        run();
        assert_true(half.downtime_ns < r.downtime_ns);
    }
}

/* What was evaluated with one share serves another one. */
static void torture_predict_keeps_what_was_evaluated(void **state)
{
    struct xpc_skip_curve kept;
    struct xpc_curve_fit fit;
    struct xpc_prediction alone;

    (void)state;
    params.skip_dirty = true;
    xpc_curve_fit_init(&fit, &curve, &params.model);
    xpc_skip_curve_init(&kept, &fit);
    for (double share = 1; share > 0.1; share -= 0.3) {
        params.cpu_share = share;
        params.fit = NULL;
        params.skip_curve = NULL;
        run();
        alone = r;
        params.fit = &fit;
        params.skip_curve = &kept;
        run();
        assert_int_equal(r.total_time_ns, alone.total_time_ns);
        assert_int_equal(r.downtime_ns, alone.downtime_ns);
    }
}

static void torture_predict_reaches_what_is_the_least(void **state)
{
    uint64_t seed = 11;
    int reached = 0;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint64_t least, limit;

        random_curve(&curve, &seed);
        params.bandwidth_bytes_per_s = random_log(&seed, 1e6, 1e10);
        params.skip_dirty = i % 2;
        params.suspend_pages = random_in(&seed, 0, 300);
        params.rule.duration_ns = random_log(&seed, 1e9, 1e12);
        xpc_predict_start(&start, &curve, &params);
        least = xpc_predict_least(&curve, &params, &start, i % 3 - 1);
        limit = least * random_in(&seed, 0.8, 1.2);
        reached += least <= limit;
        assert_int_equal(xpc_predict_reaches(&curve, &params, &start,
                                             i % 3 - 1, limit),
                         least <= limit);
        assert_true(xpc_predict_reaches(&curve, &params, &start, i % 3 - 1,
                                        least));
    }
    assert_in_range(reached, 500, 1500);
}

/* The preflight and the caps of an evacuation go by it. */
static void torture_predict_first_rate_fits_the_duration(void **state)
{
    (void)state;
    assert_true(xpc_predict_first_rate(&params, 1000000) == 0);
    params.rule.duration_ns = 30 * XPC_S;
    params.bandwidth_bytes_per_s = ceil(xpc_predict_first_rate(&params,
                                                               1000000));
    assert_in_range(xpc_predict_send_ns(&params, 1000000), 29 * XPC_S,
                    30 * XPC_S);
    params.bandwidth_bytes_per_s -= 2;
    assert_true(xpc_predict_send_ns(&params, 1000000) > 30 * XPC_S);
    params.first_page.share = 0.5;
    assert_true(xpc_predict_first_rate(&params, 1000000) <
                params.bandwidth_bytes_per_s * 0.51);
}

static void torture_predict_survives_extremes(void **state)
{
    const uint64_t bandwidths[] = { 0, 1, UINT64_MAX };
    const uint64_t limits[] = { 0, 1, UINT64_MAX };

    (void)state;
    for (int i = 0; i < 9; i++) {
        params.bandwidth_bytes_per_s = bandwidths[i / 3];
        params.rule.downtime_ns = params.rule.max_downtime_ns = limits[i % 3];
        run();
        assert_true(r.converges || r.action == XPC_ABORT);
        params.rule.gain = 0.5;
        run();
        params.rule.gain = 0;
    }
    curve.nr = 0;
    params.bandwidth_bytes_per_s = 10000 * PAGE_BYTES;
    run();
    start.since_clean_ns = start.elapsed_ns = UINT64_MAX;
    start.iterations = UINT64_MAX - 1;
    run();
}

static void torture_predict_band_is_ordered(void **state)
{
    struct xpc_forecast f;

    (void)state;
    xpc_predict_band(&f, &curve, &params, &start);
    assert_false(f.marginal);
    assert_true(f.low.total_time_ns < f.expected.total_time_ns);
    assert_true(f.expected.total_time_ns < f.high.total_time_ns);
    params.bandwidth_bytes_per_s = 1030 * PAGE_BYTES;
    xpc_predict_band(&f, &curve, &params, &start);
    assert_true(f.marginal);
}

/* Within a second or 10%. The overhead was not published. */
static void check_published(uint64_t overhead_ns, bool show)
{
    double table[PUBLISHED_ROWS][PUBLISHED_COLUMNS];
    int verdicts = 0;

    published_table(table);
    for (int i = 0; i < PUBLISHED_ROWS * PUBLISHED_COLUMNS; i++) {
        int row = i / PUBLISHED_COLUMNS, column = i % PUBLISHED_COLUMNS;
        double theirs = table[row][column], ours, off;
        uint64_t limit = published_ms[column] * XPC_MS;

        xpc_predict_params_init(&params, published_bits[row] / 8,
                                limit ? limit : XPC_NO_LIMIT);
        params.overhead_ns = overhead_ns;
        params.rule.min_iterations = limit ? 1 : 0;
        xpc_predict_start(&start, &curve, &params);
        run();
        ours = r.converges ? ceil(r.total_time_ns / 1e9) : -1;
        if (show)
            printf("%6.0f%c", ours, column < PUBLISHED_COLUMNS - 1 ? ' ' :
                                    '\n');
        if ((ours < 0) != (theirs < 0)) {
            verdicts++;
            continue;
        }
        off = fabs(ours - theirs);
        assert_true(off <= 1 || off <= 0.1 * theirs);
    }
    assert_int_equal(verdicts, 0);
}

static void torture_predict_gives_the_published_table(void **state)
{
    (void)state;
    published_curve(&curve);
    check_published(0, true);
    check_published(XPC_DEFAULT_OVERHEAD_NS, false);
}

/* With half of each page left, a link of half the bandwidth is as good. */
static void torture_predict_compression_widens_the_link(void **state)
{
    struct xpc_prediction plain;

    (void)state;
    params.zero_page_bytes = 0;
    run();
    plain = r;
    params.first_page = params.later_page = (struct xpc_compress_page){
        .share = 0.5, .share_low = 0.25, .share_high = 1, .ns = 1, .ns_high = 1
    };
    params.processors = 1;
    params.bandwidth_bytes_per_s /= 2;
    run();
    assert_int_equal(r.total_time_ns, plain.total_time_ns);
    assert_int_equal(r.downtime_ns, plain.downtime_ns);
    assert_true(llabs((long long)(r.bytes * 2 - plain.bytes)) < 4);
    assert_int_equal(xpc_predict_send_ns(&params, 1000), 100 * XPC_MS);
}

/* The slower of the two counts: the link, or the processors. */
static void torture_predict_compression_takes_processors(void **state)
{
    (void)state;
    params.zero_page_bytes = 0;
    params.first_page = params.later_page = (struct xpc_compress_page){
        .share = 0.01, .share_low = 0.01, .share_high = 0.01,
        .ns = 200000, .ns_low = 200000, .ns_high = 200000
    };
    params.processors = 2;
    run();
    /* 10,000 pages a second, as without compression. */
    assert_ms(r.total_time_ns, 8880);
    assert_ms(r.downtime_ns, 80);
    params.processors = 4;
    run();
    assert_ms(r.total_time_ns, 4000 + 4000 / 20.0 + 10);
}

/* Pages that got dirty may compress worse than the others. */
static void torture_predict_compression_is_that_of_the_class(void **state)
{
    struct xpc_predict_round rounds[4];
    struct xpc_predict_trace trace = { rounds, 4, 0 };

    (void)state;
    params.zero_page_bytes = 0;
    params.processors = 1;
    params.first_page = (struct xpc_compress_page){
        .share = 0.5, .share_low = 0.25, .share_high = 1
    };
    params.later_page = (struct xpc_compress_page){
        .share = 1, .share_low = 1, .share_high = 1
    };
    xpc_predict_run(&r, &curve, &params, &start, 0, &trace);
    assert_ms(rounds[0].duration_ns, 4000);
    assert_ms(rounds[1].duration_ns, 400);
    xpc_predict_run(&r, &curve, &params, &start, -1, NULL);
    assert_true(r.total_time_ns < 2.5 * XPC_S);
    /* Copied while it is suspended, the pages are those of the first copy. */
    params.rule.min_iterations = 0;
    params.rule.downtime_ns = params.rule.max_downtime_ns = XPC_NO_LIMIT;
    run();
    assert_int_equal(r.iterations, 0);
    assert_ms(r.downtime_ns, 4000);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_predict_##name, setup)
    const struct CMUnitTest tests[] = {
        T(matches_a_computation_by_hand),
        T(zero_pages_cost_a_header),
        T(counts_all_parts_of_the_downtime),
        T(in_the_middle_agrees_with_the_start),
        T(detects_a_guest_that_does_not_converge),
        T(stops_at_once_without_a_limit),
        T(respects_the_duration),
        T(continues_if_a_round_gains),
        T(continues_if_small_gains_add_up),
        T(gives_the_guest_a_share),
        T(keeps_what_was_evaluated),
        T(reaches_what_is_the_least),
        T(first_rate_fits_the_duration),
        T(survives_extremes),
        T(band_is_ordered),
        T(gives_the_published_table),
        T(compression_widens_the_link),
        T(compression_takes_processors),
        T(compression_is_that_of_the_class),
    };

    return torture_run(argc, argv, tests);
}
