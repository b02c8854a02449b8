/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which share of its CPU time a guest gets. */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/policy.h"
#include "core/slow.h"
#include "support/policy_fixture.h"
#include "support/random.h"
#include "support/torture.h"

static struct {
    struct xpc_curve c;
    struct xpc_predict_params p;
    struct xpc_slow w;
} f;

/*
 * The link carries 10,000 pages a second, the limit is 200 ms, and an iteration
 * has just left 10,000 pages dirty.
 */
static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    f.c.total_pages = 1000000;
    xpc_predict_params_init(&f.p, 10000 * PAGE_BYTES, 200 * XPC_MS);
    f.p.overhead_ns = 0;
    f.w = (struct xpc_slow){
        .c = &f.c, .p = &f.p, .least_percent = 60, .now_percent = 100,
        .s = { .elapsed_ns = 2 * XPC_S, .iterations = 1,
               .dirty_pages = 10000, .since_clean_ns = XPC_S },
    };
    return 0;
}

/* So many pages a second, at its busiest and at its quietest. */
static void dirty(double pages, double low, double high)
{
    for (int i = 1; i <= 4; i++)
        xpc_curve_add(&f.c, i * XPC_S, pages * i, low * i, high * i);
}

static void torture_slow_is_never_used_if_not_needed(void **state)
{
    (void)state;
    dirty(7000, 7000, 7000);
    assert_int_equal(xpc_slow_choose(&f.w), 100);
    /* Once slowed down, it must be within the limit at its busiest. */
    f.w.now_percent = 80;
    assert_int_equal(xpc_slow_choose(&f.w), 100);
    f.c.nr = 0;
    dirty(7000, 7000, 14000);
    assert_in_range(xpc_slow_choose(&f.w), 60, 99);
}

/* The share must leave less than the link carries. */
static void torture_slow_takes_as_little_as_is_enough(void **state)
{
    unsigned int percent;

    (void)state;
    dirty(11000, 11000, 11000);
    percent = xpc_slow_choose(&f.w);
    assert_in_range(percent, 60, 85);
    f.w.least_percent = 30;
    f.c.nr = 0;
    dirty(20000, 20000, 20000);
    percent = xpc_slow_choose(&f.w);
    assert_in_range(percent, 30, 45);
    assert_false(f.w.failed);
}

static void torture_slow_gives_up_if_no_share_is_enough(void **state)
{
    (void)state;
    dirty(30000, 30000, 30000);
    assert_int_equal(xpc_slow_choose(&f.w), 100);
    assert_false(f.w.failed);
    f.w.now_percent = 60;
    assert_int_equal(xpc_slow_choose(&f.w), 100);
    assert_true(f.w.failed);
}

static void torture_slow_risks_it_once_for_the_expected_curve(void **state)
{
    (void)state;
    dirty(12000, 12000, 30000);
    assert_int_equal(xpc_slow_choose(&f.w), 60);
    f.w.failed = true;
    assert_int_equal(xpc_slow_choose(&f.w), 100);
}

static void torture_slow_waits_for_a_lull_while_there_is_time(void **state)
{
    (void)state;
    dirty(11000, 2000, 11000);
    f.w.time_left_ns = 60 * XPC_S;
    assert_int_equal(xpc_slow_choose(&f.w), 100);
    f.w.time_left_ns = 4 * XPC_S;
    assert_in_range(xpc_slow_choose(&f.w), 60, 99);
}

/* ---- without leaving anything out ------------------------------------- */

#define SHARES 8

/* The time until the limit is kept; INFINITY: it never is. */
static double reach(unsigned int percent, double side)
{
    struct xpc_predict_params p = f.p;
    struct xpc_predict_state s = f.w.s;
    struct xpc_prediction r;

    p.cpu_share = percent / 100.0;
    p.rule.on_timeout = XPC_ON_TIMEOUT_ABORT;
    s.since_clean_ns = s.since_clean_ns / p.cpu_share;
    xpc_predict_run(&r, &f.c, &p, &s, side, NULL);
    return r.converges ? (double)r.total_time_ns - r.downtime_ns -
                         s.elapsed_ns : INFINITY;
}

/* 100 if there is time for a lull, and there may be one. */
static unsigned int unless_lull(unsigned int percent, double ns)
{
    return f.w.now_percent == 100 && f.w.time_left_ns > 2 * ns &&
           isfinite(reach(100, -1)) ? 100 : percent;
}

/* What is chosen if every share is simulated to its end. */
static unsigned int choose(void)
{
    double ns[SHARES], least = INFINITY, last;
    unsigned int taken[SHARES];

    if (isfinite(reach(100, f.w.now_percent < 100 ? 1 : 0)))
        return 100;
    for (int i = 0; i < SHARES; i++) {
        taken[i] = ((100 - f.w.least_percent) * (i + 1) + SHARES - 1) / SHARES;
        ns[i] = reach(100 - taken[i], 1);
        least = fmin(least, taken[i] * ns[i]);
    }
    for (int i = 0; i < SHARES && isfinite(least); i++) {
        if (taken[i] * ns[i] <= 1.25 * least)
            return unless_lull(100 - taken[i], ns[i]);
    }
    last = f.w.failed ? INFINITY : reach(f.w.least_percent, 0);
    return isfinite(last) ? unless_lull(f.w.least_percent, last) : 100;
}

