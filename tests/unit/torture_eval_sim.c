/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The evaluation's simulator, compared with migrations computed by hand.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "../eval/sim.h"
#include "support/eval_path.h"
#include "support/torture.h"

#define MS XPC_MS

/* Ten intervals of 100 ms; interval i dirties pages i and 90 + i % 2. */
static int setup(void **state)
{
    static struct sim_trace t;

    memset(&t, 0, sizeof(t));
    t.total_pages = 100;
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t pages[2] = { i, 90 + i % 2 };

        assert_int_equal(sim_trace_add(&t, (i + 1) * 100 * MS, pages, 2), 0);
    }
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    sim_trace_free(*state);
    return 0;
}

static void torture_eval_sim_counts_distinct_pages(void **state)
{
    struct sim_walker w;

    assert_int_equal(sim_walker_init(&w, *state), 0);
    sim_walker_clean(&w, 0);
    /* The two events of an interval come at 1/4 and 3/4 of it. */
    assert_int_equal(sim_walker_count(&w, 24 * MS), 0);
    assert_int_equal(sim_walker_count(&w, 26 * MS), 1);
    assert_int_equal(sim_walker_count(&w, 76 * MS), 2);
    assert_int_equal(sim_walker_count(&w, 100 * MS), 2);
    assert_int_equal(sim_walker_count(&w, 200 * MS), 4);
    /* 90 and 91 have been counted: only page i is new. */
    assert_int_equal(sim_walker_count(&w, 1000 * MS), 12);
    /* It repeats: nothing is new. */
    assert_int_equal(sim_walker_count(&w, 2000 * MS), 12);
    sim_walker_clean(&w, 3450 * MS);
    assert_int_equal(sim_walker_count(&w, 3450 * MS), 0);
    assert_int_equal(sim_walker_count(&w, 3600 * MS), 3);   /* 90 5 91 */
    sim_walker_free(&w);
}

static void torture_eval_sim_peek_disturbs_nothing(void **state)
{
    struct sim_walker w, ahead;

    assert_int_equal(sim_walker_init(&w, *state), 0);
    assert_int_equal(sim_walker_init(&ahead, *state), 0);
    sim_walker_clean(&w, 0);
    for (uint64_t ns = 50 * MS; ns < 1000 * MS; ns += 50 * MS) {
        uint64_t before = sim_walker_count(&w, ns);
        uint64_t later = sim_walker_peek(&ahead, &w, ns + 50 * MS);

        assert_true(later >= before);
        assert_int_equal(sim_walker_count(&w, ns), before);
        assert_int_equal(sim_walker_count(&w, ns + 50 * MS), later);
    }
    sim_walker_free(&w);
    sim_walker_free(&ahead);
}

static void torture_eval_sim_link(void **state)
{
    /* Full rate, none, half of it. */
    double share[] = { 1, 0, 0.5 };
    struct sim_link l = { .bytes_per_s = 1e6, .nr = 3, .share = share };

    (void)state;
    assert_int_equal(sim_link_send(&l, 0, 0), 0);
    assert_int_equal(sim_link_send(&l, 0, 50000), 50 * MS);
    /* 50,000 bytes in the first slot, 1 in the third. */
    assert_int_equal(sim_link_send(&l, 0, 50001), 100 * MS + 2000);
    assert_int_equal(sim_link_send(&l, 60 * MS, 25000), 150 * MS);
    assert_int_equal(sim_link_send(&l, 60 * MS, 26000), 151 * MS);
}

static void torture_eval_sim_path(void **state)
{
    struct sim_start start = eval_start(*state, &link_1000, SIM_PLAIN);
    struct sim_path p;

    /*
     * The 100 pages of the first iteration are sent by 2 + 100 ms, when pages 0
     * and 90 are dirty. These take 2 + 2 ms, until 106. Nothing is dirty then,
     * and the third iteration ends at 108.
     */
    assert_int_equal(sim_path_init(&p, &start, 107 * MS, 0), 0);
    assert_int_equal(p.nr, 3);
    assert_int_equal(p.seen[0].pages_sent, 100);
    assert_int_equal(p.seen[0].end_ns, 102 * MS);
    assert_int_equal(p.seen[0].dirty_pages, 2);
    assert_int_equal(p.seen[0].since_clean_ns, 102 * MS);
    assert_int_equal(p.seen[1].start_ns, 102 * MS);
    assert_int_equal(p.seen[1].pages_sent, 2);
    assert_int_equal(p.seen[1].end_ns, 106 * MS);
    assert_int_equal(p.seen[1].dirty_pages, 0);
    assert_int_equal(p.seen[2].end_ns, 108 * MS);
    /* Samples at 10, 20 … 40, 50, 62.5, 78.125, 97.65 ms. */
    assert_int_equal(p.seen[0].nr_samples, 8);
    assert_int_equal(p.seen[0].samples[0].t_ns, 10 * MS);
    assert_int_equal(p.seen[0].samples[0].pages, 0);
    assert_int_equal(p.seen[0].samples[2].pages, 1);
    assert_int_equal(p.seen[0].samples[7].pages, 2);
    /* Suspended then, 2 + 3 pages take 5 ms, and the overhead 10 ms. */
    assert_int_equal(p.truth[0].final_pages, 5);
    assert_int_equal(p.truth[0].downtime_ns, 15 * MS);
    assert_int_equal(p.truth[0].total_ns, 122 * MS);
    assert_int_equal(p.truth[1].downtime_ns, 13 * MS);
    sim_path_free(&p);
}

