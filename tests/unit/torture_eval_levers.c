/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The evaluation's simulator: pages left out, a guest slowed down, and the
 * policies that are compared with ours.
 */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "support/eval_path.h"
#include "support/torture.h"

#define MS XPC_MS

/* 4,096 pages, of which page 2000 is written every second, at the half. */
static void make_hot_page(struct sim_trace *t)
{
    uint32_t page = 2000;

    memset(t, 0, sizeof(*t));
    t->total_pages = 4096;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(sim_trace_add(t, (i + 1) * XPC_S, &page, 1), 0);
}

static void torture_eval_levers_skips_what_is_dirty_again(void **state)
{
    struct sim_path plain, skip;
    struct sim_start start;
    struct sim_trace t;
    uint64_t lost;

    (void)state;
    make_hot_page(&t);
    start = eval_start(&t, &link_1000, SIM_PLAIN);
    assert_int_equal(sim_path_init(&plain, &start, 5 * XPC_S, 0), 0);
    start.lever = SIM_SKIP;
    assert_int_equal(sim_path_init(&skip, &start, 5 * XPC_S, 0), 0);
    assert_int_equal(plain.seen[0].pages_sent, 4096);
    /* It is dirty at 0.5 s, and its batch begins at 1.026 s. */
    assert_int_equal(skip.seen[0].pages_sent, 4095);
    assert_int_equal(skip.seen[0].bytes_sent, 4095 * PAGE_BYTES);
    assert_int_equal(skip.seen[0].dirty_pages, 1);
    lost = skip.truth[0].lost_ns;
    assert_true(lost > 0 && lost < 5 * XPC_S / 200);
    assert_in_range(skip.seen[0].end_ns, 4097 * MS + lost,
                    4097 * MS + lost + 4);
    assert_int_equal(plain.truth[0].lost_ns, 0);
    /* Suspended there, it is sent with the 3 that suspending dirties. */
    assert_int_equal(skip.truth[0].final_pages, 4);
    assert_int_equal(skip.truth[0].sent_pages, 4099);
    /* A single batch: nothing is known when it begins. */
    assert_int_equal(skip.seen[1].pages_sent, 1);
    sim_path_free(&plain);
    sim_path_free(&skip);
    sim_trace_free(&t);
}

static void torture_eval_levers_clock(void **state)
{
    struct sim_clock c = { .trace_ns = 100, .share = 1 };

    (void)state;
    assert_int_equal(sim_clock_trace(&c, 50), 150);
    /* Paused from 50 to 60. */
    sim_clock_pause(&c, 50, 10);
    assert_int_equal(sim_clock_trace(&c, 55), 150);
    assert_int_equal(sim_clock_trace(&c, 70), 160);
    sim_clock_share(&c, 70, 0.5);
    assert_int_equal(sim_clock_trace(&c, 90), 170);
}

/* QEMU: every second check with more than half dirtied takes more. */
static void torture_eval_levers_throttle(void **state)
{
    struct sim_throttle t = { 0 };
    uint64_t s = 0;

    (void)state;
    assert_true(sim_throttle(&t, s += 2 * XPC_S, 51, 100) == 1);
    assert_true(sim_throttle(&t, s += 2 * XPC_S, 51, 100) == 0.8);
    assert_true(sim_throttle(&t, s += 2 * XPC_S, 49, 100) == 0.8);
    assert_true(sim_throttle(&t, s += 2 * XPC_S, 51, 100) == 0.8);
    assert_true(fabs(sim_throttle(&t, s += 2 * XPC_S, 51, 100) - 0.7) < 1e-9);
    /* Within a second, nothing is checked. */
    for (int i = 0; i < 9; i++)
        sim_throttle(&t, s += 100 * MS, 51, 100);
    assert_int_equal(t.percent, 30);
    for (int i = 0; i < 40; i++)
        sim_throttle(&t, s += 2 * XPC_S, 51, 100);
    assert_int_equal(t.percent, 99);
}

/* Every 10 s, each of 100 pages. */
static void write_all(struct sim_trace *t)
{
    uint32_t pages[100];

    for (uint32_t i = 0; i < 100; i++)
        pages[i] = i;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(sim_trace_add(t, (i + 1) * 10 * XPC_S, pages, 100),
                         0);
}

