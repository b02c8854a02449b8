/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model of migrations that share links, against times by hand. */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/fluid.h"
#include "support/torture.h"

#define MAX 4
#define LINK 1000.0
#define PAGE 10

static struct fluid_flow flows[MAX];
static size_t active[MAX];
static double links[2];
static struct fluid f;
static double begins[MAX];          /* when each is started */
static double first[MAX];           /* bytes of the first iteration */
static double later[MAX];           /* pages dirty at the end of each */
static int rounds[MAX];             /* iterations until it is suspended */
static double share_after;          /* of the link, after 5 s */
static size_t asked;
static bool aborts;
static double limit;                /* of dirty pages */
static double start_s;              /* on the target */
static const struct xpc_predict_params *limits;

static double share(struct fluid *fl, double *until)
{
    *until = fl->now < 5 ? 5 : INFINITY;
    return fl->now < 5 ? 1 : share_after;
}

static double dispatch(struct fluid *fl)
{
    double wake = INFINITY;

    for (size_t i = 0; i < fl->nr; i++) {
        if (fl->flows[i].phase != FLUID_IDLE)
            continue;
        if (begins[i] <= fl->now + 1e-9)
            fluid_start(fl, i, i % 2);
        else
            wake = fmin(wake, begins[i]);
    }
    return wake;
}

static double begin(struct fluid *fl, size_t i, double *bytes)
{
    (void)fl;
    *bytes = first[i];
    return 1;
}

static double dirty(struct fluid *fl, size_t i)
{
    (void)fl;
    return later[i];
}

static double bytes_of(struct fluid *fl, size_t i, double pages)
{
    fl->flows[i].limit = limit;
    return pages * PAGE;
}

static enum xpc_action decide(struct fluid *fl, size_t i, double pages,
                              double rate)
{
    assert_true(rate > 0);
    asked++;
    if (limits)
        return fluid_decide(&fl->flows[i], fl->now, limits, pages, rate);
    if (aborts)
        return XPC_ABORT;
    if (rounds[i] > 1) {
        rounds[i]--;
        return XPC_CONTINUE;
    }
    return XPC_STOP_AND_COPY;
}

static void switchover(struct fluid *fl, size_t i, double *bytes,
                       double *before, double *after)
{
    (void)fl;
    (void)i;
    *bytes = 50;
    *before = 0.02;
    *after = start_s;
}

static const struct fluid_ops ops = {
    .share = share, .dispatch = dispatch, .setup = begin, .dirty = dirty,
    .bytes = bytes_of, .decide = decide, .switchover = switchover,
};

static int setup(void **state)
{
    (void)state;
    memset(flows, 0, sizeof(flows));
    links[0] = links[1] = LINK;
    share_after = 1;
    asked = 0;
    aborts = false;
    start_s = 0.3;
    limits = NULL;
    limit = 0;
    for (size_t i = 0; i < MAX; i++) {
        begins[i] = 0;
        first[i] = 2000;
        later[i] = 5;
        rounds[i] = 1;
    }
    f = (struct fluid){
        .ops = &ops, .flows = flows, .nr = 1, .active = active,
        .links = links, .nr_links = 2, .link = LINK,
    };
    return 0;
}

static void assert_end(size_t i, double s)
{
    if (fabs(flows[i].end - s) > 1e-6)
        fail_msg("flow %zu ended at %f, not %f", i, flows[i].end, s);
}

static void torture_fluid_one_alone(void **state)
{
    (void)state;
    fluid_run(&f);
    /* Setup 1 s, 2000 bytes, then 5 pages and 50 bytes, start 0.3 s. */
    assert_end(0, 1 + 2 + 0.1 + 0.3);
    assert_true(flows[0].moved);
    assert_true(fabs(flows[0].suspended - 3) < 1e-6);
    assert_true(fabs(flows[0].sent - 2100) < 1);
}

static void torture_fluid_iterations(void **state)
{
    (void)state;
    rounds[0] = 3;
    fluid_run(&f);
    assert_end(0, 1 + 2 + 2 * 0.05 + 0.1 + 0.3);
    assert_int_equal(asked, 3);
}

static void torture_fluid_an_abort_ends_it(void **state)
{
    (void)state;
    aborts = true;
    fluid_run(&f);
    assert_end(0, 3);
    assert_false(flows[0].moved);
}

static void torture_fluid_shares_evenly(void **state)
{
    (void)state;
    f.nr = 2;
    fluid_run(&f);
    /* 4000 bytes over one link, then 200; both at once. */
    assert_end(0, 1 + 4 + 0.2 + 0.3);
    assert_end(1, 1 + 4 + 0.2 + 0.3);
    assert_int_equal(f.most, 2);
}

static void torture_fluid_a_slow_target_leaves_more_for_the_other(void **state)
{
    (void)state;
    f.nr = 2;
    links[1] = LINK / 4;
    fluid_run(&f);
    assert_end(0, 1 + 2000 / 750.0 + 100 / 750.0 + 0.3);
    assert_end(1, 1 + 2000 / 250.0 + 100 / 250.0 + 0.3);
}

