/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The administrator's file, in a save that another toolstack than our xl has
 * started.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "conf/load.h"
#include "json/migration.h"
#include "save/interpose.h"
#include "support/conf_fixture.h"
#include "support/fake_save.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"
#include "xen/store.h"

/* Of fake_save.c's domain. */
#define UUID "01020300-0000-0000-0000-000000000000"

static int teardown(void **state)
{
    (void)state;
    unsetenv(CONF_ENV);
    store_reset();
    return 0;
}

static struct xpc_params seen;
static unsigned int saves;
static char sources[512];           /* in the report */

static int script_look(void)
{
    saves++;
    seen = session()->ctx.params;
    return loop_fail(EIO);
}

/* The save loop runs with the policy. */
static void save_with(const char *conf, const char *params)
{
    struct xpc_report r;

    conf_fixture_use(conf);
    saves = 0;
    assert_int_equal(fake_save_to_null(params, script_look, &r), -1);
    if (!saves)
        fail_msg("%s: %s", conf, env.log);
    snprintf(sources, sizeof(sources), "%s", r.sources ? r.sources : "");
    xpc_report_dispose(&r);
}

static void torture_save_conf_limits_the_guest(void **state)
{
    static const char *const names[] = { "default", "guest web", "guest "UUID };
    char conf[128];

    (void)state;
    store_set("/local/domain/7/name", "web");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(conf, sizeof(conf), "[%s]\ndowntime = 400ms\n", names[i]);
        save_with(conf, NULL);
        assert_int_equal(seen.policy, XPC_POLICY_LIMIT);
        assert_int_equal(seen.downtime_ns, 400 * XPC_MS);
        assert_non_null(strstr(sources, "downtime 400 ms from /proc/self/"));
    }
}

static void torture_save_conf_xenstore_outweighs(void **state)
{
    (void)state;
    save_with("[default]\ndowntime = 400ms\nduration = 9s\n",
              "{\"downtime-ms\":500}");
    assert_int_equal(seen.downtime_ns, 500 * XPC_MS);
    assert_int_equal(seen.duration_ns, 9 * XPC_S);
    assert_non_null(strstr(sources, "downtime 500 ms from xenstore"));
    save_with("[guest " UUID "]\npolicy = stock\n", "{\"downtime-ms\":500}");
    assert_int_equal(seen.policy, XPC_POLICY_LIMIT);
}

static int script_stock(void)
{
    saves++;
    assert_null(env.cb->precopy_policy);
    return 0;
}

/* Passed on as by a stock helper. */
static void assert_untouched(const char *conf)
{
    struct save_callbacks libxl = { .suspend = fake_suspend };
    int fd = open("/dev/null", O_WRONLY);

    conf_fixture_use(conf);
    memset(&env, 0, sizeof(env));
    env.script = script_stock;
    saves = 0;
    assert_int_equal(xc_domain_save(NULL, fd, 7, XCFLAGS_LIVE, &libxl,
                                    XC_STREAM_PLAIN, -1), 0);
    assert_int_equal(saves, 1);
    assert_null(store_get(PRECOPY "report"));
    close(fd);
}

static void torture_save_conf_asks_for_nothing(void **state)
{
    (void)state;
    store_set("/local/domain/7/name", "web");
    assert_untouched("");
    assert_untouched("[guest db]\ndowntime = 1s\n");
    assert_untouched("[default]\nbandwidth = 1Gbit\n");
    assert_untouched("[default]\ndowntime = 1s\n"
                     "[guest web]\npolicy = stock\n");
    assert_string_equal(env.log, "");
}

static int script_never(void)
{
    fail_msg("the save has begun");
    return 0;
}

