/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the migrations of some guests say about those of others.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/lessons.h>
#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "support/history_fixture.h"
#include "support/random.h"
#include "support/torture.h"

#define Z95 1.645
#define GIB (UINT64_C(1) << 18)         /* in pages */

static uint64_t seed;

/* A guest with one vCPU and 4 GiB. */
static struct xpc_guest make_guest(uint64_t id, bool hvm, uint64_t vifs,
                                   uint64_t disks)
{
    return (struct xpc_guest){
        .device_model = hvm ? XPC_DEVICE_MODEL_YES : XPC_DEVICE_MODEL_NO,
        .devices = vifs + disks, .vifs = vifs, .disks = disks, .vcpus = 1,
        .pfns = 4 * GIB, .id = id,
    };
}

static struct xpc_prior prior_of(const struct xpc_history *h,
                                 struct xpc_guest guest)
{
    struct xpc_prior p;

    xpc_history_prior(h, &guest, HISTORY_NOW, &p);
    return p;
}

static double cautious(const struct xpc_prior *p)
{
    return p->overhead_ns + Z95 * p->overhead_sd_ns;
}

static void assert_near(uint64_t ns, double wanted_ns, double share)
{
    if (fabs(ns / wanted_ns - 1) > share)
        fail_msg("%.1f ms, wanted %.1f", ns / 1e6, wanted_ns / 1e6);
}

static void add_bound_of(struct xpc_history *h, struct xpc_guest guest,
                         double overhead_ns)
{
    struct xpc_report r = broken_off_report(1240 * HISTORY_PAGE_NS +
                                            overhead_ns);

    r.params.guest = guest;
    assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
}

/* ---- one guest and the others ------------------------------------------- */

static void torture_history_guests_a_slow_script_is_not_the_targets(
    void **state)
{
    struct xpc_guest a = make_guest(1, false, 1, 0);
    struct xpc_guest b = make_guest(2, false, 1, 0);
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (int i = 0; i < 3; i++) {
        add_migrated_guest(h, a, (2150 + 10 * i) * XPC_MS);
        p = prior_of(h, b);
        assert_near(p.overhead_ns, 145 * XPC_MS, 0.15);
        assert_true(cautious(&p) < 300 * XPC_MS);
    }
    /* But it is its own. */
    p = prior_of(h, a);
    assert_near(p.overhead_ns, 2165 * XPC_MS, 0.02);
    /* And B, once it was there, is better known. */
    add_migrated_guest(h, b, 140 * XPC_MS);
    assert_near(prior_of(h, b).overhead_ns, 140 * XPC_MS, 0.05);
    assert_near(prior_of(h, a).overhead_ns, 2165 * XPC_MS, 0.02);
}

static void torture_history_guests_two_slow_ones_are_a_slow_target(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, make_guest(1, false, 1, 1), 900 * XPC_MS);
    add_migrated_guest(h, make_guest(2, false, 0, 0), 800 * XPC_MS);
    p = prior_of(h, make_guest(3, false, 0, 0));
    assert_near(p.overhead_ns, 800 * XPC_MS, 0.1);
    assert_true(cautious(&p) > 850 * XPC_MS);
}

static void torture_history_guests_a_little_slower_is_the_target(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, make_guest(1, false, 0, 0), 180 * XPC_MS);
    p = prior_of(h, make_guest(2, false, 0, 0));
    assert_in_range(p.overhead_ns, 130 * XPC_MS, 180 * XPC_MS);
    assert_true(cautious(&p) > 180 * XPC_MS);
}

