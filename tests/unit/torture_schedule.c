/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/placement.h>
#include <xenprecopy/schedule_forecast.h>
#include <xenprecopy/units.h>

#include "support/random.h"
#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define LINK (UINT64_C(100000) * PAGE_BYTES)
#define MAX 40

static struct xpc_curve curves[MAX];
static struct xpc_move moves[MAX];
static struct xpc_schedule_target targets[4];
static struct xpc_affinity affinities[8];
static struct xpc_schedule s;
static struct xpc_schedule_forecast f;

static int setup(void **state)
{
    (void)state;
    memset(moves, 0, sizeof(moves));
    memset(targets, 0, sizeof(targets));
    for (size_t i = 0; i < 4; i++)
        targets[i].free_bytes = UINT64_MAX;
    s = (struct xpc_schedule){
        .moves = moves, .targets = targets, .nr_targets = 1,
        .affinities = affinities, .link_bytes_per_s = LINK,
    };
    return 0;
}

/* Adds a guest that dirties dirty_per_s pages a second, up to half of all. */
static struct xpc_move *guest(uint64_t pages, double dirty_per_s)
{
    struct xpc_curve *c = &curves[s.nr_moves];
    struct xpc_move *m = &moves[s.nr_moves++];

    *c = (struct xpc_curve){ .total_pages = pages };
    for (int n = 1; n <= 32; n *= 2)
        xpc_curve_add(c, n * XPC_S, fmin(n * dirty_per_s, pages / 2),
                      n * dirty_per_s, n * dirty_per_s);
    *m = (struct xpc_move){
        .curve = c, .memory_bytes = pages * XPC_PAGE_SIZE,
        .target = XPC_NO_TARGET,
    };
    xpc_predict_params_init(&m->params, 0, 300 * XPC_MS);
    m->params.setup_ns = XPC_S;
    return m;
}

static void affine(size_t a, size_t b, bool together)
{
    affinities[s.nr_affinities++] = (struct xpc_affinity){ a, b, together };
}

static void plan(void)
{
    assert_int_equal(xpc_schedule_place(&s), 0);
    xpc_schedule_predict(&s);
    assert_int_equal(xpc_schedule_forecast(&s, &f, 0), 0);
}

/* ---- placement ------------------------------------------------------- */

static void torture_schedule_spreads_by_link_and_weight(void **state)
{
    uint64_t on[3] = { 0 };

    (void)state;
    s.nr_targets = 3;
    targets[0].link_bytes_per_s = LINK / 4;
    targets[1].link_bytes_per_s = LINK / 4;
    targets[2].link_bytes_per_s = LINK / 4;
    targets[1].weight = 2;
    for (int i = 0; i < 40; i++)
        guest(1000, 1);
    assert_int_equal(xpc_schedule_place(&s), 0);
    for (int i = 0; i < 40; i++)
        on[moves[i].target]++;
    assert_int_equal(on[0], 10);
    assert_int_equal(on[1], 20);
    assert_int_equal(on[2], 10);
}

static void torture_schedule_packs_when_memory_is_scarce(void **state)
{
    (void)state;
    /* Spread evenly, 3 and 3 would leave no room for 4. */
    s.nr_targets = 2;
    targets[0].free_bytes = 7000 * XPC_PAGE_SIZE;
    targets[1].free_bytes = 6000 * XPC_PAGE_SIZE;
    guest(4000, 1);
    guest(3000, 1);
    guest(3000, 1);
    guest(3000, 1);
    assert_int_equal(xpc_schedule_place(&s), 0);
    guest(1000, 1);
    for (int i = 0; i < 4; i++)
        moves[i].target = XPC_NO_TARGET;
    assert_int_equal(xpc_schedule_place(&s), 1);
    assert_int_equal(moves[4].target, XPC_NO_TARGET);
    assert_int_equal(moves[4].unplaced, XPC_UNPLACED_MEMORY);
}

