/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests are placed where they keep their limit. */
#include <math.h>
#include <string.h>

#include <xenprecopy/schedule_plan.h>
#include <xenprecopy/units.h>

#include "support/random.h"
#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define LINK (UINT64_C(100000) * PAGE_BYTES)
#define MAX 40
#define TARGETS 4
#define LIMIT (300 * XPC_MS)

static struct xpc_curve curves[MAX];
static struct xpc_move moves[MAX];
static struct xpc_schedule_target targets[TARGETS];
static struct xpc_affinity affinities[8];
static struct xpc_schedule s;
/* What a switchover of each guest takes on each target. */
static uint64_t overhead_ns[MAX][TARGETS];
static unsigned int nr_prepared;

static void prepare(void *opaque, size_t i)
{
    assert_ptr_equal(opaque, &s);
    nr_prepared++;
    moves[i].params.overhead_ns = moves[i].target < 0 ? 50 * XPC_MS :
                                  overhead_ns[i][moves[i].target];
}

static int setup(void **state)
{
    (void)state;
    memset(moves, 0, sizeof(moves));
    memset(targets, 0, sizeof(targets));
    for (size_t t = 0; t < TARGETS; t++)
        targets[t].free_bytes = UINT64_MAX;
    s = (struct xpc_schedule){
        .moves = moves, .targets = targets, .nr_targets = 2,
        .affinities = affinities, .link_bytes_per_s = LINK,
        .prepare = prepare, .opaque = &s,
    };
    return 0;
}

/* Adds a guest that writes little, of so many pages. */
static struct xpc_move *guest(uint64_t pages)
{
    struct xpc_curve *c = &curves[s.nr_moves];
    struct xpc_move *m = &moves[s.nr_moves];

    *c = (struct xpc_curve){ .total_pages = pages };
    for (int n = 1; n <= 32; n *= 2)
        xpc_curve_add(c, n * XPC_S, n * 10, n * 10, n * 10);
    *m = (struct xpc_move){
        .curve = c, .memory_bytes = pages * XPC_PAGE_SIZE,
        .target = XPC_NO_TARGET,
    };
    xpc_predict_params_init(&m->params, 0, LIMIT);
    for (int t = 0; t < TARGETS; t++)
        overhead_ns[s.nr_moves][t] = 50 * XPC_MS;
    s.nr_moves++;
    return m;
}

static void slow(size_t i, int target)
{
    overhead_ns[i][target] = 2 * LIMIT;
}

static void affine(size_t a, size_t b, bool together)
{
    affinities[s.nr_affinities++] = (struct xpc_affinity){ a, b, together };
}

static ssize_t plan(void)
{
    return xpc_schedule_plan(&s);
}

/* What was predicted of it is of its target. */
static void assert_on(size_t i, int target, bool possible)
{
    assert_int_equal(moves[i].target, target);
    assert_int_equal(moves[i].possible, possible);
    assert_int_equal(moves[i].params.overhead_ns, overhead_ns[i][target]);
    assert_true(moves[i].alone_downtime_ns >= overhead_ns[i][target]);
}

/* ---- tests ------------------------------------------------------------ */

static void torture_schedule_plan_goes_where_the_limit_is_kept(void **state)
{
    (void)state;
    guest(1000);
    slow(0, 0);
    assert_int_equal(plan(), 0);
    assert_on(0, 1, true);
    /* Nothing is remembered: what is known may have changed since. */
    assert_int_equal(moves[0].not_on, 0);
    slow(0, 1);
    overhead_ns[0][0] = 50 * XPC_MS;
    assert_int_equal(plan(), 0);
    assert_on(0, 0, true);
    assert_int_equal(plan(), 0);
    assert_on(0, 0, true);
}

static void torture_schedule_plan_others_stay_where_they_are(void **state)
{
    int before[10];

    (void)state;
    s.nr_targets = 3;
    for (int i = 0; i < 10; i++)
        guest(1000 + i);
    assert_int_equal(plan(), 0);
    for (int i = 0; i < 10; i++)
        before[i] = moves[i].target;
    slow(4, before[4]);
    nr_prepared = 0;
    assert_int_equal(plan(), 0);
    /* Only what is needed is predicted again. */
    assert_true(nr_prepared <= 10 + 3);
    for (int i = 0; i < 10; i++)
        assert_int_equal(moves[i].target == before[i], i != 4);
    assert_true(moves[4].possible);
}

