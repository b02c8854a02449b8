/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters that are refused before the first copy, and changes after it.
 */
#include <string.h>

#include "support/policy_fixture.h"
#include "support/torture.h"

static void torture_policy_preflight_refuses_the_impossible(void **state)
{
    struct policy_fixture *f = *state;
    char err[256];

    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)), 0);
    f->p.downtime_ns = 50 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "switchover alone"));
    f->p.downtime_ns = 200 * XPC_MS;
    f->p.duration_ns = 500 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "first copy alone"));
}

static void torture_policy_preflight_a_change_takes_effect_at_once(
    void **state)
{
    struct policy_fixture *f = *state;

    assert_int_equal(policy_iterate(f, 16384, 8000), XPC_CONTINUE);
    f->p.downtime_ns = 400 * XPC_MS;
    f->p.overhead_ns = 70 * XPC_MS;
    xpc_engine_change(&f->e, &f->p);
    /* 7,000 pages are 288 ms. */
    assert_int_equal(policy_iterate(f, 8000, 7000), XPC_STOP_AND_COPY);
    assert_int_equal(f->it.decision.overhead_ns, 70 * XPC_MS);
    assert_int_equal(f->it.number, 2);
}

/* A small iteration is too short to measure the link again. */
static void torture_policy_preflight_a_change_keeps_the_bandwidth(
    void **state)
{
    static const uint64_t stated[] = { 0, 10 * LINK, LINK / 2 };

    for (int i = 0; i < 3; i++) {
        struct policy_fixture *f = *state;

        policy_setup(state);
        f->p.bandwidth_bytes_per_s = 0;
        policy_iterate(f, 16384, 8000);
        f->p.bandwidth_bytes_per_s = stated[i];
        xpc_engine_change(&f->e, &f->p);
        policy_iterate(f, 100, 8000);
        assert_in_range(f->it.decision.bandwidth_bytes_per_s,
                        (i == 2 ? LINK / 2 : LINK) - 100,
                        (i == 2 ? LINK / 2 : LINK) + 100);
    }
}

static void torture_policy_preflight_a_change_is_checked(void **state)
{
    struct policy_fixture *f = *state;
    struct xpc_params to = f->p;
    char err[256];

    to.downtime_ns = 2 * XPC_S;
    /* The duration may be over, but the first copy is complete. */
    to.duration_ns = XPC_MS;
    assert_int_equal(xpc_engine_check_change(&f->p, &to, err, sizeof(err)),
                     0);
    to.policy = XPC_POLICY_STOCK;
    assert_int_equal(xpc_engine_check_change(&f->p, &to, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "policy"));
    to = f->p;
    to.channels = 2;
    assert_int_equal(xpc_engine_check_change(&f->p, &to, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "channels and their compression"));
    to = f->p;
    to.compress = XPC_COMPRESS_ZSTD;
    assert_int_equal(xpc_engine_check_change(&f->p, &to, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "channels and their compression"));
    to = f->p;
    to.max_downtime_ns = to.downtime_ns / 2;
    assert_int_equal(xpc_engine_check_change(&f->p, &to, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "maximum downtime"));
    to = f->p;
    to.downtime_ns = 50 * XPC_MS;
    assert_int_equal(xpc_engine_check_change(&f->p, &to, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "switchover alone"));
}

/*
 * What would be refused at the end of the first iteration, whatever the guest
 * did, is refused before it: 256 pages take 10.5 ms, the margin is 8.4 ms.
 */
static void torture_policy_preflight_counts_pages_dirtied_by_suspending(
    void **state)
{
    struct policy_fixture *f = *state;
    char err[256];

    f->p.downtime_ns = 68 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "switchover alone takes 60.5 ms"));
    assert_non_null(strstr(err, "95%"));
    assert_int_equal(policy_iterate(f, 16384, 0), XPC_ABORT);
    /* The smallest limit that is accepted can be met. */
    f->now = START;
    f->p.downtime_ns = 69 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)), 0);
    assert_int_equal(policy_iterate(f, 16384, 0), XPC_STOP_AND_COPY);
    /* A link of unknown speed may be fast. */
    f->p.bandwidth_bytes_per_s = 0;
    f->p.downtime_ns = 59 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)), 0);
}

static void torture_policy_preflight_reports_what_was_learned(void **state)
{
    struct policy_fixture *f = *state;
    char err[256];

    f->p.overhead_ns = 0;
    f->p.learned.guest = f->p.guest;
    f->p.learned.overhead_ns = 300 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "earlier migrations"));
    assert_null(strchr(err, '\n'));
    f->p.learned.at_least_ns = 250 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "that was broken off"));
    assert_true(strlen(err) < 230);
    f->p.overhead_ns = 300 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_null(strstr(err, "earlier migrations"));
    assert_null(strstr(err, "broken off"));
}

/* The first migration of an HVM guest to a host. */
static void torture_policy_preflight_reports_the_default_for_hvm(void **state)
{
    struct policy_fixture *f = *state;
    char err[256];

    f->p.overhead_ns = 0;
    f->p.downtime_ns = 300 * XPC_MS;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)), 0);
    /* The times of PVH guests do not count. */
    f->p.learned = (struct xpc_prior){
        .guest.device_model = XPC_DEVICE_MODEL_NO,
        .overhead_ns = 80 * XPC_MS, .overhead_sd_ns = 8 * XPC_MS,
    };
    f->p.guest.device_model = XPC_DEVICE_MODEL_YES;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    assert_non_null(strstr(err, "assumed of a guest with a device model"));
    assert_null(strstr(err, "earlier migrations"));
    f->p.guest.device_model = XPC_DEVICE_MODEL_UNKNOWN;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
    f->p.learned.overhead_ns = 0;
    f->p.guest.device_model = XPC_DEVICE_MODEL_UNKNOWN;
    assert_int_equal(xpc_engine_preflight(&f->p, 16384, err, sizeof(err)),
                     -1);
}

int main(int argc, char **argv)
{
#define TEST(t) cmocka_unit_test_setup(t, policy_setup)
    const struct CMUnitTest tests[] = {
        TEST(torture_policy_preflight_refuses_the_impossible),
        TEST(torture_policy_preflight_a_change_takes_effect_at_once),
        TEST(torture_policy_preflight_a_change_keeps_the_bandwidth),
        TEST(torture_policy_preflight_a_change_is_checked),
        TEST(torture_policy_preflight_counts_pages_dirtied_by_suspending),
        TEST(torture_policy_preflight_reports_what_was_learned),
        TEST(torture_policy_preflight_reports_the_default_for_hvm),
    };

    return torture_run(argc, argv, tests);
}
