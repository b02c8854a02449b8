/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "support/policy_fixture.h"
#include "support/torture.h"

static void torture_policy_stops_within_the_limit(void **state)
{
    struct policy_fixture *f = *state;

    assert_int_equal(policy_iterate(f, 16384, 8000), XPC_CONTINUE);
    assert_int_equal(f->it.decision.reason, XPC_REASON_CONVERGING);
    assert_int_equal(policy_iterate(f, 8000, 3000), XPC_STOP_AND_COPY);
    assert_int_equal(f->it.decision.reason, XPC_REASON_WITHIN_LIMIT);
    assert_int_equal(f->it.number, 2);
    /* The measured bandwidth is LINK, apart from rounding of times. */
    assert_in_range(f->it.decision.predicted_downtime_ns,
                    policy_downtime(3000, LINK),
                    policy_downtime(3000, LINK) + 100);
}

static void torture_policy_counts_the_overhead(void **state)
{
    struct policy_fixture *f = *state;

    /* 3,300 pages, and those dirtied by suspending, take 146 ms. */
    f->p.iterations = 1;
    f->p.overhead_ns = 40 * XPC_MS;
    assert_int_equal(policy_iterate(f, 16384, 3300), XPC_STOP_AND_COPY);
    f->now = START;
    f->p.overhead_ns = 50 * XPC_MS;
    assert_int_equal(policy_iterate(f, 16384, 3300), XPC_ABORT);
}

static void torture_policy_keeps_a_margin_for_the_confidence(void **state)
{
    struct policy_fixture *f = *state;
    uint64_t margin[2];

    f->p.iterations = 1;
    for (int i = 0; i < 2; i++) {
        f->p.confidence_percent = i ? 99 : 80;
        f->now = START;
        policy_iterate(f, 16384, 3000);
        margin[i] = f->it.decision.cautious_downtime_ns -
                    f->it.decision.predicted_downtime_ns;
    }
    /* 0.84 and 2.33 standard deviations. */
    assert_in_range(margin[1], margin[0] * 27 / 10, margin[0] * 28 / 10);
}

static void torture_policy_continues_if_a_round_pays(void **state)
{
    struct policy_fixture *f = *state;
    int n = 0;

    /* Six pages per ms: each round leaves a quarter of the previous one. */
    f->linear = true;
    assert_int_equal(policy_iterate(f, 16384, 4000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 4000, 976), XPC_CONTINUE);
    assert_true(f->it.decision.cautious_downtime_ns <= f->p.downtime_ns);
    for (uint64_t left = 976; n < 5; left /= 4, n++) {
        if (policy_iterate(f, left, left / 4) == XPC_STOP_AND_COPY)
            break;
    }
    assert_in_range(n, 0, 4);
    assert_true(f->it.decision.predicted_downtime_ns < 80 * XPC_MS);
}

static void torture_policy_begins_no_round_beyond_the_duration(void **state)
{
    struct policy_fixture *f = *state;
    uint64_t next = 976 * PAGE_BYTES * XPC_S / LINK;

    /* The round would end just before the duration, or well before it. */
    f->linear = true;
    f->p.duration_ns = 20384 * PAGE_BYTES * XPC_S / LINK + next * 105 / 100;
    assert_int_equal(policy_iterate(f, 16384, 4000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 4000, 976), XPC_STOP_AND_COPY);
    f->now = START;
    f->p.duration_ns += next / 10;
    assert_int_equal(policy_iterate(f, 16384, 4000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 4000, 976), XPC_CONTINUE);
}

static void torture_policy_suspends_a_bursty_guest_when_it_fits(void **state)
{
    struct policy_fixture *f = *state;

    /* It was busy in the last round, and may be again: suspend now. */
    assert_int_equal(policy_iterate(f, 16384, 12000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 12000, 3000), XPC_STOP_AND_COPY);
    assert_int_equal(f->it.decision.reason, XPC_REASON_WITHIN_LIMIT);
}

static void torture_policy_waits_for_a_lull_seen_before(void **state)
{
    struct policy_fixture *f = *state;

    f->p.duration_ns = 60 * XPC_S;
    f->p.downtime_ns = 130 * XPC_MS;
    f->p.overhead_ns = 20 * XPC_MS;
    assert_int_equal(policy_iterate(f, 16384, 16000), XPC_CONTINUE);
    /* A lull that is too short to reach the limit. */
    assert_int_equal(policy_iterate(f, 16000, 2600), XPC_CONTINUE);
    for (int i = 0; i < 6; i++)
        assert_int_equal(policy_iterate(f, 16000, 16000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 16000, 500), XPC_STOP_AND_COPY);
}