/* The load is spread by the weights of the targets that are left. */
static void torture_schedule_plan_respects_weights(void **state)
{
    int on[4] = { 0 };

    (void)state;
    s.nr_targets = 3;
    targets[2].weight = 3;
    for (int i = 0; i < 40; i++) {
        guest(1000);
        slow(i, 0);
    }
    assert_int_equal(plan(), 0);
    for (int i = 0; i < 40; i++)
        on[moves[i].target]++;
    assert_int_equal(on[0], 0);
    assert_in_range(on[1], 9, 11);
}

static void torture_schedule_plan_one_that_fits_nowhere_stays(void **state)
{
    int home;

    (void)state;
    s.nr_targets = 4;
    guest(1000);
    guest(2000);
    for (int t = 0; t < 4; t++)
        slow(0, t);
    assert_int_equal(xpc_schedule_place(&s), 0);
    home = moves[0].target;
    for (int n = 0; n < 3; n++) {
        assert_int_equal(plan(), 0);
        assert_on(0, home, false);
        assert_true(moves[1].possible);
    }
}

static void torture_schedule_plan_only_what_waits_is_moved(void **state)
{
    (void)state;
    guest(1000)->state = XPC_MOVE_RUNS;
    guest(1000)->state = XPC_MOVE_MOVED;
    guest(1000);
    guest(1000);
    moves[0].target = moves[1].target = 0;
    affine(1, 2, true);
    for (int i = 0; i < 4; i++)
        slow(i, 0);
    assert_int_equal(plan(), 0);
    assert_int_equal(moves[0].target, 0);
    assert_int_equal(moves[1].target, 0);
    /* It has to follow one that is there. */
    assert_on(2, 0, false);
    assert_on(3, 1, true);
}

static void torture_schedule_plan_respects_affinities(void **state)
{
    (void)state;
    s.nr_targets = 3;
    for (int i = 0; i < 4; i++)
        guest(1000);
    affine(0, 1, true);
    affine(2, 3, false);
    affine(0, 2, false);
    assert_int_equal(xpc_schedule_place(&s), 0);
    /* All but one: it is alone, and the pair would be where it is. */
    for (int t = 0; t < 3; t++) {
        if (t != moves[2].target)
            slow(1, t);
    }
    assert_int_equal(plan(), 0);
    assert_int_equal(moves[0].target, moves[1].target);
    assert_true(moves[2].target != moves[3].target);
    assert_true(moves[0].target != moves[2].target);
    for (int i = 0; i < 4; i++)
        assert_true(moves[i].possible);
}

/* Refused there, or dead. */
static void torture_schedule_plan_goes_to_no_target_that_is_excluded(
    void **state)
{
    (void)state;
    s.nr_targets = 3;
    guest(1000)->not_on = 2;
    targets[2].out = true;
    slow(0, 0);
    assert_int_equal(plan(), 0);
    assert_on(0, 0, false);
    assert_int_equal(moves[0].not_on, 2);
    targets[2].out = false;
    assert_int_equal(plan(), 0);
    assert_on(0, 2, true);
    assert_int_equal(moves[0].not_on, 2);
}

/* More of them keep their limits elsewhere, and one does nowhere. */
static void torture_schedule_plan_goes_with_those_it_is_to_be_with(
    void **state)
{
    (void)state;
    s.nr_targets = 3;
    for (int i = 0; i < 3; i++)
        guest(1000);
    affine(0, 1, true);
    affine(1, 2, true);
    slow(0, 0);
    slow(1, 0);
    slow(1, 1);
    for (int t = 0; t < 3; t++)
        slow(2, t);
    assert_int_equal(plan(), 0);
    assert_true(moves[0].target > 0);
    assert_on(0, moves[0].target, true);
    for (int i = 1; i < 3; i++)
        assert_int_equal(moves[i].target, moves[0].target);
    assert_false(moves[2].possible);
}

static void torture_schedule_plan_others_make_room(void **state)
{
    (void)state;
    targets[0].free_bytes = 3500 * XPC_PAGE_SIZE;
    targets[1].free_bytes = 3500 * XPC_PAGE_SIZE;
    guest(3000);
    guest(3000);
    assert_int_equal(plan(), 0);
    assert_int_equal(moves[0].target, 0);
    assert_int_equal(moves[1].target, 1);
    slow(0, 0);
    assert_int_equal(plan(), 0);
    assert_on(0, 1, true);
    assert_on(1, 0, true);
    /* But not if they would lose by it. */
    slow(0, 1);
    overhead_ns[0][0] = 50 * XPC_MS;
    slow(1, 1);
    assert_int_equal(plan(), 0);
    assert_int_equal(moves[0].possible + moves[1].possible, 1);
    assert_true(moves[0].target != moves[1].target);
}

