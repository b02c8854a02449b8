/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <xenprecopy/curve.h>
#include <xenprecopy/units.h>

#include "support/torture.h"

#define TOTAL 1000000
#define TENTH UINT64_C(100000000)   /* of a second, in ns */

static struct xpc_curve_model model;

static int setup(void **state)
{
    (void)state;
    xpc_curve_model_init(&model);
    model.variation = 0;
    return 0;
}

/* A curve at 0.1, 0.2, 0.4 ... s, with bounds at a distance of 10%. */
static struct xpc_curve make(double (*pages)(double s), int points)
{
    struct xpc_curve c = { .total_pages = TOTAL };

    for (int i = 0; i < points; i++) {
        uint64_t t = TENTH << i;
        double v = pages(t / 1e9);

        assert_int_equal(xpc_curve_add(&c, t, v, v * 0.9, v * 1.1), 0);
    }
    return c;
}

static double linear(double s)     { return 1000 * s; }
static double power(double s)      { return 1000 * pow(s, 0.6); }
static double saturating(double s) { return 5000 * (1 - exp(-s)); }

#define at(c, seconds, side) \
    xpc_curve_pages(&(c), &model, (seconds) * 1e9, side)
#define assert_near(a, b, share) \
    assert_true(fabs((a) - (b)) <= (share) * fabs((double)(b)) + 1e-9)

static void torture_curve_passes_through_its_points(void **state)
{
    struct xpc_curve c = make(saturating, 6);

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        model.interpolation = kind;
        for (size_t i = 0; i < c.nr; i++) {
            assert_near(at(c, c.pt[i].t_ns / 1e9, 0), c.pt[i].pages, 1e-9);
            assert_near(at(c, c.pt[i].t_ns / 1e9, -1), c.pt[i].low, 1e-9);
            assert_near(at(c, c.pt[i].t_ns / 1e9, 1), c.pt[i].high, 1e-9);
        }
    }
}

static void torture_curve_fits_lines_and_power_laws(void **state)
{
    struct xpc_curve l = make(linear, 5), p = make(power, 5);

    (void)state;
    for (double s = 0.001; s < 100; s *= 1.3) {
        assert_near(at(l, s, 0), linear(s), 1e-6);
        assert_near(at(p, s, 0), power(s), 1e-6);
    }
}

static void torture_curve_saturates_at_the_working_set(void **state)
{
    struct xpc_curve c = make(saturating, 6);   /* up to 3.2 s */

    (void)state;
    for (double s = 0.05; s < 3.2; s *= 1.1)
        assert_near(at(c, s, 0), saturating(s), 0.05);
    assert_near(at(c, 10, 0), 5000, 0.02);
    assert_near(at(c, 1e5, 0), 5000, 0.02);
}

static void torture_curve_never_falls_nor_exceeds_the_guest(void **state)
{
    double (*const shapes[])(double) = { linear, power, saturating };

    (void)state;
    for (int shape = 0; shape < 3; shape++) {
        struct xpc_curve c = make(shapes[shape], 7);

        for (double side = -1; side <= 1; side += 0.5) {
            double last = 0;

            for (double s = 1e-6; s < 1e9; s *= 1.07) {
                double v = at(c, s, side);

                assert_true(v >= last * (1 - 1e-12));
                assert_true(v <= TOTAL);
                last = v;
            }
        }
    }
}

static void torture_curve_band_contains_the_curve(void **state)
{
    double (*const shapes[])(double) = { linear, power, saturating };

    (void)state;
    for (int shape = 0; shape < 3; shape++) {
        struct xpc_curve c = make(shapes[shape], 5);

        for (double s = 1e-4; s < 1e4; s *= 1.1) {
            assert_true(at(c, s, -1) <= at(c, s, 0));
            assert_true(at(c, s, -0.5) <= at(c, s, 0));
            assert_true(at(c, s, 0) <= at(c, s, 0.5));
            assert_true(at(c, s, 0.5) <= at(c, s, 1));
            /* The true curve is within the band between the points, too. */
            assert_true(at(c, s, -1) <= shapes[shape](s));
            assert_true(at(c, s, 1) >= fmin(shapes[shape](s), TOTAL));
        }
    }
}