static void torture_schedule_keeps_guests_apart_and_together(void **state)
{
    (void)state;
    s.nr_targets = 2;
    for (int i = 0; i < 6; i++)
        guest(1000, 1);
    affine(0, 1, false);
    affine(2, 3, true);
    affine(3, 4, true);
    affine(4, 0, false);
    assert_int_equal(xpc_schedule_place(&s), 0);
    assert_true(moves[0].target != moves[1].target);
    assert_int_equal(moves[2].target, moves[3].target);
    assert_int_equal(moves[3].target, moves[4].target);
    assert_true(moves[4].target != moves[0].target);
}

static void torture_schedule_says_why_there_is_no_target(void **state)
{
    (void)state;
    s.nr_targets = 2;
    for (int i = 0; i < 3; i++)
        guest(1000, 1);
    affine(0, 1, false);
    affine(1, 2, false);
    affine(2, 0, false);
    assert_int_equal(xpc_schedule_place(&s), 1);
    assert_int_equal(moves[2].unplaced, XPC_UNPLACED_AFFINITY);
    targets[0].out = targets[1].out = true;
    for (int i = 0; i < 3; i++)
        moves[i].target = XPC_NO_TARGET;
    assert_int_equal(xpc_schedule_place(&s), 3);
    assert_int_equal(moves[0].unplaced, XPC_UNPLACED_TARGETS);
}

static void torture_schedule_follows_what_has_moved(void **state)
{
    (void)state;
    s.nr_targets = 2;
    targets[1].free_bytes = 1500 * XPC_PAGE_SIZE;
    guest(1000, 1)->state = XPC_MOVE_MOVED;
    guest(400, 1);
    guest(1000, 1)->not_on = 1;
    moves[0].target = 1;
    affine(0, 1, true);
    assert_int_equal(xpc_schedule_place(&s), 1);
    assert_int_equal(moves[1].target, 1);
    assert_int_equal(moves[2].target, XPC_NO_TARGET);
}

static void torture_schedule_refuses_bad_indices(void **state)
{
    (void)state;
    assert_int_equal(xpc_schedule_place(&s), -1);
    assert_int_equal(errno, EINVAL);
    guest(1000, 1)->target = 1;
    assert_int_equal(xpc_schedule_place(&s), -1);
    moves[0].target = 0;
    affine(0, 1, true);
    assert_int_equal(xpc_schedule_place(&s), -1);
}

/* ---- order ------------------------------------------------------------ */

static void torture_schedule_one_that_fills_the_link_runs_alone(void **state)
{
    uint64_t wake_ns;

    (void)state;
    guest(1000000, 100);
    guest(2000000, 100);
    guest(500000, 100)->rank = -1;
    plan();
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 2);
    moves[2].state = XPC_MOVE_RUNS;
    moves[2].left_ns = 5 * XPC_S;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    /* Its setup takes a second, and ends half a second before. */
    assert_int_equal(wake_ns, 3500 * XPC_MS);
    moves[2].left_ns = 1500 * XPC_MS;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
    moves[1].state = XPC_MOVE_RUNS;
    moves[1].left_ns = UINT64_MAX;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    assert_int_equal(wake_ns, UINT64_MAX);
}

static void torture_schedule_slow_streams_run_in_parallel(void **state)
{
    uint64_t wake_ns;

    (void)state;
    s.stream_bytes_per_s = LINK / 4;
    for (int i = 0; i < 8; i++)
        guest(1000000, 100);
    plan();
    for (int i = 0; i < 4; i++) {
        ssize_t next = xpc_schedule_next(&s, &wake_ns);

        assert_true(next >= 0);
        moves[next].state = XPC_MOVE_RUNS;
        moves[next].left_ns = UINT64_MAX;
    }
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    assert_true(f.end_ns > 80 * XPC_S && f.end_ns < 85 * XPC_S);
    s.concurrency = 2;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
}

