/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/skip.h>
#include <xenprecopy/units.h>

#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

#define PAGES 400000
#define SET 100000.0            /* pages that are written at random ... */
#define PER_S 0.5               /* ... each so often */

static struct xpc_curve curve;
static struct xpc_curve_model model;
static struct xpc_curve_fit fit;
static struct xpc_skip_curve skip;

/* D(t) of pages that are all written equally often. */
static double uniform(double s)
{
    return SET * -expm1(-PER_S * s);
}

static double straight(double s)
{
    return 20000 * s;
}

static void fill_curve(double (*f)(double))
{
    curve = (struct xpc_curve){ .total_pages = PAGES };
    for (double s = 0.01; s < 16; s *= 1.2) {
        double v = f(s);

        assert_int_equal(xpc_curve_add(&curve, s * XPC_S, v, v, v), 0);
    }
    xpc_curve_model_init(&model);
    xpc_curve_fit_init(&fit, &curve, &model);
    xpc_skip_curve_init(&skip, &fit);
}

static int setup(void **state)
{
    (void)state;
    fill_curve(uniform);
    return 0;
}

#define assert_near(value, expected, relative) \
    assert_true(fabs((value) - (expected)) <= (relative) * (expected))

static void torture_skip_chance_is_that_of_two_windows(void **state)
{
    struct xpc_skip_window w = { .ns = 2 * XPC_S };

    (void)state;
    /* Equal pages: however long the window was. */
    for (double s = 0.1; s < 6; s *= 2)
        assert_float_equal(xpc_skip_chance(&skip, &w, s * XPC_S),
                           -expm1(-PER_S * s), 0.01);
    assert_true(xpc_skip_chance(&skip, &w, 0) == 0);
    w.ns = 0.5 * XPC_S;
    assert_float_equal(xpc_skip_chance(&skip, &w, XPC_S),
                       -expm1(-PER_S), 0.01);
    /* Nothing is known of the window. */
    w.ns = 0;
    assert_true(xpc_skip_chance(&skip, &w, XPC_S) == 0);
}

static void torture_skip_chance_has_a_scale(void **state)
{
    struct xpc_skip_window w = { .ns = 2 * XPC_S };
    double chance = xpc_skip_chance(&skip, &w, XPC_S);

    (void)state;
    skip.scale = 0.5;
    assert_near(xpc_skip_chance(&skip, &w, XPC_S), chance / 2, 1e-9);
    skip.scale = 1000;
    assert_true(xpc_skip_chance(&skip, &w, XPC_S) == 1);
}

static void torture_skip_chance_in_the_first_iteration(void **state)
{
    struct xpc_skip_window w = { .first = true };

    (void)state;
    assert_near(xpc_skip_chance(&skip, &w, 2 * XPC_S),
                uniform(2) / PAGES, 0.01);
}

static void torture_skip_chance_is_none_for_new_pages(void **state)
{
    struct xpc_skip_window w = { .ns = 2 * XPC_S };

    (void)state;
    fill_curve(straight);
    assert_true(xpc_skip_chance(&skip, &w, 2 * XPC_S) < 0.001);
}

static void torture_skip_sending_takes_less_time(void **state)
{
    struct xpc_skip_window w = { .ns = 2 * XPC_S };
    double pages = 50000, plain = 4 * XPC_S, sent, ns;

    (void)state;
    /* pages c = integral of exp(PER_S u), from 0 to U. */
    ns = xpc_skip_sending_ns(&skip, &w, pages, 0, plain, 1000, &sent);
    assert_near(ns, log(1 + PER_S * 4) / PER_S * XPC_S, 0.02);
    assert_near(sent, ns / plain, 0.01);
    /* Of a single batch, nothing is known when it begins. */
    ns = xpc_skip_sending_ns(&skip, &w, 1000, 0, plain, 1000, &sent);
    assert_near(ns, plain, 0.001);
    /* The first PEEK would come after the end. */
    ns = xpc_skip_sending_ns(&skip, &w, pages, 0, plain,
                             plain * XPC_PEEK_SHARE * 1.01, &sent);
    assert_near(ns, plain, 1e-9);
    assert_near(sent, 1, 1e-9);
    fill_curve(straight);
    ns = xpc_skip_sending_ns(&skip, &w, pages, 0, plain, 1000, &sent);
    assert_near(ns, plain, 0.001);
}

