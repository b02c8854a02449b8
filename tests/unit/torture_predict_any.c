/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Predictions for guests with regular phases. */
#include <math.h>
#include <string.h>

#include <xenprecopy/advice.h>
#include <xenprecopy/cells.h>
#include <xenprecopy/units.h>

#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

static struct xpc_curve curve;
static struct xpc_phased phased;
static struct xpc_predict_params params;
static struct xpc_predict_state start;

static double busy_pages(double s)
{
    return 40000 * -expm1(-s / 2);
}

/*
 * 100,000 pages. The guest dirties 20,000 a second, and for one of two seconds
 * nearly none. The link carries 15,000. The limit is 150 ms, and the guest
 * dirties more than that within any iteration of a busy phase.
 */
static int setup(void **state)
{
    (void)state;
    phased = (struct xpc_phased){
        .cycle = { .period_ns = 2 * XPC_S, .busy_ns = XPC_S, .quiet = 0.01 },
        .busy = { .total_pages = 100000 },
    };
    curve = (struct xpc_curve){ .total_pages = 100000 };
    for (double s = 0.125; s < 9; s *= 2) {
        double t = xpc_cycle_active_ns(&phased.cycle, 0, s * 1e9) / 1e9;
        double pages = busy_pages(t);

        xpc_curve_add(&curve, s * 1e9, pages, pages, pages);
        xpc_curve_add(&phased.busy, t * 1e9, pages, pages, pages);
    }
    xpc_predict_params_init(&params, 15000 * PAGE_BYTES, 150 * XPC_MS);
    params.overhead_ns = 50 * XPC_MS;
    params.rule.duration_ns = 60 * XPC_S;
    xpc_predict_start(&start, &curve, &params);
    return 0;
}

static void torture_predict_any_is_the_same_without_phases(void **state)
{
    static const double sides[] = { -1, 0, 1 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct xpc_prediction any, run;

        memset(&any, 0, sizeof(any));
        memset(&run, 0, sizeof(run));
        xpc_predict_any(&any, &curve, &params, &start, sides[i]);
        xpc_predict_run(&run, &curve, &params, &start, sides[i], NULL);
        assert_memory_equal(&any, &run, sizeof(run));
    }
}

static void torture_predict_any_ends_in_a_lull(void **state)
{
    struct xpc_forecast without, with;

    (void)state;
    xpc_predict_band(&without, &curve, &params, &start);
    params.phased = &phased;
    xpc_predict_band(&with, &curve, &params, &start);
    assert_false(without.expected.converges);
    assert_true(with.expected.converges);
    assert_false(with.marginal);
    assert_true(with.high.downtime_ns <= 150 * XPC_MS);
    /* The first copy takes 6.7 s; then there is a lull in every 2 s. */
    assert_true(with.high.total_time_ns < 13 * XPC_S);
}

static void torture_predict_any_is_ordered(void **state)
{
    (void)state;
    params.phased = &phased;
    for (int i = 0; i < 40; i++) {
        uint64_t limit = (60 + 15 * i) * XPC_MS;
        struct xpc_cell cell = { 0 };

        xpc_cell_compute(&cell, &curve, &params, (8000 + 700 * i) *
                         PAGE_BYTES, limit);
        assert_true(cell.predicted_low_ns <= cell.predicted_ns);
        assert_true(cell.predicted_ns <= cell.predicted_high_ns);
        assert_true(!cell.converges || cell.predicted_ns <= limit);
        if (cell.converges && !cell.marginal) {
            assert_true(cell.total_low_ns <= cell.total_ns);
            assert_true(cell.total_ns <= cell.total_high_ns);
        }
    }
}

/* If only some moments are good ones to begin at, the verdict is marginal. */
static void torture_predict_any_may_depend_on_the_moment(void **state)
{
    struct xpc_forecast f;

    (void)state;
    params.phased = &phased;
    /* For some moments, the lull that is needed comes too late. */
    params.rule.duration_ns = 11500 * XPC_MS;
    xpc_predict_band(&f, &curve, &params, &start);
    assert_true(f.low.converges);
    assert_false(f.high.converges);
    assert_true(f.marginal);
}

/* The advice agrees with the verdict. */
static void torture_predict_any_is_what_the_advice_uses(void **state)
{
    struct xpc_advice a;
    char text[XPC_ADVICE_LEN];

    (void)state;
    params.phased = &phased;
    xpc_advise(&a, &curve, &params, &start);
    assert_int_equal(a.obstacle, XPC_OBSTACLE_NONE);
    assert_true(a.least_bandwidth_bytes_per_s <=
                params.bandwidth_bytes_per_s);
    assert_true(a.cpu_share == 1);
    assert_non_null(strstr(xpc_advice_text(&a, &params, text), "it fits"));
    assert_int_equal(a.params.downtime_ns, 150 * XPC_MS);
    /* Busy all the time, it would have to be slowed down. */
    params.phased = NULL;
    xpc_advise(&a, &curve, &params, &start);
    assert_int_not_equal(a.obstacle, XPC_OBSTACLE_NONE);
    assert_true(a.cpu_share < 1);
}

static void torture_predict_any_of_a_guest_that_is_slowed_down(void **state)
{
    struct xpc_advice a;

    (void)state;
    params.phased = &phased;
    /* Even a lull is too busy for the limit. */
    phased.cycle.quiet = 0.6;
    xpc_advise(&a, &curve, &params, &start);
    assert_int_equal(a.obstacle, XPC_OBSTACLE_DIRTYING);
    assert_true(a.cpu_share > 0 && a.cpu_share < 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(torture_predict_any_is_the_same_without_phases,
                               setup),
        cmocka_unit_test_setup(torture_predict_any_ends_in_a_lull, setup),
        cmocka_unit_test_setup(torture_predict_any_is_ordered, setup),
        cmocka_unit_test_setup(torture_predict_any_may_depend_on_the_moment,
                               setup),
        cmocka_unit_test_setup(torture_predict_any_is_what_the_advice_uses,
                               setup),
        cmocka_unit_test_setup(
            torture_predict_any_of_a_guest_that_is_slowed_down, setup),
    };

    return torture_run(argc, argv, tests);
}
