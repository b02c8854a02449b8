/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prediction of the next migration from earlier ones that reached the
 * target.
 */
#include <math.h>

#include <xenprecopy/lessons.h>
#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "support/history_fixture.h"
#include "support/random.h"
#include "support/torture.h"

#define Z95 1.645

static uint64_t seed;

/* More than the longest start so far, but of the same order. */
static void torture_history_prior_reserves_time_for_the_start(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (int i = 0; i < 5; i++)
        add_migrated(h, 84 * XPC_MS);
    assert_int_equal(prior_of_pvh(h, &p), 5);
    assert_in_range(p.start_ns, 8 * XPC_MS, 16 * XPC_MS);
}

static void torture_history_prior_of_one_migration_is_uncertain(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated(h, 100 * XPC_MS);
    prior_of_pvh(h, &p);
    /*
     * The 10% of an unknown value, and the mean is nearly as uncertain: it is
     * what was assumed anyway.
     */
    assert_in_range(p.overhead_sd_ns, 13 * XPC_MS, 143 * XPC_MS / 10);
    /* Many equal values reduce the uncertainty, but not to nothing. */
    for (int i = 0; i < 30; i++)
        add_migrated(h, 100 * XPC_MS);
    assert_int_equal(prior_of_pvh(h, &p), XPC_HISTORY_LAST);
    assert_in_range(p.overhead_sd_ns, 3 * XPC_MS, 6 * XPC_MS);
}

static void torture_history_prior_weighs_recent_migrations_more(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior up, down;

    for (int i = 0; i < 8; i++)
        add_migrated(h, i < 4 ? 100 * XPC_MS : 140 * XPC_MS);
    prior_of_pvh(h, &up);
    for (int i = 0; i < 16; i++)
        add_migrated(h, i < 8 ? 140 * XPC_MS : 100 * XPC_MS);
    prior_of_pvh(h, &down);
    assert_true(up.overhead_ns > 124 * XPC_MS);
    assert_true(down.overhead_ns < 112 * XPC_MS);
}

static void torture_history_prior_reduces_a_single_outlier(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior before, after;

    for (int i = 0; i < 10; i++)
        add_migrated(h, (97 + i % 4 * 2) * XPC_MS);
    prior_of_pvh(h, &before);
    add_migrated(h, 3 * XPC_S);
    prior_of_pvh(h, &after);
    assert_true(after.overhead_ns > before.overhead_ns);
    assert_true(after.overhead_ns < 115 * XPC_MS);
    assert_true(after.overhead_ns + Z95 * after.overhead_sd_ns <
                150 * XPC_MS);
}

static void torture_history_prior_counts_two_slow_migrations_in_full(
    void **state)
{
    static const size_t before[] = { 1, 2, 3, 5, 15, 40 };
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (size_t n = 0; n < before[i]; n++)
            add_migrated(h, 100 * XPC_MS);
        add_migrated(h, 200 * XPC_MS);
        add_migrated(h, 200 * XPC_MS);
        prior_of_pvh(h, &p);
        assert_true(p.overhead_ns + Z95 * p.overhead_sd_ns >= 200 * XPC_MS);
    }
    /* Likewise if every third migration is slow. */
    for (int i = 0; i < 16; i++)
        add_migrated(h, i % 3 ? 100 * XPC_MS : 200 * XPC_MS);
    prior_of_pvh(h, &p);
    assert_true(p.overhead_ns + Z95 * p.overhead_sd_ns >= 200 * XPC_MS);
}

static void torture_history_prior_is_separate_for_each_kind_of_guest(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    for (int i = 0; i < 3; i++)
        add_migrated_guest(h, guest_pvh, 80 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &guest_hvm, HISTORY_NOW, &p), 0);
    assert_int_equal(p.overhead_ns, 0);
    add_migrated_guest(h, guest_hvm, 450 * XPC_MS);
    assert_int_equal(xpc_history_prior(h, &guest_hvm, HISTORY_NOW, &p), 1);
    assert_in_range(p.overhead_ns, 450 * XPC_MS - 2, 455 * XPC_MS);
    assert_int_equal(p.guest.device_model, XPC_DEVICE_MODEL_YES);
    assert_int_equal(xpc_history_prior(h, &guest_pvh, HISTORY_NOW, &p), 3);
    assert_in_range(p.overhead_ns, 80 * XPC_MS - 2, 82 * XPC_MS);
}