static void torture_schedule_keeps_what_the_others_need(void **state)
{
    uint64_t wake_ns;

    (void)state;
    s.stream_bytes_per_s = LINK * 2 / 3;
    guest(1000000, 55000);
    guest(500000, 100);
    plan();
    assert_true(moves[0].need_bytes_per_s > LINK / 4);
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 0);
    moves[0].state = XPC_MOVE_RUNS;
    moves[0].left_ns = 20 * XPC_S;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
    moves[1].state = XPC_MOVE_RUNS;
    moves[1].left_ns = UINT64_MAX;
    moves[1].turn = 1;
    xpc_schedule_caps(&s);
    assert_int_equal(moves[0].cap_bytes_per_s, 0);
    assert_true(moves[1].cap_bytes_per_s > 0 &&
                moves[1].cap_bytes_per_s <=
                LINK - moves[0].need_bytes_per_s);
    /* About to be suspended, it keeps all that it has. */
    moves[0].left_ns = XPC_S / 2;
    xpc_schedule_caps(&s);
    assert_int_equal(moves[0].cap_bytes_per_s, 0);
    assert_true(moves[1].cap_bytes_per_s <= LINK / 3);
    /* The target starts it: nothing may delay that, */
    moves[0].sent = true;
    xpc_schedule_caps(&s);
    assert_true(moves[1].cap_bytes_per_s <= LINK / 3);
    /* for ever; and if there is time to spare, the link is free. */
    moves[0].near_ns = XPC_SCHEDULE_HOLD_NS;
    xpc_schedule_caps(&s);
    assert_int_equal(moves[1].cap_bytes_per_s, 0);
    moves[0].near_ns = 0;
    moves[0].params.rule.max_downtime_ns = 3 * XPC_S;
    xpc_schedule_caps(&s);
    assert_int_equal(moves[1].cap_bytes_per_s, 0);
}

static void torture_schedule_two_that_need_all_run_in_turn(void **state)
{
    uint64_t wake_ns;

    (void)state;
    s.stream_bytes_per_s = LINK * 2 / 3;
    for (int i = 0; i < 2; i++)
        guest(1000000, 55000);
    plan();
    assert_int_equal(f.moved, 2);
    assert_true(moves[0].need_bytes_per_s > LINK / 2);
    moves[0].state = XPC_MOVE_RUNS;
    moves[0].left_ns = 20 * XPC_S;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    assert_int_equal(wake_ns, 18500 * XPC_MS);
}

/* A setup would take longer than its switchover has to spare. */
static void torture_schedule_holds_a_start_back_for_a_switchover(void **state)
{
    struct xpc_move *m = &moves[0];
    uint64_t wake_ns;

    (void)state;
    s.nr_targets = 2;
    guest(1000000, 10);
    guest(500000, 10);
    plan();
    m->state = XPC_MOVE_RUNS;
    /* Now it would end just before the suspend; later, it would not. */
    m->left_ns = XPC_S + 1;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
    assert_false(xpc_schedule_is_near(m));
    m->left_ns = XPC_S;
    assert_true(xpc_schedule_is_near(m));
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    assert_int_equal(wake_ns, XPC_SCHEDULE_HOLD_NS);
    /* It is suspended, and then started on the other host. */
    m->left_ns = 0;
    m->near_ns = XPC_S;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    m->sent = true;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    assert_int_equal(wake_ns, XPC_SCHEDULE_HOLD_NS - XPC_S);
    /* Nothing waits for ever. */
    m->near_ns = XPC_SCHEDULE_HOLD_NS;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
    /* Nor if there is time to spare. */
    m->near_ns = XPC_S;
    m->params.rule.max_downtime_ns = 2 * XPC_S;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
    m->params.rule.max_downtime_ns = 300 * XPC_MS;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    m->state = XPC_MOVE_LEFT;       /* it was taken back */
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
}

/* As it is carried out: the second begins when the first is there. */
static void torture_schedule_forecasts_what_is_held_back(void **state)
{
    uint64_t free_ns;

    (void)state;
    guest(1000000, 10)->state = XPC_MOVE_RUNS;
    guest(500000, 10);
    moves[0].target = 0;
    moves[0].left_ns = XPC_S / 2;
    moves[0].near_ns = XPC_S / 2;
    plan();
    assert_true(moves[1].start_ns >= moves[0].end_ns);
    free_ns = f.end_ns;
    assert_int_equal(moves[0].near_ns, XPC_S / 2);
    /* Its switchover has not come for so long that nothing waits for it. */
    moves[0].near_ns = XPC_SCHEDULE_HOLD_NS;
    plan();
    assert_int_equal(moves[1].start_ns, 0);
    assert_true(f.end_ns < free_ns);
    moves[0].near_ns = XPC_SCHEDULE_HOLD_NS - XPC_S / 4;
    plan();
    assert_in_range(moves[1].start_ns, XPC_S / 4, XPC_S / 2);
}

