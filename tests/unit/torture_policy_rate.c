/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bandwidth that the policy assumes, with a rate limit, with compression
 * and with zero pages.
 */
#include <string.h>

#include <xenprecopy/units.h>

#include "core/policy.h"
#include "core/preflight.h"
#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define LINK UINT64_C(100000000) /* bytes per second */
#define CAP UINT64_C(10000000)
#define PAGES 16384

static struct {
    struct xpc_params p;
    struct xpc_engine e;
    struct xpc_iteration it;
    uint64_t ratio;             /* of compression; 0: none */
} f;

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    xpc_params_init(&f.p);
    f.p.skip_dirty = XPC_SKIP_DIRTY_OFF;
    f.p.downtime_ns = 500 * XPC_MS;
    f.p.overhead_ns = 50 * XPC_MS;
    f.p.confidence_percent = 50;
    return 0;
}

/* One copy of pages at rate, which takes other_ns longer. */
static void copy(uint64_t pages, uint64_t zero, uint64_t rate,
                 uint64_t other_ns)
{
    uint64_t bytes = pages * PAGE_BYTES + zero * XPC_PAGE_HEADER;
    struct xpc_observation o = {
        .dirty_pages = 1000, .pages_sent = pages, .bytes_sent = bytes,
        .zero_pages = zero, .flow_bytes = pages * PAGE_BYTES,
        .flow_ns = pages * PAGE_BYTES * XPC_S / rate,
        .wire_bytes = f.ratio ? bytes / f.ratio : 0,
    };

    xpc_engine_init(&f.e, &f.p, PAGES, XPC_S);
    o.now_ns = XPC_S + o.flow_ns + other_ns;
    o.since_clean_ns = o.now_ns - XPC_S;
    xpc_engine_decide(&f.e, &o, &f.it);
}

/* Checks the downtime: 1000 pages at this rate, within a percent. */
static void expect_downtime(uint64_t rate)
{
    double ns = (1000 + XPC_DEFAULT_SUSPEND_PAGES) * (double)PAGE_BYTES *
                XPC_S / rate + 50 * XPC_MS;

    assert_in_range(f.it.decision.predicted_downtime_ns, ns * 0.99, ns * 1.01);
    assert_in_range(f.it.decision.bandwidth_bytes_per_s, rate * 0.99,
                    rate * 1.01);
}

/* Checks the predicted length of the next iteration. */
static void expect_next(uint64_t rate)
{
    double ns = 1000 * (double)PAGE_BYTES * XPC_S / rate;

    assert_in_range(f.e.state.next_ns, ns * 0.99, ns * 1.01);
}

static void torture_policy_rate_lifted_uses_the_stated_bandwidth(void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    f.p.bandwidth_bytes_per_s = LINK;
    copy(PAGES, 0, CAP, 0);
    expect_downtime(LINK);
    expect_next(CAP);
}

/* Nothing more is known about a link that was limited. */
static void
torture_policy_rate_lifted_but_not_stated_uses_the_limit(
    void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    copy(PAGES, 0, CAP, 0);
    expect_downtime(CAP);
    expect_next(CAP);
}

static void torture_policy_rate_kept_uses_the_limit(void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    f.p.bandwidth_bytes_per_s = LINK;
    f.p.switchover = XPC_SWITCHOVER_KEPT;
    copy(PAGES, 0, CAP, 0);
    expect_downtime(CAP);
}

static void torture_policy_rate_switchover_has_its_own_limit(void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    f.p.bandwidth_bytes_per_s = LINK;
    f.p.switchover = XPC_SWITCHOVER_RATE;
    f.p.switchover_bytes_per_s = 3 * CAP;
    copy(PAGES, 0, CAP, 0);
    expect_downtime(3 * CAP);
    f.p.switchover_bytes_per_s = CAP / 2;
    copy(PAGES, 0, CAP, 0);
    expect_downtime(CAP / 2);
    expect_next(CAP);
}

/* The link was slower than the limit. */
static void torture_policy_rate_measures_a_link_below_the_limit(void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    f.p.bandwidth_bytes_per_s = LINK;
    copy(PAGES, 0, CAP / 2, 0);
    expect_downtime(CAP / 2);
}