static void torture_history_guests_a_large_one_is_not_a_small_one(
    void **state)
{
    struct xpc_guest large = make_guest(1, false, 0, 0);
    struct xpc_guest small = make_guest(9, false, 0, 0);
    struct xpc_history *h = *state;
    struct xpc_prior p;

    large.pfns = 1024 * GIB;
    for (int i = 0; i < 3; i++)
        add_migrated_guest(h, large, 500 * XPC_MS);
    p = prior_of(h, small);
    assert_near(p.overhead_ns, 100 * XPC_MS, 0.15);
    /* Two large guests agree: it is their size. */
    large.id = 2;
    add_migrated_guest(h, large, 520 * XPC_MS);
    large.id = 3;
    assert_near(prior_of(h, large).overhead_ns, 510 * XPC_MS, 0.15);
    add_migrated_guest(h, make_guest(4, false, 0, 0), 100 * XPC_MS);
    add_migrated_guest(h, make_guest(5, false, 0, 0), 104 * XPC_MS);
    assert_near(prior_of(h, large).overhead_ns, 510 * XPC_MS, 0.15);
    assert_near(prior_of(h, small).overhead_ns, 102 * XPC_MS, 0.15);
}

/* The time of the bitmap has an owner already. */
static void torture_history_guests_the_bitmap_is_not_counted_twice(
    void **state)
{
    struct xpc_guest large = make_guest(0, false, 0, 0);
    uint64_t costs[XPC_OVERHEAD_COSTS];
    struct xpc_history *h = *state;

    large.pfns = 1024 * GIB;
    for (large.id = 1; large.id < 6; large.id++) {
        struct xpc_report r = migrated_report(100 * XPC_MS);

        r.params.guest = large;
        r.bitmap_ns = 300 * XPC_MS;
        r.actual_downtime_ns += r.bitmap_ns;
        assert_int_equal(xpc_history_add(h, &r, HISTORY_NOW, "g1"), 0);
    }
    assert_near(prior_of(h, large).overhead_ns, 100 * XPC_MS, 0.05);
    assert_int_equal(xpc_history_costs(h, HISTORY_NOW, costs), 5);
    assert_true(costs[XPC_OVERHEAD_PFNS] < 20000);  /* 2% of the bitmap */
}

/* ---- a fleet ------------------------------------------------------------ */

/* What a target takes: 80 ms, 300, 35 a vif, 20 a disk, 2 a vCPU. */
static double truth(const struct xpc_guest *g)
{
    return (80.0 + (g->device_model == XPC_DEVICE_MODEL_YES ? 300 : 0) +
            35 * g->vifs + 20 * g->disks + 2 * (g->vcpus - 1)) * XPC_MS;
}

static struct xpc_guest random_guest(uint64_t id)
{
    bool hvm = random_in(&seed, 0, 1) < 0.5;
    uint64_t vifs = random_in(&seed, 0, 4), disks = random_in(&seed, 0, 4);
    struct xpc_guest g = make_guest(id, hvm, vifs, disks);

    g.vcpus = 1 + random_in(&seed, 0, 8);
    g.pfns = GIB * random_log(&seed, 1, 64);
    return g;
}

static void torture_history_guests_new_ones_are_like_the_rest(void **state)
{
    struct xpc_history *h = *state;
    double errors = 0;
    int covered = 0, nr = 0;

    seed = 5;
    for (int trial = 0; trial < 20; trial++) {
        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (uint64_t i = 1; i <= 40; i++) {
            struct xpc_guest g = random_guest(i);
            double actual = random_lognormal(&seed, truth(&g), 0.05);
            struct xpc_prior p = prior_of(h, g);

            if (i > 15) {
                errors += fabs(p.overhead_ns / actual - 1);
                covered += actual <= cautious(&p);
                nr++;
            }
            add_migrated_guest(h, g, actual);
        }
    }
    assert_true(errors / nr < 0.10);
    assert_true(covered > 0.93 * nr);
}

