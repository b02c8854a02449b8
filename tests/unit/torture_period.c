/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "support/phased_guest.h"
#include "support/random.h"
#include "support/torture.h"

#define TOTAL 65536
#define SEEDS 60

static struct xpc_period period;
static struct xpc_cycle cycle;

static int setup(void **state)
{
    (void)state;
    memset(&period, 0, sizeof(period));
    memset(&cycle, 0, sizeof(cycle));
    return 0;
}

/*
 * Iterations over a link of so many pages per s until a period is found.
 * Returns when, in s; 0: never.
 */
static double migrate(struct phased_guest *g, double pages_per_s, double s)
{
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    uint64_t now = 0, dirty = TOTAL;

    memset(&period, 0, sizeof(period));
    while (now < s * 1e9) {
        uint64_t ns = dirty / pages_per_s * 1e9 + 2 * XPC_MS;
        size_t nr = phased_count(g, now, ns, samples, &dirty);

        xpc_period_add(&period, now, samples, nr, ns, dirty);
        now += ns;
        if (xpc_period_find(&period, &cycle))
            return now / 1e9;
    }
    return 0;
}

static const double links[] = { 12000, 30000, 76000, 152000 };
#define LINKS (sizeof(links) / sizeof(links[0]))

static void torture_period_cycle_counts_busy_time(void **state)
{
    struct xpc_cycle c = { .period_ns = 1000, .busy_ns = 400,
                           .busy_from_ns = 5000, .quiet = 0.1 };

    (void)state;
    assert_true(xpc_cycle_active_ns(&c, 5000, 5300) == 300);
    assert_true(xpc_cycle_active_ns(&c, 5300, 5500) == 110);
    assert_true(xpc_cycle_active_ns(&c, 5400, 6000) == 60);
    assert_true(xpc_cycle_active_ns(&c, 5000, 8000) == 3 * 460);
    /* The same before. */
    assert_true(xpc_cycle_active_ns(&c, 4000, 5000) == 460);
    assert_true(fabs(xpc_cycle_active_ns(&c, 3100, 3500) - 310) < 1e-9);
    assert_true(xpc_cycle_busy(&c, 5000) && xpc_cycle_busy(&c, 4399));
    assert_false(xpc_cycle_busy(&c, 5400) || xpc_cycle_busy(&c, 4999));
    assert_true(xpc_cycle_next_lull_ns(&c, 5100) == 5400);
    assert_true(xpc_cycle_next_lull_ns(&c, 5400) == 6400);
    assert_true(xpc_cycle_next_lull_ns(&c, 5999) == 6400);
    /* Without a period, all time is alike. */
    c.period_ns = 0;
    assert_true(xpc_cycle_active_ns(&c, 3100, 3500) == 400);
    assert_true(xpc_cycle_busy(&c, 5500));
}

/* Of n exponential times: how often is their variation that small? */
static double share(uint64_t *seed, int n, double cv)
{
    int hits = 0;

    for (int k = 0; k < 20000; k++) {
        double t[8], sum = 0, square = 0;

        for (int i = 0; i < n; i++)
            sum += t[i] = -log(1 - random_in(seed, 0, 1));
        for (int i = 0; i < n; i++)
            square += pow(t[i] * n / sum - 1, 2);
        hits += sqrt(square / n) <= cv;
    }
    return hits / 20000.0;
}

static void torture_period_chance_is_that_of_random_times(void **state)
{
    uint64_t seed = 1;

    (void)state;
    assert_true(fabs(xpc_period_chance(2, 0.3) - 0.3) < 1e-9);
    assert_true(fabs(share(&seed, 2, 0.3) - 0.3) < 0.02);
    for (int n = 3; n < 7; n++) {
        double cv = 0.3 + 0.02 * n, p = xpc_period_chance(n, cv);

        assert_true(p > 0.005 && p < 0.2);
        assert_true(fabs(share(&seed, n, cv) - p) < 0.12 * p + 0.002);
    }
    assert_true(xpc_period_chance(1, 0) == 1);
    assert_true(xpc_period_chance(4, 0.6) == 1);
    assert_true(xpc_period_chance(3, 0.013) <= 0.0002 + 1e-5);
}

