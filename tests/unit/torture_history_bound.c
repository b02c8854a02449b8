/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Switchovers that were broken off, as lower bounds of the overhead.
 */
#include <math.h>
#include <string.h>

#include <xenprecopy/lessons.h>
#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "support/history_fixture.h"
#include "support/random.h"
#include "support/torture.h"

#define Z95 1.645

static uint64_t seed;

static void torture_history_bound_from_a_broken_off_switchover(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p;

    add_broken_off(h, 200 * XPC_MS, HISTORY_NOW);
    assert_int_equal(h->entries[0].overhead_ns, 0);
    assert_in_range(h->entries[0].overhead_at_least_ns, 200 * XPC_MS - 2,
                    200 * XPC_MS + 2);
    assert_int_equal(prior_of_pvh(h, &p), 1);
    assert_in_range(p.at_least_ns, 200 * XPC_MS - 2, 200 * XPC_MS + 2);
    assert_in_range(p.overhead_ns, 250 * XPC_MS - 3, 250 * XPC_MS + 3);
    assert_in_range(p.overhead_sd_ns, 25 * XPC_MS - 1, 25 * XPC_MS + 1);
    /* The default may be higher than the bound. */
    xpc_history_dispose(h);
    assert_int_equal(xpc_history_init(h, "host2"), 0);
    add_broken_off(h, 20 * XPC_MS, HISTORY_NOW);
    assert_int_equal(prior_of_pvh(h, &p), 1);
    assert_int_equal(p.overhead_ns, XPC_DEFAULT_OVERHEAD_NS);
}

/* The guest must have been suspended, and all of its pages sent. */
static void torture_history_bound_not_from_every_abort(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_report r[6];
    struct xpc_prior p;

    for (int i = 0; i < 6; i++)
        r[i] = broken_off_report(400 * XPC_MS);
    r[0].pages_sent_ns = 0;
    r[1].suspended_ns = 0;
    r[2].decision.reason = XPC_REASON_NO_ANSWER;
    r[3].outcome = XPC_OUTCOME_INTERRUPTED;
    r[4].decision.measured_bytes_per_s =
        r[4].decision.bandwidth_bytes_per_s = 0;
    r[5].broken_off_ns = r[5].suspended_ns + 240 * HISTORY_PAGE_NS;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(xpc_history_add(h, &r[i], HISTORY_NOW, "g1"), 0);
        assert_int_equal(h->entries[i].overhead_at_least_ns, 0);
    }
    assert_int_equal(prior_of_pvh(h, &p), 0);
}

static void torture_history_bound_expires(void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior before, p;

    add_migrated(h, 100 * XPC_MS);
    prior_of_pvh(h, &before);
    add_broken_off(h, 400 * XPC_MS, HISTORY_NOW - XPC_HISTORY_BOUND_S);
    assert_int_equal(prior_of_pvh(h, &p), 2);
    assert_true(p.overhead_ns > 400 * XPC_MS);
    /* A second later, the bound has expired. */
    assert_int_equal(xpc_history_prior(h, &guest_pvh, HISTORY_NOW + 1, &p), 1);
    assert_memory_equal(&p, &before, sizeof(p));
    /* So it has if the clock was set back. */
    assert_int_equal(xpc_history_prior(h, &guest_pvh, HISTORY_NOW -
                                       3 * XPC_HISTORY_BOUND_S, &p), 1);
    /* It does not concern another kind of guest. */
    assert_int_equal(xpc_history_prior(h, &guest_hvm, HISTORY_NOW, &p), 0);
    /* A migration that reached the target replaces the bound. */
    add_migrated(h, 100 * XPC_MS);
    assert_int_equal(prior_of_pvh(h, &p), 2);
    assert_int_equal(p.at_least_ns, 0);
    assert_true(p.overhead_ns < 120 * XPC_MS);
}

/*
 * Whatever the outcomes of earlier migrations: the prediction is above every
 * bound in effect, no other bound changes it, and a user who each time allows
 * what the refusal asks for succeeds after a few tries.
 */
static void torture_history_bound_never_prevents_migration_for_good(
    void **state)
{
    struct xpc_history *h = *state;
    struct xpc_prior p, without;

    seed = 20261127;
    for (int trial = 0; trial < 300; trial++) {
        double bound = 0, truth = random_log(&seed, 20e6, 2e9);
        size_t nr = random_in(&seed, 0, 1) * 20;
        int tries = 0;

        xpc_history_dispose(h);
        assert_int_equal(xpc_history_init(h, "host2"), 0);
        for (size_t i = 0; i < nr; i++) {
            if (random_in(&seed, 0, 1) < 0.5) {
                add_migrated(h, random_lognormal(&seed, 80e6, 0.3));
                bound = 0;
            } else {
                double b = random_lognormal(&seed, 80e6, 0.5);
                bool counts = random_in(&seed, 0, 1) < 0.7;

                add_broken_off(h, b, HISTORY_NOW - (counts ? 0 :
                                     2 * XPC_HISTORY_BOUND_S));
                if (counts)
                    bound = fmax(bound, b);
            }
        }
        prior_of_pvh(h, &p);
        assert_true(p.overhead_ns + 3.0 >= XPC_HISTORY_BEYOND * bound);
        assert_true(!bound == !p.at_least_ns);
        /* When all bounds have expired, it is as if there had been none. */
        xpc_history_prior(h, &guest_pvh, HISTORY_NOW +
                          XPC_HISTORY_BOUND_S + 1, &without);
        assert_int_equal(without.at_least_ns, 0);
        assert_true(without.overhead_ns <= p.overhead_ns);
        for (; tries < 30; tries++) {
            double allowed = XPC_DEFAULT_OVERHEAD_NS;

            if (prior_of_pvh(h, &p))
                allowed = p.overhead_ns + Z95 * p.overhead_sd_ns;
            if (truth <= allowed)
                break;
            add_broken_off(h, allowed, HISTORY_NOW);
        }
        assert_true(tries <= 14);
    }
}

int main(int argc, char **argv)
{
#define TEST(t) \
    cmocka_unit_test_setup_teardown(t, history_setup, history_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_history_bound_from_a_broken_off_switchover),
        TEST(torture_history_bound_not_from_every_abort),
        TEST(torture_history_bound_expires),
        TEST(torture_history_bound_never_prevents_migration_for_good),
    };

    return torture_run(argc, argv, tests);
}