static void torture_policy_rate_preflight_uses_the_limit(void **state)
{
    char err[256];

    (void)state;
    /* 67 MB take 0.7 s over the link, and 6.7 s with the limit. */
    f.p.bandwidth_bytes_per_s = LINK;
    f.p.duration_ns = 2 * XPC_S;
    assert_int_equal(xpc_engine_preflight(&f.p, PAGES, err, sizeof(err)), 0);
    f.p.max_bytes_per_s = CAP;
    assert_int_equal(xpc_engine_preflight(&f.p, PAGES, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "80.0 Mbit/s"));
    f.p.bandwidth_bytes_per_s = 0;
    assert_int_equal(xpc_engine_preflight(&f.p, PAGES, err, sizeof(err)), -1);
}

/* ---- compression --------------------------------------------------------- */

/* The stated bandwidth and the limit are of compressed data. */
static void torture_policy_rate_compressed_data_may_exceed_the_limit(
    void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    f.p.switchover = XPC_SWITCHOVER_KEPT;
    f.ratio = 4;
    copy(PAGES, 0, 4 * CAP, 0);
    expect_downtime(4 * CAP);
    expect_next(4 * CAP);
    f.p.max_bytes_per_s = 0;
    f.p.switchover = XPC_SWITCHOVER_LIFTED;
    f.p.bandwidth_bytes_per_s = LINK;
    copy(PAGES, 0, 4 * LINK, 0);
    expect_downtime(4 * LINK);
}

static void torture_policy_rate_detects_a_compressed_link_below_the_limit(
    void **state)
{
    (void)state;
    f.p.max_bytes_per_s = CAP;
    f.p.bandwidth_bytes_per_s = LINK;
    f.ratio = 2;
    copy(PAGES, 0, CAP, 0);     /* the link gives half of the limit */
    expect_downtime(CAP);
    copy(PAGES, 0, 2 * CAP, 0);
    expect_downtime(2 * LINK);
}

static void torture_policy_rate_preflight_does_not_assume_a_ratio(
    void **state)
{
    char err[256];

    (void)state;
    f.p.bandwidth_bytes_per_s = LINK;
    f.p.duration_ns = XPC_S / 2;
    assert_int_equal(xpc_engine_preflight(&f.p, PAGES, err, sizeof(err)), -1);
    f.p.compress = XPC_COMPRESS_LZ4;
    assert_int_equal(xpc_engine_preflight(&f.p, PAGES, err, sizeof(err)), 0);
}

/* ---- a link that changes ------------------------------------------------- */

/* Another iteration. */
static void copy_again(uint64_t pages, uint64_t rate)
{
    struct xpc_observation o = {
        .dirty_pages = 1000, .pages_sent = pages,
        .bytes_sent = pages * PAGE_BYTES, .flow_bytes = pages * PAGE_BYTES,
        .flow_ns = pages * PAGE_BYTES * XPC_S / rate,
    };

    o.now_ns = f.e.last_ns + o.flow_ns;
    o.since_clean_ns = o.flow_ns;
    xpc_engine_decide(&f.e, &o, &f.it);
}

/* In the first copy of 4 GiB it was four times as fast. */
static void torture_policy_rate_notices_a_link_that_slows_down(void **state)
{
    (void)state;
    copy(1 << 20, 0, LINK, 0);
    copy_again(4000, LINK / 4);
    assert_in_range(f.it.decision.bandwidth_bytes_per_s, LINK / 4,
                    LINK * 35 / 100);
    copy_again(4000, LINK / 4);
    assert_in_range(f.it.decision.bandwidth_bytes_per_s, LINK / 4,
                    LINK * 27 / 100);
}

/* Buffers take two megabytes at once, ten times. */
static void torture_policy_rate_ignores_buffers(void **state)
{
    (void)state;
    copy(PAGES, 0, LINK, 0);
    for (int i = 0; i < 10; i++)
        copy_again(500, 10 * LINK);
    assert_in_range(f.it.decision.bandwidth_bytes_per_s, LINK, LINK * 3 / 2);
}

/* The rate before the limit was lowered does not count. */
static void torture_policy_rate_lowered_limit_does_not_explain_older_rates(
    void **state)
{
    (void)state;
    f.p.max_bytes_per_s = LINK;
    f.p.bandwidth_bytes_per_s = LINK;
    copy(PAGES, 0, LINK / 2, 0);
    expect_downtime(LINK / 2);
    f.p.max_bytes_per_s = CAP;
    xpc_engine_change(&f.e, &f.p);
    copy_again(100, CAP);       /* too little to measure */
    expect_downtime(LINK / 2);
}

/* ---- zero pages ---------------------------------------------------------- */