static void torture_eval_sim_measures_the_working_set(void **state)
{
    struct sim_walker w;

    assert_int_equal(sim_walker_init(&w, *state), 0);
    sim_walker_clean(&w, 0);
    sim_walker_count(&w, 300 * MS);     /* 0 1 2 90 91 */
    sim_walker_clean(&w, 300 * MS);
    sim_walker_count(&w, 400 * MS);     /* 3 91 */
    assert_int_equal(w.again, 1);
    assert_int_equal(w.fresh, 1);
    sim_walker_clean(&w, 400 * MS);
    sim_walker_count(&w, 600 * MS);     /* 4 5 90 91 */
    assert_int_equal(w.again, 1);
    assert_int_equal(w.fresh, 2);
    assert_int_equal(w.all, 8);
    sim_walker_free(&w);
}

/* Pages that are dirtied during the suspend are part of the last copy. */
static void torture_eval_sim_suspend_takes_time(void **state)
{
    struct sim_start start = eval_start(*state, &link_1000, SIM_PLAIN);
    struct sim_target slow = exact;
    struct sim_path p;

    slow.suspend_ns = 100e6;
    start.target = &slow;
    assert_int_equal(sim_path_init(&p, &start, 107 * MS, 0), 0);
    /* Pages 0 and 90, and then 1 and 91 until 202 ms. */
    assert_int_equal(p.truth[0].final_pages, 7);
    /* The path itself is unchanged. */
    assert_int_equal(p.seen[1].dirty_pages, 0);
    sim_path_free(&p);
}

static void torture_eval_sim_oracle(void **state)
{
    static const uint64_t dirty[5] = { 500, 400, 100, 300, 50 };
    static const uint64_t downtime[5] = { 600, 500, 200, 400, 150 };
    struct sim_case c = { .limit_ns = 300 * MS, .duration_ns = 4 * XPC_S };
    struct fixed_path f;
    struct sim_result r;

    (void)state;
    make_path(&f, dirty, downtime);
    r = sim_oracle(&c, &f.p);
    assert_int_equal(r.outcome, SIM_SUSPENDED);
    assert_int_equal(r.step, 2);
    c.duration_ns = 5 * XPC_S;
    assert_int_equal(sim_oracle(&c, &f.p).step, 4);
    c.duration_ns = 2 * XPC_S;
    r = sim_oracle(&c, &f.p);
    assert_int_equal(r.outcome, SIM_ABORTED);
    assert_int_equal(r.step, 1);
}

static void torture_eval_sim_rules(void **state)
{
    static const uint64_t dirty[5] = { 500, 400, 100, 300, 50 };
    static const uint64_t downtime[5] = { 600, 500, 200, 400, 150 };
    struct sim_case c = { .limit_ns = 110 * MS, .duration_ns = 30 * XPC_S,
                          .total_pages = 1000 };
    struct fixed_path f;
    struct sim_result r;

    (void)state;
    make_path(&f, dirty, downtime);
    /* 100 pages take 100 of 110 ms, but the overhead does not fit. */
    r = sim_run(&sim_policies[SIM_FITS_NOW], &c, &f.p, false);
    assert_int_equal(r.outcome, SIM_SUSPENDED);
    assert_int_equal(r.step, 2);
    assert_true(llabs((long long)r.predicted_ns - 100 * (long long)MS) < 9);
    /* When the duration is over, the guest is suspended. */
    c.limit_ns = 1;
    c.duration_ns = 2 * XPC_S;
    assert_int_equal(sim_run(&sim_policies[SIM_FITS_NOW], &c, &f.p,
                             false).step, 1);
    /* Stock: five rounds, or one that began with fewer than 50 pages. */
    r = sim_run(&sim_policies[SIM_STOCK], &c, &f.p, false);
    assert_int_equal(r.outcome, SIM_SUSPENDED);
    assert_int_equal(r.step, 4);
    assert_int_equal(r.predicted_ns, 0);
    f.seen[1].pages_sent = 49;
    assert_int_equal(sim_run(&sim_policies[SIM_STOCK], &c, &f.p,
                             false).step, 1);
}

