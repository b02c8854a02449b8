/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "json/migration.h"
#include "support/torture.h"

static int read_params(struct xpc_params *p, const char *json, char *err)
{
    return xpc_from_json(&xpc_params_type, p, json, strlen(json), err);
}

static void torture_params_round_trip(void **state)
{
    struct xpc_params in, out;
    char err[XPC_ERR_LEN];
    char *json;

    (void)state;
    xpc_params_init(&in);
    in.duration_ns = 60 * XPC_S;
    in.downtime_ns = 1234567;   /* not a whole number of ms */
    in.max_downtime_ns = 2 * XPC_S;
    in.bandwidth_bytes_per_s = UINT64_C(1250000000);
    in.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    in.iterations = 12;
    in.threshold_pages = 77;
    in.overhead_ns = 5 * XPC_MS;
    in.confidence_percent = 80;
    in.early_abort = XPC_EARLY_ABORT_OFF;
    in.strict = XPC_STRICT_ON;
    in.zero_pages = XPC_ZERO_PAGES_AUTO;
    in.skip_dirty = XPC_SKIP_DIRTY_ON;
    in.lulls = XPC_LULLS_OFF;
    in.slow_down_percent = 40;
    in.max_bytes_per_s = 12345678;
    in.switchover = XPC_SWITCHOVER_RATE;
    in.switchover_bytes_per_s = 23456789;
    in.channels = 4;
    in.compress = XPC_COMPRESS_LZ4;
    in.compress_level = 9;
    in.notify_ns = 3 * XPC_S;
    in.guest = (struct xpc_guest){
        .device_model = XPC_DEVICE_MODEL_YES, .devices = 3, .pfns = 1 << 20,
        .vifs = 2, .disks = 1, .vcpus = 4, .id = UINT64_C(1) << 51,
    };
    in.learned = (struct xpc_prior){
        .guest = { .device_model = XPC_DEVICE_MODEL_NO, .devices = 1 },
        .overhead_ns = 84 * XPC_MS, .overhead_sd_ns = 9 * XPC_MS,
        .suspend_pages = 240, .suspend_pages_sd = 31,
        .start_ns = 7 * XPC_MS, .at_least_ns = 400 * XPC_MS,
    };
    in.once = true;
    json = xpc_to_json(&xpc_params_type, &in, false);
    assert_non_null(json);
    xpc_params_init(&out);
    assert_int_equal(read_params(&out, json, err), 0);
    assert_memory_equal(&in, &out, sizeof(in));
    free(json);
}

/* As jq and JavaScript read it, and never what means unknown. */
static void torture_params_guest_id_is_exact_as_a_double(void **state)
{
    uint8_t uuid[16] = { 0 };
    uint64_t last = 0;

    (void)state;
    for (int i = 0; i < 256; i++) {
        uint64_t id;

        uuid[15] = i;
        id = xpc_guest_id(uuid);
        assert_in_range(id, 1, XPC_GUEST_ID_MAX);
        assert_true((uint64_t)(double)id == id && id != last);
        last = id;
    }
}

static void torture_params_not_named_keep_their_value(void **state)
{
    struct xpc_params p;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&p);
    assert_int_equal(read_params(&p, "{\"duration-ms\": 5000}", err), 0);
    assert_int_equal(p.duration_ns, 5 * XPC_S);
    assert_int_equal(p.downtime_ns, XPC_DEFAULT_DOWNTIME_NS);
    assert_int_equal(read_params(&p, "{\"duration-ms\": null}", err), 0);
    assert_int_equal(p.duration_ns, 0);
}