/* Counts that are not concave: noise, or a guest that becomes active. */
static void torture_curve_band_contains_convex_counts(void **state)
{
    struct xpc_curve c = { .total_pages = TOTAL };

    (void)state;
    xpc_curve_add(&c, TENTH, 0, 0, 4);
    xpc_curve_add(&c, 2 * TENTH, 78, 60, 97);
    xpc_curve_add(&c, 3 * TENTH, 400, 100, 401);
    for (double s = 0.1; s < 0.3; s *= 1.01) {
        assert_true(at(c, s, -1) <= at(c, s, 0));
        assert_true(at(c, s, 0) <= at(c, s, 1));
    }
}

static void torture_curve_variation_widens_an_exact_count(void **state)
{
    struct xpc_curve c = { .total_pages = TOTAL };

    (void)state;
    xpc_curve_add(&c, TENTH, 100, 100, 100);
    assert_near(at(c, 0.1, 1), 100, 1e-9);
    model.variation = 0.05;
    assert_near(at(c, 0.1, 1), 105, 1e-9);
    assert_near(at(c, 0.1, -1), 95, 1e-9);
    assert_near(at(c, 0.1, 0), 100, 1e-9);
}

static void torture_curve_rules_are_parameters(void **state)
{
    struct xpc_curve c = { .total_pages = TOTAL };

    (void)state;
    xpc_curve_add(&c, TENTH, 300, 300, 300);
    xpc_curve_add(&c, 2 * TENTH, 400, 400, 400);
    model.below[XPC_BAND_EXPECTED] = XPC_BELOW_ORIGIN;
    assert_near(at(c, 0.05, 0), 150, 1e-9);
    model.below[XPC_BAND_EXPECTED] = XPC_BELOW_OFFSET;
    assert_near(at(c, 0.05, 0), 250, 1e-9);
    model.beyond[XPC_BAND_EXPECTED] = XPC_BEYOND_FLAT;
    assert_near(at(c, 0.4, 0), 400, 1e-9);
    model.beyond[XPC_BAND_EXPECTED] = XPC_BEYOND_LINE;
    assert_near(at(c, 0.4, 0), 600, 1e-9);
    model.saturation_pages = 450;
    assert_near(at(c, 0.4, 0), 450, 1e-9);
    model.interpolation = XPC_INTERPOLATE_LINEAR;
    assert_near(at(c, 0.15, 0), 350, 1e-9);
}

static void torture_curve_with_one_point_or_none(void **state)
{
    struct xpc_curve c = { .total_pages = TOTAL };

    (void)state;
    assert_near(at(c, 1, 0), TOTAL, 0);     /* nothing is known */
    assert_near(at(c, 0, 0), 0, 0);
    xpc_curve_add(&c, TENTH, 100, 100, 100);
    assert_near(at(c, 0.05, 0), 50, 1e-9);
    assert_near(at(c, 0.2, 0), 200, 1e-9);
    assert_near(at(c, 0.2, -1), 100, 1e-9);
}

static void torture_curve_add_corrects_or_refuses(void **state)
{
    struct xpc_curve c = { .total_pages = 1000 };
    char err[128];

    (void)state;
    assert_int_equal(xpc_curve_check(&c, err, sizeof(err)), -1);
    assert_int_equal(xpc_curve_add(&c, TENTH, 100, 120, 80), 0);
    assert_int_equal(xpc_curve_add(&c, TENTH, 100, 90, 110), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(xpc_curve_add(&c, 2 * TENTH, NAN, 0, 0), -1);
    assert_int_equal(xpc_curve_add(&c, 2 * TENTH, 50, 10, 2000), 0);
    assert_near(c.pt[1].pages, 100, 0);
    assert_near(c.pt[1].high, 1000, 0);
    assert_int_equal(xpc_curve_check(&c, err, sizeof(err)), 0);
    while (c.nr < XPC_CURVE_MAX)
        assert_int_equal(xpc_curve_add(&c, (c.nr + 1) * TENTH, 1, 1, 1), 0);
    assert_int_equal(xpc_curve_add(&c, 9 * XPC_S, 1, 1, 1), -1);
    assert_int_equal(errno, ENOSPC);
}

static void torture_curve_check_finds_errors(void **state)
{
    struct xpc_curve good = make(linear, 3), c;
    char err[128];

    (void)state;
#define wrong(change, text) do { \
        c = good; \
        change; \
        assert_int_equal(xpc_curve_check(&c, err, sizeof(err)), -1); \
        assert_non_null(strstr(err, text)); \
    } while (0)
    wrong(c.pt[1].t_ns = 5, "period");
    wrong(c.pt[0].t_ns = 0, "period");
    wrong(c.pt[2].pages = c.pt[2].low = 0, "fewer");
    wrong(c.pt[1].low = 1e5, "interval");
    wrong(c.pt[1].pages = NAN, "interval");
    wrong(c.pt[2].high = 2e6, "more pages");
    wrong(c.zero_pages = 2 * TOTAL, "zero pages");
    wrong(c.total_pages = 0, "zero pages");
#undef wrong
}