static void torture_policy_aborts_early_if_the_overhead_is_too_long(
    void **state)
{
    struct policy_fixture *f = *state;
    int n = 0;

    /* The overhead with its margin exceeds the limit without any page. */
    f->p.duration_ns = 600 * XPC_S;
    f->p.downtime_ns = 60 * XPC_MS;
    while (policy_iterate(f, 16000, 16000) == XPC_CONTINUE && n < 100)
        n++;
    assert_int_equal(f->it.decision.action, XPC_ABORT);
    assert_in_range(n, 0, 3);
}

static void torture_policy_aborts_when_rounds_stop_shrinking(void **state)
{
    struct policy_fixture *f = *state;
    char text[512];
    int action = XPC_CONTINUE, n = 0;

    while (action == XPC_CONTINUE && n < 20) {
        action = policy_iterate(f, 16000, 16000);
        n++;
    }
    assert_int_equal(action, XPC_ABORT);
    assert_int_equal(f->it.decision.reason, XPC_REASON_STALLED);
    assert_in_range(n, 2, 6);
    xpc_decision_text(&f->p, &f->it.decision, text, sizeof(text));
    assert_non_null(strstr(text, "would have been enough"));
}

/* The number of iterations until an unchanging guest is given up. */
static int until_aborted(struct policy_fixture *f, uint64_t pages)
{
    int n = 1;

    f->now = START;
    policy_iterate(f, 16384, pages);
    while (policy_iterate(f, pages, pages) == XPC_CONTINUE && n < 200)
        n++;
    assert_int_equal(f->it.decision.reason, XPC_REASON_STALLED);
    return n;
}

static void torture_policy_waits_longer_for_a_guest_that_varies(void **state)
{
    struct policy_fixture *f = *state;
    int same, moving;

    f->p.duration_ns = 60 * XPC_S;
    f->set = (struct xpc_working_set){ 16000, 100, 0 };
    same = until_aborted(f, 16000);
    f->set = (struct xpc_working_set){ 16384, 10, 1 };
    moving = until_aborted(f, 16000);
    assert_true(moving > 2 * same);
}

/*
 * A guest that was quieter before may be so again, though its last iterations
 * were all alike. One that is to be suspended anyway may be in its lull.
 */
static void torture_policy_waits_for_a_guest_that_has_varied(void **state)
{
    struct policy_fixture *f = *state;
    uint64_t changed;

    f->p.duration_ns = 60 * XPC_S;
    for (int suspends = 0; suspends < 2; suspends++) {
        f->p.on_timeout = suspends ? XPC_ON_TIMEOUT_SUSPEND :
                                     XPC_ON_TIMEOUT_ABORT;
        f->p.max_downtime_ns = suspends ? XPC_S : 0;
        f->now = START;
        policy_iterate(f, 16384, 6000);
        while (f->now < START + 18 * XPC_S)
            assert_int_equal(policy_iterate(f, 6000, 6000), XPC_CONTINUE);
        changed = f->now;
        while (policy_iterate(f, 9000, 9000) == XPC_CONTINUE)
            ;
        assert_int_equal(f->it.decision.reason, XPC_REASON_STALLED);
        if (suspends)
            assert_in_range(f->now - START, 24 * XPC_S, 26 * XPC_S);
        else
            assert_in_range(f->now - changed, 24 * XPC_S, 30 * XPC_S);
    }
}

/*
 * Within the limit, it goes on for a lower downtime if many of the pages will
 * be left out. If they have not been, it does not expect it again.
 */
static void torture_policy_learns_how_many_pages_are_left_out(void **state)
{
    struct policy_fixture *f = *state;

    f->p.skip_dirty = XPC_SKIP_DIRTY_ON;
    f->p.duration_ns = 60 * XPC_S;
    f->p.downtime_ns = 400 * XPC_MS;
    for (int i = 0; i < 2; i++) {
        f->now = START;
        f->skipped = 0;
        assert_int_equal(policy_iterate(f, 16384, 7000), XPC_CONTINUE);
        f->skipped = i ? 0.9 : 0;
        assert_int_equal(policy_iterate(f, 7000, 7000),
                         i ? XPC_CONTINUE : XPC_STOP_AND_COPY);
    }
}