/* A guest of unknown kind may be of the slowest one. */
static void torture_params_prior_is_of_the_guests_kind(void **state)
{
    struct xpc_params p;
    struct xpc_prior prior;

    (void)state;
    xpc_params_init(&p);
    xpc_params_prior(&p, &prior);
    assert_int_equal(prior.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    p.guest.device_model = XPC_DEVICE_MODEL_YES;
    xpc_params_prior(&p, &prior);
    assert_int_equal(prior.overhead_ns, XPC_DEVICE_MODEL_OVERHEAD_NS);
    p.guest.device_model = XPC_DEVICE_MODEL_NO;
    xpc_params_prior(&p, &prior);
    assert_int_equal(prior.overhead_ns, XPC_DEFAULT_OVERHEAD_NS);
    p.guest.devices = 3;
    xpc_params_prior(&p, &prior);
    assert_int_equal(prior.overhead_ns, XPC_DEFAULT_OVERHEAD_NS +
                     3 * XPC_DEVICE_OVERHEAD_NS);
    p.overhead_ns = 20 * XPC_MS;
    xpc_params_prior(&p, &prior);
    assert_int_equal(prior.overhead_ns, 20 * XPC_MS);
}

static void torture_params_prior_of_another_kind_never_lowers(void **state)
{
    static const int no = XPC_DEVICE_MODEL_NO, yes = XPC_DEVICE_MODEL_YES,
                     unknown = XPC_DEVICE_MODEL_UNKNOWN;
    static const struct { int guest, learned, believed; } t[] = {
        { no, no, true }, { yes, yes, true }, { no, yes, false },
        { yes, no, false }, { no, unknown, true }, { yes, unknown, true },
        { unknown, no, true }, { unknown, yes, true },
        { unknown, unknown, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        bool same = t[i].guest == t[i].learned && t[i].guest != unknown;
        struct xpc_params p;
        struct xpc_prior prior;

        xpc_params_init(&p);
        p.guest.device_model = t[i].guest;
        p.learned = (struct xpc_prior){
            .guest.device_model = t[i].learned,
            .overhead_ns = 30 * XPC_MS, .overhead_sd_ns = 3 * XPC_MS,
            .suspend_pages = 7, .start_ns = 5 * XPC_MS,
        };
        xpc_params_prior(&p, &prior);
        assert_int_equal(prior.overhead_ns, same ? 30 * XPC_MS :
                         xpc_guest_overhead(&p.guest));
        assert_int_equal(prior.suspend_pages, t[i].believed ? 7 :
                         XPC_DEFAULT_SUSPEND_PAGES);
        assert_int_equal(prior.start_ns, t[i].believed ? 5 * XPC_MS :
                         prior.overhead_ns / 4);
        /* If in doubt, the worse value is used. */
        p.learned.overhead_ns = 2 * XPC_S;
        xpc_params_prior(&p, &prior);
        assert_int_equal(prior.overhead_ns, t[i].believed ? 2 * XPC_S :
                         xpc_guest_overhead(&p.guest));
    }
}

static void torture_params_malformed_change_nothing(void **state)
{
    static const struct { const char *json, *says; } bad[] = {
        { "", "not JSON" },
        { "{", "not JSON" },
        { "[]", "expected an object" },
        { "{\"downtime-ms\": \"300\"}", "downtime-ms: expected a number" },
        { "{\"downtime-ms\": -1}", "downtime-ms: -1 is not a number" },
        { "{\"downtime-ms\": 0}", "out of range" },
        { "{\"downtime-ms\": 1e300}", "out of range" },
        { "{\"downtime-ms\": 18446744073709551616}", "downtime-ms" },
        { "{\"downtime-ms\": NaN}", "not JSON" },
        { "{\"downtime\": 300}", "unknown key \"downtime\"" },
        { "{\"iterations\": 1.5}", "not a whole number" },
        { "{\"on-timeout\": \"explode\"}", "is not one of: abort, suspend" },
        { "{\"policy\": 7}", "is not one of" },
        { "{\"once\": 1}", "expected true or false" },
        { "{\"iterations\": 1, \"iterations\": 2}", "given twice" },
        { "{\"a\": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", "nested deeper" },
    };
    struct xpc_params p, before;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&p);
    before = p;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_params(&p, bad[i].json, err), -1);
        assert_int_equal(errno, EINVAL);
        if (!strstr(err, bad[i].says))
            fail_msg("%s: got \"%s\", expected \"%s\"", bad[i].json, err,
                     bad[i].says);
        assert_null(strchr(err, '\n'));
        assert_memory_equal(&p, &before, sizeof(p));
    }
}