/* Nine pages of ten are zero. Finding them takes time, but not the link's. */
static void torture_policy_rate_zero_pages_do_not_slow_the_link(void **state)
{
    uint64_t data = PAGES / 10, zero = PAGES - data;

    (void)state;
    copy(data, zero, LINK, PAGES * UINT64_C(10000));
    expect_downtime(LINK);
    assert_int_equal(f.it.zero_pages, zero);
    assert_int_equal(f.it.pages, data);
}

/* Without data pages, nothing is learned about the link. */
static void torture_policy_rate_zero_pages_alone_measure_nothing(void **state)
{
    (void)state;
    f.p.bandwidth_bytes_per_s = LINK;
    copy(0, PAGES, LINK, XPC_S);
    expect_downtime(LINK);
}

/* A guest that writes as fast as the link is, until it is given up. */
static struct xpc_decision given_up(uint64_t zero)
{
    struct xpc_dirty_count samples[20];
    struct xpc_observation o = {
        .now_ns = XPC_S, .dirty_pages = PAGES, .pages_sent = PAGES,
        .bytes_sent = PAGES * PAGE_BYTES + zero * XPC_PAGE_HEADER,
        .flow_bytes = PAGES * PAGE_BYTES, .zero_pages = zero,
        .flow_ns = PAGES * PAGE_BYTES * XPC_S / LINK,
        .samples = samples, .nr_samples = 20,
    };

    o.since_clean_ns = o.flow_ns;
    for (int i = 0; i < 20; i++)
        samples[i] = (struct xpc_dirty_count){
            o.flow_ns * (i + 1) / 21, PAGES * (i + 1) / 21,
        };
    f.p.duration_ns = 3 * XPC_S;
    xpc_engine_init(&f.e, &f.p, PAGES + zero, XPC_S);
    do {
        o.now_ns += o.flow_ns;
        xpc_engine_decide(&f.e, &o, &f.it);
        o.zero_pages = 0;
        o.bytes_sent = o.flow_bytes;
    } while (f.it.decision.action == XPC_CONTINUE);
    assert_int_equal(f.it.decision.action, XPC_ABORT);
    return f.it.decision;
}

/* A new migration would not send them either. */
static void torture_policy_rate_advice_considers_zero_pages(void **state)
{
    struct xpc_decision without = given_up(0), with = given_up(20 * PAGES);

    (void)state;
    assert_true(without.enough_bandwidth_bytes_per_s > LINK);
    assert_in_range(with.enough_bandwidth_bytes_per_s,
                    without.enough_bandwidth_bytes_per_s * 0.95,
                    without.enough_bandwidth_bytes_per_s * 1.2);
}

static void torture_policy_rate_zero_page_mode_cannot_be_changed(void **state)
{
    struct xpc_params to = f.p;
    char err[256];

    (void)state;
    to.zero_pages = XPC_ZERO_PAGES_ELIDE;
    assert_int_equal(xpc_engine_check_change(&f.p, &to, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "zero pages"));
    to = f.p;
    to.max_bytes_per_s = CAP;
    assert_int_equal(xpc_engine_check_change(&f.p, &to, err, sizeof(err)), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(torture_policy_rate_lifted_uses_the_stated_bandwidth),
        TEST(torture_policy_rate_lifted_but_not_stated_uses_the_limit),
        TEST(torture_policy_rate_kept_uses_the_limit),
        TEST(torture_policy_rate_switchover_has_its_own_limit),
        TEST(torture_policy_rate_measures_a_link_below_the_limit),
        TEST(torture_policy_rate_preflight_uses_the_limit),
        TEST(torture_policy_rate_compressed_data_may_exceed_the_limit),
        TEST(torture_policy_rate_detects_a_compressed_link_below_the_limit),
        TEST(torture_policy_rate_preflight_does_not_assume_a_ratio),
        TEST(torture_policy_rate_notices_a_link_that_slows_down),
        TEST(torture_policy_rate_ignores_buffers),
        TEST(torture_policy_rate_lowered_limit_does_not_explain_older_rates),
        TEST(torture_policy_rate_zero_pages_do_not_slow_the_link),
        TEST(torture_policy_rate_zero_pages_alone_measure_nothing),
        TEST(torture_policy_rate_advice_considers_zero_pages),
        TEST(torture_policy_rate_zero_page_mode_cannot_be_changed),
    };

    return torture_run(argc, argv, tests);
}