/*
 * The kind is unknown in files of older versions, and for guests that libxl did
 * not create.
 */
static void torture_history_prior_of_an_unknown_kind_is_at_least_the_default(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, guest_unknown, 60 * XPC_MS);
    xpc_history_prior(h, &guest_pvh, HISTORY_NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEFAULT_OVERHEAD_NS);
    xpc_history_prior(h, &guest_hvm, HISTORY_NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    xpc_history_prior(h, &guest_unknown, HISTORY_NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    /* A PVH guest's time does not lower that of a guest that may be HVM. */
    add_migrated_guest(h, guest_pvh, 60 * XPC_MS);
    xpc_history_prior(h, &guest_unknown, HISTORY_NOW, &p);
    assert_int_equal(p.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    /* But an unknown kind may raise the prediction. */
    add_migrated_guest(h, guest_unknown, 3 * XPC_S);
    add_migrated_guest(h, guest_unknown, 3 * XPC_S);
    add_migrated_guest(h, guest_unknown, 3 * XPC_S);
    xpc_history_prior(h, &guest_pvh, HISTORY_NOW, &p);
    assert_true(p.overhead_ns > XPC_S);
}

static void torture_history_prior_adds_time_for_more_devices(void **state)
{
    struct xpc_guest two = {
        .device_model = XPC_DEVICE_MODEL_NO, .devices = 2,
    };
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_migrated_guest(h, two, 150 * XPC_MS);
    xpc_history_prior(h, &two, HISTORY_NOW, &p);
    assert_in_range(p.overhead_ns, 150 * XPC_MS - 2, 160 * XPC_MS);
    /* Without devices, less than that, and than was assumed. */
    xpc_history_prior(h, &guest_pvh, HISTORY_NOW, &p);
    assert_in_range(p.overhead_ns, 60 * XPC_MS, XPC_DEFAULT_OVERHEAD_NS);
    assert_true(p.overhead_ns + Z95 * p.overhead_sd_ns >
                XPC_DEFAULT_OVERHEAD_NS);
    /* With more, less than is assumed, as two devices took less. */
    two.devices = 5;
    xpc_history_prior(h, &two, HISTORY_NOW, &p);
    assert_in_range(p.overhead_ns, 230 * XPC_MS, 150 * XPC_MS +
                    3 * XPC_DEVICE_OVERHEAD_NS);
}

/*
 * The share of trials in which the next overhead is within the 95% bound,
 * after n migrations whose overheads vary by sigma.
 */
static double coverage(struct xpc_history *h, size_t n, double sigma)
{
    const int trials = 4000;
    struct xpc_prior p;
    int within = 0;

    for (int t = 0; t < trials; t++) {
        double mean = random_log(&seed, 20e6, 1e9);

        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (size_t i = 0; i < n; i++)
            add_migrated(h, random_lognormal(&seed, mean, sigma));
        prior_of_pvh(h, &p);
        within += random_lognormal(&seed, mean, sigma) <=
                  p.overhead_ns + Z95 * p.overhead_sd_ns;
    }
    return (double)within / trials;
}

static void torture_history_prior_covers_the_next_migration(void **state)
{
    static const size_t n[] = { 1, 3, 10, 30 };
    double share;

    seed = 20240607;
    for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        share = coverage(*state, n[i], 0.1);
        if (share < 0.90 || share > 0.999)
            fail_msg("after %zu: %.2f%%", n[i], 100 * share);
        /* A target that varies less is covered at least as often. */
        assert_true(coverage(*state, n[i], 0.03) >= share);
    }
}

int main(int argc, char **argv)
{
#define TEST(t) \
    cmocka_unit_test_setup_teardown(t, history_setup, history_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_history_prior_reserves_time_for_the_start),
        TEST(torture_history_prior_of_one_migration_is_uncertain),
        TEST(torture_history_prior_weighs_recent_migrations_more),
        TEST(torture_history_prior_reduces_a_single_outlier),
        TEST(torture_history_prior_counts_two_slow_migrations_in_full),
        TEST(torture_history_prior_is_separate_for_each_kind_of_guest),
        TEST(torture_history_prior_of_an_unknown_kind_is_at_least_the_default),
        TEST(torture_history_prior_adds_time_for_more_devices),
        TEST(torture_history_prior_covers_the_next_migration),
    };

    return torture_run(argc, argv, tests);
}
