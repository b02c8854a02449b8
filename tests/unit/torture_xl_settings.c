/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate's options together with the administrator's file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "json/migration.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_migrate_settings.h"
#include "support/conf_fixture.h"
#include "support/torture.h"

static struct conf_file file;
static struct conf_settings s;
static struct migrate_options o;
static char err[XPC_ERR_LEN];

/* Settles "xl migrate LINE web host2" with the file. Returns 0 or -1. */
static int settle(const char *text, const char *line)
{
    const struct conf_guest g = { .name = "web" };
    static char copy[512];
    char *argv[16] = { "migrate" }, *save, *word;
    int argc = 1;

    snprintf(copy, sizeof(copy), "%s web host2", line);
    for (word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    if (migrate_parse_options(argc, argv, &o, err))
        fail_msg("%s: %s", line, err);
    conf_dispose(&file);
    assert_int_equal(conf_parse(&file, "/c", text, strlen(text), err), 0);
    conf_settings_init(&s);
    conf_add_file(&s, &file, &g, o.host);
    return migrate_settle(&o, &s, err) || conf_check(&s, err) ? -1 : 0;
}

static void settle_ok(const char *text, const char *line)
{
    if (settle(text, line))
        fail_msg("%s: %s", line, err);
}

static void torture_xl_settings_options_outweigh_the_file(void **state)
{
    static const char text[] = "[default]\ndowntime = 1s\nduration = 9s\n"
                               "[target host2]\nbandwidth = 1Gbit\n"
                               "[target host3]\nbandwidth = 3Gbit\n";

    (void)state;
    settle_ok(text, "--precopy-downtime=2s");
    assert_int_equal(o.params.downtime_ns, 2 * XPC_S);
    assert_int_equal(o.params.duration_ns, 9 * XPC_S);
    assert_int_equal(o.params.bandwidth_bytes_per_s, 125000000);
    settle_ok(text, "");
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    assert_int_equal(o.params.downtime_ns, XPC_S);
    settle_ok(text, "--precopy-policy=stock");
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    assert_int_equal(o.params.duration_ns, 0);
}

/* A limit that a file states is enforced like one of an option. */
static void torture_xl_settings_a_stated_downtime_is_enforced(void **state)
{
    static const struct { const char *text, *line; bool strict; } t[] = {
        { "[default]\ndowntime = 1s\n", "", true },
        { "[default]\nmax-downtime = 1s\n", "", true },
        { "[default]\nduration = 1s\n", "", false },
        { "[default]\ndowntime = 1s\nstrict = off\n", "", false },
        { "[default]\ndowntime = 1s\n", "--precopy-strict=off", false },
        { "[default]\nstrict = off\n", "--precopy-downtime=1s", false },
        { "[default]\nstrict = on\n", "--precopy-duration=9s", true },
        { "[default]\ndowntime = 1s\n", "--debug", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        settle_ok(t[i].text, t[i].line);
        if (o.params.strict != t[i].strict)
            fail_msg("%s %s", t[i].text, t[i].line);
    }
    assert_true(o.not_enforced);
    assert_int_equal(settle("[default]\nstrict = on\n", "--debug"), -1);
    assert_non_null(strstr(err, "strict (/c:2)"));
    settle_ok("[default]\nstrict = on\n", "--debug --precopy-strict=off");
}

/* Without limits, byte for byte. */
static void torture_xl_settings_of_nothing_are_stocks(void **state)
{
    static const char *const texts[] = {
        "", "[guest db]\ndowntime = 1s\n", "[default]\nbandwidth = 1Gbit\n",
        "[default]\ndowntime = 1s\nbandwidth = 1Gbit\n"
        "[guest web]\npolicy = stock\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        settle_ok(texts[i], "");
        if (xpc_params_ask(&o.params) || channels_wanted(&o, false))
            fail_msg("%s", texts[i]);
    }
}

/* It may serve only one. */
static void torture_xl_settings_own_transport_has_no_channels(void **state)
{
    static const char text[] = "[default]\nchannels = 4\ncompress = lz4\n"
                               "zero-pages = auto\n";

    (void)state;
    settle_ok(text, "");
    assert_int_equal(o.params.channels, 4);
    assert_int_equal(o.left_out, 0);
    assert_true(channels_wanted(&o, false));
    settle_ok(text, "-s socat");
    assert_int_equal(o.params.channels, 1);
    assert_int_equal(o.params.compress, XPC_COMPRESS_OFF);
    assert_int_equal(o.left_out, XPC_OPTION_BIT(XPC_OPT_CHANNELS) |
                                 XPC_OPTION_BIT(XPC_OPT_COMPRESS));
    assert_false(channels_wanted(&o, false));
    settle_ok(text, "-s socat --precopy-channels=2");
    assert_int_equal(o.params.channels, 2);
    assert_int_equal(o.left_out, XPC_OPTION_BIT(XPC_OPT_COMPRESS));
}

/* One half may be in the file. */
static void torture_xl_settings_are_checked_together(void **state)
{
    (void)state;
    settle_ok("[default]\nmax-downtime = 2s\n",
              "--precopy-on-timeout=suspend");
    assert_int_equal(settle("[default]\nduration = 2s\n",
                            "--precopy-on-timeout=suspend"), -1);
    assert_int_equal(settle("[default]\nmax-downtime = 2s\n",
                            "--precopy-downtime=3s"), -1);
    assert_non_null(strstr(err, "(downtime: the command line, max-downtime: "
                                "/c:2)"));
}

/* Otherwise, xl in the place of the stock xl leaves the migration to that. */
static void torture_xl_settings_bad_file_is_not_left_to_stock(void **state)
{
    (void)state;
    settle_ok("", "");
    conf_fixture_use("[default]\ndowntime = 1\n");
    assert_true(migrate_has_settings(&o));
    /* There is no such domain. */
    conf_fixture_use("[default]\ndowntime = 1s\n");
    assert_false(migrate_has_settings(&o));
}

static int dispose(void **state)
{
    (void)state;
    conf_dispose(&file);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_settings_options_outweigh_the_file),
        cmocka_unit_test(torture_xl_settings_a_stated_downtime_is_enforced),
        cmocka_unit_test(torture_xl_settings_of_nothing_are_stocks),
        cmocka_unit_test(torture_xl_settings_own_transport_has_no_channels),
        cmocka_unit_test(torture_xl_settings_are_checked_together),
        cmocka_unit_test_teardown(
            torture_xl_settings_bad_file_is_not_left_to_stock, dispose),
    };

    return torture_run(argc, argv, tests);
}
