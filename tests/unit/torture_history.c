/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What earlier migrations teach: the entries, and the prediction from them.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/history.h>
#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "support/torture.h"

#define LINK UINT64_C(100000000)    /* bytes per second */
#define PAGE_NS (UINT64_C(4104) * XPC_S / LINK)
#define Z95 1.645
#define NOW UINT64_C(1700000000)    /* wall clock, seconds */

static const struct xpc_guest pvh = { .device_model = XPC_DEVICE_MODEL_NO };
static const struct xpc_guest hvm = { .device_model = XPC_DEVICE_MODEL_YES };
static const struct xpc_guest unknown;

static int setup(void **state)
{
    static struct xpc_history h;

    assert_int_equal(xpc_history_init(&h, "host2"), 0);
    *state = &h;
    return 0;
}

static int teardown(void **state)
{
    xpc_history_dispose(*state);
    return 0;
}

/* A migration of 1,000 dirty pages that suspending made 1,240. */
static struct xpc_report a_report(uint64_t overhead_ns)
{
    struct xpc_report r;

    xpc_report_init(&r);
    r.outcome = XPC_OUTCOME_MIGRATED;
    r.params.guest = pvh;
    r.total_pages = 32768;
    r.nr_iterations = 3;
    r.decision.dirty_pages = 1000;
    r.decision.bandwidth_bytes_per_s = LINK / 2;
    r.decision.measured_bytes_per_s = LINK;
    r.final_pages = 1240;
    r.predicted_downtime_ns = 200 * XPC_MS;
    r.actual_downtime_ns = 1240 * PAGE_NS + overhead_ns;
    r.total_time_ns = 3 * XPC_S;
    r.suspended_ns = 2700 * XPC_MS;
    r.stream_end_ns = 2800 * XPC_MS;
    r.target_ready_ns = r.go_ns = 2900 * XPC_MS;
    r.target_started_ns = 2908 * XPC_MS;
    r.total_bytes = 150 << 20;
    return r;
}

static void add(struct xpc_history *h, double overhead_ns)
{
    struct xpc_report r = a_report(overhead_ns);

    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
}

/* What the next migration of a PVH guest will take. */
static size_t prior_of(const struct xpc_history *h, struct xpc_prior *p)
{
    return xpc_history_prior(h, &pvh, NOW, p);
}

static void torture_history_entry_tells_overhead_and_suspend_pages(
    void **state)
{
    struct xpc_history *h = *state;
    const struct xpc_history_entry *e;

    add(h, 84 * XPC_MS);
    e = &h->entries[0];
    assert_string_equal(e->domain, "g1");
    assert_int_equal(e->start_s, NOW);
    assert_int_equal(e->outcome, XPC_OUTCOME_MIGRATED);
    /* With what the link gave, not with what was stated. */
    assert_in_range(e->overhead_ns, 84 * XPC_MS - 2, 84 * XPC_MS + 2);
    assert_int_equal(e->suspend_pages, 240);
    assert_int_equal(e->start_ns, 8 * XPC_MS);
    assert_int_equal(e->limit_ns, XPC_DEFAULT_DOWNTIME_NS);
    assert_int_equal(e->bandwidth_bytes_per_s, LINK);
    assert_int_equal(e->iterations, 3);
    assert_int_equal(e->total_pages, 32768);
}

/*
 * Under a cap that the switchover was free of, what was measured is the cap.
 */
static void torture_history_a_cap_is_not_the_link(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(84 * XPC_MS);

    r.params.max_bytes_per_s = LINK / 10;
    r.decision.measured_bytes_per_s = LINK / 10;
    r.decision.bandwidth_bytes_per_s = LINK / 10;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_int_equal(h->entries[0].overhead_ns, 0);     /* teaches nothing */
    r.params.bandwidth_bytes_per_s = LINK;
    r.decision.bandwidth_bytes_per_s = LINK;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_in_range(h->entries[1].overhead_ns, 84 * XPC_MS - 2,
                    84 * XPC_MS + 2);
}

