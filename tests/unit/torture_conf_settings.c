/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in force, of all that is said in different places. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "conf/settings.h"
#include "json/migration.h"
#include "support/torture.h"

#define UUID "6a1f0c5e-3c1b-4f0e-9d52-0f6a2b1c7d3e"

/* What the tests say, in rising order of weight. NULL: nothing. */
struct said {
    const char *file, *name, *uuid, *target, *json, *options;
};

static struct conf_file file;
static struct conf_settings s;
static char err[XPC_ERR_LEN];

/* "downtime=1s policy=stock" */
static void add_options(const char *options)
{
    char copy[128], *save, *word, *value;
    unsigned int given = 0;
    struct xpc_params p;
    int opt;

    xpc_params_init(&p);
    strcpy(copy, options);
    for (word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        value = strchr(word, '=');
        *value++ = 0;
        opt = xpc_option_find(word);
        assert_int_not_equal(opt, -1);
        assert_int_equal(xpc_option_parse(opt, value, &p, err), 0);
        given |= XPC_OPTION_BIT(opt);
    }
    conf_add_options(&s, &p, given);
}

static int settle(struct said t)
{
    const char *text = t.file ? t.file : "";
    struct conf_guest g = { .name = t.name };

    conf_dispose(&file);
    assert_int_equal(conf_parse(&file, "/c", text, strlen(text), err), 0);
    if (t.uuid)
        g.has_uuid = conf_parse_uuid(t.uuid, g.uuid);
    conf_settings_init(&s);
    conf_add_file(&s, &file, &g, t.target);
    if (t.json)
        assert_int_equal(conf_add_json(&s, t.json, strlen(t.json), err), 0);
    if (t.options)
        add_options(t.options);
    *err = 0;
    conf_settle(&s);
    return conf_check(&s, err);
}

#define SETTLE(...) do { \
    if (settle((struct said){ __VA_ARGS__ })) \
        fail_msg("%s", err); \
} while (0)

static void assert_source(int opt, const char *text)
{
    char buf[CONF_SOURCE_LEN];

    assert_string_equal(conf_source_text(&s, opt, buf), text);
}

static void torture_conf_settings_of_nothing_are_stocks(void **state)
{
    struct xpc_params stock;

    (void)state;
    xpc_params_init(&stock);
    stock.policy = XPC_POLICY_STOCK;
    SETTLE(.name = "web");
    assert_memory_equal(&s.params, &stock, sizeof(stock));
    assert_int_equal(s.given, 0);
    SETTLE(.file = "[guest db]\ndowntime = 1s\n", .name = "web");
    assert_memory_equal(&s.params, &stock, sizeof(stock));
}

static void torture_conf_settings_more_specific_outweighs(void **state)
{
    static const char text[] =
        "[guest " UUID "]\nconfidence = 80\n"
        "[guest web]\nconfidence = 70\nduration = 3s\n"
        "[target b]\nduration = 2s\ndowntime = 2s\nconfidence = 60\n"
        "[default]\nduration = 1s\ndowntime = 1s\niterations = 9\n";

    (void)state;
    SETTLE(.file = text, .name = "web", .uuid = UUID, .target = "b");
    assert_int_equal(s.params.policy, XPC_POLICY_LIMIT);
    assert_int_equal(s.params.confidence_percent, 80);
    assert_int_equal(s.params.duration_ns, 3 * XPC_S);
    assert_int_equal(s.params.downtime_ns, 2 * XPC_S);
    assert_int_equal(s.params.iterations, 9);
    assert_source(XPC_OPT_CONFIDENCE, "/c:2");
    assert_source(XPC_OPT_DURATION, "/c:5");
    assert_source(XPC_OPT_DOWNTIME, "/c:8");
    assert_source(XPC_OPT_ITERATIONS, "/c:13");
    assert_source(XPC_OPT_STRICT, "default");
    SETTLE(.file = text, .name = "web", .uuid = UUID, .target = "b",
           .json = "{\"downtime-ms\":400,\"confidence-percent\":75}",
           .options = "confidence=85");
    assert_int_equal(s.params.confidence_percent, 85);
    assert_int_equal(s.params.downtime_ns, 400 * XPC_MS);
    assert_int_equal(s.params.duration_ns, 3 * XPC_S);
    assert_source(XPC_OPT_CONFIDENCE, "the command line");
    assert_source(XPC_OPT_DOWNTIME, "xenstore");
    SETTLE(.file = text, .name = "other");
    assert_int_equal(s.params.duration_ns, XPC_S);
}