static void torture_history_guests_costs_are_found(void **state)
{
    uint64_t costs[XPC_OVERHEAD_COSTS];
    struct xpc_history *h = *state;

    assert_int_equal(xpc_history_costs(h, HISTORY_NOW, costs), 0);
    assert_int_equal(costs[XPC_OVERHEAD_BASE], XPC_DEFAULT_OVERHEAD_NS);
    assert_int_equal(costs[XPC_OVERHEAD_VIF], XPC_DEVICE_OVERHEAD_NS);
    seed = 7;
    for (uint64_t i = 1; i <= 60; i++) {
        struct xpc_guest g = random_guest(i);

        add_migrated_guest(h, g, random_lognormal(&seed, truth(&g), 0.03));
    }
    assert_int_equal(xpc_history_costs(h, HISTORY_NOW, costs), 60);
    assert_near(costs[XPC_OVERHEAD_BASE], 80 * XPC_MS, 0.15);
    assert_near(costs[XPC_OVERHEAD_DEVICE_MODEL], 300 * XPC_MS, 0.1);
    assert_near(costs[XPC_OVERHEAD_VIF], 35 * XPC_MS, 0.2);
    assert_near(costs[XPC_OVERHEAD_DISK], 20 * XPC_MS, 0.3);
}

/* A kind that was never there is assumed to take what it always was. */
static void torture_history_guests_an_unseen_kind_has_the_default(
    void **state)
{
    struct xpc_guest hvm = make_guest(9, true, 0, 0);
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (uint64_t id = 1; id <= 8; id++)
        add_migrated_guest(h, make_guest(id, false, 1, 0), 60 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &hvm, HISTORY_NOW, &p), 0);
    assert_int_equal(p.overhead_ns | p.overhead_sd_ns, 0);
}

/* ---- few, and odd, observations ----------------------------------------- */

static void torture_history_guests_few_are_not_certain(void **state)
{
    struct xpc_guest next = make_guest(9, false, 1, 1);
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (uint64_t id = 1; id <= 2; id++) {
        add_migrated_guest(h, make_guest(id, false, 0, 0), 60 * XPC_MS);
        p = prior_of(h, next);
        /* Between what is assumed, and that less what others saved. */
        assert_in_range(p.overhead_ns, 155 * XPC_MS, 200 * XPC_MS);
        assert_true(p.overhead_sd_ns > 0.1 * p.overhead_ns);
        assert_true(cautious(&p) > 200 * XPC_MS);
    }
    /* The same guests again and again say nothing about its devices. */
    for (int i = 0; i < 50; i++)
        add_migrated_guest(h, make_guest(1 + i % 2, false, 0, 0),
                           60 * XPC_MS);
    p = prior_of(h, next);
    assert_true(cautious(&p) > 180 * XPC_MS);
}

/* Noise must not make sure that a guest with 64 vCPUs takes no longer. */
static void torture_history_guests_a_cost_of_nothing_is_not_certain(
    void **state)
{
    struct xpc_guest large = make_guest(9, false, 0, 0);
    struct xpc_guest two = make_guest(2, false, 0, 0);
    struct xpc_history *h = *state;
    uint64_t costs[XPC_OVERHEAD_COSTS];
    struct xpc_prior before, p;

    large.vcpus = 64;
    two.vcpus = 2;
    add_migrated_guest(h, make_guest(1, false, 0, 0), 100 * XPC_MS);
    before = prior_of(h, large);
    add_migrated_guest(h, two, 92 * XPC_MS);
    xpc_history_costs(h, HISTORY_NOW, costs);
    assert_int_equal(costs[XPC_OVERHEAD_VCPU], 0);
    p = prior_of(h, large);
    assert_true(p.overhead_sd_ns > 0.9 * before.overhead_sd_ns);
}

static void torture_history_guests_an_accident_is_nobodys_rule(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_guest a = make_guest(1, false, 0, 0);

    for (int i = 0; i < 6; i++) {
        add_migrated_guest(h, a, (96 + i) * XPC_MS);
        add_migrated_guest(h, make_guest(2, false, 0, 0), 100 * XPC_MS);
    }
    add_migrated_guest(h, a, 3 * XPC_S);
    assert_near(prior_of(h, a).overhead_ns, 100 * XPC_MS, 0.15);
    assert_near(prior_of(h, make_guest(3, false, 0, 0)).overhead_ns,
                100 * XPC_MS, 0.15);
}