/* A switchover that is held back more than precopy was takes its time. */
static void torture_history_a_slower_switchover_is_no_overhead(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(84 * XPC_MS);
    uint64_t cap = LINK / 10;

    r.actual_downtime_ns += 9 * r.final_pages * PAGE_NS;
    r.params.switchover = XPC_SWITCHOVER_RATE;
    r.params.switchover_bytes_per_s = cap;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_in_range(h->entries[0].overhead_ns, 84 * XPC_MS - 2,
                    84 * XPC_MS + 2);
    /* Compressed to a third, it carries three times as much. */
    r.actual_downtime_ns = a_report(84 * XPC_MS).actual_downtime_ns;
    r.params.switchover_bytes_per_s = LINK / 3;
    r.wire_bytes = r.total_bytes / 3;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_in_range(h->entries[1].overhead_ns, 83 * XPC_MS, 85 * XPC_MS);
}

/* It grows with the guest, and is predicted for itself. */
static void torture_history_the_bitmap_is_no_overhead(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(84 * XPC_MS);

    r.params.guest.pfns = UINT64_C(1) << 28;        /* 1 TiB */
    r.bitmap_ns = 200 * XPC_MS;
    r.actual_downtime_ns += r.bitmap_ns;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_in_range(h->entries[0].overhead_ns, 84 * XPC_MS - 2,
                    84 * XPC_MS + 2);
    /* Of a small guest it can't have taken as long: something else did. */
    r.params.guest.pfns = 32768;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_in_range(h->entries[1].overhead_ns, 283 * XPC_MS, 284 * XPC_MS);
}

/* What was verified stood still for as long as all of its memory took. */
static void torture_history_a_verify_pass_teaches_nothing(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(3200 * XPC_MS);
    struct xpc_prior p;

    r.verified = true;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_int_equal(h->entries[0].actual_downtime_ns, r.actual_downtime_ns);
    assert_int_equal(h->entries[0].overhead_ns, 0);
    assert_true(isnan(xpc_history_error(&h->entries[0])));
    assert_int_equal(prior_of(h, &p), 0);
}

/*
 * An xl that was killed after "go": its guard has heard that the guest runs
 * on the target, and knows nothing of what came before. "Restored to started"
 * would be the whole migration.
 */
static void torture_history_a_killed_xl_teaches_nothing(void **state)
{
    static const size_t times[] = {
        offsetof(struct xpc_report, suspended_ns),
        offsetof(struct xpc_report, stream_end_ns),
        offsetof(struct xpc_report, target_ready_ns),
        offsetof(struct xpc_report, go_ns),
    };
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct xpc_report r = a_report(84 * XPC_MS);

        *(uint64_t *)((char *)&r + times[i]) = 0;
        assert_int_equal(xpc_history_add(h, &r, i, "g1"), 0);
        assert_int_equal(h->entries[i].overhead_ns, 0);
        assert_int_equal(h->entries[i].start_ns, 0);
    }
    assert_int_equal(prior_of(h, &p), 0);
    /* Neither does one that is out of order. */
    struct xpc_report r = a_report(84 * XPC_MS);
    r.go_ns = r.target_started_ns + 1;
    assert_int_equal(xpc_history_add(h, &r, 0, "g1"), 0);
    assert_int_equal(prior_of(h, &p), 0);
}

/* Zero pages were dirtied by the suspend, too. */
static void torture_history_suspend_pages_may_be_zero_ones(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(84 * XPC_MS);

    r.final_zero_pages = 60;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
    assert_int_equal(h->entries[0].suspend_pages, 300);
}

/* More than it has ever taken, but of its order. */
static void torture_history_reserves_time_for_the_start(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (int i = 0; i < 5; i++)
        add(h, 84 * XPC_MS);
    assert_int_equal(prior_of(h, &p), 5);
    assert_in_range(p.start_ns, 8 * XPC_MS, 16 * XPC_MS);
}