static void torture_conf_settings_find_the_guest(void **state)
{
    static const struct { const char *heading, *name, *uuid; bool found; }
    t[] = {
        { "guest web", "web", NULL, true },
        { "guest web", "Web", NULL, false },
        { "guest web", "web2", NULL, false },
        { "guest web2", "web", NULL, false },
        { "guest web", NULL, NULL, false },
        { "guest web", "web--incoming", NULL, true },
        { "guest web", "web--migratedaway", NULL, true },
        { "guest web", "web--other", NULL, false },
        { "guest web--incoming", "web--incoming", NULL, true },
        { "guest w=:#;'\" b", "w=:#;'\" b", NULL, true },
        { "guest \xc3\xa4", "\xc3\xa4", NULL, true },
        { "guest " UUID, "web", UUID, true },
        { "guest 6A1F0C5E-3C1B-4F0E-9D52-0F6A2B1C7D3E", NULL, UUID, true },
        { "guest " UUID, "web", NULL, false },
        { "guest " UUID, UUID, "00000000-0000-0000-0000-000000000000",
          false },
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        snprintf(text, sizeof(text), "[%s]\ndowntime = 1s\n", t[i].heading);
        SETTLE(.file = text, .name = t[i].name, .uuid = t[i].uuid);
        if (s.asked != t[i].found)
            fail_msg("%s: %s", t[i].heading, t[i].name);
    }
    /* The guest's own name before the one that it will have. */
    SETTLE(.file = "[guest a--incoming]\ndowntime = 1s\n"
                   "[guest a]\ndowntime = 2s\n", .name = "a--incoming");
    assert_int_equal(s.params.downtime_ns, XPC_S);
}

static void torture_conf_settings_find_the_target(void **state)
{
    static const char text[] = "[target host2]\ndowntime = 1s\n";

    (void)state;
    SETTLE(.file = text, .target = "root@HOST2");
    assert_true(s.asked);
    SETTLE(.file = text, .target = "host2.example.org");
    assert_false(s.asked);
    SETTLE(.file = text, .name = "host2");
    assert_false(s.asked);
}

/* What is known of a link does not mean that somebody wants a limit. */
static void torture_conf_settings_facts_ask_for_nothing(void **state)
{
    static const char text[] = "[default]\nbandwidth = 1Gbit\n"
                               "switchover-overhead = 50ms\n"
                               "confidence = 90\n";
    struct xpc_params stock;

    (void)state;
    xpc_params_init(&stock);
    stock.policy = XPC_POLICY_STOCK;
    SETTLE(.file = text);
    assert_memory_equal(&s.params, &stock, sizeof(stock));
    assert_int_equal(s.given, 0);
    assert_int_equal(s.idle, XPC_OPTION_BIT(XPC_OPT_BANDWIDTH) |
                             XPC_OPTION_BIT(XPC_OPT_OVERHEAD) |
                             XPC_OPTION_BIT(XPC_OPT_CONFIDENCE));
    assert_int_equal(s.idle_params.bandwidth_bytes_per_s, 125000000);
    SETTLE(.file = text, .options = "downtime=1s");
    assert_int_equal(s.params.policy, XPC_POLICY_LIMIT);
    assert_int_equal(s.params.bandwidth_bytes_per_s, 125000000);
    assert_int_equal(s.idle, 0);
    /* On a command line it has always asked. */
    SETTLE(.options = "bandwidth=1Gbit");
    assert_int_equal(s.params.policy, XPC_POLICY_LIMIT);
}

static void torture_conf_settings_ways_of_sending_ask_for_no_limit(
    void **state)
{
    (void)state;
    SETTLE(.file = "[default]\nmax-bandwidth = 1Gbit\nchannels = 4\n");
    assert_int_equal(s.params.policy, XPC_POLICY_STOCK);
    assert_int_equal(s.params.max_bytes_per_s, 125000000);
    assert_int_equal(s.params.channels, 4);
    assert_int_equal(s.idle, 0);
}