static void torture_history_guests_more_never_take_less(void **state)
{
    struct xpc_history *h = *state;

    seed = 11;
    for (int trial = 0; trial < 60; trial++) {
        struct xpc_guest g = random_guest(1000), more;
        uint64_t least;

        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        add_migrated_guest(h, make_guest(1, true, 0, 0), 300 * XPC_MS);
        for (uint64_t i = random_in(&seed, 0, 20); i > 1; i--)
            add_migrated_guest(h, random_guest(i),
                               random_lognormal(&seed, 150e6, 0.8));
        g.device_model = XPC_DEVICE_MODEL_YES;
        least = prior_of(h, g).overhead_ns;
        more = g;
        more.vifs++;
        more.devices++;
        assert_true(prior_of(h, more).overhead_ns >= least);
        more = g;
        more.disks++;
        more.devices++;
        assert_true(prior_of(h, more).overhead_ns >= least);
        more = g;
        more.vcpus += 3;
        assert_true(prior_of(h, more).overhead_ns >= least);
        more = g;
        more.pfns *= 10;
        assert_true(prior_of(h, more).overhead_ns >= least);
    }
}

/* ---- switchovers that were broken off ----------------------------------- */

static void torture_history_guests_a_bound_is_its_guests(void **state)
{
    struct xpc_guest a = make_guest(1, false, 1, 0);
    struct xpc_guest b = make_guest(2, false, 1, 0);
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, b, 140 * XPC_MS);
    add_bound_of(h, a, 2 * XPC_S);
    /* A is not suspended in vain again, */
    assert_int_equal(xpc_history_prior(h, &a, HISTORY_NOW, &p), 2);
    assert_near(p.at_least_ns, 2.0 * XPC_S, 0.001);
    assert_true(p.overhead_ns >= 1.249 * 2 * XPC_S);
    /* and B migrates as before, also after C. */
    p = prior_of(h, b);
    assert_int_equal(p.at_least_ns, 0);
    assert_near(p.overhead_ns, 140 * XPC_MS, 0.1);
    p = prior_of(h, make_guest(3, false, 1, 0));
    assert_near(p.overhead_ns, 140 * XPC_MS, 0.15);
    /* B's arrival does not lift A's bound, A's does. */
    add_migrated_guest(h, b, 140 * XPC_MS);
    assert_true(prior_of(h, a).at_least_ns > 0);
    add_migrated_guest(h, a, 150 * XPC_MS);
    assert_int_equal(prior_of(h, a).at_least_ns, 0);
}

static void torture_history_guests_bounds_of_several_count(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_guest next = make_guest(9, false, 0, 0);
    uint64_t before;

    add_migrated_guest(h, make_guest(1, false, 0, 0), 100 * XPC_MS);
    before = prior_of(h, next).overhead_ns;
    /* Bounds that are kept anyway say nothing. */
    add_bound_of(h, make_guest(2, false, 0, 0), 20 * XPC_MS);
    add_bound_of(h, make_guest(3, false, 0, 0), 30 * XPC_MS);
    assert_near(prior_of(h, next).overhead_ns, before, 0.01);
    for (uint64_t id = 4; id < 8; id++)
        add_bound_of(h, make_guest(id, false, 0, 0), 600 * XPC_MS);
    assert_true(prior_of(h, next).overhead_ns > 500 * XPC_MS);
}