static void torture_curve_throttled_is_slower_by_a_factor(void **state)
{
    struct xpc_curve c = make(power, 6), slow;

    (void)state;
    xpc_curve_throttle(&slow, &c, 0.25);
    for (double s = 0.01; s < 50; s *= 1.4)
        assert_near(at(slow, s, 0), at(c, s * 0.25, 0), 1e-6);
}

static void torture_curve_combine_keeps_the_spread(void **state)
{
    struct xpc_curve lull = { .total_pages = TOTAL }, busy = lull, both;
    const struct xpc_curve *const curves[] = { &lull, &busy };
    const double weights[] = { 1, 3 };
    char err[128];

    (void)state;
    for (int i = 1; i <= 40; i++)
        xpc_curve_add(&lull, i * TENTH, 10 * i, 10 * i, 10 * i);
    for (int i = 1; i <= 40; i++)
        xpc_curve_add(&busy, i * TENTH + 1, 1000 * i, 1000 * i, 1000 * i);
    xpc_curve_combine(&both, curves, weights, 2, &model);
    assert_int_equal(xpc_curve_check(&both, err, sizeof(err)), 0);
    assert_int_equal(both.nr, XPC_CURVE_MAX);
    assert_int_equal(both.pt[both.nr - 1].t_ns, 40 * TENTH);
    assert_near(at(both, 1, 0), 7525, 1e-3);
    assert_true(at(both, 1, 1) > 10000);
    assert_true(at(both, 1, -1) < 100);
}

static void torture_curve_combine_of_one_changes_nothing(void **state)
{
    struct xpc_curve c = make(saturating, 6), out;
    const struct xpc_curve *const curves[] = { &c };

    (void)state;
    xpc_curve_combine(&out, curves, (double[]){ 0.3 }, 1, &model);
    assert_int_equal(out.nr, c.nr);
    for (size_t i = 0; i < c.nr; i++) {
        assert_int_equal(out.pt[i].t_ns, c.pt[i].t_ns);
        assert_near(out.pt[i].pages, c.pt[i].pages, 1e-9);
        assert_near(out.pt[i].high, c.pt[i].high, 1e-9);
    }
}

/* Forwards and backwards, on, between and outside the points. */
static void torture_curve_fit_has_the_same_values(void **state)
{
    double (*const shapes[])(double) = { linear, power, saturating };

    (void)state;
    for (int i = 0; i < 3 * 9; i++) {
        struct xpc_curve c = make(shapes[i / 9], 1 + i % 9);
        struct xpc_curve_fit fit;
        uint64_t t = 1;

        model.variation = i % 2 ? 0.05 : 0;
        xpc_curve_fit_init(&fit, &c, &model);
        for (int n = 0; n < 2000; n++) {
            double side = n % 5 / 2.0 - 1, ns;

            t = t * UINT64_C(6364136223846793005) + 1442695040888963407;
            ns = n % 4 ? exp((t >> 40) / 1.2e6) * 1e6 :
                         TENTH << (t >> 33) % 12;
            assert_true(xpc_curve_fit_pages(&fit, ns, side) ==
                        xpc_curve_pages(&c, &model, ns, side));
        }
    }
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_curve_##name, setup)
    const struct CMUnitTest tests[] = {
        T(passes_through_its_points),
        T(fits_lines_and_power_laws),
        T(saturates_at_the_working_set),
        T(never_falls_nor_exceeds_the_guest),
        T(band_contains_the_curve),
        T(band_contains_convex_counts),
        T(variation_widens_an_exact_count),
        T(rules_are_parameters),
        T(with_one_point_or_none),
        T(add_corrects_or_refuses),
        T(check_finds_errors),
        T(throttled_is_slower_by_a_factor),
        T(combine_keeps_the_spread),
        T(combine_of_one_changes_nothing),
        T(fit_has_the_same_values),
    };

    return torture_run(argc, argv, tests);
}