/* At every link, with phases that vary a little. */
static void torture_period_finds_regular_phases(void **state)
{
    static const double lengths[] = { 1e9, 2e9, 3e9, 5e9 };

    (void)state;
    for (size_t l = 1; l < LINKS; l++) {
        for (int i = 0; i < 8; i++) {
            double ns = lengths[i % 4], busy = i < 4 ? 0.5 : 0.3, found;
            struct phased_guest g = { .seed = i + 1, .writes_per_s = 40000,
                                      .pages = 30000, .quiet = 0.02,
                                      .skew = i % 2 };

            phased_regular(&g, ns, busy * ns, i % 2 ? 0.03 : 0);
            found = migrate(&g, links[l], 45);
            assert_true(found > 3 * ns / 1e9 && found < 9 * ns / 1e9 + 6);
            assert_true(fabs(cycle.period_ns - ns) < 0.05 * ns);
            assert_true(fabs(cycle.busy_ns - busy * ns) < 0.2 * ns);
            assert_true(cycle.quiet < 0.15);
            /* The middle of its busy phase is one. */
            for (size_t k = 1; k < g.nr && g.change[k] < found * 1e9; k += 2)
                assert_true(xpc_cycle_busy(&cycle, g.change[k] +
                                           busy * ns / 2));
        }
    }
}

/* A guest without phases has none, whatever its pages and the link. */
static void torture_period_finds_none_in_a_steady_guest(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < SEEDS; i++) {
        struct phased_guest g = {
            .seed = i + 1, .writes_per_s = random_log(&seed, 100, 200000),
            .pages = random_log(&seed, 500, 60000),
            .skew = i % 3 ? random_in(&seed, 0.5, 4) : 0,
        };

        assert_true(migrate(&g, links[i % LINKS], 30) == 0);
    }
}

/* Nor does one whose busy phases begin at random. */
static void torture_period_finds_none_in_random_phases(void **state)
{
    uint64_t seed = 8;
    int found = 0;

    (void)state;
    for (int i = 0; i < SEEDS; i++) {
        struct phased_guest g = {
            .seed = i + 1, .writes_per_s = random_log(&seed, 10000, 80000),
            .pages = random_log(&seed, 5000, 60000), .quiet = 0.02,
        };
        double mean = random_log(&seed, 1e9, 4e9);

        phased_random(&g, mean, random_in(&seed, 0.1, 0.5) * mean);
        found += migrate(&g, links[i % LINKS], 30) > 0;
    }
    /* It was 6 of 600. */
    assert_true(found <= SEEDS / 50 + 1);
}

/* A guest that ends its phases: the period is forgotten. */
static void torture_period_forgets_it_when_overdue(void **state)
{
    struct phased_guest g = { .seed = 3, .writes_per_s = 40000,
                              .pages = 30000, .quiet = 0.02 };
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    double found;
    uint64_t now, dirty;
    bool known = true;

    (void)state;
    phased_regular(&g, 2e9, 1e9, 0);
    found = migrate(&g, 76000, 30);
    assert_true(found > 0);
    /* It stays quiet from here on. */
    for (g.nr = 0; g.change[g.nr] < found * 1e9 || !(g.nr % 2); g.nr++)
        ;
    for (now = found * 1e9; now < (found + 4) * 1e9; now += 20 * XPC_MS) {
        size_t nr = phased_count(&g, now, 20 * XPC_MS, samples, &dirty);

        xpc_period_add(&period, now, samples, nr, 20 * XPC_MS, dirty);
        known = xpc_period_find(&period, &cycle);
    }
    assert_false(known);
}

static void torture_period_survives_odd_counts(void **state)
{
    struct xpc_dirty_count s[3] = { { 5, 9 }, { 3, 10 }, { 7, 4 } };

    (void)state;
    xpc_period_add(&period, 0, s, 3, 0, 5);
    xpc_period_add(&period, 0, s, 3, 6, 9);
    xpc_period_add(&period, 5, NULL, 0, UINT64_C(1) << 50, UINT64_C(1) << 40);
    xpc_period_add(&period, UINT64_C(1) << 51, s, 3, 1, 0);
    assert_false(xpc_period_find(&period, &cycle));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_period_cycle_counts_busy_time),
        cmocka_unit_test(torture_period_chance_is_that_of_random_times),
        cmocka_unit_test_setup(torture_period_finds_regular_phases, setup),
        cmocka_unit_test_setup(torture_period_finds_none_in_a_steady_guest,
                               setup),
        cmocka_unit_test_setup(torture_period_finds_none_in_random_phases,
                               setup),
        cmocka_unit_test_setup(torture_period_forgets_it_when_overdue, setup),
        cmocka_unit_test_setup(torture_period_survives_odd_counts, setup),
    };

    return torture_run(argc, argv, tests);
}