/* The plug-in aborts when the duration ends within an iteration. */
static void torture_eval_sim_deadline(void **state)
{
    static const uint64_t dirty[5] = { 1000, 1000, 1000, 1000, 1000 };
    static const uint64_t downtime[5] = { 9999, 9999, 9999, 9999, 9999 };
    struct sim_case c = { .limit_ns = 200 * MS, .duration_ns = XPC_S - 1,
                          .prior = { .overhead_ns = 10e6 },
                          .total_pages = 1000 };
    struct fixed_path f;
    struct sim_result r;

    (void)state;
    make_path(&f, dirty, downtime);
    r = sim_run(&sim_policies[SIM_OURS], &c, &f.p, false);
    assert_int_equal(r.outcome, SIM_ABORTED);
    assert_false(r.refused);
    assert_int_equal(r.aborted_ns, c.duration_ns);
    /* The overhead alone exceeds the limit. */
    c.prior.overhead_ns = 300e6;
    r = sim_run(&sim_policies[SIM_OURS], &c, &f.p, false);
    assert_int_equal(r.outcome, SIM_ABORTED);
    assert_true(r.refused);
    assert_int_equal(r.aborted_ns, 0);
}

static void torture_eval_sim_scores_outcomes(void **state)
{
    static const uint64_t dirty[5] = { 500, 400, 100, 300, 50 };
    static const uint64_t downtime[5] = { 600, 500, 200, 400, 150 };
    struct sim_case c = { .limit_ns = 300 * MS, .duration_ns = 5 * XPC_S };
    struct sim_result oracle, r = {
        .outcome = SIM_SUSPENDED, .step = 3, .predicted_ns = 300 * MS,
    };
    struct fixed_path f;
    struct sim_score s;

    (void)state;
    make_path(&f, dirty, downtime);
    r.path = &f.p;
    oracle = sim_oracle(&c, &f.p);
    s = sim_judge(&c, &r, &oracle);
    assert_true(s.over && s.suspended && s.feasible && !s.needless);
    assert_true(fabs(s.downtime_ratio - 400.0 / 150) < 1e-9);
    assert_true(fabs(s.total_ratio - 4.4 / 5.15) < 1e-9);
    assert_true(fabs(s.downtime_error - 0.25) < 1e-9);
    assert_true(fabs(s.total_error - 0.1 / 4.4) < 1e-9);
    /* An abort although the oracle succeeds, clearly or barely. */
    r.outcome = SIM_ABORTED;
    s = sim_judge(&c, &r, &oracle);
    assert_true(s.needless && s.clearly_needless && !s.over);
    assert_true(s.downtime_ratio < 0 && s.downtime_error < 0);
    assert_true(!s.refused && s.vain < 0);
    r.refused = true;
    assert_true(sim_judge(&c, &r, &oracle).refused);
    r.refused = false;
    c.limit_ns = 150 * MS;
    oracle = sim_oracle(&c, &f.p);
    s = sim_judge(&c, &r, &oracle);
    assert_true(s.needless && !s.clearly_needless);
    /* An abort where the oracle fails, too. */
    c.limit_ns = 149 * MS;
    oracle = sim_oracle(&c, &f.p);
    r.aborted_ns = 2 * XPC_S;
    s = sim_judge(&c, &r, &oracle);
    assert_true(!s.needless && fabs(s.vain - 2.0 / 5) < 1e-9);
    /* A downtime equal to the limit is within it. */
    c.limit_ns = 400 * MS;
    r.outcome = SIM_SUSPENDED;
    assert_false(sim_judge(&c, &r, &oracle).over);
}

