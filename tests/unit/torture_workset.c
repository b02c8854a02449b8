/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>

#include <xenprecopy/workset.h>

#include "support/torture.h"

#define S UINT64_C(1000000000)

static void torture_workset_is_exact_for_a_small_guest(void **state)
{
    struct xpc_workset_result r;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, 1000), 0);
    assert_int_equal(w.sampled, 1000);
    xpc_workset_run(&w, 0, 10);
    xpc_workset_run(&w, 990, 100);
    xpc_workset_end(&w, S);
    xpc_workset_run(&w, 5, 10);
    xpc_workset_end(&w, 2 * S);
    xpc_workset_result(&w, &r);
    assert_int_equal(r.intervals, 2);
    assert_true(r.union_pages == 25);
    assert_true(r.union_low == 25 && r.union_high == 25);
    assert_true(fabs(r.jaccard - 5.0 / 25) < 1e-9);
    assert_true(r.growth_pages_per_s == 5);
    assert_false(r.converged);
    xpc_workset_dispose(&w);
    xpc_workset_dispose(&w);
}

static void torture_workset_measures_repeated_pages(void **state)
{
    struct xpc_working_set set;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, 1000), 0);
    xpc_workset_run(&w, 0, 100);
    xpc_workset_end(&w, S);
    xpc_workset_tell(&w, &set);
    assert_int_equal(set.pages, 0);
    /* A quarter was dirty in the interval before, half of them never. */
    xpc_workset_run(&w, 200, 50);
    xpc_workset_end(&w, 2 * S);
    xpc_workset_run(&w, 50, 50);
    xpc_workset_run(&w, 200, 50);
    xpc_workset_run(&w, 300, 100);
    xpc_workset_end(&w, 3 * S);
    xpc_workset_tell(&w, &set);
    assert_int_equal(set.pages, 250);
    assert_int_equal(set.repeat_percent, 25);
    assert_int_equal(set.new_percent, 50);
    /* An idle guest writes to no new pages. */
    xpc_workset_end(&w, 4 * S);
    xpc_workset_tell(&w, &set);
    assert_int_equal(set.pages, 250);
    assert_int_equal(set.repeat_percent, 100);
    assert_int_equal(set.new_percent, 0);
    xpc_workset_dispose(&w);
}

static void torture_workset_small_bitmap_agrees(void **state)
{
    uint64_t bitmap[3] = { 5, UINT64_MAX, UINT64_MAX };
    struct xpc_workset w;

    (void)state;
    /* Bits beyond the guest are ignored; a shorter bitmap suffices. */
    assert_int_equal(xpc_workset_init(&w, 130), 0);
    xpc_workset_bitmap(&w, bitmap, 192);
    xpc_workset_end(&w, S);
    assert_int_equal(w.last_pages, 2 + 64 + 2);
    xpc_workset_bitmap(&w, bitmap, 70);
    xpc_workset_end(&w, 2 * S);
    assert_int_equal(w.last_pages, 2 + 6);
    xpc_workset_dispose(&w);
}

static void torture_workset_runs_and_bitmap_agree(void **state)
{
    const uint64_t nr = 3000000;
    uint64_t *bitmap = calloc(nr / 64, 8), pfn = 0;
    struct xpc_workset a, b;

    (void)state;
    assert_int_equal(xpc_workset_init(&a, nr), 0);
    assert_int_equal(xpc_workset_init(&b, nr), 0);
    srand(1);
    while (pfn + 1000 < nr) {
        uint64_t run = 1 + rand() % 500;

        xpc_workset_run(&a, pfn, run);
        for (uint64_t p = pfn; p < pfn + run; p++)
            bitmap[p / 64] |= UINT64_C(1) << p % 64;
        pfn += run + 1 + rand() % 400;
    }
    xpc_workset_bitmap(&b, bitmap, nr);
    assert_memory_equal(a.now, b.now, xpc_workset_interval_bytes(&a));
    xpc_workset_end(&a, S);
    assert_true(a.union_pages > a.sampled / 3);
    free(bitmap);
    xpc_workset_dispose(&a);
    xpc_workset_dispose(&b);
}

static void torture_workset_estimates_a_large_guest(void **state)
{
    const uint64_t nr = 4000000;
    struct xpc_workset_result r;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, nr), 0);
    assert_int_equal(w.sampled, nr / 8);
    assert_true(xpc_workset_interval_bytes(&w) <= 64 << 10);
    for (uint64_t i = 0; i < 5; i++) {
        /* A set that repeats, and one new page in a hundred. */
        xpc_workset_run(&w, 100000, 400000);
        xpc_workset_run(&w, 1000000 + i * 4000, 4000);
        xpc_workset_end(&w, (i + 1) * S);
    }
    xpc_workset_result(&w, &r);
    assert_true(fabs(r.union_pages - 420000) < 420000 * 0.03);
    assert_true(r.union_low < 420000 && 420000 < r.union_high);
    assert_true(r.jaccard > 0.97);
    assert_true(r.converged);
    assert_true(fabs(r.growth_pages_per_s - 4000) < 1000);
    xpc_workset_dispose(&w);
}