static void torture_skip_sending_survives_extremes(void **state)
{
    const double values[] = { 0, 1, 1e-300, 1e300, INFINITY };
    struct xpc_skip_window w = { .ns = XPC_S };

    (void)state;
    for (int i = 0; i < 5 * 5 * 5; i++) {
        double sent, plain = values[i % 5], ns;

        w.first = i & 1;
        ns = xpc_skip_sending_ns(&skip, &w, values[i / 5 % 5] + 1,
                                 values[i / 25], plain, 1000, &sent);
        assert_true(ns >= 0);
        assert_true(sent >= 0 && sent <= 1);
    }
}

static void torture_skip_period_weighs_cost_and_age(void **state)
{
    (void)state;
    /* 50 us at a rate of 1 a second: 10 ms each, half a per cent. */
    assert_near(xpc_skip_period_ns(50e3, 1e-9), 10e6, 1e-9);
    assert_near(xpc_skip_period_ns(50e3, 1e-11), 100e6, 1e-9);
    /* Never more than that. */
    assert_near(xpc_skip_period_ns(50e3, 1), 10e6, 1e-9);
    assert_true(isinf(xpc_skip_period_ns(50e3, 0)));
}

/* PEEKs within 10 s, with batches of 1 ms of which that share is dirty. */
static uint64_t count_peeks(struct xpc_skip *s, double share,
                            uint64_t peek_ns)
{
    uint64_t before = s->peeks;

    for (uint64_t t = 0; t < 10 * XPC_S; t += XPC_MS) {
        if (xpc_skip_due(s, t))
            xpc_skip_peeked(s, t, peek_ns);
        xpc_skip_add(s, XPC_BATCH_PAGES, share * XPC_BATCH_PAGES);
    }
    return s->peeks - before;
}

static void torture_skip_keeps_its_share_of_the_time(void **state)
{
    struct xpc_skip s;

    (void)state;
    xpc_skip_init(&s, UINT64_C(1) << 28);   /* 1 TiB */
    assert_near(s.peek_ns, 11e6, 0.1);
    xpc_skip_clean(&s, 0);
    assert_false(xpc_skip_due(&s, XPC_S));
    count_peeks(&s, 0.9, 20 * XPC_MS);
    assert_true(s.peeks >= 2);
    assert_true(s.total_ns <= XPC_PEEK_SHARE * 10 * XPC_S + s.peek_ns);
}

/* So many iterations of 600 ms, half of whose pages are dirty again. */
static uint64_t count_in_iterations(struct xpc_skip *s, uint64_t begin,
                                    int nr, uint64_t peek_ns)
{
    uint64_t before = s->peeks;

    for (int i = 0; i < nr; i++, begin += 600 * XPC_MS) {
        xpc_skip_clean(s, begin);
        for (uint64_t t = 0; t < 600 * XPC_MS; t += XPC_MS) {
            if (xpc_skip_due(s, begin + t))
                xpc_skip_peeked(s, begin + t, peek_ns);
            xpc_skip_add(s, XPC_BATCH_PAGES, XPC_BATCH_PAGES / 2);
        }
    }
    return s->peeks - before;
}

/* If dom0 did not run meanwhile, that says nothing of the next one. */
static void torture_skip_a_slow_peek_is_not_the_last(void **state)
{
    struct xpc_skip s;
    uint64_t some;

    (void)state;
    xpc_skip_init(&s, 262144);
    some = count_in_iterations(&s, XPC_S, 10, 60000);
    assert_true(some > 100);
    xpc_skip_peeked(&s, 7 * XPC_S, 5 * XPC_MS);
    assert_true(count_in_iterations(&s, 7 * XPC_S, 10, 60000) > some * 0.8);
}

/* A clean at the time 0 is the first one, too. */
static void torture_skip_the_share_counts_from_the_first_clean(void **state)
{
    struct xpc_skip s;

    (void)state;
    xpc_skip_init(&s, 262144);
    xpc_skip_clean(&s, 0);
    count_peeks(&s, 0.5, 60000);
    xpc_skip_clean(&s, 10 * XPC_S);
    assert_true(xpc_skip_due(&s, 10 * XPC_S + 50 * XPC_MS));
}