static void torture_policy_advice_uses_the_working_set(void **state)
{
    struct policy_fixture *f = *state;
    uint64_t unknown;

    /*
     * The guest writes to 2,000 pages as fast as the link carries them. Once
     * the first copy is forgotten, only the size of the working set shows what
     * a longer downtime would achieve.
     */
    f->linear = true;
    f->p.duration_ns = 10 * XPC_S;
    f->p.downtime_ns = 100 * XPC_MS;
    until_aborted(f, 2000);
    unknown = f->it.decision.enough_downtime_ns;
    assert_true(unknown > policy_downtime(8000, LINK));
    f->set = (struct xpc_working_set){ 2000, 100, 0 };
    until_aborted(f, 2000);
    assert_in_range(f->it.decision.enough_downtime_ns,
                    policy_downtime(2000, LINK), policy_downtime(2500, LINK));
}

static void torture_policy_reports_the_working_set(void **state)
{
    struct policy_fixture *f = *state;
    char text[512];

    f->set = (struct xpc_working_set){ 16100, 97, 0 };
    until_aborted(f, 16000);
    assert_int_equal(f->it.decision.working_set.pages, 16100);
    xpc_decision_text(&f->p, &f->it.decision, text, sizeof(text));
    assert_non_null(strstr(text, "the same 16100 pages"));
    f->set = (struct xpc_working_set){ 16100, 97, 12 };
    until_aborted(f, 16000);
    xpc_decision_text(&f->p, &f->it.decision, text, sizeof(text));
    assert_non_null(strstr(text, "12% of the pages"));
}

static void torture_policy_abort_names_sufficient_values(void **state)
{
    struct policy_fixture *f = *state;
    struct xpc_decision d;
    int n = 0;

    while (policy_iterate(f, 16000, 16000) == XPC_CONTINUE)
        ;
    d = f->it.decision;
    assert_true(d.enough_downtime_ns > f->p.downtime_ns);
    assert_true(d.enough_bandwidth_bytes_per_s > LINK);

    /* With that downtime limit, the same guest is suspended. */
    f->p.downtime_ns = d.enough_downtime_ns;
    f->now = START;
    while (policy_iterate(f, 16000, 16000) == XPC_CONTINUE && n < 10)
        n++;
    assert_int_equal(f->it.decision.action, XPC_STOP_AND_COPY);
}

static void torture_policy_on_timeout_suspends_below_the_maximum(void **state)
{
    struct policy_fixture *f = *state;

    f->p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    f->p.max_downtime_ns = XPC_S;
    while (policy_iterate(f, 16000, 16000) == XPC_CONTINUE)
        ;
    assert_int_equal(f->it.decision.action, XPC_STOP_AND_COPY);
    assert_int_equal(f->it.decision.reason, XPC_REASON_STALLED);
}

static void torture_policy_never_suspends_above_the_maximum(void **state)
{
    struct policy_fixture *f = *state;

    f->p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    f->p.max_downtime_ns = 300 * XPC_MS;
    while (policy_iterate(f, 16000, 16000) == XPC_CONTINUE)
        ;
    assert_int_equal(f->it.decision.action, XPC_ABORT);
    assert_int_equal(f->it.decision.reason, XPC_REASON_OVER_MAXIMUM);
}

static void torture_policy_ends_with_the_duration(void **state)
{
    struct policy_fixture *f = *state;

    /* The first copy takes 0.67 s, the second would take 0.4 s. */
    f->p.duration_ns = XPC_S;
    assert_int_equal(policy_iterate(f, 16384, 10000), XPC_ABORT);
    assert_int_equal(f->it.decision.reason, XPC_REASON_DURATION);
    f->now = START;
    f->p.duration_ns = 2 * XPC_S;
    assert_int_equal(policy_iterate(f, 16384, 10000), XPC_CONTINUE);
    assert_in_range(f->it.decision.time_left_ns, XPC_S, 2 * XPC_S);
}

static void torture_policy_iterations_are_an_upper_bound(void **state)
{
    struct policy_fixture *f = *state;

    f->p.iterations = 2;
    assert_int_equal(policy_iterate(f, 16384, 12000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 12000, 9000), XPC_ABORT);
    assert_int_equal(f->it.decision.reason, XPC_REASON_ITERATIONS);
}