static void torture_eval_levers_slows_the_guest(void **state)
{
    static double share = 1;
    struct sim_link slow = { .bytes_per_s = 10.0 * PAGE_BYTES, .nr = 1,
                             .share = &share };
    struct sim_path plain, p;
    struct sim_trace t = { .total_pages = 100 };
    struct sim_start start;

    (void)state;
    write_all(&t);
    start = eval_start(&t, &slow, SIM_PLAIN);
    assert_int_equal(sim_path_init(&plain, &start, 40 * XPC_S, 0), 0);
    start.lever = SIM_THROTTLE;
    assert_int_equal(sim_path_init(&p, &start, 40 * XPC_S, 0), 0);
    /* 10 pages a second, 100 in 10 s; after two checks, 8 a second. */
    assert_int_equal(p.seen[0].dirty_pages, 100);
    assert_int_equal(p.seen[1].dirty_pages, plain.seen[1].dirty_pages);
    assert_true(p.seen[2].dirty_pages < plain.seen[2].dirty_pages);
    assert_int_equal(p.truth[1].lost_ns, 0);
    assert_true(fabs(p.truth[2].lost_ns -
                     0.2 * p.seen[2].since_clean_ns) < 10);
    sim_path_free(&plain);
    sim_path_free(&p);
    sim_trace_free(&t);
}

/* A policy that takes half of the guest's CPU time until it is within it. */
static int halve_begin(struct sim_state *s, const struct sim_case *c)
{
    (void)s, (void)c;
    return 0;
}

static int halve_decide(struct sim_state *s, const struct sim_case *c,
                        const struct sim_seen *seen, uint64_t *predicted_ns_r)
{
    *predicted_ns_r = 1;
    s->last.decision.slow_down_percent = 50;
    return seen->dirty_pages <= c->limit_ns ? XPC_STOP_AND_COPY :
                                              XPC_CONTINUE;
}

static void torture_eval_levers_slows_as_the_policy_says(void **state)
{
    static double share = 1;
    static const struct sim_policy halve = { "halve", SIM_PLAIN, halve_begin,
                                             halve_decide, true };
    struct sim_link slow = { .bytes_per_s = 10.0 * PAGE_BYTES, .nr = 1,
                             .share = &share };
    struct sim_trace t = { .total_pages = 100 };
    struct sim_case c = { .limit_ns = 60, .duration_ns = 40 * XPC_S };
    struct sim_path plain, own = { 0 };
    struct sim_start start;
    struct sim_result r;

    (void)state;
    write_all(&t);
    start = eval_start(&t, &slow, SIM_PLAIN);
    assert_int_equal(sim_path_init(&plain, &start, 40 * XPC_S, 0), 0);
    assert_int_equal(sim_run_slow(&r, &halve, &c, &start, &plain, &own,
                                  false), 0);
    assert_true(r.slowed && r.path == &own && r.outcome == SIM_SUSPENDED);
    assert_int_equal(r.step, 1);
    /* The first iteration is that of the path. */
    assert_int_equal(own.seen[0].dirty_pages, 100);
    assert_int_equal(own.seen[0].cpu_percent, 100);
    assert_int_equal(own.seen[1].cpu_percent, 50);
    assert_in_range(own.seen[1].dirty_pages, 49, 51);
    assert_true(fabs(own.truth[1].lost_ns -
                     0.5 * own.seen[1].since_clean_ns) < 10);
    sim_path_free(&own);
    /* Within the limit at once: nothing is replayed. */
    c.limit_ns = 100;
    assert_int_equal(sim_run_slow(&r, &halve, &c, &start, &plain, &own,
                                  false), 0);
    assert_true(!r.slowed && r.path == &plain && !own.nr && !r.step);
    sim_path_free(&own);
    sim_path_free(&plain);
    sim_trace_free(&t);
}

