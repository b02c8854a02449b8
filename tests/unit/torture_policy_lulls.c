/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy with guests that have regular phases, and with others. */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/policy.h"
#include "support/phased_guest.h"
#include "support/policy_fixture.h"
#include "support/random.h"
#include "support/torture.h"

#define TOTAL 65536
#define MB UINT64_C(1000000)

struct run {
    struct xpc_engine e;
    struct xpc_iteration it;    /* the last one */
    int action;
    uint64_t now_ns;
    size_t waited;              /* decisions to continue until a lull */
};

static struct run runs[2];

/* One iteration, in which the dirty pages are sent. */
static void iterate(struct run *r, struct phased_guest *g, uint64_t link)
{
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    uint64_t pages = r->e.state.iterations ? r->e.state.dirty_pages : TOTAL;
    struct xpc_observation o = {
        .pages_sent = pages, .bytes_sent = pages * PAGE_BYTES,
        .samples = samples,
    };
    uint64_t ns = o.bytes_sent * XPC_S / link + XPC_MS;

    o.nr_samples = phased_count(g, r->now_ns, ns, samples, &o.dirty_pages);
    o.since_clean_ns = ns;
    o.flow_bytes = o.bytes_sent;
    o.flow_ns = ns - XPC_MS;
    r->now_ns += ns;
    o.now_ns = r->now_ns;
    r->action = xpc_engine_decide(&r->e, &o, &r->it);
    r->waited += r->action == XPC_CONTINUE &&
                 r->it.decision.reason == XPC_REASON_LULL;
}

static void begin(struct run *r, const struct xpc_params *p)
{
    memset(r, 0, sizeof(*r));
    xpc_engine_init(&r->e, p, TOTAL, 0);
}

static void migrate(struct run *r, struct phased_guest g,
                    const struct xpc_params *p, uint64_t link)
{
    begin(r, p);
    do
        iterate(r, &g, link);
    while (r->action == XPC_CONTINUE && r->now_ns < 100 * XPC_S);
}

static void set_params(struct xpc_params *p, uint64_t limit_ns,
                       uint64_t duration_ns)
{
    xpc_params_init(p);
    p->guest.device_model = XPC_DEVICE_MODEL_NO;
    p->overhead_ns = 50 * XPC_MS;
    p->skip_dirty = XPC_SKIP_DIRTY_OFF;
    p->downtime_ns = limit_ns;
    p->duration_ns = duration_ns;
}

/* Busy for 1.8 s of 3 s, in which 125 MB/s leave 900 ms of downtime. */
static struct phased_guest make_guest(uint64_t seed)
{
    struct phased_guest g = { .seed = seed, .writes_per_s = 70000,
                              .pages = 40000, .quiet = 0.05 };

    phased_regular(&g, 3e9, 1.8e9, 0);
    return g;
}

/* The limit can't be met: the guest is suspended where the least is left. */
static void torture_policy_lulls_suspends_in_the_last_one(void **state)
{
    struct xpc_params p;
    int better = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint64_t downtime[2];

        set_params(&p, 52 * XPC_MS, 45 * XPC_S);
        p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
        p.max_downtime_ns = 10 * XPC_S;
        for (int i = 0; i < 2; i++) {
            p.lulls = i ? XPC_LULLS_OFF : XPC_LULLS_ON;
            migrate(&runs[i], make_guest(seed), &p, 125 * MB);
            assert_int_equal(runs[i].action, XPC_STOP_AND_COPY);
            assert_true(runs[i].now_ns <= p.duration_ns);
            downtime[i] = runs[i].it.decision.predicted_downtime_ns;
        }
        /* It is never worse, and where it waits, it gets a lull. */
        assert_true(downtime[0] <= downtime[1] + XPC_MS);
        assert_true(downtime[0] < 75 * XPC_MS);
        better += downtime[0] * 2 < downtime[1];
    }
    assert_true(better >= 2);
}