static void torture_conf_settings_stock_drops_the_limits_before(void **state)
{
    static const char text[] = "[default]\ndowntime = 1s\niterations = 30\n"
                               "max-bandwidth = 1Gbit\n"
                               "[guest free]\npolicy = stock\n";
    struct xpc_params stock;

    (void)state;
    xpc_params_init(&stock);
    stock.policy = XPC_POLICY_STOCK;
    stock.max_bytes_per_s = 125000000;
    SETTLE(.file = text, .name = "free");
    assert_memory_equal(&s.params, &stock, sizeof(stock));
    SETTLE(.file = text, .name = "web", .options = "policy=stock");
    assert_memory_equal(&s.params, &stock, sizeof(stock));
    SETTLE(.file = text, .name = "web", .json = "{\"policy\":\"stock\"}");
    assert_memory_equal(&s.params, &stock, sizeof(stock));
}

/* Or it would be ignored in silence. */
static void torture_conf_settings_a_later_limit_outweighs_stock(void **state)
{
    (void)state;
    SETTLE(.file = "[default]\npolicy = stock\n[guest a]\nduration = 9s\n",
           .name = "a");
    assert_int_equal(s.params.policy, XPC_POLICY_LIMIT);
    assert_source(XPC_OPT_POLICY, "default");
    SETTLE(.file = "[default]\npolicy = stock\n",
           .json = "{\"downtime-ms\":400}");
    assert_int_equal(s.params.policy, XPC_POLICY_LIMIT);
    SETTLE(.json = "{\"policy\":\"stock\"}", .options = "downtime=1s");
    assert_int_equal(s.params.policy, XPC_POLICY_LIMIT);
    /* How to send is no limit. */
    SETTLE(.file = "[default]\npolicy = stock\n[guest a]\nchannels = 2\n",
           .name = "a");
    assert_int_equal(s.params.policy, XPC_POLICY_STOCK);
}