static void torture_workset_sample_is_by_hash(void **state)
{
    const uint64_t nr = UINT64_C(1) << 20;
    struct xpc_workset w;
    uint64_t n = 0;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, nr), 0);
    for (uint64_t pfn = 0; pfn < nr; pfn++) {
        bool in = xpc_workset_sampled(&w, pfn);

        n += in;
        /* A pfn is marked if and only if it is in the sample. */
        if (pfn % 4099 == 0) {
            uint64_t bits = 0;

            xpc_workset_begin(&w, 0);
            xpc_workset_run(&w, pfn, 1);
            for (size_t i = 0; i < w.nr_words; i++)
                bits += __builtin_popcountll(w.now[i]);
            assert_int_equal(bits, in);
        }
    }
    assert_int_equal(n, w.sampled);
    assert_false(xpc_workset_sampled(&w, nr));
    xpc_workset_dispose(&w);
}

/* It would take years to visit each page. */
static void torture_workset_starts_at_once_for_any_size(void **state)
{
    const uint64_t nr = UINT64_C(1) << 50;
    struct xpc_workset_result r;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, nr), 0);
    assert_int_equal(w.sampled, XPC_WORKSET_PFNS);
    xpc_workset_run(&w, nr / 4, nr / 8);
    xpc_workset_end(&w, S);
    xpc_workset_result(&w, &r);
    assert_true(fabs(r.union_pages / (nr / 8.0) - 1) < 0.01);
    xpc_workset_dispose(&w);
}

/*
 * A guest that writes to every second, fourth, ... page, with any offset, is
 * estimated as well as any other.
 */
static void torture_workset_sample_has_no_period(void **state)
{
    const uint64_t nr = UINT64_C(1) << 23;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, nr), 0);
    for (uint64_t period = 2; period <= 64; period *= 2) {
        double mean = (double)w.sampled / period;

        for (uint64_t first = 0; first < period; first++) {
            uint64_t n = 0;

            for (uint64_t pfn = first; pfn < nr; pfn += period)
                n += xpc_workset_sampled(&w, pfn);
            /* Five standard deviations. */
            assert_true(fabs(n - mean) < 5 * sqrt(mean));
        }
    }
    xpc_workset_dispose(&w);
}

/* Each block has one sampled page. */
static void torture_workset_sample_is_spread_evenly(void **state)
{
    const uint64_t nr = (UINT64_C(1) << 22) + 12345, part = 1 << 16;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, nr), 0);
    for (uint64_t from = 0; from + part <= nr; from += part) {
        uint64_t n = 0;

        for (uint64_t pfn = from; pfn < from + part; pfn++)
            n += xpc_workset_sampled(&w, pfn);
        assert_int_equal(n, part >> w.block_shift);
    }
    xpc_workset_dispose(&w);
}

static void torture_workset_follows_a_moving_set(void **state)
{
    struct xpc_workset_result r;
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, 100000), 0);
    for (uint64_t i = 0; i < 6; i++) {
        xpc_workset_run(&w, i * 1000, 1000);
        xpc_workset_end(&w, (i + 1) * S);
    }
    xpc_workset_result(&w, &r);
    assert_true(r.jaccard == 0);
    assert_false(r.converged);
    assert_true(r.growth_pages_per_s == 1000);
    /* Marks of an interval that did not end are dropped by a new start. */
    xpc_workset_run(&w, 50000, 1000);
    xpc_workset_begin(&w, 7 * S);
    xpc_workset_end(&w, 8 * S);
    xpc_workset_result(&w, &r);
    assert_true(r.union_pages == 6000);
    xpc_workset_dispose(&w);
}

static void torture_workset_refuses_invalid_runs(void **state)
{
    struct xpc_workset w;

    (void)state;
    assert_int_equal(xpc_workset_init(&w, 0), -1);
    assert_int_equal(xpc_workset_init(&w, UINT64_MAX), -1);
    assert_int_equal(xpc_workset_init(&w, 1), 0);
    /* Runs beyond the end, and with an overflow. */
    xpc_workset_run(&w, 1, 10);
    xpc_workset_run(&w, UINT64_MAX, 10);
    xpc_workset_end(&w, S);
    assert_int_equal(w.union_pages, 0);
    xpc_workset_dispose(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_workset_is_exact_for_a_small_guest),
        cmocka_unit_test(torture_workset_measures_repeated_pages),
        cmocka_unit_test(torture_workset_small_bitmap_agrees),
        cmocka_unit_test(torture_workset_runs_and_bitmap_agree),
        cmocka_unit_test(torture_workset_estimates_a_large_guest),
        cmocka_unit_test(torture_workset_sample_is_by_hash),
        cmocka_unit_test(torture_workset_starts_at_once_for_any_size),
        cmocka_unit_test(torture_workset_sample_has_no_period),
        cmocka_unit_test(torture_workset_sample_is_spread_evenly),
        cmocka_unit_test(torture_workset_follows_a_moving_set),
        cmocka_unit_test(torture_workset_refuses_invalid_runs),
    };

    return torture_run(argc, argv, tests);
}