/* Also if each takes much longer than was assumed. */
static void torture_skip_slow_peeks_keep_their_share(void **state)
{
    struct xpc_skip s;

    (void)state;
    xpc_skip_init(&s, 262144);
    for (int i = 1; i <= 20; i++) {
        count_in_iterations(&s, (i - 1) * 600 * XPC_MS, 1, 2 * XPC_MS);
        assert_true(s.total_ns <= XPC_PEEK_SHARE * i * 600 * XPC_MS +
                                  2 * XPC_MS);
    }
    assert_true(s.peeks > 20);
}

static void torture_skip_seldom_reads_what_gains_nothing(void **state)
{
    struct xpc_skip s;
    uint64_t some, none;

    (void)state;
    xpc_skip_init(&s, 262144);
    xpc_skip_clean(&s, 0);
    some = count_peeks(&s, 0.5, 50000);
    xpc_skip_clean(&s, 0);
    none = count_peeks(&s, 0, 50000);
    assert_true(some > 200);
    assert_true(none > 0 && none < some / 8);
}

/* The iterations of a guest that no plain copy brings down. */
static void torture_skip_converges_where_plain_copying_does_not(void **state)
{
    struct xpc_predict_params p;
    struct xpc_predict_state s;
    struct xpc_prediction r;
    double plain = 0.797, skipping = 0.5;   /* of SET, see below */

    (void)state;
    /*
     * With a = SET PER_S c = 2, an iteration of x SET pages leaves, in SET,
     * 1 - exp(-a x), or with skipping 1 - 1/(1 + a x). The limits are the fixed
     * points.
     */
    xpc_predict_params_init(&p, SET * PER_S / 2 * PAGE_BYTES, 0);
    p.overhead_ns = 0;
    xpc_predict_start(&s, &curve, &p);
    xpc_predict_run(&r, &curve, &p, &s, 0, NULL);
    assert_false(r.converges);
    assert_near(r.dirty_pages, plain * SET, 0.03);
    p.skip_dirty = true;
    p.peek_ns = 50000;
    xpc_predict_run(&r, &curve, &p, &s, 0, NULL);
    assert_false(r.converges);
    assert_near(r.dirty_pages, skipping * SET, 0.05);
    p.rule.downtime_ns = p.rule.max_downtime_ns = 2400 * XPC_MS;
    xpc_predict_run(&r, &curve, &p, &s, 0, NULL);
    assert_true(r.converges);
}

static void torture_skip_the_next_iteration_agrees_with_a_run(void **state)
{
    struct xpc_predict_round rounds[4];
    struct xpc_predict_trace trace = { rounds, 4, 0 };
    struct xpc_predict_params p;
    struct xpc_predict_state s;
    struct xpc_prediction r;
    uint64_t ns;

    (void)state;
    xpc_predict_params_init(&p, 25000 * PAGE_BYTES, 0);
    p.skip_dirty = true;
    p.peek_ns = 50000;
    p.iteration_ns = XPC_MS;
    xpc_predict_start(&s, &curve, &p);
    xpc_predict_run(&r, &curve, &p, &s, 0, &trace);
    assert_int_equal(trace.nr, 4);
    s = (struct xpc_predict_state){
        .iterations = 2, .dirty_pages = rounds[1].dirty_pages,
        .since_clean_ns = rounds[1].duration_ns,
    };
    ns = xpc_predict_next_ns(&curve, &p, &s);
    assert_near((double)ns, (double)rounds[2].duration_ns, 1e-6);
    assert_true(ns < xpc_predict_send_ns(&p, s.dirty_pages));
    /* Sent: what the time was spent on. */
    assert_near(rounds[2].pages, (ns - p.iteration_ns) / 40000.0, 0.01);
    p.skip_dirty = false;
    assert_int_equal(xpc_predict_next_ns(&curve, &p, &s),
                     xpc_predict_send_ns(&p, s.dirty_pages));
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_skip_##name, setup)
    const struct CMUnitTest tests[] = {
        T(chance_is_that_of_two_windows),
        T(chance_has_a_scale),
        T(chance_in_the_first_iteration),
        T(chance_is_none_for_new_pages),
        T(sending_takes_less_time),
        T(sending_survives_extremes),
        T(period_weighs_cost_and_age),
        T(keeps_its_share_of_the_time),
        T(a_slow_peek_is_not_the_last),
        T(the_share_counts_from_the_first_clean),
        T(slow_peeks_keep_their_share),
        T(seldom_reads_what_gains_nothing),
        T(converges_where_plain_copying_does_not),
        T(the_next_iteration_agrees_with_a_run),
    };

    return torture_run(argc, argv, tests);
}