static void torture_conf_settings_contradictions_name_their_places(
    void **state)
{
    static const char text[] = "[default]\nmax-downtime = 1s\n"
                               "[guest a]\ndowntime = 2s\n";
    static const struct { struct said said; const char *part; } t[] = {
        { { .file = text, .name = "a" },
          "(downtime: /c:4, max-downtime: /c:2)" },
        { { .file = text, .json = "{\"downtime-ms\":3000}" },
          "(downtime: xenstore, max-downtime: /c:2)" },
        { { .file = text, .options = "downtime=5s" },
          "(downtime: the command line, max-downtime: /c:2)" },
        { { .file = "[default]\nmax-downtime = 100ms\n" },
          "(downtime: default, max-downtime: /c:2)" },
        { { .file = "[default]\non-timeout = suspend\n" },
          "(max-downtime: default, on-timeout: /c:2)" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        assert_int_equal(settle(t[i].said), -1);
        if (!strstr(err, t[i].part))
            fail_msg("%s: %s", t[i].part, err);
    }
    /* As without a file. */
    assert_int_equal(settle((struct said){
        .options = "downtime=5s max-downtime=1s" }), -1);
    assert_null(strchr(err, '('));
}

/* Whatever programs write, which is all members, is all in force. */
static void torture_conf_settings_json_in_full_outweighs_the_file(void **state)
{
    struct xpc_params p;
    char *json;

    (void)state;
    xpc_params_init(&p);
    p.downtime_ns = 700 * XPC_MS;
    json = xpc_to_json(&xpc_params_type, &p, false);
    SETTLE(.file = "[default]\nduration = 1s\nstrict = on\nchannels = 2\n"
                   "compress = zstd:3\nmax-bandwidth = 1Gbit\n"
                   "switchover-bandwidth = 1Gbit\n", .json = json);
    assert_memory_equal(&s.params, &p, sizeof(p));
    free(json);
}

static void torture_conf_settings_json_says_what_it_sets(void **state)
{
    static const struct { const char *json; unsigned int given; } t[] = {
        { "{}", 0 },
        { "{\"downtime-ms\":300}", XPC_OPTION_BIT(XPC_OPT_DOWNTIME) },
        { "{\"duration-ms\":null}", XPC_OPTION_BIT(XPC_OPT_DURATION) },
        { "{\"policy\":\"limit\"}", XPC_OPTION_BIT(XPC_OPT_POLICY) },
        { "{\"compress\":\"zstd\"}", XPC_OPTION_BIT(XPC_OPT_COMPRESS) },
        { "{\"switchover-bandwidth\":\"kept\","
          "\"max-bandwidth-bytes-per-s\":1000}",
          XPC_OPTION_BIT(XPC_OPT_SWITCHOVER_BANDWIDTH) |
          XPC_OPTION_BIT(XPC_OPT_MAX_BANDWIDTH) },
        { "{\"once\":true,\"strict\":\"on\"}",
          XPC_OPTION_BIT(XPC_OPT_STRICT) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        SETTLE(.json = t[i].json);
        assert_int_equal(s.given, t[i].given);
        assert_true(s.asked && s.in_xenstore);
    }
    conf_settings_init(&s);
    assert_int_equal(conf_add_json(&s, "{\"downtime\":1}", 14, err), -1);
}

static void torture_conf_settings_text_names_the_sources(void **state)
{
    char text[CONF_TEXT_LEN];

    (void)state;
    SETTLE(.file = "[default]\ndowntime = 300ms\n",
           .json = "{\"strict\":\"on\"}", .options = "duration=60s");
    assert_string_equal(conf_settings_text(&s, text, sizeof(text)), "downtime 300 ms from "
                        "/c:2, strict on from xenstore");
    SETTLE(.options = "duration=60s");
    assert_string_equal(conf_settings_text(&s, text, sizeof(text)), "");
    conf_drop(&s, XPC_OPT_DURATION);
    assert_int_equal(s.params.duration_ns, 0);
    assert_int_equal(s.given, 0);
}

/* Cut behind a whole entry, and not without saying so. */
static void torture_conf_settings_text_says_what_it_leaves_out(void **state)
{
    static const char all[] =
        "[default]\nduration = 60s\ndowntime = 300ms\nmax-downtime = 2s\n"
        "bandwidth = 10Gbit\non-timeout = suspend\niterations = 30\n"
        "threshold = 50\nswitchover-overhead = 80ms\nconfidence = 95\n"
        "early-abort = off\nstrict = on\nzero-pages = send\n"
        "max-bandwidth = 4Gbit\nswitchover-bandwidth = kept\n"
        "channels = 4\ncompress = zstd:3\nskip-dirty = on\nlulls = on\n"
        "slow-down = 30\nnotify = 5s\n";
    char text[CONF_TEXT_LEN], cut[CONF_SHORT_TEXT_LEN];
    size_t len, entries = 1;
    unsigned int more;
    const char *end;

    (void)state;
    SETTLE(.file = all);
    len = strlen(conf_settings_text(&s, text, sizeof(text)));
    assert_string_equal(text + len - strlen("notify 5.00 s from /c:21"),
                        "notify 5.00 s from /c:21");
    conf_settings_text(&s, cut, sizeof(cut));
    end = strstr(cut, ", and ");
    assert_non_null(end);
    assert_memory_equal(cut, text, end - cut);
    assert_int_equal(text[end - cut], ',');
    for (const char *p = cut; p < end; p++)
        entries += *p == ',';
    assert_int_equal(sscanf(end, ", and %u more", &more), 1);
    assert_int_equal(entries + more, 20);
    /* Whatever the room is. */
    for (size_t room = 20; room <= len + 20; room++) {
        memset(cut, 'x', sizeof(cut));
        if (room < sizeof(cut)) {
            assert_true(strlen(conf_settings_text(&s, cut, room)) < room);
            assert_int_equal(cut[room], 'x');
        }
    }
    assert_string_equal(conf_settings_text(&s, cut, 20), "20 more");
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
        cmocka_unit_test(torture_conf_settings_of_nothing_are_stocks),
        cmocka_unit_test(torture_conf_settings_more_specific_outweighs),
        cmocka_unit_test(torture_conf_settings_find_the_guest),
        cmocka_unit_test(torture_conf_settings_find_the_target),
        cmocka_unit_test(torture_conf_settings_facts_ask_for_nothing),
        cmocka_unit_test(
            torture_conf_settings_ways_of_sending_ask_for_no_limit),
        cmocka_unit_test(torture_conf_settings_stock_drops_the_limits_before),
        cmocka_unit_test(torture_conf_settings_a_later_limit_outweighs_stock),
        cmocka_unit_test(
            torture_conf_settings_contradictions_name_their_places),
        cmocka_unit_test(
            torture_conf_settings_json_in_full_outweighs_the_file),
        cmocka_unit_test(torture_conf_settings_json_says_what_it_sets),
        cmocka_unit_test_teardown(
            torture_conf_settings_text_names_the_sources, dispose),
        cmocka_unit_test_teardown(
            torture_conf_settings_text_says_what_it_leaves_out, dispose),
    };

    return torture_run(argc, argv, tests);
}