/* ---- forecast ---------------------------------------------------------- */

static void torture_schedule_overlaps_setup_and_switchover(void **state)
{
    (void)state;
    /* 10 s of data each; one by one there were 1.1 s more for each. */
    for (int i = 0; i < 10; i++)
        guest(1000000, 10);
    plan();
    assert_int_equal(f.moved, 10);
    assert_true(f.end_ns > 101 * XPC_S && f.end_ns < 103 * XPC_S);
    for (int i = 0; i < 10; i++)
        assert_true(moves[i].downtime_ns <= 300 * XPC_MS);
}

/* Half of it is sent, and as much can be compressed in a second. */
static void torture_schedule_compressed_guests(void **state)
{
    uint64_t wake_ns;
    struct xpc_move *m;

    (void)state;
    for (int i = 0; i < 10; i++) {
        m = guest(1000000, 10);
        m->params.first_page = (struct xpc_compress_page){ .share = 0.5 };
        m->params.later_page = m->params.first_page;
        m->params.processors = 1;
    }
    plan();
    assert_int_equal(f.moved, 10);
    assert_true(f.end_ns > 51 * XPC_S && f.end_ns < 53 * XPC_S);
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 0);
    moves[0].state = XPC_MOVE_RUNS;
    moves[0].left_ns = 4 * XPC_S;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), -1);
    moves[0].state = XPC_MOVE_WAITS;
    /* One processor makes half of what the link carries. */
    for (int i = 0; i < 10; i++)
        moves[i].params.first_page.ns = XPC_S / 100000;
    plan();
    assert_true(f.end_ns > 51 * XPC_S && f.end_ns < 55 * XPC_S);
    assert_true(f.at_once >= 2);
    moves[0].state = XPC_MOVE_RUNS;
    assert_int_equal(xpc_schedule_next(&s, &wake_ns), 1);
}

/* Four that may send a quarter each are sent at once, and suspended fast. */
/* xl migrate refuses to begin if the first copy can't be made in time. */
static void torture_schedule_caps_leave_time_for_the_first_copy(void **state)
{
    (void)state;
    guest(1000000, 100);
    guest(500000, 100)->params.rule.duration_ns = 60 * XPC_S;
    plan();
    moves[0].state = moves[1].state = XPC_MOVE_RUNS;
    moves[0].target = moves[1].target = 0;
    moves[0].left_ns = XPC_S / 2;
    moves[1].left_ns = UINT64_MAX;
    moves[1].turn = 1;
    xpc_schedule_caps(&s);
    assert_true(moves[1].cap_bytes_per_s * 60 > 500000 * PAGE_BYTES);
    assert_true(moves[1].cap_bytes_per_s * 50 < 500000 * PAGE_BYTES);
}

static void torture_schedule_guests_with_caps_of_their_own(void **state)
{
    struct xpc_move *m;

    (void)state;
    for (int i = 0; i < 8; i++) {
        m = guest(1000000, 2000);
        m->own_bytes_per_s = LINK / 4;
        m->params.switchover_bytes_per_s = LINK;
    }
    plan();
    assert_int_equal(f.moved, 8);
    assert_true(moves[0].alone_ns > 41 * XPC_S);
    assert_true(moves[0].alone_downtime_ns < 250 * XPC_MS);
    assert_true(f.end_ns > 81 * XPC_S && f.end_ns < 92 * XPC_S);
    assert_true(f.at_once >= 4);
    /* One that runs, from the middle: its caps are none of the schedule's. */
    for (int i = 1; i < 8; i++)
        moves[i].state = XPC_MOVE_MOVED;
    moves[0].state = XPC_MOVE_RUNS;
    moves[0].left_ns = 20 * XPC_S;
    moves[0].left_bytes = 5 * LINK;
    plan();
    assert_true(f.end_ns > 20 * XPC_S && f.end_ns < 21 * XPC_S);
}