static void assert_refused(const char *conf, const char *params,
                           const char *why)
{
    struct xpc_report r;

    conf_fixture_use(conf);
    assert_int_equal(fake_save_to_null(params, script_never, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    if (!strstr(env.log, why) || !strstr(r.text, why))
        fail_msg("%s: %s", why, env.log);
    assert_non_null(strstr(env.log, "the guest was not touched"));
    xpc_report_dispose(&r);
}

/* Also if the mistake is in another guest's section, and with parameters in
 * xenstore. */
static void torture_save_conf_bad_file_refuses(void **state)
{
    (void)state;
    store_set("/local/domain/7/name", "web");
    assert_refused("[guest db]\ndowntime = 400\n", NULL,
                   ":2: downtime = 400: a unit is needed");
    assert_refused("[guest db]\ndowntim = 400ms\n", "{\"downtime-ms\":500}",
                   ":2: there is no key downtim");
    assert_refused("[default]\nmax-downtime = 1s\n", "{\"downtime-ms\":5000}",
                   "(downtime: xenstore, max-downtime: ");
}

static void torture_save_conf_missing_file_that_was_named_refuses(void **state)
{
    struct xpc_report r;

    (void)state;
    setenv(CONF_ENV, "/nonexistent/precopy.conf", 1);
    assert_int_equal(fake_save_to_null(NULL, script_never, &r), -1);
    assert_non_null(strstr(r.text, "/nonexistent/precopy.conf: can't be "
                           "read"));
    xpc_report_dispose(&r);
}

/* What our xl has settled is in force, and the file is not even read. */
static void torture_save_conf_is_not_for_our_xl(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), PRECOPY "once/%d", (int)getppid());
    store_set(path, "{\"downtime-ms\":600}");
    save_with("nonsense", NULL);
    assert_int_equal(seen.downtime_ns, 600 * XPC_MS);
    assert_int_equal(seen.duration_ns, 0);
    assert_string_equal(sources, "");
}

/* They are opened by our xl, and promise nothing. */
static void torture_save_conf_channels_are_left_out(void **state)
{
    (void)state;
    save_with("[default]\ndowntime = 400ms\nchannels = 4\ncompress = lz4\n",
              NULL);
    assert_int_equal(seen.downtime_ns, 400 * XPC_MS);
    assert_int_equal(seen.channels, 1);
    assert_int_equal(seen.compress, XPC_COMPRESS_OFF);
    assert_non_null(strstr(env.log, "channels is without effect ("));
    assert_non_null(strstr(env.log, ":4): only this package's xl"));
    /* Those in xenstore are refused, as ever. */
    assert_refused("", "{\"channels\":4}", "channels and compression are for "
                   "xl migrate");
}

static void torture_save_conf_limits_of_targets_are_told(void **state)
{
    (void)state;
    save_with("[default]\nduration = 9s\n[target a]\nbandwidth = 1Gbit\n"
              "[target b]\ndowntime = 1s\n", NULL);
    assert_int_equal(seen.duration_ns, 9 * XPC_S);
    assert_int_equal(seen.downtime_ns, 300 * XPC_MS);
    assert_non_null(strstr(env.log, "[target b] is not in force ("));
    assert_null(strstr(env.log, "[target a]"));
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(torture_save_conf_limits_the_guest,
                                  teardown),
        cmocka_unit_test_teardown(torture_save_conf_xenstore_outweighs,
                                  teardown),
        cmocka_unit_test_teardown(torture_save_conf_asks_for_nothing,
                                  teardown),
        cmocka_unit_test_teardown(torture_save_conf_bad_file_refuses,
                                  teardown),
        cmocka_unit_test_teardown(
            torture_save_conf_missing_file_that_was_named_refuses, teardown),
        cmocka_unit_test_teardown(torture_save_conf_is_not_for_our_xl,
                                  teardown),
        cmocka_unit_test_teardown(torture_save_conf_channels_are_left_out,
                                  teardown),
        cmocka_unit_test_teardown(
            torture_save_conf_limits_of_targets_are_told, teardown),
    };

    return torture_run(argc, argv, tests);
}
