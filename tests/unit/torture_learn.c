/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/learn.h"
#include "support/torture.h"

#define TOTAL 100000

static struct xpc_learn learn;
static struct xpc_curve curve;

static int setup(void **state)
{
    (void)state;
    memset(&learn, 0, sizeof(learn));
    return 0;
}

/* A working set of 10,000 pages, each written once per tau on average. */
static double truth(double t_ns, double tau_ns)
{
    return 10000 * (1 - exp(-t_ns / tau_ns));
}

static void add(uint64_t length_ns, double tau_ns, double level)
{
    struct xpc_dirty_count s[XPC_SAMPLES_MAX];
    size_t n = 0;

    for (double t = 10 * XPC_MS; t < length_ns && n < XPC_SAMPLES_MAX;
         t *= 1.25) {
        s[n].t_ns = t;
        s[n++].pages = level * truth(t, tau_ns);
    }
    xpc_learn_add(&learn, s, n, length_ns, level * truth(length_ns, tau_ns));
}

static const struct xpc_curve_point *at(uint64_t t_ns)
{
    const struct xpc_curve_point *best = &curve.pt[0];

    for (size_t i = 0; i < curve.nr; i++) {
        if (fabs((double)curve.pt[i].t_ns - t_ns) <
            fabs((double)best->t_ns - t_ns))
            best = &curve.pt[i];
    }
    return best;
}

static void torture_learn_without_samples_there_is_no_curve(void **state)
{
    (void)state;
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), -1);
    xpc_learn_add(&learn, NULL, 0, 0, 5);
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), -1);
}

static void torture_learn_finds_the_true_curve(void **state)
{
    (void)state;
    add(4 * XPC_S, XPC_S, 1);
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 7, &curve), 0);
    assert_int_equal(curve.total_pages, TOTAL);
    assert_int_equal(curve.zero_pages, 7);
    for (size_t i = 1; i < curve.nr; i++) {
        double want = truth(curve.pt[i].t_ns, XPC_S);

        assert_true(fabs(curve.pt[i].pages - want) < 0.02 * want + 20);
        assert_true(curve.pt[i].pages >= curve.pt[i - 1].pages);
    }
    assert_int_equal(curve.pt[curve.nr - 1].t_ns, 4 * XPC_S);
}

static void torture_learn_combines_long_and_short_iterations(void **state)
{
    const struct xpc_curve_point *p;

    (void)state;
    /* During the long first copy, the guest was half as busy as now. */
    add(4 * XPC_S, XPC_S, 0.5);
    add(500 * XPC_MS, XPC_S, 1);
    add(450 * XPC_MS, XPC_S, 1);
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), 0);
    /*
     * There is no step where the short iterations end: the curve continues
     * with the shape of the long one, at their level.
     */
    for (size_t i = 1; i < curve.nr; i++) {
        double grown = curve.pt[i].pages / curve.pt[i - 1].pages;
        double want = truth(curve.pt[i].t_ns, XPC_S) /
                      truth(curve.pt[i - 1].t_ns, XPC_S);

        assert_true(fabs(grown - want) < 0.12 * want);
    }
    p = at(400 * XPC_MS);
    assert_true(p->pages > 0.8 * truth(p->t_ns, XPC_S));
}

static void torture_learn_bursts_widen_the_band(void **state)
{
    const struct xpc_curve_point *p;

    (void)state;
    for (int i = 0; i < 6; i++)
        add(XPC_S, XPC_S, i % 3 ? 1 : 0.1);
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), 0);
    p = at(XPC_S);
    assert_true(p->low <= 0.2 * truth(XPC_S, XPC_S));
    assert_true(p->high >= 0.95 * truth(XPC_S, XPC_S));
    assert_true(p->low < p->pages && p->pages < p->high);
}

static void torture_learn_forgets_old_iterations(void **state)
{
    (void)state;
    add(XPC_S, XPC_S, 5);
    for (int i = 0; i < XPC_LEARN_ITERATIONS; i++)
        add(XPC_S, XPC_S, 1);
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), 0);
    assert_true(at(XPC_S)->high < 1.05 * truth(XPC_S, XPC_S));
}

static void torture_learn_ignores_invalid_samples(void **state)
{
    const struct xpc_dirty_count bad[] = {
        { 0, 5 }, { 100 * XPC_MS, 50 }, { 90 * XPC_MS, 60 },
        { 200 * XPC_MS, 40 }, { 300 * XPC_MS, 5000 }, { 2 * XPC_S, 70 },
    };

    (void)state;
    xpc_learn_add(&learn, bad, 6, XPC_S, 100);
    assert_int_equal(xpc_learn_curve(&learn, 90, 0, &curve), 0);
    for (size_t i = 0; i < curve.nr; i++) {
        assert_true(curve.pt[i].pages <= 90);
        assert_true(isfinite(curve.pt[i].pages));
        assert_true(!i || curve.pt[i].t_ns > curve.pt[i - 1].t_ns);
    }
}

static void torture_learn_accepts_an_idle_guest(void **state)
{
    (void)state;
    xpc_learn_add(&learn, NULL, 0, XPC_S, 0);
    assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), 0);
    for (size_t i = 0; i < curve.nr; i++)
        assert_true(isfinite(curve.pt[i].pages) && curve.pt[i].pages < 2);
}

/*
 * One count at the end of an iteration: a straight line, whatever rounding does
 * to the ratios that the curve is continued by.
 */
static void torture_learn_continues_a_line_as_a_line(void **state)
{
    struct xpc_curve_model model;

    (void)state;
    xpc_curve_model_init(&model);
    for (uint64_t ns = 200 * XPC_MS; ns < 210 * XPC_MS; ns += 12347) {
        double pages;

        memset(&learn, 0, sizeof(learn));
        xpc_learn_add(&learn, NULL, 0, ns, 1);
        assert_int_equal(xpc_learn_curve(&learn, TOTAL, 0, &curve), 0);
        pages = xpc_curve_pages(&curve, &model, 2 * ns, 0);
        assert_float_equal(pages, 2, 1e-6);
    }
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_learn_##name, setup)
    const struct CMUnitTest tests[] = {
        T(without_samples_there_is_no_curve),
        T(finds_the_true_curve),
        T(combines_long_and_short_iterations),
        T(bursts_widen_the_band),
        T(forgets_old_iterations),
        T(ignores_invalid_samples),
        T(accepts_an_idle_guest),
        T(continues_a_line_as_a_line),
    };

    return torture_run(argc, argv, tests);
}