static void torture_fluid_a_cap_and_a_stream(void **state)
{
    (void)state;
    f.nr = 2;
    f.stream = LINK * 0.7;
    flows[0].cap = LINK * 0.2;
    fluid_run(&f);
    /* The second one: 700 a second. The first one: 200, uncapped at the end. */
    assert_end(1, 1 + 2000 / 700.0 + 100 / 700.0 + 0.3);
    assert_end(0, 1 + 2000 / 200.0 + 100 / 700.0 + 0.3);
}

static void torture_fluid_a_limit_of_its_own(void **state)
{
    (void)state;
    limit = LINK / 10;
    rounds[0] = 2;
    fluid_run(&f);
    /* Also of the last pages. */
    assert_end(0, 1 + 2 + 0.5 + 1 + 0.3);
}

static void torture_fluid_the_link_changes(void **state)
{
    (void)state;
    first[0] = 6000;
    share_after = 0.5;
    fluid_run(&f);
    /* 4000 bytes until 5 s, then 2000 at half the rate. */
    assert_end(0, 5 + 4 + 0.2 + 0.3);
}

static void torture_fluid_one_switchover_at_a_time(void **state)
{
    (void)state;
    f.nr = 2;
    f.exclusive = true;
    fluid_run(&f);
    assert_true(flows[0].moved && flows[1].moved);
    /* One has been started before the other is suspended. */
    assert_true(flows[1].suspended >= flows[0].end - 1e-6 ||
                flows[0].suspended >= flows[1].end - 1e-6);
}

/* As a save that waits for its turn (save/turn.h). */
static void torture_fluid_waits_ten_seconds_at_most(void **state)
{
    (void)state;
    f.nr = 2;
    f.exclusive = true;
    start_s = 30;
    fluid_run(&f);
    assert_true(flows[0].moved && flows[1].moved);
    assert_true(fabs(fabs(flows[1].suspended - flows[0].suspended) - 10) <
                0.2);
}

static void torture_fluid_does_not_wait_past_its_duration(void **state)
{
    struct xpc_predict_params p;

    (void)state;
    xpc_predict_params_init(&p, 0, XPC_S);
    p.page_bytes = PAGE;
    p.header_bytes = 0;
    p.rule.duration_ns = 12 * XPC_S;
    f.nr = 2;
    f.exclusive = true;
    start_s = 30;
    limits = &p;
    fluid_run(&f);
    assert_true(flows[0].moved && flows[1].moved);
    /* A second before. */
    assert_true(fabs(fmax(flows[1].suspended, flows[0].suspended) - 11) <
                0.2);
}

static void torture_fluid_one_begins_later(void **state)
{
    (void)state;
    f.nr = 2;
    begins[1] = 3;
    fluid_run(&f);
    assert_end(0, 3.4);
    assert_end(1, 3 + 3.4);
}

/* ---- pages that are dirty again ----------------------------------------- */

static double asked_bytes[MAX];

/* The slower it is sent, the fewer of the pages are sent. */
static double sent(struct fluid *fl, size_t i, double bytes, double rate)
{
    (void)i;
    (void)fl;
    asked_bytes[asked++ % MAX] = bytes;
    return rate < LINK ? 0.5 : 0.8;
}

static void leave_out(void)
{
    static struct fluid_ops skipping;

    skipping = ops;
    skipping.sent = sent;
    f.ops = &skipping;
}

static void torture_fluid_leaves_out_what_is_dirty_again(void **state)
{
    (void)state;
    leave_out();
    fluid_run(&f);
    /* 2000 bytes at first; what is dirty at last is sent. */
    assert_end(0, 1 + 0.8 * 2 + 0.1 + 0.3);
    assert_true(fabs(flows[0].sent - 1700) < 1);
    assert_true(fabs(asked_bytes[0] - 2000) < 1e-6);
}

static void torture_fluid_leaves_out_more_when_it_gets_slower(void **state)
{
    (void)state;
    leave_out();
    first[0] = 10000;
    share_after = 0.5;
    fluid_run(&f);
    /* From 1 to 5 s, 4000 bytes for 5000; half of the rest at half the rate. */
    assert_true(fabs(asked_bytes[0] - 10000) < 1e-6);
    assert_true(fabs(asked_bytes[1] - 5000) < 1e-3);
    assert_end(0, 5 + 2500 / 500.0 + 0.2 + 0.3);
    assert_true(fabs(flows[0].sent - 4000 - 2500 - 100) < 1);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_fluid_##name, setup)
    const struct CMUnitTest tests[] = {
        T(one_alone),
        T(iterations),
        T(an_abort_ends_it),
        T(shares_evenly),
        T(a_slow_target_leaves_more_for_the_other),
        T(a_cap_and_a_stream),
        T(a_limit_of_its_own),
        T(the_link_changes),
        T(one_switchover_at_a_time),
        T(waits_ten_seconds_at_most),
        T(does_not_wait_past_its_duration),
        T(one_begins_later),
        T(leaves_out_what_is_dirty_again),
        T(leaves_out_more_when_it_gets_slower),
    };

    return torture_run(argc, argv, tests);
}