/* KubeVirt: after a stall of 0.4 of the duration, near the least of it. */
static void torture_eval_levers_local_minimum(void **state)
{
    uint64_t dirty[5] = { 500, 400, 390, 420, 400 };
    static const uint64_t downtime[5] = { 500, 400, 390, 420, 400 };
    struct sim_case c = { .limit_ns = 1, .duration_ns = 6 * XPC_S };
    struct fixed_path f;
    struct sim_result r;

    (void)state;
    make_path(&f, dirty, downtime);
    /* At 5 s, no less than 96% of the 400 at 2 s; the least is 390. */
    r = sim_run(&sim_policies[SIM_LOCAL_MINIMUM], &c, &f.p, false);
    assert_int_equal(r.outcome, SIM_SUSPENDED);
    assert_int_equal(r.step, 4);
    dirty[4] = 410;
    make_path(&f, dirty, downtime);
    r = sim_run(&sim_policies[SIM_LOCAL_MINIMUM], &c, &f.p, false);
    assert_int_equal(r.outcome, SIM_ABORTED);
    /* Within the limit: at once. With the overhead, which is known. */
    c.limit_ns = 405 * MS;
    assert_int_equal(sim_run(&sim_policies[SIM_LOCAL_MINIMUM], &c, &f.p,
                             false).step, 1);
    c.prior.overhead_ns = 10e6;
    assert_int_equal(sim_run(&sim_policies[SIM_LOCAL_MINIMUM], &c, &f.p,
                             false).step, 2);
}

static void torture_eval_levers_compares_with_plain_copying(void **state)
{
    static const uint64_t dirty[5] = { 500, 400, 100, 300, 50 };
    static const uint64_t less[5] = { 600, 500, 200, 400, 150 };
    static const uint64_t more[5] = { 900, 900, 400, 800, 450 };
    struct sim_case c = { .limit_ns = 300 * MS, .duration_ns = 5 * XPC_S };
    struct fixed_path a, b;
    struct sim_result r = { &a.p, .outcome = SIM_SUSPENDED, .step = 2 };
    struct sim_others others = {
        .plain = { &b.p, .outcome = SIM_ABORTED },
        .plain_forced = { &b.p, .step = 4 },
    };
    struct sim_score s;

    (void)state;
    make_path(&a, dirty, less);
    make_path(&b, dirty, more);
    others.plain_oracle = sim_oracle(&c, &b.p);
    a.truth[2].lost_ns = 2 * XPC_S;
    s = sim_judge(&c, &r, &others.plain_oracle);
    sim_compare(&s, &c, &r, &r, &others);
    assert_true(s.infeasible_plain && s.completed);
    assert_true(s.pages_ratio < 0 && s.forced_ratio < 0 && s.lost_s == 2);
    /* Over the limit, both. */
    r.step = 3;
    s = sim_judge(&c, &r, &others.plain_oracle);
    sim_compare(&s, &c, &r, &r, &others);
    assert_true(s.infeasible_plain && !s.completed);
    assert_true(fabs(s.forced_ratio - 400.0 / 450) < 1e-9);
    sim_compare(&s, &c, &r, NULL, &others);
    /* Within it, both. */
    c.limit_ns = 500 * MS;
    others.plain_oracle = sim_oracle(&c, &b.p);
    others.plain = (struct sim_result){ &b.p, .outcome = SIM_SUSPENDED,
                                        .step = 4 };
    a.truth[3].sent_pages = 300;
    b.truth[4].sent_pages = 400;
    s = sim_judge(&c, &r, &others.plain_oracle);
    sim_compare(&s, &c, &r, &r, &others);
    assert_true(!s.infeasible_plain && !s.completed);
    assert_true(s.pages_ratio == 0.75 && s.forced_ratio < 0);
    /* After the duration, which stock does not know. */
    c.limit_ns = 300 * MS;
    others.plain_oracle = sim_oracle(&c, &b.p);
    c.duration_ns = XPC_S;
    r.step = 2;
    s = sim_judge(&c, &r, &others.plain_oracle);
    sim_compare(&s, &c, &r, &r, &others);
    assert_false(s.completed);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_eval_levers_skips_what_is_dirty_again),
        cmocka_unit_test(torture_eval_levers_clock),
        cmocka_unit_test(torture_eval_levers_throttle),
        cmocka_unit_test(torture_eval_levers_slows_the_guest),
        cmocka_unit_test(torture_eval_levers_slows_as_the_policy_says),
        cmocka_unit_test(torture_eval_levers_local_minimum),
        cmocka_unit_test(torture_eval_levers_compares_with_plain_copying),
    };

    return torture_run(argc, argv, tests);
}