static void torture_history_overhead_is_never_below_its_floor(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(0);

    /* Pages went faster than measured, and fewer were left than dirty. */
    r.actual_downtime_ns = 10 * XPC_MS;
    r.decision.dirty_pages = 2000;
    assert_int_equal(xpc_history_add(h, &r, 0, NULL), 0);
    assert_int_equal(h->entries[0].overhead_ns, XPC_HISTORY_OVERHEAD_MIN_NS);
    assert_int_equal(h->entries[0].suspend_pages, 0);
    assert_string_equal(h->entries[0].domain, "");
}

static void torture_history_only_migrated_ones_teach(void **state)
{
    static const int others[] = {
        XPC_OUTCOME_ABORTED, XPC_OUTCOME_INTERRUPTED, XPC_OUTCOME_FAILED,
        XPC_OUTCOME_UNKNOWN,
    };
    struct xpc_history *h = *state;
    struct xpc_prior p = { .overhead_ns = 1, .suspend_pages = 1 };
    struct xpc_report r = a_report(70 * XPC_MS);

    assert_int_equal(prior_of(h, &p), 0);
    assert_int_equal(p.overhead_ns | p.suspend_pages | p.start_ns, 0);
    for (size_t i = 0; i < 4; i++) {
        r.outcome = others[i];
        assert_int_equal(xpc_history_add(h, &r, i, "g1"), 0);
    }
    /* Without a bandwidth the pages' share can't be told. */
    r = a_report(70 * XPC_MS);
    r.decision.measured_bytes_per_s = r.decision.bandwidth_bytes_per_s = 0;
    assert_int_equal(xpc_history_add(h, &r, 5, "g1"), 0);
    assert_int_equal(h->nr_entries, 5);
    assert_int_equal(prior_of(h, &p), 0);
    assert_int_equal(p.overhead_ns | p.suspend_pages | p.start_ns, 0);
    add(h, 50 * XPC_MS);
    assert_int_equal(prior_of(h, &p), 1);
    assert_in_range(p.overhead_ns, 50 * XPC_MS - 2, 50 * XPC_MS + 2);
    assert_int_equal(p.suspend_pages, 240);
}

static void torture_history_one_migration_is_taken_with_caution(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add(h, 100 * XPC_MS);
    prior_of(h, &p);
    /* The unknown's 10%, and the mean is as uncertain. */
    assert_in_range(p.overhead_sd_ns, 14 * XPC_MS, 143 * XPC_MS / 10);
    /* Many that are alike make it surer, but never sure. */
    for (int i = 0; i < 30; i++)
        add(h, 100 * XPC_MS);
    assert_int_equal(prior_of(h, &p), XPC_HISTORY_LAST);
    assert_in_range(p.overhead_sd_ns, 3 * XPC_MS, 6 * XPC_MS);
}

static void torture_history_recent_ones_count_more(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior up, down;

    for (int i = 0; i < 8; i++)
        add(h, i < 4 ? 100 * XPC_MS : 140 * XPC_MS);
    prior_of(h, &up);
    for (int i = 0; i < 16; i++)
        add(h, i < 8 ? 140 * XPC_MS : 100 * XPC_MS);
    prior_of(h, &down);
    assert_true(up.overhead_ns > 124 * XPC_MS);
    assert_true(down.overhead_ns < 112 * XPC_MS);
}

static void torture_history_one_accident_is_not_the_rule(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior before, after;

    for (int i = 0; i < 10; i++)
        add(h, (97 + i % 4 * 2) * XPC_MS);
    prior_of(h, &before);
    add(h, 3 * XPC_S);
    prior_of(h, &after);
    assert_true(after.overhead_ns > before.overhead_ns);
    assert_true(after.overhead_ns < 115 * XPC_MS);
    assert_true(after.overhead_ns + Z95 * after.overhead_sd_ns <
                150 * XPC_MS);
}

static void torture_history_a_shift_upward_is_never_ignored(void **state)
{
    static const size_t before[] = { 1, 2, 3, 5, 15, 40 };
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (size_t n = 0; n < before[i]; n++)
            add(h, 100 * XPC_MS);
        add(h, 200 * XPC_MS);
        add(h, 200 * XPC_MS);
        prior_of(h, &p);
        assert_true(p.overhead_ns + Z95 * p.overhead_sd_ns >= 200 * XPC_MS);
    }
    /* Nor when every third one takes so long. */
    for (int i = 0; i < 16; i++)
        add(h, i % 3 ? 100 * XPC_MS : 200 * XPC_MS);
    prior_of(h, &p);
    assert_true(p.overhead_ns + Z95 * p.overhead_sd_ns >= 200 * XPC_MS);
}