static void torture_schedule_leaves_what_can_not_be_moved(void **state)
{
    (void)state;
    guest(1000000, 10);
    guest(1000000, 200000);
    plan();
    assert_false(moves[1].possible);
    assert_true(moves[1].alone_downtime_ns > 300 * XPC_MS);
    assert_int_equal(f.moved, 1);
    assert_int_equal(f.left, 1);
    assert_int_equal(moves[1].state, XPC_MOVE_WAITS);
}

/* As the prediction of each, one after the other, and shorter than without. */
static void torture_schedule_forecasts_what_is_left_out(void **state)
{
    uint64_t all_ns, alone_ns;

    (void)state;
    for (int i = 0; i < 2; i++) {
        guest(1000000, 0);
        curves[i].nr = 0;
        for (double t = 0.25; t <= 16; t *= 2)
            xpc_curve_add(&curves[i], t * XPC_S,
                          400000 * (1 - exp(-t / 8)), 0, 1000000);
        moves[i].params.rule.max_downtime_ns = XPC_NO_LIMIT;
        moves[i].params.rule.downtime_ns = XPC_S;
    }
    plan();
    all_ns = f.end_ns;
    moves[0].params.skip_dirty = moves[1].params.skip_dirty = true;
    plan();
    alone_ns = moves[0].alone_ns;
    assert_true(f.end_ns < 0.95 * all_ns);
    assert_true(fabs((double)moves[0].end_ns / alone_ns - 1) < 0.02);
    /* The second is set up meanwhile. */
    assert_true(fabs((double)f.end_ns / (2 * alone_ns) - 1) < 0.08);
}

static void torture_schedule_forecasts_with_a_pace(void **state)
{
    uint64_t end_ns, downtime_ns;

    (void)state;
    for (int i = 0; i < 3; i++)
        guest(1000000, 10);
    plan();
    end_ns = f.end_ns;
    downtime_ns = moves[2].downtime_ns;
    s.pace = 1.5;
    plan();
    assert_in_range(f.end_ns, 1.499 * end_ns, 1.501 * end_ns);
    assert_int_equal(moves[2].end_ns, f.end_ns);
    assert_int_equal(moves[2].downtime_ns, downtime_ns);
}

/* What is dirty when it is suspended does not grow with what is left. */
static void torture_schedule_forecasts_the_downtime_of_one_that_runs(
    void **state)
{
    (void)state;
    guest(10000000, 5000)->state = XPC_MOVE_RUNS;
    moves[0].target = 0;
    moves[0].left_ns = 90 * XPC_S;
    plan();
    assert_true(moves[0].moved);
    assert_true(moves[0].downtime_ns <= 300 * XPC_MS);
}

static void torture_schedule_forecasts_from_the_middle(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        guest(1000000, 10);
    plan();
    moves[0].state = XPC_MOVE_MOVED;
    moves[1].state = XPC_MOVE_RUNS;
    moves[1].left_ns = 4 * XPC_S;
    assert_int_equal(xpc_schedule_forecast(&s, &f, 0), 0);
    assert_int_equal(f.moved, 2);
    assert_true(f.end_ns > 14 * XPC_S && f.end_ns < 15 * XPC_S);
    assert_int_equal(moves[1].left_ns, 4 * XPC_S);
    /* It is slow for now, because another one is being suspended. */
    moves[1].left_ns = 80 * XPC_S;
    moves[1].left_bytes = 4 * LINK;
    assert_int_equal(xpc_schedule_forecast(&s, &f, 0), 0);
    assert_true(f.end_ns > 14 * XPC_S && f.end_ns < 15 * XPC_S);
    /* It has only just been started. */
    moves[1].left_bytes = 0;
    moves[1].left_ns = UINT64_MAX;
    moves[1].setup_left_ns = XPC_S / 2;
    assert_int_equal(xpc_schedule_forecast(&s, &f, 0), 0);
    assert_true(f.end_ns > 20.5 * XPC_S && f.end_ns < 21 * XPC_S);
    assert_int_equal(f.moved, 2);
}