static void torture_eval_sim_learns(void **state)
{
    static const struct sim_target vague = {
        .overhead_ns = 50e6, .extra_pages = 150, .sigma = 0.1,
    };
    struct sim_rng r = sim_rng(1);
    struct sim_prior p = sim_learn(&exact, &r);

    (void)state;
    assert_true(p.overhead_ns == 10e6 && p.overhead_sd_ns == 0);
    assert_true(p.suspend_pages == 3 && p.suspend_pages_sd == 0);
    p = sim_learn(&vague, &r);
    assert_true(fabs(p.overhead_ns - 50e6) < 6e6);
    assert_true(p.overhead_sd_ns > 1e6 && p.overhead_sd_ns < 10e6);
    assert_true(fabs(p.suspend_pages - 150) < 36);
}

static void torture_eval_sim_quantiles(void **state)
{
    double v[] = { 3, 1, 2, 5, 4 };
    struct sim_values values = { v, 5, 5 }, none = { NULL, 0, 0 };

    (void)state;
    assert_true(sim_quantile(&values, 0.5) == 3);
    assert_true(sim_quantile(&values, 0.95) == 5);
    assert_true(sim_quantile(&values, 0) == 1);
    assert_true(isnan(sim_quantile(&none, 0.5)));
}

/* The writers are the same on every run, and have the stated properties. */
static void torture_eval_sim_synthetic(void **state)
{
    struct sim_trace a, b;
    struct sim_walker w;
    double expected;

    (void)state;
    for (size_t i = 0; sim_synth_name(i); i++) {
        assert_int_equal(sim_synth(&a, sim_synth_name(i)), 0);
        assert_int_equal(sim_synth(&b, sim_synth_name(i)), 0);
        assert_int_equal(a.nr_intervals, 3000);
        assert_int_equal(a.first[3000], b.first[3000]);
        assert_memory_equal(a.pages, b.pages,
                            a.first[3000] * sizeof(*a.pages));
        sim_trace_free(&a);
        sim_trace_free(&b);
    }
    assert_int_equal(sim_synth(&a, "no-such"), -1);
    /* 20,000 writes a second to 40,000 pages for 2 s: 40,000 (1 - 1/e). */
    assert_int_equal(sim_synth(&a, "synth-uniform"), 0);
    assert_int_equal(sim_walker_init(&w, &a), 0);
    sim_walker_clean(&w, 0);
    expected = 40000 * (1 - exp(-1));
    assert_true(fabs(sim_walker_count(&w, 2 * XPC_S) - expected) <
                0.01 * expected);
    sim_walker_free(&w);
    sim_trace_free(&a);
}

/*
 * Page 0 is always dirty, page 1 once. Refined, the trace has the same pages,
 * and page 0 more often.
 */
static void torture_eval_sim_refines_traces(void **state)
{
    struct sim_trace t = { .total_pages = 3 };
    static const uint32_t pages[2] = { 0, 1 };
    size_t hot = 0, cold = 0;

    (void)state;
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(sim_trace_add(&t, (i + 1) * MS, pages,
                                       i == 150 ? 2 : 1), 0);
    assert_int_equal(sim_trace_refine(&t), 0);
    assert_int_equal(t.nr_intervals, 200);
    for (size_t i = 0; i < 200; i++) {
        size_t here = 0;

        for (size_t k = t.first[i]; k < t.first[i + 1]; k++) {
            here += t.pages[k] == 0;
            cold += t.pages[k] == 1;
            assert_true(t.pages[k] == 0 || (t.pages[k] == 1 && i == 150));
        }
        assert_true(here > 0);
        hot += here;
    }
    /* A Poisson mean of 3, once the page is known to be hot. */
    assert_true(hot > 400 && hot < 640);
    assert_true(cold >= 1 && cold <= 2);
    sim_trace_free(&t);
}

#define WITH_TRACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_TRACE(torture_eval_sim_counts_distinct_pages),
        WITH_TRACE(torture_eval_sim_peek_disturbs_nothing),
        cmocka_unit_test(torture_eval_sim_link),
        WITH_TRACE(torture_eval_sim_path),
        WITH_TRACE(torture_eval_sim_measures_the_working_set),
        WITH_TRACE(torture_eval_sim_suspend_takes_time),
        cmocka_unit_test(torture_eval_sim_oracle),
        cmocka_unit_test(torture_eval_sim_rules),
        cmocka_unit_test(torture_eval_sim_deadline),
        cmocka_unit_test(torture_eval_sim_scores_outcomes),
        cmocka_unit_test(torture_eval_sim_learns),
        cmocka_unit_test(torture_eval_sim_quantiles),
        cmocka_unit_test(torture_eval_sim_refines_traces),
        cmocka_unit_test(torture_eval_sim_synthetic),
    };

    return torture_run(argc, argv, tests);
}