/* Not every guest has to be suspended in vain once. */
static void torture_history_guests_bounds_count_before_anyone_arrived(
    void **state)
{
    struct xpc_guest next = make_guest(9, false, 0, 0), hvm = next;
    struct xpc_history *h = *state;
    struct xpc_prior p;

    hvm.device_model = XPC_DEVICE_MODEL_YES;
    add_bound_of(h, make_guest(1, false, 0, 0), 800 * XPC_MS);
    p = prior_of(h, next);
    assert_true(cautious(&p) < 150 * XPC_MS);
    assert_int_equal(p.at_least_ns, 0);
    add_bound_of(h, make_guest(2, false, 0, 0), 800 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &next, HISTORY_NOW, &p), 2);
    assert_true(p.overhead_ns > 800 * XPC_MS);
    assert_near(p.at_least_ns, 800 * XPC_MS, 0.001);
    assert_int_equal(xpc_history_prior(h, &hvm, HISTORY_NOW, &p), 0);
    assert_int_equal(p.overhead_ns | p.at_least_ns, 0);
    assert_int_equal(xpc_history_prior(h, &next, HISTORY_NOW +
                                       XPC_HISTORY_BOUND_S + 1, &p), 0);
    /* Never less than the default. */
    xpc_history_dispose(h);
    assert_int_equal(xpc_history_init(h, "host2"), 0);
    add_bound_of(h, make_guest(1, false, 0, 0), 20 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &next, HISTORY_NOW, &p), 0);
    assert_int_equal(p.overhead_ns, 0);
}

/*
 * A bound supports no more than its factor: what a guest of another kind took
 * besides is not the target's because of it.
 */
static void torture_history_guests_bounds_support_no_other_kind(void **state)
{
    struct xpc_guest next = make_guest(9, false, 0, 0);
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, make_guest(1, true, 0, 1), 2300 * XPC_MS);
    add_bound_of(h, make_guest(2, false, 1, 0), 480 * XPC_MS);
    /* One that was slow is slow itself. */
    p = prior_of(h, next);
    assert_near(p.overhead_ns, XPC_DEFAULT_OVERHEAD_NS, 0.15);
    assert_int_equal(p.at_least_ns, 0);
    /* Two of them are the target's doing, as far as is known. */
    add_bound_of(h, make_guest(3, false, 0, 0), 500 * XPC_MS);
    add_bound_of(h, make_guest(4, false, 0, 0), 520 * XPC_MS);
    p = prior_of(h, next);
    assert_true(p.overhead_ns > 500 * XPC_MS);
    assert_true(p.overhead_ns <= 1.1 * XPC_HISTORY_BEYOND * 520 * XPC_MS);
    /* The other kind's own takes what it took. */
    assert_near(prior_of(h, make_guest(1, true, 0, 1)).overhead_ns,
                2.3 * XPC_S, 0.02);
    /* A low bound, of a guest with a low limit, does not limit a higher one. */
    add_bound_of(h, make_guest(5, false, 0, 0), 100 * XPC_MS);
    assert_near(prior_of(h, next).overhead_ns, p.overhead_ns, 0.1);
}

/* ---- what is kept, and what is read ------------------------------------- */

static void torture_history_guests_a_frequent_one_displaces_no_other(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_guest rare = make_guest(1, false, 0, 0);

    add_migrated_guest(h, rare, 700 * XPC_MS);
    add_migrated_guest(h, make_guest(2, true, 0, 0), 500 * XPC_MS);
    for (int i = 0; i < 300; i++)
        add_migrated_guest(h, make_guest(3 + i % 9, false, 0, 0),
                           100 * XPC_MS);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    assert_near(prior_of(h, rare).overhead_ns, 700 * XPC_MS, 0.1);
    /* More guests than entries: the last of a kind stays. */
    for (int i = 0; i < 300; i++)
        add_migrated_guest(h, make_guest(100 + i, false, 0, 0),
                           100 * XPC_MS);
    assert_int_equal(h->nr_entries, XPC_HISTORY_MAX);
    assert_true(prior_of(h, make_guest(500, true, 0, 0)).overhead_ns > 0);
}