/* ---- the guest's kind --------------------------------------------------- */

static void add_of(struct xpc_history *h, struct xpc_guest guest,
                   uint64_t overhead_ns)
{
    struct xpc_report r = a_report(overhead_ns);

    r.params.guest = guest;
    assert_int_equal(xpc_history_add(h, &r, NOW, "g1"), 0);
}

static void torture_history_a_kind_teaches_its_own_alone(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (int i = 0; i < 3; i++)
        add_of(h, pvh, 80 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &hvm, NOW, &p), 0);
    assert_int_equal(p.overhead_ns, 0);
    add_of(h, hvm, 450 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &hvm, NOW, &p), 1);
    assert_in_range(p.overhead_ns, 450 * XPC_MS - 2, 450 * XPC_MS + 2);
    assert_int_equal(p.guest.device_model, XPC_DEVICE_MODEL_YES);
    assert_int_equal(xpc_history_prior(h, &pvh, NOW, &p), 3);
    assert_in_range(p.overhead_ns, 80 * XPC_MS - 2, 80 * XPC_MS + 2);
}

/* As files of older versions have it, and guests that libxl did not make. */
static void torture_history_the_unknown_is_no_better_than_the_default(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_of(h, unknown, 60 * XPC_MS);
    xpc_history_prior(h, &pvh, NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEFAULT_OVERHEAD_NS);
    xpc_history_prior(h, &hvm, NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    xpc_history_prior(h, &unknown, NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    /* Nor is what a PVH guest took for a guest that may be HVM. */
    add_of(h, pvh, 60 * XPC_MS);
    xpc_history_prior(h, &unknown, NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    /* But it may be worse. */
    add_of(h, unknown, 3 * XPC_S);
    add_of(h, unknown, 3 * XPC_S);
    add_of(h, unknown, 3 * XPC_S);
    xpc_history_prior(h, &pvh, NOW, &p);
    assert_true(p.overhead_ns > XPC_S);
}

static void torture_history_more_devices_take_longer(void **state)
{
    struct xpc_guest two = {
        .device_model = XPC_DEVICE_MODEL_NO, .devices = 2,
    };
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_of(h, two, 150 * XPC_MS);
    xpc_history_prior(h, &two, NOW, &p);
    assert_in_range(p.overhead_ns, 150 * XPC_MS - 2, 150 * XPC_MS + 2);
    xpc_history_prior(h, &pvh, NOW, &p);
    assert_in_range(p.overhead_ns, 150 * XPC_MS - 2, 150 * XPC_MS + 2);
    two.devices = 5;
    xpc_history_prior(h, &two, NOW, &p);
    assert_in_range(p.overhead_ns, 150 * XPC_MS + 3 * XPC_DEVICE_OVERHEAD_NS
                    - 2, 150 * XPC_MS + 3 * XPC_DEVICE_OVERHEAD_NS + 2);
}

/* ---- switchovers that were broken off ----------------------------------- */

/* All was sent; it was given up so long after the guest was suspended. */
static struct xpc_report broken_off(uint64_t stood_ns)
{
    struct xpc_report r = a_report(0);

    r.outcome = XPC_OUTCOME_ABORTED;
    r.decision.action = XPC_ABORT;
    r.decision.reason = XPC_REASON_OVERRUN;
    r.pages_sent_ns = 2750 * XPC_MS;
    r.target_ready_ns = r.go_ns = r.target_started_ns = 0;
    r.broken_off_ns = r.suspended_ns + stood_ns;
    r.actual_downtime_ns = stood_ns + XPC_MS;
    return r;
}

static void add_broken(struct xpc_history *h, double overhead_ns,
                       uint64_t start_s)
{
    struct xpc_report r = broken_off(1240 * PAGE_NS + overhead_ns);

    assert_int_equal(xpc_history_add(h, &r, start_s, "g1"), 0);
}

static void torture_history_a_broken_off_switchover_is_a_lower_bound(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_broken(h, 200 * XPC_MS, NOW);
    assert_int_equal(h->entries[0].overhead_ns, 0);
    assert_in_range(h->entries[0].overhead_at_least_ns, 200 * XPC_MS - 2,
                    200 * XPC_MS + 2);
    assert_int_equal(prior_of(h, &p), 1);
    assert_in_range(p.at_least_ns, 200 * XPC_MS - 2, 200 * XPC_MS + 2);
    assert_in_range(p.overhead_ns, 250 * XPC_MS - 3, 250 * XPC_MS + 3);
    assert_in_range(p.overhead_sd_ns, 25 * XPC_MS - 1, 25 * XPC_MS + 1);
    /* What is assumed without it may be more. */
    xpc_history_dispose(h);
    assert_int_equal(xpc_history_init(h, "host2"), 0);
    add_broken(h, 20 * XPC_MS, NOW);
    assert_int_equal(prior_of(h, &p), 1);
    assert_int_equal(p.overhead_ns, XPC_DEFAULT_OVERHEAD_NS);
}

/* Neither pages that were not sent, nor a guest that did not suspend. */
static void torture_history_not_every_abort_is_a_bound(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r[6];
    struct xpc_prior p;

    for (int i = 0; i < 6; i++)
        r[i] = broken_off(400 * XPC_MS);
    r[0].pages_sent_ns = 0;
    r[1].suspended_ns = 0;
    r[2].decision.reason = XPC_REASON_NO_ANSWER;
    r[3].outcome = XPC_OUTCOME_INTERRUPTED;
    r[4].decision.measured_bytes_per_s =
        r[4].decision.bandwidth_bytes_per_s = 0;
    r[5].broken_off_ns = r[5].suspended_ns + 240 * PAGE_NS;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(xpc_history_add(h, &r[i], NOW, "g1"), 0);
        assert_int_equal(h->entries[i].overhead_at_least_ns, 0);
    }
    assert_int_equal(prior_of(h, &p), 0);
}

static void torture_history_a_bound_wears_off(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior before, p;

    add(h, 100 * XPC_MS);
    prior_of(h, &before);
    add_broken(h, 400 * XPC_MS, NOW - XPC_HISTORY_BOUND_S);
    assert_int_equal(prior_of(h, &p), 2);
    assert_true(p.overhead_ns > 400 * XPC_MS);
    /* A second later, a day has passed. */
    assert_int_equal(xpc_history_prior(h, &pvh, NOW + 1, &p), 1);
    assert_memory_equal(&p, &before, sizeof(p));
    /* So it has for a clock that was set back. */
    assert_int_equal(xpc_history_prior(h, &pvh, NOW - 3 * XPC_HISTORY_BOUND_S,
                                       &p), 1);
    /* Of another kind it says nothing. */
    assert_int_equal(xpc_history_prior(h, &hvm, NOW, &p), 0);
    /* One that reached the target knows better. */
    add(h, 100 * XPC_MS);
    assert_int_equal(prior_of(h, &p), 2);
    assert_int_equal(p.at_least_ns, 0);
    assert_true(p.overhead_ns < 120 * XPC_MS);
}

/* ---- the property ----------------------------------------------------- */

static uint64_t seed;

static double uniform(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return ((seed >> 11) + 0.5) / 0x1p53;
}

static double lognormal(double mean, double sigma)
{
    return mean * exp(sigma * sqrt(-2 * log(uniform())) *
                      cos(2 * M_PI * uniform()));
}

/* How often the next is within the bound, after n that vary by sigma. */
static double coverage(struct xpc_history *h, size_t n, double sigma)
{
    const int trials = 4000;
    struct xpc_prior p;
    int within = 0;

    for (int t = 0; t < trials; t++) {
        double mean = exp(log(20e6) + uniform() * log(50));

        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (size_t i = 0; i < n; i++)
            add(h, lognormal(mean, sigma));
        prior_of(h, &p);
        within += lognormal(mean, sigma) <=
                  p.overhead_ns + Z95 * p.overhead_sd_ns;
    }
    return (double)within / trials;
}

static void torture_history_bound_covers_what_comes_next(void **state)
{
    static const size_t n[] = { 1, 3, 10, 30 };
    double share;

    seed = 20240607;
    for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        share = coverage(*state, n[i], 0.1);
        if (share < 0.90 || share > 0.999)
            fail_msg("after %zu: %.2f%%", n[i], 100 * share);
        /* Of a steadier target it is surer, not less. */
        assert_true(coverage(*state, n[i], 0.03) >= share);
    }
}

/*
 * Whatever became of earlier migrations: what is predicted is over every
 * bound that counts, nothing that does not count changes it, and a user who
 * each time allows what the refusal says arrives after a few tries.
 */
static void torture_history_bounds_never_stand_in_the_way_for_good(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p, without;

    seed = 20261127;
    for (int trial = 0; trial < 300; trial++) {
        double bound = 0, truth = exp(log(20e6) + uniform() * log(100));
        size_t nr = uniform() * 20;
        int tries = 0;

        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (size_t i = 0; i < nr; i++) {
            if (uniform() < 0.5) {
                add(h, lognormal(80e6, 0.3));
                bound = 0;
            } else {
                double b = lognormal(80e6, 0.5);
                bool counts = uniform() < 0.7;

                add_broken(h, b, counts ? NOW : NOW - 2 * XPC_HISTORY_BOUND_S);
                if (counts)
                    bound = fmax(bound, b);
            }
        }
        prior_of(h, &p);
        assert_true(p.overhead_ns + 3.0 >= XPC_HISTORY_BEYOND * bound);
        assert_true(!bound == !p.at_least_ns);
        /* With none that counts, it is as if none had been. */
        xpc_history_prior(h, &pvh, NOW + XPC_HISTORY_BOUND_S + 1, &without);
        assert_int_equal(without.at_least_ns, 0);
        assert_true(without.overhead_ns <= p.overhead_ns);
        for (; tries < 30; tries++) {
            double allowed = XPC_DEFAULT_OVERHEAD_NS;

            if (prior_of(h, &p))
                allowed = p.overhead_ns + Z95 * p.overhead_sd_ns;
            if (truth <= allowed)
                break;
            add_broken(h, allowed, NOW);
        }
        assert_true(tries <= 14);
    }
}

/* ---- keeping ---------------------------------------------------------- */

static void torture_history_is_bounded_and_keeps_what_teaches(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r = a_report(0);
    struct xpc_prior p;

    add(h, 100 * XPC_MS);
    r.outcome = XPC_OUTCOME_ABORTED;
    for (int i = 0; i < 100; i++)
        assert_int_equal(xpc_history_add(h, &r, i, "g2"), 0);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    /* The aborted ones have not driven it out; the oldest of them went. */
    assert_int_equal(prior_of(h, &p), 1);
    assert_int_equal(h->entries[1].start_s, 100 - XPC_HISTORY_MAX + 1);
    assert_int_equal(h->entries[XPC_HISTORY_MAX - 1].start_s, 99);
    for (int i = 0; i < 100; i++)
        add(h, 100 * XPC_MS);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    assert_int_equal(prior_of(h, &p), XPC_HISTORY_LAST);
}

/* It may have been replaced since. */
static void torture_history_a_stock_receiver_for_a_week(void **state)
{
    const uint64_t seen = 1700000000, week = 7 * 86400;
    struct xpc_history *h = *state;

    assert_false(xpc_history_is_stock(h, seen));
    h->stock_s = seen;
    assert_true(xpc_history_is_stock(h, seen));
    assert_true(xpc_history_is_stock(h, seen + week - 1));
    assert_false(xpc_history_is_stock(h, seen + week));
    assert_false(xpc_history_is_stock(h, seen - 1));
}

static void torture_history_survives_json(void **state)
{
    struct xpc_history *h = *state, back = { .stock_s = 5 };
    struct xpc_report r = a_report(84 * XPC_MS);
    char err[XPC_ERR_LEN];
    char *json;

    r.start_monotonic_ns = 7;
    r.params.guest = (struct xpc_guest){
        .device_model = XPC_DEVICE_MODEL_YES, .devices = 3,
    };
    assert_int_equal(xpc_history_add(h, &r, NOW, "g\x1b\xff\"1"), 0);
    /* A prediction may be any number. */
    r.predicted_downtime_ns = UINT64_MAX;
    r.outcome = XPC_OUTCOME_FAILED;
    assert_int_equal(xpc_history_add(h, &r, 1700000001, "g1"), 0);
    h->stock_s = 1700000002;
    json = xpc_to_json(&xpc_history_type, h, true);
    assert_non_null(json);
    assert_int_equal(xpc_history_from_json(&back, json, strlen(json), err),
                     0);
    free(json);
    assert_string_equal(back.target, "host2");
    assert_int_equal(back.stock_s, 1700000002);
    assert_int_equal(back.nr_entries, 2);
    assert_string_equal(back.entries[0].domain, "g??\"1");
    assert_int_equal(back.entries[0].overhead_ns,
                     h->entries[0].overhead_ns);
    assert_int_equal(back.entries[0].suspend_pages, 240);
    assert_int_equal(back.entries[0].guest.device_model,
                     XPC_DEVICE_MODEL_YES);
    assert_int_equal(back.entries[0].guest.devices, 3);
    assert_int_equal(back.entries[1].outcome, XPC_OUTCOME_FAILED);
    assert_int_equal(back.entries[1].predicted_downtime_ns,
                     XPC_HISTORY_TIME_MAX_NS);
    xpc_history_dispose(&back);
    xpc_history_dispose(&back);
}

/* Version 1 as it was before guests had a kind. */
static void torture_history_old_files_know_no_kind(void **state)
{
    static const char old[] =
        "{\"version\": 1, \"target\": \"host2\", \"migrations\": ["
        "{\"start-s\": 1700000000, \"domain\": \"g1\", "
        "\"outcome\": \"migrated\", \"actual-downtime-us\": 90000, "
        "\"switchover-overhead-us\": 60000, \"suspend-pages\": 240, "
        "\"start-us\": 8000}]}";
    struct xpc_history *h = *state;
    char err[XPC_ERR_LEN];
    struct xpc_prior p;

    assert_int_equal(xpc_history_from_json(h, old, sizeof(old) - 1, err), 0);
    assert_int_equal(h->entries[0].guest.device_model,
                     XPC_DEVICE_MODEL_UNKNOWN);
    assert_int_equal(xpc_history_prior(h, &hvm, NOW, &p), 1);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    assert_int_equal(p.suspend_pages, 240);
}

static void torture_history_a_common_kind_drives_no_other_out(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_of(h, hvm, 450 * XPC_MS);
    for (int i = 0; i < 200; i++)
        add_of(h, pvh, 80 * XPC_MS);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    assert_int_equal(xpc_history_prior(h, &hvm, NOW, &p), 1);
}

static void torture_history_damaged_is_refused_in_one_line(void **state)
{
#define ONE "\"version\": 1, \"target\": \"host2\""
    static const struct { const char *json, *says; } bad[] = {
        { "", "not JSON" },
        { "{" ONE, "not JSON" },
        { "{}", "\"version\" is missing" },
        { "{\"version\": 2, \"target\": \"a\", \"migrations\": []}",
          "version: 2 is out of range (1 to 1)" },
        { "{" ONE "}", "\"migrations\" is missing" },
        { "{\"version\": 1, \"target\": null, \"migrations\": []}",
          "target" },
        { "{" ONE ", \"migrations\": 1}", "expected an array" },
        { "{" ONE ", \"migrations\": [{}]}", "\"outcome\" is missing" },
        { "{" ONE ", \"migrations\": [{\"outcome\": \"fine\"}]}",
          "is not one of" },
        { "{" ONE ", \"migrations\": [{\"outcome\": \"migrated\", "
          "\"switchover-overhead-us\": 1e12}]}", "out of range" },
    };
    struct xpc_history *h = *state;
    char err[XPC_ERR_LEN], many[4096];
    size_t n;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(xpc_history_from_json(h, bad[i].json,
                                               strlen(bad[i].json), err), -1);
        assert_int_equal(errno, EINVAL);
        if (!strstr(err, bad[i].says) || strchr(err, '\n'))
            fail_msg("%s: %s", bad[i].json, err);
        assert_string_equal(h->target, "host2");
    }
    n = snprintf(many, sizeof(many), "{" ONE ", \"migrations\": [");
    for (int i = 0; i <= XPC_HISTORY_MAX; i++)
        n += snprintf(many + n, sizeof(many) - n,
                      "%s{\"outcome\": \"failed\"}", i ? "," : "");
    n += snprintf(many + n, sizeof(many) - n, "]}");
    assert_int_equal(xpc_history_from_json(h, many, n, err), -1);
    assert_non_null(strstr(err, "65 entries, at most 64"));
}

