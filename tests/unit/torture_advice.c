/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/advice.h>
#include <xenprecopy/units.h>

#include "support/published.h"
#include "support/random.h"
#include "support/torture.h"

#define CURVES 3000

static struct xpc_curve curve;
static struct xpc_predict_params params;
static struct xpc_predict_state start;
static struct xpc_advice advice;
static char text[XPC_ADVICE_LEN];

static bool fits(const struct xpc_curve *c, const struct xpc_predict_params *p)
{
    struct xpc_prediction r;

    xpc_predict_run(&r, c, p, &start, 0, NULL);
    return r.converges;
}

static void limit(struct xpc_predict_params *p, uint64_t ns)
{
    p->rule.downtime_ns = p->rule.max_downtime_ns = ns;
}

/* A random guest, link, limit and overhead, and sometimes a duration. */
static void random_question(uint64_t *seed)
{
    struct xpc_params asked;

    random_curve(&curve, seed);
    xpc_params_init(&asked);
    asked.downtime_ns = random_log(seed, 1e7, 5e9);
    xpc_predict_params_init(&params, random_log(seed, 1e6, 1e10), 0);
    xpc_rule_from_params(&params.rule, &asked);
    params.overhead_ns = random_u64(seed) % 2 ? random_log(seed, 1e6, 2e8)
                                              : 0;
    params.suspend_pages = random_u64(seed) % 500;
    if (random_u64(seed) % 4 == 0)
        params.rule.duration_ns = random_log(seed, 1e9, 1e13);
    if (random_u64(seed) % 4 == 0)
        params.rule.iterations = 1 + random_u64(seed) % 20;
    if (random_u64(seed) % 4 == 0)
        params.rule.gain = random_in(seed, 0.1, 0.9);
    if (random_u64(seed) % 4 == 0)
        params.iteration_ns = random_log(seed, 1e5, 1e8);
    if (random_u64(seed) % 4 == 0)
        params.model.interpolation = XPC_INTERPOLATE_LINEAR;
    xpc_predict_start(&start, &curve, &params);
    xpc_advise(&advice, &curve, &params, &start);
}

static void check_downtime(void)
{
    struct xpc_predict_params p = params;

    limit(&p, advice.least_downtime_ns);
    assert_true(fits(&curve, &p));
    if (!advice.least_downtime_ns)
        return;
    limit(&p, advice.least_downtime_ns - 1);
    assert_false(fits(&curve, &p));
}

static void check_bandwidth(void)
{
    struct xpc_predict_params p = params;
    uint64_t least = advice.least_bandwidth_bytes_per_s;

    if (!least) {
        p.bandwidth_bytes_per_s = UINT64_C(1) << 60;
        assert_false(fits(&curve, &p));
        return;
    }
    p.bandwidth_bytes_per_s = least;
    assert_true(fits(&curve, &p));
    p.bandwidth_bytes_per_s = least * (1 - XPC_ADVICE_STEP) - 1;
    assert_false(fits(&curve, &p));
}

static void check_share(void)
{
    struct xpc_curve slow;

    if (advice.cpu_share == 0) {
        xpc_curve_throttle(&slow, &curve, XPC_ADVICE_SHARE_MIN);
        assert_false(fits(&slow, &params));
        return;
    }
    xpc_curve_throttle(&slow, &curve, advice.cpu_share);
    assert_true(fits(&slow, &params));
    if (advice.cpu_share == 1)
        return;
    xpc_curve_throttle(&slow, &curve, advice.cpu_share *
                                      (1 + XPC_ADVICE_STEP));
    assert_false(fits(&slow, &params));
}

/* The policy accepts what is proposed. */
static void check_proposal(void)
{
    struct xpc_predict_params p = params;
    char err[128];

    if (!advice.params.downtime_ns)
        return;
    assert_int_equal(xpc_params_check(&advice.params, err, sizeof(err)), 0);
    xpc_rule_from_params(&p.rule, &advice.params);
    p.rule.gain = params.rule.gain;
    if (!advice.as_asked.expected.converges && params.rule.duration_ns)
        return;
    assert_true(fits(&curve, &p));
}