/* A bound that has expired teaches nothing, and goes first. */
static void torture_history_guests_expired_bounds_displace_nothing(
    void **state)
{
    struct xpc_history *h = *state;
    size_t of_first = 0;

    for (int i = 0; i < 10; i++)
        add_migrated_guest(h, make_guest(1, false, 0, 0), 100 * XPC_MS);
    for (uint64_t id = 2; h->nr_entries < XPC_HISTORY_MAX; id++) {
        add_bound_of(h, make_guest(id, false, 0, 0), 600 * XPC_MS);
        h->entries[h->nr_entries - 1].start_s -= 2 * XPC_HISTORY_BOUND_S;
    }
    for (uint64_t id = 100; id < 120; id++)
        add_migrated_guest(h, make_guest(id, false, 0, 0), 100 * XPC_MS);
    for (size_t i = 0; i < h->nr_entries; i++)
        of_first += h->entries[i].guest.id == 1;
    assert_int_equal(of_first, 10);
}

static void read_history(struct xpc_history *h, const char *migrations)
{
    char json[4096], err[XPC_ERR_LEN];

    snprintf(json, sizeof(json), "{\"version\": 1, \"target\": \"host2\", "
             "\"migrations\": [%s]}", migrations);
    if (xpc_history_from_json(h, json, strlen(json), err))
        fail_msg("%s", err);
}

#define OLD(device_model, us) \
    "{\"start-s\": 1700000000, \"domain\": \"g1\", \"outcome\": " \
    "\"migrated\", \"device-model\": \"" device_model "\", \"devices\": 1, " \
    "\"switchover-overhead-us\": " us ", \"suspend-pages\": 240, " \
    "\"start-us\": 8000, \"total-pages\": 32768}"

/* They don't say which guest it was: it may be this one. */
static void torture_history_guests_old_entries_may_be_anybodys(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    read_history(h, OLD("no", "2100000") "," OLD("no", "2120000"));
    p = prior_of(h, make_guest(1, false, 1, 0));
    assert_near(p.overhead_ns, 2110 * XPC_MS, 0.02);
    /* This one's own tell more. */
    add_migrated_guest(h, make_guest(1, false, 1, 0), 140 * XPC_MS);
    p = prior_of(h, make_guest(1, false, 1, 0));
    assert_near(p.overhead_ns, 140 * XPC_MS, 0.15);
}

static void assert_sane(const struct xpc_prior *p)
{
    assert_true(p->overhead_ns >= XPC_HISTORY_OVERHEAD_MIN_NS);
    assert_true(p->overhead_ns < UINT64_C(1) << 60);
    assert_true(p->overhead_sd_ns > 0);
    assert_true(p->overhead_sd_ns < UINT64_C(1) << 60);
}

static void torture_history_guests_odd_files_give_sane_numbers(void **state)
{
    static const char *const odd[] = {
        OLD("no", "86400000000"),
        OLD("no", "0.001"),
        OLD("no", "86400000000") "," OLD("yes", "0.001"),
        "{\"outcome\": \"migrated\", \"device-model\": \"no\", \"devices\": "
        "0, \"vifs\": 1024, \"disks\": 1024, \"vcpus\": 8192, \"pfns\": "
        "281474976710656, \"guest-id\": 4503599627370496, "
        "\"switchover-overhead-us\": 1}",
        "{\"outcome\": \"migrated\", \"device-model\": \"yes\", "
        "\"pfns\": 281474976710656, \"guest-id\": 7, "
        "\"switchover-overhead-us\": 86400000000},"
        "{\"outcome\": \"aborted\", \"device-model\": \"no\", "
        "\"start-s\": 1700000000, \"guest-id\": 7, "
        "\"switchover-overhead-at-least-us\": 86400000000},"
        OLD("no", "1") "," OLD("unknown", "2"),
    };
    struct xpc_history *h = *state;

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        read_history(h, odd[i]);
        for (int n = 0; n < 40; n++) {
            struct xpc_guest g = make_guest(n % 4 ? 7 : 8, false, n, 0);
            struct xpc_prior p;

            g.pfns = UINT64_C(1) << n;
            if (xpc_history_prior(h, &g, HISTORY_NOW, &p))
                assert_sane(&p);
        }
    }
    /* The same entry over and over is one guest, however often. */
    xpc_history_dispose(h);
    assert_int_equal(xpc_history_init(h, "host2"), 0);
    for (int i = 0; i < XPC_HISTORY_MAX; i++)
        add_migrated_guest(h, make_guest(1, false, 0, 0), 2 * XPC_S);
    assert_near(prior_of(h, make_guest(2, false, 0, 0)).overhead_ns,
                100 * XPC_MS, 0.15);
}

