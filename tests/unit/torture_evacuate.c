/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <xenprecopy/evacuate.h>
#include <xenprecopy/units.h>

#include "support/random.h"
#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define LINK (UINT64_C(100000) * PAGE_BYTES)
#define MAX 6

static struct xpc_curve curves[MAX];
static struct xpc_evacuee domains[MAX];
static struct xpc_evacuation_step steps[MAX];
static struct xpc_evacuation plan;
static struct xpc_evacuate_params params;

/* A guest that dirties dirty_per_s pages a second, up to half of all. */
static void guest(size_t i, uint64_t pages, double dirty_per_s)
{
    curves[i] = (struct xpc_curve){ .total_pages = pages };
    for (int s = 1; s <= 32; s *= 2)
        xpc_curve_add(&curves[i], s * XPC_S, fmin(s * dirty_per_s, pages / 2),
                      s * dirty_per_s, s * dirty_per_s);
    domains[i].curve = &curves[i];
    xpc_predict_params_init(&domains[i].params, 0, 300 * XPC_MS);
}

static int setup(void **state)
{
    (void)state;
    params = (struct xpc_evacuate_params){ .link_bytes_per_s = LINK };
    return 0;
}

static void evacuate(size_t nr)
{
    assert_int_equal(xpc_evacuate(&plan, steps, domains, nr, &params), 0);
}

/*
 * Checks that the plan has each domain once, that the domains of a lane do not
 * overlap, and that they end within the total.
 */
static void check_plan(size_t nr)
{
    bool seen[MAX] = { false };
    uint64_t end = 0;

    for (size_t i = 0; i < nr; i++) {
        const struct xpc_evacuation_step *s = &steps[i];

        assert_false(seen[s->domain]);
        seen[s->domain] = true;
        assert_int_equal(s->possible, s->prediction.converges);
        if (!s->possible)
            continue;
        assert_true(s->lane < s->concurrency);
        assert_int_equal(s->end_ns - s->start_ns,
                         s->prediction.total_time_ns);
        assert_true(s->prediction.downtime_ns <=
                    domains[s->domain].params.rule.downtime_ns);
        end = s->end_ns > end ? s->end_ns : end;
        for (size_t j = 0; j < i; j++) {
            const struct xpc_evacuation_step *o = &steps[j];
            bool apart = o->end_ns <= s->start_ns ||
                         s->end_ns <= o->start_ns;

            assert_true(o->start_ns <= s->start_ns);
            assert_true(apart || (o->lane != s->lane &&
                                  o->concurrency == s->concurrency));
        }
    }
    assert_int_equal(end, plan.total_time_ns);
}

static void torture_evacuate_one_after_the_other_on_one_link(void **state)
{
    (void)state;
    /* One migration fills the link; sharing it only dirties more pages. */
    for (size_t i = 0; i < 3; i++)
        guest(i, 1000000, 5000);
    params.concurrency = 3;
    for (size_t i = 0; i < 3; i++)
        domains[i].params.overhead_ns = 0;
    evacuate(3);
    check_plan(3);
    assert_int_equal(plan.concurrency, 1);
    assert_int_equal(plan.possible, 3);
    assert_true(plan.total_time_ns > 30 * XPC_S &&
                plan.total_time_ns < 33 * XPC_S);
}

static void torture_evacuate_slow_streams_run_in_parallel(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        guest(i, 1000000, 1000);
    params.stream_bytes_per_s = LINK / 4;
    evacuate(4);
    check_plan(4);
    assert_int_equal(plan.concurrency, 4);
    assert_true(plan.total_time_ns < 45 * XPC_S);
}

static void torture_evacuate_a_busy_guest_runs_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        guest(i, 1000000, 1000);
    guest(3, 1000000, 55000);       /* needs more than half the link */
    params.stream_bytes_per_s = LINK * 2 / 3;
    evacuate(4);
    check_plan(4);
    assert_int_equal(plan.possible, 4);
    assert_true(plan.concurrency > 1);
    assert_int_equal(steps[0].domain, 3);
    assert_int_equal(steps[0].concurrency, 1);
    assert_true(plan.at_once_over_limit >= 1);
}

static void torture_evacuate_reports_guests_that_do_not_converge(void **state)
{
    (void)state;
    guest(0, 1000000, 300000);
    guest(1, 1000000, 100);
    evacuate(2);
    check_plan(2);
    assert_int_equal(plan.possible, 1);
    assert_int_equal(steps[1].domain, 0);
    assert_false(steps[1].possible);
    assert_true(steps[1].all_at_once.downtime_ns > 300 * XPC_MS);
}

static void torture_evacuate_refuses_invalid_requests(void **state)
{
    (void)state;
    assert_int_equal(xpc_evacuate(&plan, steps, domains, 0, &params), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(xpc_evacuate(&plan, steps, domains,
                                  XPC_EVACUATE_MAX + 1, &params), -1);
}

/* The earliest end among all distributions of the times over lanes. */
static uint64_t brute_force(const uint64_t *ns, size_t nr, unsigned int lanes,
                            uint64_t *load)
{
    uint64_t best = UINT64_MAX;

    if (!nr) {
        best = 0;
        for (unsigned int l = 0; l < lanes; l++)
            best = load[l] > best ? load[l] : best;
        return best;
    }
    for (unsigned int l = 0; l < lanes; l++) {
        uint64_t end;

        load[l] += *ns;
        end = brute_force(ns + 1, nr - 1, lanes, load);
        load[l] -= *ns;
        best = end < best ? end : best;
    }
    return best;
}

static void torture_evacuate_finds_the_earliest_end(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int n = 0; n < 100; n++) {
        size_t nr = 2 + random_u64(&seed) % (MAX - 1);
        uint64_t best = UINT64_MAX;

        params.stream_bytes_per_s = LINK / (1 + random_u64(&seed) % 4);
        params.concurrency = 0;
        for (size_t i = 0; i < nr; i++)
            guest(i, (uint64_t)random_log(&seed, 1e5, 1e7), 10);
        evacuate(nr);
        check_plan(nr);
        assert_int_equal(plan.possible, nr);
        for (unsigned int k = 1; k <= nr; k++) {
            uint64_t ns[MAX], load[MAX] = { 0 }, end;

            for (size_t i = 0; i < nr; i++) {
                struct xpc_predict_params p = domains[i].params;
                struct xpc_predict_state s;
                struct xpc_prediction r;

                p.bandwidth_bytes_per_s = LINK / k <
                    params.stream_bytes_per_s ? LINK / k :
                    params.stream_bytes_per_s;
                xpc_predict_start(&s, &curves[i], &p);
                xpc_predict_run(&r, &curves[i], &p, &s, 0, NULL);
                ns[i] = r.total_time_ns;
            }
            end = brute_force(ns, nr, k, load);
            best = end < best ? end : best;
        }
        assert_int_equal(plan.total_time_ns, best);
    }
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_evacuate_##name, setup)
    const struct CMUnitTest tests[] = {
        T(one_after_the_other_on_one_link),
        T(slow_streams_run_in_parallel),
        T(a_busy_guest_runs_alone),
        T(reports_guests_that_do_not_converge),
        T(refuses_invalid_requests),
        T(finds_the_earliest_end),
    };

    return torture_run(argc, argv, tests);
}