static void torture_slow_leaves_nothing_out_that_matters(void **state)
{
    int shares = 0, lulls = 0;
    uint64_t seed = 5;

    for (int i = 0; i < 8000; i++) {
        unsigned int percent;
        double spread;

        setup(state);
        random_curve(&f.c, &seed);
        spread = random_in(&seed, 0, 0.9);
        for (size_t k = 0; k < f.c.nr; k++)
            f.c.pt[k].low *= 1 - spread;
        xpc_predict_params_init(&f.p, f.c.total_pages * PAGE_BYTES /
                                random_log(&seed, 1, 100),
                                random_log(&seed, 5e7, 2e9));
        f.p.overhead_ns = 0;
        f.p.skip_dirty = i % 2;
        f.w.least_percent = random_in(&seed, 1, 70);
        f.w.now_percent = i % 3 ? 100 : f.w.least_percent;
        f.w.failed = i % 7 == 0;
        f.w.time_left_ns = random_log(&seed, 1e9, 1e13);
        f.p.rule.duration_ns = f.w.s.elapsed_ns + f.w.time_left_ns;
        f.w.s.dirty_pages = random_in(&seed, 0, 1) * f.c.total_pages;
        f.w.s.since_clean_ns = random_log(&seed, 1e7, 1e10);
        if (xpc_predict_cautious(&f.p, f.w.s.dirty_pages, 0) <=
            f.p.rule.downtime_ns)
            continue;
        percent = choose();
        shares += percent < 100;
        lulls += percent == 100 && !isfinite(reach(100, 0)) &&
                 isfinite(reach(f.w.least_percent, 1));
        assert_int_equal(xpc_slow_choose(&f.w), percent);
    }
    assert_true(shares > 100 && lulls > 10);
}

/* ---- the policy ------------------------------------------------------- */

static void torture_slow_policy_does_not_use_it_unasked(void **state)
{
    struct policy_fixture *p = *state;

    p->p.duration_ns = 60 * XPC_S;
    p->linear = true;
    for (int i = 0; i < 4; i++) {
        policy_iterate(p, 16384, 16384);
        assert_int_equal(p->it.decision.slow_down_percent, 0);
    }
}

static void torture_slow_policy_slows_and_lifts(void **state)
{
    struct policy_fixture *p = *state;
    unsigned int percent;
    uint64_t pages = 12000;

    p->linear = true;
    p->p.duration_ns = 60 * XPC_S;
    p->p.slow_down_percent = 60;
    /* Half as fast again as the link: it never fits. */
    assert_int_equal(policy_iterate(p, 8000, pages), XPC_CONTINUE);
    for (int i = 0; i < 20; i++) {
        percent = 100 - p->it.decision.slow_down_percent;
        assert_true(p->it.decision.slow_down_ns > 0);
        assert_in_range(percent, 40, 99);
        p->cpu_percent = percent;
        if (policy_iterate(p, pages, pages * percent / 100 * 3 / 2) !=
            XPC_CONTINUE)
            break;
        pages = pages * percent / 100 * 3 / 2;
    }
    assert_int_equal(p->it.decision.action, XPC_STOP_AND_COPY);
    assert_int_equal(p->it.decision.slow_down_percent, 0);
}

/* What it learns is D(t) of the guest with all of its time. */
static void torture_slow_policy_learns_the_guests_time(void **state)
{
    struct policy_fixture *p = *state;
    struct xpc_curve fast, slow;

    p->p.downtime_ns = 10 * XPC_MS + 50 * XPC_MS;
    policy_iterate(p, 16384, 8000);
    assert_int_equal(xpc_learn_curve(&p->e.learn, 16384, 0, &fast), 0);
    p->now = START;
    p->cpu_percent = 50;
    policy_iterate(p, 16384, 8000);
    assert_int_equal(xpc_learn_curve(&p->e.learn, 16384, 0, &slow), 0);
    assert_in_range(fast.pt[fast.nr - 1].t_ns,
                    2 * slow.pt[slow.nr - 1].t_ns - 4,
                    2 * slow.pt[slow.nr - 1].t_ns + 4);
    assert_true(fabs(fast.pt[fast.nr - 1].pages -
                     slow.pt[slow.nr - 1].pages) < 1);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_slow_##name, setup)
#define P(name) cmocka_unit_test_setup(torture_slow_policy_##name, \
                                       policy_setup)
    const struct CMUnitTest tests[] = {
        T(is_never_used_if_not_needed),
        T(takes_as_little_as_is_enough),
        T(gives_up_if_no_share_is_enough),
        T(risks_it_once_for_the_expected_curve),
        T(waits_for_a_lull_while_there_is_time),
        T(leaves_nothing_out_that_matters),
        P(does_not_use_it_unasked),
        P(slows_and_lifts),
        P(learns_the_guests_time),
    };

    return torture_run(argc, argv, tests);
}