static void torture_schedule_targets_of_their_own_run_at_once(void **state)
{
    (void)state;
    s.nr_targets = 4;
    for (int i = 0; i < 4; i++)
        targets[i].link_bytes_per_s = LINK / 4;
    for (int i = 0; i < 8; i++)
        guest(1000000, 10);
    plan();
    /* 80 s of data over the source's link. */
    assert_true(f.end_ns > 80 * XPC_S && f.end_ns < 84 * XPC_S);
    assert_true(f.at_once >= 4);
}

/* ---- a deadline --------------------------------------------------------- */

static void torture_schedule_fits_a_deadline(void **state)
{
    bool leave[MAX];

    (void)state;
    for (int i = 0; i < 4; i++)
        guest(1000000, 10);
    guest(3000000, 10);
    guest(2000000, 10)->rank = -1;
    plan();
    assert_int_equal(xpc_schedule_fit(&s, 100 * XPC_S, leave, &f), 0);
    assert_int_equal(xpc_schedule_fit(&s, 70 * XPC_S, leave, &f), 1);
    assert_true(leave[4]);
    assert_true(f.end_ns < 70 * XPC_S);
    assert_int_equal(f.moved, 5);
    assert_int_equal(xpc_schedule_fit(&s, 10 * XPC_S, leave, &f), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(moves[4].state, XPC_MOVE_WAITS);
}

/* Random evacuations end, and every guest is in one place within its limit. */
static void torture_schedule_any_evacuation_ends(void **state)
{
    uint64_t seed = 5;

    for (int n = 0; n < 200; n++) {
        setup(state);
        s.nr_affinities = 0;
        s.nr_targets = 1 + random_u64(&seed) % 4;
        for (size_t t = 0; t < s.nr_targets; t++)
            targets[t].link_bytes_per_s = LINK / (1 + random_u64(&seed) % 4);
        if (random_u64(&seed) % 2)
            s.stream_bytes_per_s = LINK / (1 + random_u64(&seed) % 3);
        for (int i = 0; i < 12; i++)
            guest(random_log(&seed, 1e4, 1e7), random_log(&seed, 1, 3e5));
        plan();
        for (size_t i = 0; i < s.nr_moves; i++) {
            assert_int_equal(moves[i].state, XPC_MOVE_WAITS);
            if (!moves[i].moved)
                continue;
            assert_true(moves[i].possible);
            assert_true(moves[i].end_ns <= f.end_ns);
            assert_true(moves[i].start_ns < moves[i].end_ns);
            /* Links are shared with those that copy meanwhile. */
            assert_true(moves[i].downtime_ns <= 1300 * XPC_MS);
        }
    }
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_schedule_##name, setup)
    const struct CMUnitTest tests[] = {
        T(spreads_by_link_and_weight),
        T(packs_when_memory_is_scarce),
        T(keeps_guests_apart_and_together),
        T(says_why_there_is_no_target),
        T(follows_what_has_moved),
        T(refuses_bad_indices),
        T(one_that_fills_the_link_runs_alone),
        T(slow_streams_run_in_parallel),
        T(keeps_what_the_others_need),
        T(two_that_need_all_run_in_turn),
        T(holds_a_start_back_for_a_switchover),
        T(forecasts_what_is_held_back),
        T(overlaps_setup_and_switchover),
        T(compressed_guests),
        T(caps_leave_time_for_the_first_copy),
        T(guests_with_caps_of_their_own),
        T(leaves_what_can_not_be_moved),
        T(forecasts_what_is_left_out),
        T(forecasts_with_a_pace),
        T(forecasts_the_downtime_of_one_that_runs),
        T(forecasts_from_the_middle),
        T(targets_of_their_own_run_at_once),
        T(fits_a_deadline),
        T(any_evacuation_ends),
    };

    return torture_run(argc, argv, tests);
}