/* Without a duration, a stall is not the end if a lull is near. */
static void torture_policy_lulls_waits_without_a_duration(void **state)
{
    struct phased_guest g = make_guest(5);
    struct xpc_params p;
    struct run *r = &runs[0];

    (void)state;
    set_params(&p, 65 * XPC_MS, 0);
    p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    p.max_downtime_ns = 10 * XPC_S;
    begin(r, &p);
    /* Until the period is known, nothing is to end it. */
    r->e.params.downtime_ns = r->e.predict.rule.downtime_ns = 1;
    r->e.predict.rule.stall_iterations = 1000000;
    while (!r->it.decision.period_ns && r->now_ns < 60 * XPC_S)
        iterate(r, &g, 125 * MB);
    assert_true(r->it.decision.period_ns > 0);
    xpc_engine_change(&r->e, &p);
    do
        iterate(r, &g, 125 * MB);
    while (r->action == XPC_CONTINUE && r->now_ns < 100 * XPC_S);
    assert_int_equal(r->action, XPC_STOP_AND_COPY);
    assert_true(r->it.decision.predicted_downtime_ns < 200 * XPC_MS);
}

/* The time until a lull is said, and is right. */
static void torture_policy_lulls_tells_when_the_next_begins(void **state)
{
    struct phased_guest g = make_guest(2);
    struct xpc_params p;
    struct run *r = &runs[0];
    size_t next;

    (void)state;
    set_params(&p, 1, 60 * XPC_S);
    begin(r, &p);
    while (!r->it.decision.period_ns && r->now_ns < 50 * XPC_S)
        iterate(r, &g, 125 * MB);
    assert_true(r->it.decision.period_ns > 0);
    for (next = 0; g.change[next] <= r->now_ns || next % 2; next++)
        ;
    assert_true(fabs((double)r->it.decision.lull_ns - g.change[next]) <
                0.2 * 3e9 ||
                fabs((double)r->it.decision.lull_ns - g.change[next] - 3e9) <
                0.2 * 3e9);
}

/* A guest without a period: every decision is the same as without. */
static void torture_policy_lulls_leaves_others_alone(void **state)
{
    static const uint64_t links[] = { 50 * MB, 125 * MB, 312 * MB, 625 * MB };
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < 24; i++) {
        struct phased_guest a = {
            .seed = i + 1, .writes_per_s = random_log(&seed, 100, 200000),
            .pages = random_log(&seed, 500, 60000),
            .skew = i % 2 ? random_in(&seed, 0.5, 4) : 0,
        }, b = a;
        struct xpc_params p;

        set_params(&p, random_log(&seed, 50 * XPC_MS, XPC_S),
                   i % 3 ? 20 * XPC_S : 0);
        if (i % 4 == 1) {
            p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
            p.max_downtime_ns = 60 * XPC_S;
        }
        begin(&runs[0], &p);
        p.lulls = XPC_LULLS_OFF;
        begin(&runs[1], &p);
        do {
            iterate(&runs[0], &a, links[i % 4]);
            iterate(&runs[1], &b, links[i % 4]);
            assert_memory_equal(&runs[0].it, &runs[1].it,
                                sizeof(runs[0].it));
        } while (runs[0].action == XPC_CONTINUE &&
                 runs[0].now_ns < 30 * XPC_S);
    }
}

/* It can be turned off, and on again, while the migration runs. */
static void torture_policy_lulls_can_be_changed(void **state)
{
    struct phased_guest g = make_guest(3);
    struct xpc_params p;
    struct run *r = &runs[0];

    (void)state;
    set_params(&p, 1, 60 * XPC_S);
    begin(r, &p);
    while (!r->it.decision.period_ns && r->now_ns < 50 * XPC_S)
        iterate(r, &g, 125 * MB);
    p.lulls = XPC_LULLS_OFF;
    xpc_engine_change(&r->e, &p);
    iterate(r, &g, 125 * MB);
    assert_int_equal(r->it.decision.period_ns, 0);
    assert_int_equal(r->e.predict.cycle.period_ns, 0);
}

#define T(name) cmocka_unit_test(torture_policy_lulls_##name)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(suspends_in_the_last_one),
        T(waits_without_a_duration),
        T(tells_when_the_next_begins),
        T(leaves_others_alone),
        T(can_be_changed),
    };

    return torture_run(argc, argv, tests);
}