static void torture_policy_threshold_stops_below_the_maximum(void **state)
{
    struct policy_fixture *f = *state;

    f->p.max_downtime_ns = XPC_S;
    f->p.threshold_pages = 8001;
    assert_int_equal(policy_iterate(f, 16384, 8000), XPC_STOP_AND_COPY);
    assert_int_equal(f->it.decision.reason, XPC_REASON_THRESHOLD);
    f->now = START;
    f->p.max_downtime_ns = 300 * XPC_MS;
    assert_int_equal(policy_iterate(f, 16384, 8000), XPC_CONTINUE);
}

static void torture_policy_uses_the_measured_bandwidth_if_lower(void **state)
{
    struct policy_fixture *f = *state;

    /* The user states 1 GB/s, the link gives a tenth of that. */
    f->p.bandwidth_bytes_per_s = 10 * LINK;
    assert_int_equal(policy_iterate(f, 16384, 8000), XPC_CONTINUE);
    assert_in_range(f->it.decision.bandwidth_bytes_per_s, LINK * 99 / 100,
                    LINK * 101 / 100);
    assert_int_equal(f->it.decision.measured_bytes_per_s,
                     f->it.decision.bandwidth_bytes_per_s);
}

static void torture_policy_uses_the_stated_bandwidth_if_lower(void **state)
{
    struct policy_fixture *f = *state;

    f->p.bandwidth_bytes_per_s = LINK / 2;
    assert_int_equal(policy_iterate(f, 16384, 8000), XPC_CONTINUE);
    assert_int_equal(f->it.decision.bandwidth_bytes_per_s, LINK / 2);
    /* It reports what the link gives. */
    assert_in_range(f->it.decision.measured_bytes_per_s, LINK * 99 / 100,
                    LINK * 101 / 100);
}

static void torture_policy_uses_the_learned_prior(void **state)
{
    struct policy_fixture *f = *state;
    const struct xpc_iteration *it = &f->it;
    uint64_t data = 3100 * PAGE_BYTES * XPC_S / LINK +
                    xpc_predict_bitmap_ns(16384), margin;

    f->p.iterations = 1;
    f->p.overhead_ns = 0;
    f->p.learned = (struct xpc_prior){
        .guest = f->p.guest,
        .overhead_ns = 30 * XPC_MS, .overhead_sd_ns = 10 * XPC_MS,
        .suspend_pages = 100, .suspend_pages_sd = 5,
    };
    policy_iterate(f, 16384, 3000);
    assert_int_equal(it->decision.overhead_ns, 30 * XPC_MS);
    assert_in_range(it->decision.predicted_downtime_ns, data + 30 * XPC_MS,
                    data + 30 * XPC_MS + 100);
    /* 1.645 times 10 ms, the link's minimum (2.5 ms) and five pages. */
    margin = it->decision.cautious_downtime_ns -
             it->decision.predicted_downtime_ns;
    assert_in_range(margin, 169 * XPC_MS / 10, 171 * XPC_MS / 10);
}

static void torture_policy_stated_values_override_learned_ones(void **state)
{
    struct policy_fixture *f = *state;

    f->p.learned = (struct xpc_prior){
        .overhead_ns = 30 * XPC_MS, .overhead_sd_ns = XPC_MS,
    };
    policy_iterate(f, 16384, 3000);
    assert_int_equal(f->it.decision.overhead_ns, 50 * XPC_MS);
    /* Nothing was learned about the pages: the default. */
    assert_in_range(f->it.decision.predicted_downtime_ns,
                    policy_downtime(3000, LINK),
                    policy_downtime(3000, LINK) + 100);
}

static void torture_policy_uses_defaults_without_a_history(void **state)
{
    struct policy_fixture *f = *state;

    f->p.overhead_ns = 0;
    policy_iterate(f, 16384, 3000);
    assert_int_equal(f->it.decision.overhead_ns, XPC_DEFAULT_OVERHEAD_NS);
}

static void torture_policy_bandwidth_ignores_buffers(void **state)
{
    struct policy_fixture *f = *state;
    struct xpc_observation o = { .dirty_pages = 9000, .pages_sent = 100,
                                 .bytes_sent = 100 * PAGE_BYTES };

    f->p.bandwidth_bytes_per_s = 0;
    f->p.downtime_ns = 100 * XPC_MS;
    assert_int_equal(policy_iterate(f, 16384, 9000), XPC_CONTINUE);
    /* A socket buffer takes a hundred pages at once. */
    o.now_ns = f->now + 1000;
    xpc_engine_decide(&f->e, &o, &f->it);
    assert_in_range(f->it.decision.bandwidth_bytes_per_s, LINK * 95 / 100,
                    LINK * 110 / 100);
}