/* A bound of next to nothing is not next to certain. */
static void torture_history_guests_tiny_bounds_give_sane_numbers(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_guest none = make_guest(3, false, 0, 0);
    struct xpc_prior p;

    none.pfns = 0;
    add_migrated_guest(h, make_guest(3, false, 1, 2), XPC_MS);
    add_bound_of(h, none, XPC_MS);
    h->entries[1].overhead_at_least_ns = 1;
    h->entries[1].total_pages = 0;
    add_migrated_guest(h, make_guest(4, false, 0, 2), XPC_S);
    p = prior_of(h, make_guest(2, false, 0, 1));
    assert_sane(&p);
}

/* Any history of any numbers that its reader accepts. */
static void torture_history_guests_any_history_gives_sane_numbers(
    void **state)
{
    struct xpc_history *h = *state;

    seed = 13;
    for (int trial = 0; trial < 200; trial++) {
        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (int i = random_in(&seed, 0, 70); i > 0; i--) {
            struct xpc_guest g = random_guest(random_in(&seed, 0, 12));
            double ns = random_log(&seed, 1, 8.64e13);

            g.device_model = random_in(&seed, 0, 3);
            if (random_in(&seed, 0, 1) < 0.1)
                g.pfns = random_log(&seed, 1, 0x1p48);
            if (random_in(&seed, 0, 1) < 0.8)
                add_migrated_guest(h, g, ns);
            else
                add_bound_of(h, g, ns);
        }
        for (int i = 0; i < 10; i++) {
            struct xpc_guest g = random_guest(i);
            struct xpc_prior p;

            if (xpc_history_prior(h, &g, HISTORY_NOW, &p))
                assert_sane(&p);
        }
    }
}

int main(int argc, char **argv)
{
#define TEST(t) \
    cmocka_unit_test_setup_teardown(torture_history_guests_##t, \
                                    history_setup, history_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_slow_script_is_not_the_targets),
        TEST(two_slow_ones_are_a_slow_target),
        TEST(a_little_slower_is_the_target),
        TEST(a_large_one_is_not_a_small_one),
        TEST(the_bitmap_is_not_counted_twice),
        TEST(new_ones_are_like_the_rest),
        TEST(costs_are_found),
        TEST(an_unseen_kind_has_the_default),
        TEST(few_are_not_certain),
        TEST(a_cost_of_nothing_is_not_certain),
        TEST(an_accident_is_nobodys_rule),
        TEST(more_never_take_less),
        TEST(a_bound_is_its_guests),
        TEST(bounds_of_several_count),
        TEST(bounds_count_before_anyone_arrived),
        TEST(bounds_support_no_other_kind),
        TEST(a_frequent_one_displaces_no_other),
        TEST(expired_bounds_displace_nothing),
        TEST(old_entries_may_be_anybodys),
        TEST(odd_files_give_sane_numbers),
        TEST(tiny_bounds_give_sane_numbers),
        TEST(any_history_gives_sane_numbers),
    };

    return torture_run(argc, argv, tests);
}