static void torture_history_sums_up_how_good_predictions_were(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_history_summary s;
    struct xpc_report r = a_report(0);

    xpc_history_summarize(h, NOW, &s);
    assert_int_equal(s.learned[XPC_DEVICE_MODEL_NO].migrations, 0);
    assert_true(isnan(s.error_median) && isnan(s.error_worst));
    for (int percent = -30; percent <= 20; percent += 25) {
        r.actual_downtime_ns = (200 + 2 * percent) * XPC_MS;
        assert_int_equal(xpc_history_add(h, &r, 0, "g1"), 0);
    }
    /* Aborted, however far off, says nothing. */
    r.outcome = XPC_OUTCOME_ABORTED;
    r.actual_downtime_ns = 0;
    assert_int_equal(xpc_history_add(h, &r, 0, "g1"), 0);
    xpc_history_summarize(h, NOW, &s);
    assert_int_equal(s.learned[XPC_DEVICE_MODEL_NO].migrations, 3);
    assert_true(fabs(s.error_worst + 0.30) < 1e-9);
    assert_true(fabs(s.error_median - 0.20) < 1e-9);
    assert_true(isnan(xpc_history_error(&h->entries[3])));
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_history_entry_tells_overhead_and_suspend_pages),
        TEST(torture_history_reserves_time_for_the_start),
        TEST(torture_history_a_cap_is_not_the_link),
        TEST(torture_history_a_slower_switchover_is_no_overhead),
        TEST(torture_history_the_bitmap_is_no_overhead),
        TEST(torture_history_a_verify_pass_teaches_nothing),
        TEST(torture_history_a_killed_xl_teaches_nothing),
        TEST(torture_history_suspend_pages_may_be_zero_ones),
        TEST(torture_history_overhead_is_never_below_its_floor),
        TEST(torture_history_only_migrated_ones_teach),
        TEST(torture_history_one_migration_is_taken_with_caution),
        TEST(torture_history_recent_ones_count_more),
        TEST(torture_history_one_accident_is_not_the_rule),
        TEST(torture_history_a_shift_upward_is_never_ignored),
        TEST(torture_history_a_kind_teaches_its_own_alone),
        TEST(torture_history_the_unknown_is_no_better_than_the_default),
        TEST(torture_history_more_devices_take_longer),
        TEST(torture_history_a_broken_off_switchover_is_a_lower_bound),
        TEST(torture_history_not_every_abort_is_a_bound),
        TEST(torture_history_a_bound_wears_off),
        TEST(torture_history_bound_covers_what_comes_next),
        TEST(torture_history_bounds_never_stand_in_the_way_for_good),
        TEST(torture_history_old_files_know_no_kind),
        TEST(torture_history_a_common_kind_drives_no_other_out),
        TEST(torture_history_is_bounded_and_keeps_what_teaches),
        TEST(torture_history_a_stock_receiver_for_a_week),
        TEST(torture_history_survives_json),
        TEST(torture_history_damaged_is_refused_in_one_line),
        TEST(torture_history_sums_up_how_good_predictions_were),
    };

    return torture_run(argc, argv, tests);
}