/* A link that is too slow is as good a reason. */
static void torture_schedule_plan_a_faster_link_helps(void **state)
{
    struct xpc_move *m = guest(100000);

    (void)state;
    for (size_t k = 0; k < curves[0].nr; k++)
        curves[0].pt[k].pages = curves[0].pt[k].low =
            curves[0].pt[k].high = 100000 * (1 - exp2(-(double)k - 1));
    targets[0].link_bytes_per_s = LINK / 10;
    m->params.rule.downtime_ns = m->params.rule.max_downtime_ns = XPC_S;
    targets[0].weight = 1000;
    assert_int_equal(xpc_schedule_place(&s), 0);
    assert_int_equal(m->target, 0);
    assert_int_equal(plan(), 0);
    assert_on(0, 1, true);
}

/* One that has failed is not tried by chance. */
static void torture_schedule_plan_one_that_must_be_sure(void **state)
{
    struct xpc_move *m = guest(1000);

    (void)state;
    for (size_t k = 0; k < curves[0].nr; k++)
        curves[0].pt[k].high = 1000;
    slow(0, 1);
    overhead_ns[0][0] = LIMIT - 5 * XPC_MS;
    assert_int_equal(plan(), 0);
    assert_on(0, 0, true);
    m->must_be_sure = true;
    assert_int_equal(plan(), 0);
    assert_on(0, 0, false);
    overhead_ns[0][1] = 50 * XPC_MS;
    assert_int_equal(plan(), 0);
    assert_on(0, 1, true);
}

/* With the same predictions, it does not go to and fro. */
static void assert_settles(size_t fits)
{
    int before[MAX];
    bool changes = true;

    for (int n = 0; changes; n++) {
        size_t planned = 0;

        assert_true(n < 4);
        for (size_t i = 0; i < s.nr_moves; i++)
            before[i] = moves[i].target;
        assert_true(plan() >= 0);
        changes = false;
        for (size_t i = 0; i < s.nr_moves; i++) {
            planned += moves[i].target >= 0 && moves[i].possible;
            changes |= moves[i].target != before[i];
        }
        assert_true(planned >= fits);
        fits = planned;
    }
}

/* Whatever is known: memory and affinities hold, and nothing is worse. */
static void torture_schedule_plan_of_any_evacuation(void **state)
{
    uint64_t seed = 7;

    for (int n = 0; n < 300; n++) {
        size_t fits = 0, planned = 0;
        uint64_t used[TARGETS] = { 0 };

        setup(state);
        s.nr_targets = 1 + random_u64(&seed) % TARGETS;
        for (size_t t = 0; t < s.nr_targets; t++)
            targets[t].free_bytes = random_u64(&seed) % 12000 *
                                    XPC_PAGE_SIZE;
        for (int i = 0; i < 12; i++) {
            guest(500 + random_u64(&seed) % 3000);
            for (int t = 0; t < TARGETS; t++) {
                if (random_u64(&seed) % 3 == 0)
                    slow(i, t);
            }
        }
        for (int k = 0; k < 4; k++)
            affine(random_u64(&seed) % 12, random_u64(&seed) % 12,
                   random_u64(&seed) % 2);
        assert_true(xpc_schedule_place(&s) >= 0);
        for (int i = 0; i < 12; i++) {
            int t = moves[i].target;

            fits += t >= 0 && overhead_ns[i][t] < LIMIT;
        }
        assert_true(plan() >= 0);
        for (int i = 0; i < 12; i++) {
            if (moves[i].target < 0)
                continue;
            planned += moves[i].possible;
            used[moves[i].target] += moves[i].memory_bytes;
            assert_on(i, moves[i].target,
                      overhead_ns[i][moves[i].target] < LIMIT);
        }
        assert_true(planned >= fits);
        for (size_t t = 0; t < s.nr_targets; t++)
            assert_true(used[t] <= targets[t].free_bytes);
        for (size_t k = 0; k < s.nr_affinities; k++) {
            int a = moves[affinities[k].a].target;
            int b = moves[affinities[k].b].target;

            if (a >= 0 && b >= 0)
                assert_int_equal(a == b, affinities[k].together);
        }
        assert_settles(planned);
    }
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_schedule_plan_##name, setup)
    const struct CMUnitTest tests[] = {
        T(goes_where_the_limit_is_kept),
        T(others_stay_where_they_are),
        T(respects_weights),
        T(one_that_fits_nowhere_stays),
        T(only_what_waits_is_moved),
        T(respects_affinities),
        T(goes_to_no_target_that_is_excluded),
        T(goes_with_those_it_is_to_be_with),
        T(others_make_room),
        T(a_faster_link_helps),
        T(one_that_must_be_sure),
        T(of_any_evacuation),
    };

    return torture_run(argc, argv, tests);
}