/* Time in an iteration in which nothing is sent is not the link's. */
static void torture_policy_bandwidth_excludes_time_without_data(void **state)
{
    struct policy_fixture *f = *state;
    struct xpc_observation o = {
        .now_ns = START + 7 * XPC_S, .dirty_pages = 9000,
        .pages_sent = 16384, .bytes_sent = 16384 * PAGE_BYTES + 8000000,
        .flow_bytes = 16384 * PAGE_BYTES,
    };

    f->p.bandwidth_bytes_per_s = 0;
    f->p.downtime_ns = 100 * XPC_MS;
    xpc_engine_init(&f->e, &f->p, 16384, START);
    o.flow_ns = o.flow_bytes * XPC_S / LINK;
    xpc_engine_decide(&f->e, &o, &f->it);
    assert_in_range(f->it.decision.measured_bytes_per_s, LINK - 1, LINK + 1);
    assert_int_equal(f->e.predict.iteration_ns, 0);
    /* That time of a later iteration is expected in the next one, too. */
    o.flow_bytes = 9000 * PAGE_BYTES;
    o.flow_ns = o.flow_bytes * XPC_S / LINK;
    o.now_ns += o.flow_ns + 40 * XPC_MS;
    xpc_engine_decide(&f->e, &o, &f->it);
    assert_in_range(f->it.decision.measured_bytes_per_s, LINK - 1, LINK + 1);
    assert_int_equal(f->e.predict.iteration_ns, 40 * XPC_MS);
}

static void torture_policy_counts_the_overhead_of_an_iteration_once(
    void **state)
{
    struct policy_fixture *f = *state;
    struct xpc_observation o = {
        .now_ns = START + 7 * XPC_S, .dirty_pages = 9000,
        .pages_sent = 16384, .bytes_sent = 16384 * PAGE_BYTES,
        .flow_bytes = 16384 * PAGE_BYTES, .flow_ns = 7 * XPC_S,
    };
    uint64_t sent;

    xpc_engine_init(&f->e, &f->p, 16384, START);
    xpc_engine_decide(&f->e, &o, &f->it);
    o.flow_bytes = 9000 * PAGE_BYTES;
    o.flow_ns = o.flow_bytes * XPC_S / LINK;
    o.now_ns += o.flow_ns + 4 * XPC_S;
    xpc_engine_decide(&f->e, &o, &f->it);
    sent = xpc_predict_send_ns(&f->e.predict, 9000);
    assert_true(sent > 4 * XPC_S);
    assert_int_equal(f->e.state.next_ns, sent);
}

/* Reading the bitmap of a large guest takes time, and sends nothing. */
static void torture_policy_counts_the_last_bitmap(void **state)
{
    struct policy_fixture *f = *state;
    struct xpc_decision *d = &f->it.decision;
    struct xpc_observation o = {
        .dirty_pages = 3000, .pages_sent = 16384,
        .bytes_sent = 16384 * PAGE_BYTES, .flow_bytes = 16384 * PAGE_BYTES,
        .flow_ns = 16384 * PAGE_BYTES * XPC_S / LINK,
    };
    static const struct { uint64_t took, believed; } t[] = {
        { 0, 201 }, { 100, 201 }, { 700, 700 }, { 500, 600 }, { 900, 805 },
    };
    uint64_t small = policy_downtime(3000, LINK) - xpc_predict_bitmap_ns(16384);
    char err[256];

    f->p.iterations = 100;
    f->p.downtime_ns = 3 * XPC_S;
    f->p.guest.pfns = UINT64_C(1) << 28;            /* 1 TiB */
    xpc_engine_init(&f->e, &f->p, 16384, START);
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        f->now += o.flow_ns;
        o.now_ns = f->now;
        o.bitmap_ns = t[i].took * XPC_MS;
        xpc_engine_decide(&f->e, &o, &f->it);
        assert_int_equal((d->bitmap_ns + XPC_MS / 2) / XPC_MS, t[i].believed);
        assert_in_range(d->predicted_downtime_ns - d->bitmap_ns, small,
                        small + 100);
    }
    /* Until it is measured, a default is used. */
    f->p.downtime_ns = 200 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "switchover alone takes 262 ms"));
    f->p.guest.pfns = 0;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)), 0);
}