static void torture_advice_is_accepted_by_the_policy(void **state)
{
    int fit = 0, bandwidths = 0, shares = 0;
    uint64_t seed = 1;

    (void)state;
    if (getenv("TORTURE_SEED"))
        seed = strtoull(getenv("TORTURE_SEED"), NULL, 0);
    for (int i = 0; i < CURVES; i++) {
        random_question(&seed);
        fit += advice.as_asked.expected.converges;
        bandwidths += advice.least_bandwidth_bytes_per_s > 0;
        shares += advice.cpu_share > 0 && advice.cpu_share < 1;
        check_downtime();
        check_bandwidth();
        check_share();
        check_proposal();
        xpc_advice_text(&advice, &params, text);
        assert_true(strlen(text) > 20 && strlen(text) < XPC_ADVICE_LEN - 1);
    }
    printf("%d guests: %d fit as asked, %d with a bandwidth, %d throttled\n",
           CURVES, fit, bandwidths, shares);
    assert_true(fit > CURVES / 10 && bandwidths > CURVES / 2 &&
                shares > CURVES / 20);
}

/* The published guest over 2 Gbit/s. */
static int published(void **state)
{
    (void)state;
    published_curve(&curve);
    xpc_predict_params_init(&params, UINT64_C(250000000), 300 * XPC_MS);
    xpc_predict_start(&start, &curve, &params);
    return 0;
}

static void torture_advice_names_sufficient_values(void **state)
{
    (void)state;
    xpc_advise(&advice, &curve, &params, &start);
    xpc_advice_text(&advice, &params, text);
    printf("%s\n", text);
    assert_int_equal(advice.obstacle, XPC_OBSTACLE_DIRTYING);
    assert_non_null(strstr(text, "can't be met"));
    assert_non_null(strstr(text, "a bandwidth of 5."));
    assert_non_null(strstr(text, "% of the CPU"));
    assert_non_null(strstr(text, "(--precopy-slow-down="));
    xpc_advice_options(&advice.params, text);
    printf("%s\n", text);
    assert_non_null(strstr(text, "--precopy-bandwidth=2Gbit"));
    assert_non_null(strstr(text, "--precopy-duration="));
}

static void torture_advice_names_the_obstacle(void **state)
{
    (void)state;
    params.overhead_ns = 400 * XPC_MS;
    xpc_advise(&advice, &curve, &params, &start);
    assert_int_equal(advice.obstacle, XPC_OBSTACLE_SWITCHOVER);
    assert_int_equal(advice.least_bandwidth_bytes_per_s, 0);
    assert_true(advice.cpu_share == 0);
    assert_non_null(strstr(xpc_advice_text(&advice, &params, text),
                           "the switchover alone takes 400 ms"));

    params.overhead_ns = 0;
    limit(&params, 5 * XPC_S);
    params.rule.duration_ns = 60 * XPC_S;
    xpc_advise(&advice, &curve, &params, &start);
    assert_int_equal(advice.obstacle, XPC_OBSTACLE_DURATION);

    params.rule.duration_ns = 0;
    params.rule.iterations = 2;
    xpc_advise(&advice, &curve, &params, &start);
    assert_int_equal(advice.obstacle, XPC_OBSTACLE_ITERATIONS);

    params.rule.iterations = 0;
    xpc_advise(&advice, &curve, &params, &start);
    assert_int_equal(advice.obstacle, XPC_OBSTACLE_NONE);
    assert_non_null(strstr(xpc_advice_text(&advice, &params, text),
                           "it fits"));
}

static void torture_advice_options_can_be_parsed(void **state)
{
    struct xpc_params p;

    (void)state;
    xpc_params_init(&p);
    p.downtime_ns = 250 * XPC_MS;
    p.max_downtime_ns = XPC_S;
    p.duration_ns = 90 * XPC_S;
    p.bandwidth_bytes_per_s = 12500125;
    p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    assert_string_equal(xpc_advice_options(&p, text),
        "--precopy-downtime=250ms --precopy-max-downtime=1000ms "
        "--precopy-duration=90s --precopy-bandwidth=100001kbit "
        "--precopy-on-timeout=suspend");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_advice_is_accepted_by_the_policy),
        cmocka_unit_test_setup(torture_advice_names_sufficient_values,
                               published),
        cmocka_unit_test_setup(torture_advice_names_the_obstacle, published),
        cmocka_unit_test(torture_advice_options_can_be_parsed),
    };

    return torture_run(argc, argv, tests);
}