static void torture_params_errors_are_one_line_whatever_the_key(void **state)
{
    struct xpc_params p;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&p);
    assert_int_equal(read_params(&p, "{\"a\\n\\u001b[31m\": 1}", err), -1);
    for (const char *c = err; *c; c++)
        assert_true((unsigned char)*c >= 0x20);
}

static void torture_params_check_refuses_contradictions(void **state)
{
    struct xpc_params p;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&p);
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), 0);

    p.downtime_ns = 0;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "0 can't be met"));

    xpc_params_init(&p);
    p.max_downtime_ns = 100 * XPC_MS;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "below the downtime limit"));

    xpc_params_init(&p);
    p.on_timeout = XPC_ON_TIMEOUT_SUSPEND;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "needs a maximum downtime"));
    p.max_downtime_ns = 2 * XPC_S;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), 0);
    p.iterations = UINT64_C(1) << 63;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    p.iterations = 0;

    p.switchover = XPC_SWITCHOVER_KEPT;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "kept needs a maximum bandwidth"));
    p.max_bytes_per_s = 1000;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), 0);
    p.switchover = XPC_SWITCHOVER_RATE;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    p.switchover_bytes_per_s = 1000;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), 0);

    p.duration_ns = UINT64_MAX;
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), -1);
    p.policy = XPC_POLICY_STOCK;    /* ignores all of them */
    assert_int_equal(xpc_params_check(&p, err, sizeof(err)), 0);
}

/* Parameters from the API, libvirt and xenstore. */
static void torture_params_known_facts_are_no_request(void **state)
{
    struct xpc_params p;

    (void)state;
    xpc_params_init(&p);
    p.policy = XPC_POLICY_STOCK;
    p.once = true;
    p.guest.device_model = XPC_DEVICE_MODEL_YES;
    p.guest.pfns = 1;
    p.learned.overhead_ns = XPC_MS;
    assert_false(xpc_params_ask(&p));
    p.downtime_ns++;
    assert_true(xpc_params_ask(&p));
}

static void torture_params_send_zero_pages_unless_stated(void **state)
{
    struct xpc_params p;
    char err[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&p);
    assert_int_equal(p.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_int_equal(read_params(&p, "{\"downtime-ms\":100}", err), 0);
    assert_int_equal(p.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_int_equal(read_params(&p, "{\"zero-pages\":\"elide\"}", err), 0);
    assert_int_equal(p.zero_pages, XPC_ZERO_PAGES_ELIDE);
}

static void torture_params_maximum_defaults_to_the_limit(void **state)
{
    struct xpc_params p;

    (void)state;
    xpc_params_init(&p);
    assert_int_equal(xpc_params_max_downtime(&p), p.downtime_ns);
    p.max_downtime_ns = XPC_S;
    assert_int_equal(xpc_params_max_downtime(&p), XPC_S);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_params_round_trip),
        cmocka_unit_test(torture_params_guest_id_is_exact_as_a_double),
        cmocka_unit_test(torture_params_not_named_keep_their_value),
        cmocka_unit_test(torture_params_prior_is_of_the_guests_kind),
        cmocka_unit_test(torture_params_prior_of_another_kind_never_lowers),
        cmocka_unit_test(torture_params_malformed_change_nothing),
        cmocka_unit_test(torture_params_errors_are_one_line_whatever_the_key),
        cmocka_unit_test(torture_params_check_refuses_contradictions),
        cmocka_unit_test(torture_params_known_facts_are_no_request),
        cmocka_unit_test(torture_params_send_zero_pages_unless_stated),
        cmocka_unit_test(torture_params_maximum_defaults_to_the_limit),
    };

    return torture_run(argc, argv, tests);
}
