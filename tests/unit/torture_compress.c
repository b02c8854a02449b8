/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How well pages compress: the estimates and their intervals, and methods as
 * text.
 */
#include <math.h>
#include <string.h>

#include <xenprecopy/compress.h>

#include "support/random.h"
#include "support/torture.h"

static void torture_compress_text(void **state)
{
    static const char *const good[] = { "off", "lz4", "lz4:12", "zstd",
                                        "zstd:3", "zstd:19" };
    static const char *const bad[] = { "", "gzip", "zstd:", "zstd:20",
                                       "lz4:13", "lz4:0", "off:1", "zst",
                                       "zstd:3x" };
    struct xpc_compress_method m, one;
    char why[XPC_ERR_LEN], buf[XPC_UNIT_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(xpc_compress_parse(good[i], &m, why), 0);
        assert_string_equal(xpc_compress_text(buf, &m), good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(xpc_compress_parse(bad[i], &m, why), -1);
    assert_int_equal(xpc_compress_parse("lz4:1", &one, why), 0);
    assert_int_equal(xpc_compress_parse("lz4", &m, why), 0);
    assert_true(xpc_compress_same(&m, &one));
    assert_int_equal(xpc_compress_parse("lz4:2", &one, why), 0);
    assert_false(xpc_compress_same(&m, &one));
}

/* Compared with a computation by hand. */
static void torture_compress_fit_is_the_ratio(void **state)
{
    struct xpc_compress_sums s = { 0 };
    struct xpc_compress_fit f;

    (void)state;
    xpc_compress_fit(&f, &s);
    assert_int_equal(f.pages, 0);
    xpc_compress_add(&s, 16, 8 * 4096, 160000);
    xpc_compress_add(&s, 4, 1 * 4096, 40000);
    xpc_compress_fit(&f, &s);
    assert_true(f.share == 9 / 20.0 && f.page_ns == 10000);
    assert_true(f.share_low == 0 && f.share_high == 1);
    xpc_compress_add(&s, 10, 6 * 4096, 100000);
    xpc_compress_fit(&f, &s);
    assert_int_equal(f.blocks, 3);
    assert_int_equal(f.pages, 30);
    assert_true(f.share == 0.5);
    /* t is 4.30, and the squares are 0, 1 and 1. */
    assert_true(fabs(f.share_high - 0.5 - 4.30 * sqrt(1.5 * 2) / 30) < 0.003);
    assert_true(fabs(0.5 - f.share_low - 4.30 * sqrt(1.5 * 2) / 30) < 0.003);
    assert_true(f.page_ns == 10000 && f.page_ns_low > 9999.9 &&
                f.page_ns_high < 10000.1);
}

/* Blocks of different sizes, whose pages are alike within each. */
static void torture_compress_interval_covers(void **state)
{
    const int runs = 2000;
    uint64_t seed = 11;
    int covered = 0;

    (void)state;
    for (int run = 0; run < runs; run++) {
        struct xpc_compress_sums s = { 0 };
        struct xpc_compress_fit f;

        for (int i = 0; i < 32; i++) {
            unsigned int pages = random_in(&seed, 1, 17);
            double share = random_in(&seed, 0, 1);

            xpc_compress_add(&s, pages, pages * share * 4096, 1000);
        }
        xpc_compress_fit(&f, &s);
        covered += f.share_low <= 0.5 && 0.5 <= f.share_high;
    }
    assert_true(covered > 0.92 * runs && covered < 0.97 * runs);
}

static void torture_compress_results_are_checked(void **state)
{
    const struct xpc_compress_result good = {
        .compress = XPC_COMPRESS_ZSTD, .level = 3,
        .kept = { .pages = 100, .blocks = 10, .share = 0.5,
                  .share_low = 0.4, .share_high = 0.6, .page_ns = 5000,
                  .page_ns_low = 4000, .page_ns_high = 6000 },
    };
    struct xpc_compress_result r = good;

    (void)state;
    assert_true(xpc_compress_result_valid(&r));
#define WRONG(member, value) \
    r = good; \
    r.member = value; \
    assert_false(xpc_compress_result_valid(&r))
    WRONG(compress, XPC_COMPRESS_OFF);
    WRONG(level, 20);
    WRONG(kept.share, 0);
    WRONG(kept.share, -1);
    WRONG(kept.share, NAN);
    WRONG(kept.share, 0.7);
    WRONG(kept.share_high, 1.1);
    WRONG(kept.share_low, -0.1);
    WRONG(kept.page_ns, 7000);
    WRONG(kept.page_ns_high, INFINITY);
    WRONG(kept.blocks, 101);
    WRONG(kept.blocks, 0);
    WRONG(kept.pages, UINT64_MAX);
    WRONG(changed.blocks, 1);
}

static void torture_compress_cost_mixes_the_classes(void **state)
{
    struct xpc_compress_result r = {
        .compress = XPC_COMPRESS_LZ4, .level = 1,
        .kept = { .pages = 100, .share = 0.2, .share_low = 0.1,
                  .share_high = 0.3, .page_ns = 1000, .page_ns_low = 500,
                  .page_ns_high = 2000 },
        .changed = { .pages = 10, .share = 0.6, .share_low = 0.5,
                     .share_high = 1, .page_ns = 3000, .page_ns_low = 1000,
                     .page_ns_high = 9000 },
    };
    struct xpc_compress_cost c;

    (void)state;
    assert_true(xpc_compress_cost(&c, &r, 0.25));
    assert_int_equal(c.method.compress, XPC_COMPRESS_LZ4);
    assert_true(fabs(c.first.share - 0.3) < 1e-9);
    assert_true(fabs(c.first.share_high - 0.475) < 1e-9);
    assert_true(fabs(c.first.ns - 1500) < 1e-9);
    assert_true(c.later.share == 0.6 && c.later.ns_low == 1000);
    assert_true(xpc_compress_cost(&c, &r, 0));
    assert_true(c.first.share == 0.2);
    assert_true(xpc_compress_cost(&c, &r, 7));
    assert_true(fabs(c.first.share - 0.6) < 1e-9);
    r.changed.pages = 0;
    assert_true(xpc_compress_cost(&c, &r, 0.5));
    assert_true(c.first.share == 0.2 && c.later.share == 0.2);
    r.kept.pages = 0;
    assert_false(xpc_compress_cost(&c, &r, 0.5));
}

/* One processor compresses 100,000 or 25,000 pages a second. */
static void torture_compress_chooses_by_link_and_processors(void **state)
{
    const struct xpc_compress_page off = { .share = 1 };
    const struct xpc_compress_page fast = { .share = 0.5, .ns = 10000 };
    const struct xpc_compress_page good = { .share = 0.25, .ns = 40000 };
    const struct xpc_compress_page *const all[] = { &off, &fast, &good };
    const double page = XPC_PAGE_SIZE;

    (void)state;
    assert_true(xpc_compress_rate(&fast, 10000 * page, 1) == 20000);
    assert_true(xpc_compress_rate(&fast, 90000 * page, 1) == 100000);
    assert_true(xpc_compress_rate(&fast, 90000 * page, 2) == 180000);
    assert_int_equal(xpc_compress_choose(all, 3, 1000 * page, 1), 2);
    assert_int_equal(xpc_compress_choose(all, 3, 20000 * page, 1), 1);
    assert_int_equal(xpc_compress_choose(all, 3, 20000 * page, 4), 2);
    assert_int_equal(xpc_compress_choose(all, 3, 200000 * page, 1), 0);
    /* Not for a hundredth. */
    assert_int_equal(xpc_compress_choose(all, 2, 99000 * page, 1), 0);
    assert_int_equal(xpc_compress_choose(all, 2, 90000 * page, 1), 1);
    assert_int_equal(xpc_compress_choose(all, 1, 1, 1), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_compress_text),
        cmocka_unit_test(torture_compress_fit_is_the_ratio),
        cmocka_unit_test(torture_compress_interval_covers),
        cmocka_unit_test(torture_compress_results_are_checked),
        cmocka_unit_test(torture_compress_cost_mixes_the_classes),
        cmocka_unit_test(torture_compress_chooses_by_link_and_processors),
    };

    return torture_run(argc, argv, tests);
}