static void torture_policy_counts_what_is_dirtied_before_the_suspend(
    void **state)
{
    struct policy_fixture *f = *state;
    uint64_t downtime;

    /* About six pages per ms: 600 more until the guest is suspended. */
    f->linear = true;
    f->p.downtime_ns = 130 * XPC_MS;
    f->suspend_delay_ns = 100 * XPC_MS;
    assert_int_equal(policy_iterate(f, 16384, 4000), XPC_CONTINUE);
    assert_int_equal(policy_iterate(f, 4000, 976), XPC_CONTINUE);
    downtime = f->it.decision.predicted_downtime_ns;
    assert_in_range(downtime, policy_downtime(976 + 500, LINK),
                    policy_downtime(976 + 700, LINK));
    assert_int_equal(policy_iterate(f, 976, 240), XPC_STOP_AND_COPY);

    /* It is not counted again with each iteration. */
    assert_in_range(f->it.decision.predicted_downtime_ns,
                    policy_downtime(240 + 500, LINK),
                    policy_downtime(240 + 700, LINK));
}

static void torture_policy_stock_decides_like_stock_xl(void **state)
{
    struct policy_fixture *f = *state;

    f->p.policy = XPC_POLICY_STOCK;
    for (unsigned int i = 0; i < 5; i++) {
        assert_int_equal(xpc_stock_decide(&f->p, i, 50), XPC_CONTINUE);
        assert_int_equal(xpc_stock_decide(&f->p, i, 49), XPC_STOP_AND_COPY);
        assert_int_equal(xpc_stock_decide(&f->p, i, 0), XPC_STOP_AND_COPY);
        assert_int_equal(xpc_stock_decide(&f->p, i, -1), XPC_CONTINUE);
    }
    assert_int_equal(xpc_stock_decide(&f->p, 5, -1), XPC_STOP_AND_COPY);
    assert_int_equal(xpc_stock_decide(&f->p, 5, 10000), XPC_STOP_AND_COPY);
    for (int i = 1; i <= 5; i++)
        assert_int_equal(policy_iterate(f, 16384, 1),
                         i < 5 ? XPC_CONTINUE : XPC_STOP_AND_COPY);
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup(t, policy_setup)
    const struct CMUnitTest tests[] = {
        TEST(torture_policy_stops_within_the_limit),
        TEST(torture_policy_counts_the_overhead),
        TEST(torture_policy_keeps_a_margin_for_the_confidence),
        TEST(torture_policy_continues_if_a_round_pays),
        TEST(torture_policy_begins_no_round_beyond_the_duration),
        TEST(torture_policy_suspends_a_bursty_guest_when_it_fits),
        TEST(torture_policy_waits_for_a_lull_seen_before),
        TEST(torture_policy_aborts_early_if_the_overhead_is_too_long),
        TEST(torture_policy_aborts_when_rounds_stop_shrinking),
        TEST(torture_policy_waits_longer_for_a_guest_that_varies),
        TEST(torture_policy_waits_for_a_guest_that_has_varied),
        TEST(torture_policy_learns_how_many_pages_are_left_out),
        TEST(torture_policy_advice_uses_the_working_set),
        TEST(torture_policy_reports_the_working_set),
        TEST(torture_policy_abort_names_sufficient_values),
        TEST(torture_policy_on_timeout_suspends_below_the_maximum),
        TEST(torture_policy_never_suspends_above_the_maximum),
        TEST(torture_policy_ends_with_the_duration),
        TEST(torture_policy_iterations_are_an_upper_bound),
        TEST(torture_policy_threshold_stops_below_the_maximum),
        TEST(torture_policy_uses_the_measured_bandwidth_if_lower),
        TEST(torture_policy_uses_the_stated_bandwidth_if_lower),
        TEST(torture_policy_uses_the_learned_prior),
        TEST(torture_policy_stated_values_override_learned_ones),
        TEST(torture_policy_uses_defaults_without_a_history),
        TEST(torture_policy_bandwidth_ignores_buffers),
        TEST(torture_policy_bandwidth_excludes_time_without_data),
        TEST(torture_policy_counts_the_overhead_of_an_iteration_once),
        TEST(torture_policy_counts_the_last_bitmap),
        TEST(torture_policy_counts_what_is_dirtied_before_the_suspend),
        TEST(torture_policy_stock_decides_like_stock_xl),
    };

    return torture_run(argc, argv, tests);
}
