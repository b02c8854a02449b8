/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include <xenprecopy/schedule_pace.h>
#include <xenprecopy/units.h>

#include "support/torture.h"

#define NR 10
#define LINK 100000000

static struct xpc_move moves[NR];
static struct xpc_schedule s;
static struct xpc_pace pace;

/* Ten guests are forecast to be there every ten seconds. */
static int setup(void **state)
{
    (void)state;
    s = (struct xpc_schedule){
        .moves = moves, .nr_moves = NR, .link_bytes_per_s = LINK,
    };
    for (size_t i = 0; i < NR; i++)
        moves[i] = (struct xpc_move){
            .moved = true, .end_ns = (NR - i) * 10 * XPC_S,
        };
    pace = (struct xpc_pace){ 0 };
    return xpc_pace_follow(&pace, &s, 7 * XPC_S);
}

static int teardown(void **state)
{
    (void)state;
    xpc_pace_dispose(&pace);
    return 0;
}

/* So many guests, each of which takes so many seconds. */
static double pace_after(size_t nr, double each_s)
{
    for (size_t i = 1; i <= nr; i++)
        xpc_pace_moved(&pace, &s, (7 + i * each_s) * XPC_S);
    return xpc_pace(&pace);
}

static void torture_schedule_pace_is_learned(void **state)
{
    double first, all;

    (void)state;
    assert_true(xpc_pace(&pace) == 1);
    first = pace_after(1, 14);
    assert_true(first > 1.15 && first < 1.4);
    xpc_pace_follow(&pace, &s, 7 * XPC_S);
    all = pace_after(NR, 14);
    assert_true(all > first && all > 1.35 && all < 1.4);
    /* More than were forecast to be moved. */
    assert_true(pace_after(1, 1000) == all);
}

static void torture_schedule_pace_of_a_good_forecast(void **state)
{
    (void)state;
    assert_true(pace_after(5, 10.7) == 1);
    assert_int_equal(xpc_pace_follow(&pace, &s, 7 * XPC_S), 0);
    assert_true(pace_after(5, 9.5) == 1);
}

static void torture_schedule_pace_has_bounds(void **state)
{
    (void)state;
    assert_true(pace_after(5, 1000) == 3);
    xpc_pace_dispose(&pace);
    assert_true(xpc_pace(&pace) == 1);
    xpc_pace_moved(&pace, &s, XPC_S);   /* nothing is followed */
    assert_true(xpc_pace(&pace) == 1);
}

/* That it takes longer is not due to the pace. */
static void torture_schedule_pace_over_a_slower_link(void **state)
{
    (void)state;
    s.link_bytes_per_s = LINK / 2;
    assert_true(pace_after(1, 20) == 1);
}

static void torture_schedule_pace_is_kept(void **state)
{
    double before = pace_after(5, 14);

    (void)state;
    for (size_t i = 0; i < NR; i++) {
        moves[i].state = i < 5 ? XPC_MOVE_MOVED : XPC_MOVE_WAITS;
        /* As forecast with this pace. */
        moves[i].end_ns = before * (i - 4) * 10 * XPC_S;
    }
    s.pace = before;
    assert_int_equal(xpc_pace_follow(&pace, &s, 7 * XPC_S), 0);
    assert_true(fabs(xpc_pace(&pace) - before) < 1e-6);
    assert_true(fabs(pace_after(5, 14) - 1.4) < 0.04);
}

/* Until it is outweighed by what is seen now. */
static void torture_schedule_pace_of_an_earlier_evacuation(void **state)
{
    double first;

    (void)state;
    pace.before = 1.5;
    assert_true(xpc_pace(&pace) == 1.5);
    first = pace_after(1, 10);
    assert_true(first > 1.2 && first < 1.3);
    xpc_pace_follow(&pace, &s, 7 * XPC_S);
    assert_true(pace_after(NR, 10) == 1);
    xpc_pace_dispose(&pace);
    pace.before = 1.05;
    assert_true(xpc_pace(&pace) == 1);
    pace.before = 50;
    assert_true(xpc_pace(&pace) == 3);
}

static void torture_schedule_pace_to_be_kept(void **state)
{
    (void)state;
    pace.before = 2;
    assert_true(xpc_pace_seen(&pace) == 0);
    pace_after(1, 13);
    assert_true(xpc_pace_seen(&pace) == 0);     /* too few */
    xpc_pace_moved(&pace, &s, (7 + 2 * 13) * XPC_S);
    assert_true(fabs(xpc_pace_seen(&pace) - 1.3) < 1e-6);
    /* A new forecast does not change what was seen. */
    xpc_pace_follow(&pace, &s, 40 * XPC_S);
    assert_true(fabs(xpc_pace_seen(&pace) - 1.3) < 1e-6);
    xpc_pace_dispose(&pace);
    xpc_pace_follow(&pace, &s, 7 * XPC_S);
    pace_after(3, 10.2);
    assert_true(fabs(xpc_pace_seen(&pace) - 1.02) < 1e-6);
    pace_after(5, 1000);
    assert_true(xpc_pace_seen(&pace) == 3);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_schedule_pace_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(is_learned),
        T(of_a_good_forecast),
        T(has_bounds),
        T(over_a_slower_link),
        T(is_kept),
        T(of_an_earlier_evacuation),
        T(to_be_kept),
    };

    return torture_run(argc, argv, tests);
}
