/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "common/xl_precopy_options.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_migrate_options.h"
#include "support/torture.h"

#define MAX_ARGS 16

/* Parses "xl migrate" with these arguments, separated by blanks. */
static int parse(const char *line, struct migrate_options *o, char *err)
{
    static char copy[512];
    char *argv[MAX_ARGS + 1] = { "migrate" };
    int argc = 1;
    char *save, *word;

    assert_true(strlen(line) < sizeof(copy));
    strcpy(copy, line);
    for (word = strtok_r(copy, " ", &save); word && argc < MAX_ARGS;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    *err = 0;
    return migrate_parse_options(argc, argv, o, err);
}

static void parse_ok(const char *line, struct migrate_options *o)
{
    char err[XPC_ERR_LEN];
    int rc = parse(line, o, err);

    if (rc)
        fail_msg("%s: %s", line, err);
}

static void torture_xl_options_a_stated_downtime_is_enforced(void **state)
{
    static const struct { const char *line; bool strict, not_enforced; } t[] = {
        { "a b", false, false },
        { "--precopy-duration=60s a b", false, false },
        { "--precopy-downtime=300ms a b", true, false },
        { "--precopy-max-downtime=300ms --precopy-downtime=100ms a b",
          true, false },
        { "--precopy-max-downtime=1s a b", true, false },
        { "--precopy-downtime=300ms --precopy-strict a b", true, false },
        { "--precopy-strict=on --precopy-duration=60s a b", true, false },
        { "--precopy-downtime=300ms --precopy-strict=off a b", false, false },
        { "--precopy-strict=off --precopy-downtime=300ms a b", false, false },
        /* The verify pass sends all of memory. */
        { "--debug --precopy-downtime=300ms a b", false, true },
        { "--debug --precopy-downtime=300ms --precopy-strict=off a b",
          false, false },
        { "--debug a b", false, false },
    };
    struct migrate_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        parse_ok(t[i].line, &o);
        if (o.params.strict != t[i].strict ||
            o.not_enforced != t[i].not_enforced)
            fail_msg("%s: strict %d, not enforced %d", t[i].line,
                     o.params.strict, o.not_enforced);
    }
}

static void torture_xl_options_of_stock_are_accepted(void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("g1 host", &o);
    assert_string_equal(o.domain, "g1");
    assert_string_equal(o.host, "host");
    assert_string_equal(o.ssh_command, "ssh");
    assert_null(o.config_file);
    assert_null(o.report_file);
    assert_false(o.foreground || o.no_monitor || o.paused || o.debug ||
                 o.preserve_domid);
    parse_ok("-F -e -p -D --debug --live -s rsh -C f.cfg g1 host", &o);
    assert_true(o.foreground && o.no_monitor && o.paused && o.debug &&
                o.preserve_domid);
    assert_string_equal(o.ssh_command, "rsh");
    assert_string_equal(o.config_file, "f.cfg");
}

/* Stock's getopt() stops at the domain, and ignores what follows the host. */
static void torture_xl_options_behind_the_host_are_ignored(void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("g1 host", &o);
    assert_null(o.ignored);
    parse_ok("-e g1 host --debug -p -D word", &o);
    assert_true(o.no_monitor);
    assert_false(o.debug || o.paused || o.preserve_domid);
    assert_string_equal(o.domain, "g1");
    assert_string_equal(o.host, "host");
    assert_string_equal(o.ignored, "--debug");
    parse_ok("-- g1 host", &o);
    assert_string_equal(o.host, "host");
}

/* As in `xen migrate $id $XENDOMAINS_MIGRATE` of Debian's xendomains. */
static void torture_xl_options_may_be_between_the_domain_and_the_host(
    void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("5 --precopy-downtime=400ms -s cat host", &o);
    assert_string_equal(o.domain, "5");
    assert_string_equal(o.host, "host");
    assert_string_equal(o.ssh_command, "cat");
    assert_int_equal(o.params.downtime_ns, 400 * XPC_MS);
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    assert_null(o.ignored);
    parse_ok("-e g1 -p host --debug", &o);
    assert_true(o.no_monitor && o.paused && !o.debug);
    assert_string_equal(o.ignored, "--debug");
}

static void assert_bad(const char *line, const char *part)
{
    struct migrate_options o;
    char err[XPC_ERR_LEN];

    assert_int_equal(parse(line, &o, err), -1);
    if (!strstr(err, part))
        fail_msg("%s: %s", line, err);
}

/* An option of ours that would have no effect is an error. */
static void torture_xl_options_names_are_not_empty(void **state)
{
    char *domain[] = { "migrate", "", "host", NULL };
    char *host[] = { "migrate", "g1", "", NULL };
    struct migrate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(migrate_parse_options(3, domain, &o, err), -1);
    assert_string_equal(err, "the name of the domain is empty");
    assert_int_equal(migrate_parse_options(3, host, &o, err), -1);
    assert_string_equal(err, "the name of the host is empty");
    assert_int_equal(parse("--within=0 g1 host", &o, err), -1);
    assert_non_null(strstr(err, "more than 0 is needed"));
}

static void torture_xl_options_of_ours_behind_the_host_are_refused(
    void **state)
{
    (void)state;
    assert_bad("g1 host --precopy-downtime=300ms", "come before it");
    assert_bad("g1 -e host --precopy-downtime=300ms", "come before it");
    assert_bad("g1 host --debug --precopy-strict", "--precopy-strict");
    assert_bad("g1 host --report r.json", "--report");
    assert_bad("g1 host --prec", "--prec");
    /* ssh would take it for an option. */
    assert_bad("g1 -- -e", "the host can't be -e");
    assert_bad("g1 -e", "a domain and a host are needed");
    assert_bad("g1", "a domain and a host are needed");
    assert_bad("", "a domain and a host are needed");
    assert_bad("g1 --nonsense host", "no option");
}

static void torture_xl_options_of_another_xl_suggest_ours(void **state)
{
    (void)state;
    assert_bad("--max_iters 3 g1 host", "use --precopy-iterations");
    assert_bad("--max_iters=3 g1 host", "use --precopy-iterations");
    assert_bad("--max_factor=2 g1 host", "use --precopy-duration");
    assert_bad("--min_remaining 60 g1 host", "use --precopy-threshold");
    assert_bad("--abort_if_busy g1 host", "use --precopy-on-timeout=abort");
    assert_bad("--nonsense g1 host", "no option");
}

static void torture_xl_options_no_precopy_option_means_stock(void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    parse_ok("--progress=json --report=r -e g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    assert_int_equal(o.progress, PROGRESS_JSON);
    assert_string_equal(o.report_file, "r");
    parse_ok("--precopy-bandwidth=auto g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    parse_ok("--precopy-policy=limit g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    parse_ok("--precopy-policy=stock --precopy-iterations=3 g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    assert_int_equal(o.params.iterations, 3);
}

static void torture_xl_options_of_the_policy_are_accepted(void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("--precopy-duration=1.5m --precopy-downtime=300ms "
             "--precopy-max-downtime 2s --precopy-bandwidth=10Gbit "
             "--precopy-on-timeout=suspend --precopy-iterations=7 "
             "--precopy-threshold=99 --precopy-switchover-overhead=40ms "
             "g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    assert_int_equal(o.params.duration_ns, 90 * XPC_S);
    assert_int_equal(o.params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(o.params.max_downtime_ns, 2 * XPC_S);
    assert_int_equal(o.params.bandwidth_bytes_per_s, 1250000000);
    assert_int_equal(o.params.on_timeout, XPC_ON_TIMEOUT_SUSPEND);
    assert_int_equal(o.params.iterations, 7);
    assert_int_equal(o.params.threshold_pages, 99);
    assert_int_equal(o.params.overhead_ns, 40 * XPC_MS);
    parse_ok("--precopy-duration=0 g1 host", &o);
    assert_int_equal(o.params.duration_ns, 0);
}

/* The way of sending does not request a policy. */
static void torture_xl_options_zero_pages_are_sent_exactly(void **state)
{
    static const struct { const char *line; int zero_pages; } t[] = {
        { "g1 host", XPC_ZERO_PAGES_SEND },
        { "--debug --precopy-history=off g1 host", XPC_ZERO_PAGES_SEND },
        { "--precopy-downtime=1s g1 host", XPC_ZERO_PAGES_AUTO },
        { "--precopy-policy=stock g1 host", XPC_ZERO_PAGES_AUTO },
        { "--precopy-channels=1 g1 host", XPC_ZERO_PAGES_AUTO },
        { "--precopy-compress=off g1 host", XPC_ZERO_PAGES_AUTO },
        { "--precopy-zero-pages=auto g1 host", XPC_ZERO_PAGES_AUTO },
        { "--precopy-zero-pages=elide g1 host", XPC_ZERO_PAGES_ELIDE },
        { "--precopy-zero-pages=send --precopy-downtime=1s g1 host",
          XPC_ZERO_PAGES_SEND },
    };
    struct migrate_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        parse_ok(t[i].line, &o);
        assert_int_equal(o.params.zero_pages, t[i].zero_pages);
    }
}

/* To ask a stock receiver, or a transport of the user, costs a connection. */
static void torture_xl_options_decide_who_is_asked_for_channels(void **state)
{
    static const struct {
        const char *line;
        bool known_stock, asked;
    } t[] = {
        { "g1 host", false, false },
        { "--precopy-downtime=1s g1 host", false, true },
        { "--precopy-downtime=1s g1 host", true, false },
        { "-s sh --precopy-downtime=1s g1 host", false, false },
        { "-s sh --precopy-channels=1 g1 host", false, true },
        { "-s sh --precopy-compress=off g1 host", false, true },
        { "-s sh --precopy-zero-pages=auto g1 host", true, true },
        { "--precopy-channels=1 g1 host", true, true },
        { "--precopy-compress=lz4 g1 host", true, true },
        { "--precopy-zero-pages=auto g1 host", true, true },
        { "--precopy-zero-pages=send --precopy-downtime=1s g1 host", false,
          false },
        { "--precopy-zero-pages=elide --precopy-channels=1 g1 host", false,
          false },
        { "--precopy-zero-pages=send --precopy-channels=2 g1 host", false,
          true },
    };
    struct migrate_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        parse_ok(t[i].line, &o);
        if (channels_wanted(&o, t[i].known_stock) != t[i].asked)
            fail_msg("%s", t[i].line);
    }
}

static void torture_xl_options_of_the_way_of_sending_are_accepted(
    void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("g1 host", &o);
    assert_int_equal(o.params.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_int_equal(o.params.max_bytes_per_s, 0);
    assert_int_equal(o.params.switchover, XPC_SWITCHOVER_LIFTED);
    assert_int_equal(o.params.skip_dirty, XPC_SKIP_DIRTY_ON);
    /* Only the policy reckons with it. */
    parse_ok("--precopy-skip-dirty=off g1 host", &o);
    assert_int_equal(o.params.skip_dirty, XPC_SKIP_DIRTY_OFF);
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    parse_ok("--precopy-zero-pages=send --precopy-max-bandwidth=400Mbit "
             "--precopy-switchover-bandwidth=kept g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    assert_int_equal(o.params.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_int_equal(o.params.max_bytes_per_s, 50000000);
    assert_int_equal(o.params.switchover, XPC_SWITCHOVER_KEPT);
    parse_ok("--precopy-switchover-bandwidth=1Gbit --precopy-downtime=1s "
             "--precopy-max-bandwidth=none g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_LIMIT);
    assert_int_equal(o.params.max_bytes_per_s, 0);
    assert_int_equal(o.params.switchover, XPC_SWITCHOVER_RATE);
    assert_int_equal(o.params.switchover_bytes_per_s, 125000000);
    parse_ok("--precopy-switchover-bandwidth=lifted g1 host", &o);
    assert_int_equal(o.params.switchover, XPC_SWITCHOVER_LIFTED);
}

static void torture_xl_options_of_channels_are_accepted(void **state)
{
    struct migrate_options o;
    char text[XL_PRECOPY_TEXT_LEN];

    (void)state;
    parse_ok("g1 host", &o);
    assert_int_equal(o.params.channels, 1);
    assert_int_equal(o.params.compress, XPC_COMPRESS_OFF);
    assert_false(xpc_params_over_channels(&o.params));
    xl_precopy_text(&o.params, text, sizeof(text));
    assert_null(strstr(text, "channels"));
    parse_ok("--precopy-channels=4 --precopy-compress=zstd:3 g1 host", &o);
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    assert_int_equal(o.params.channels, 4);
    assert_int_equal(o.params.compress, XPC_COMPRESS_ZSTD);
    assert_int_equal(o.params.compress_level, 3);
    xl_precopy_text(&o.params, text, sizeof(text));
    assert_non_null(strstr(text, "channels 4, compress zstd:3"));
    parse_ok("--precopy-compress=auto g1 host", &o);
    assert_int_equal(o.params.compress, XPC_COMPRESS_AUTO);
    parse_ok("--precopy-compress=lz4 g1 host", &o);
    assert_int_equal(o.params.compress, XPC_COMPRESS_LZ4);
    assert_int_equal(o.params.compress_level, 0);
    assert_true(xpc_params_over_channels(&o.params));
}

static void torture_xl_options_of_a_check(void **state)
{
    static const char *const bad[][2] = {
        { "--json a b", "--json is for --check" },
        { "--check --no-check a b", "leave --no-check out" },
        { "--check --report=f a b", "leave --report out" },
        { "--check --within=1h a b", "leave --within out" },
        { "--within=25h a b", "--within: 24h are the most" },
        { "--within=6 a b", "a unit is needed" },
    };
    struct migrate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    parse_ok("a b", &o);
    assert_false(o.check || o.no_check || o.json);
    parse_ok("--within=6h a b", &o);
    assert_true(o.within_ns == 6 * 3600 * XPC_S);
    parse_ok("--check --json a b", &o);
    assert_true(o.check && o.json && !o.stock_only);
    parse_ok("--no-check a b", &o);
    assert_true(o.no_check && !o.stock_only);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i][0], &o, err), -1);
        assert_non_null(strstr(err, bad[i][1]));
    }
}

static void torture_xl_options_history_is_on_by_default(void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("g1 host", &o);
    assert_int_equal(o.history, HISTORY_ON);
    /* It is not an option of the policy. */
    parse_ok("--precopy-history=off g1 host", &o);
    assert_int_equal(o.history, HISTORY_OFF);
    assert_int_equal(o.params.policy, XPC_POLICY_STOCK);
    parse_ok("--precopy-history=on g1 host", &o);
    assert_int_equal(o.history, HISTORY_ON);
}

static void torture_xl_options_progress_is_one_of_four(void **state)
{
    struct migrate_options o;

    (void)state;
    parse_ok("g1 host", &o);
    assert_int_equal(o.progress, PROGRESS_AUTO);
    parse_ok("--progress=auto g1 host", &o);
    assert_int_equal(o.progress, PROGRESS_AUTO);
    parse_ok("--progress=plain g1 host", &o);
    assert_int_equal(o.progress, PROGRESS_PLAIN);
    parse_ok("--progress=none g1 host", &o);
    assert_int_equal(o.progress, PROGRESS_NONE);
}

/* With these, xl in the place of the stock xl leaves the work to that one. */
static void torture_xl_options_know_what_stock_understands(void **state)
{
    static const struct {
        const char *line;
        bool stock_only;
    } t[] = {
        { "g1 host", true },
        { "-C file -s sh -e -F -p -D --debug --live g1 host", true },
        { "--deb g1 host", true },
        { "g1 host 4 --debug", true },
        { "-h", true },
        { "g1", true },
        { "", true },
        { "--precopy-downtime=1s g1 host", false },
        { "--precopy-down=1s --debug g1 host", false },
        { "--debug --precopy-strict g1 host", false },
        { "--progress=auto g1 host", false },
        { "--report=/tmp/x -e g1 host", false },
        { "--precopy-history=on g1 host", false },
        { "--precopy-downtime=x g1 host", false },
        { "--whatever g1 host", false },
        { "g1 host --precopy-downtime=1s", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct migrate_options o;
        char err[XPC_ERR_LEN];

        parse(t[i].line, &o, err);
        if (o.stock_only != t[i].stock_only)
            fail_msg("%s", t[i].line);
    }
}

static void torture_xl_options_help_is_recognised(void **state)
{
    struct migrate_options o;
    char err[XPC_ERR_LEN];

    (void)state;
    assert_int_equal(parse("-h", &o, err), 1);
    assert_int_equal(parse("--help", &o, err), 1);
    assert_int_equal(parse("--precopy-downtime=1s --help g1", &o, err), 1);
}

static void torture_xl_options_bad_ones_are_reported_in_one_line(void **state)
{
    static const struct { const char *line, *says; } bad[] = {
        { "--debug --precopy-strict a b", "leave one of them out" },
        { "--debug --precopy-downtime=1s --precopy-strict=on a b",
          "leave one of them out" },
        { "--precopy-strict=maybe a b", "precopy-strict" },
        { "--precopy-downtime=300 a b",
          "--precopy-downtime=300: a unit is needed, for example 300ms" },
        { "--precopy-downtime=0.3 a b", "a unit is needed" },
        { "--precopy-downtime=0 a b", "more than 0 is needed" },
        { "--precopy-downtime=0ms a b", "more than 0 is needed" },
        { "--precopy-max-downtime=0 a b",
          "--precopy-max-downtime=0: more than 0" },
        { "--precopy-switchover-overhead=0 a b", "more than 0" },
        { "--precopy-downtime=-1ms a b", "not a time" },
        { "--precopy-downtime=1e3ms a b", "not a time" },
        { "--precopy-downtime=. a b", "not a time" },
        { "--precopy-downtime= a b", "--precopy-downtime=: not a time" },
        { "--precopy-slow-down=0 a b",
          "--precopy-slow-down=0: off or 1 to 99 percent is accepted" },
        { "--precopy-slow-down=100 a b", "1 to 99 percent" },
        { "--precopy-slow-down=40%% a b", "1 to 99 percent" },
        { "--precopy-slow-down= a b", "1 to 99 percent" },
        { "--precopy-policy=stock --precopy-slow-down=40 a b",
          "--precopy-slow-down has no effect" },
        { "--precopy-duration=soon a b", "--precopy-duration=soon: not a" },
        { "--precopy-duration=99999999999999999h a b", "too long" },
        { "--precopy-max-downtime=2sec a b", "--precopy-max-downtime=2sec" },
        { "--precopy-bandwidth=10 a b",
          "--precopy-bandwidth=10: a unit is needed, for example 10Mbit" },
        { "--precopy-bandwidth=10Gb a b", "not a bandwidth" },
        { "--precopy-bandwidth=0 a b", "out of range" },
        { "--precopy-bandwidth=0Mbit a b", "out of range" },
        { "--precopy-bandwidth=0.000001kbit a b", "out of range" },
        { "--precopy-bandwidth=99999999999999999999GB a b", "out of range" },
        { "--precopy-bandwidth=Auto a b", "10Gbit; or auto" },
        { "--precopy-max-bandwidth=auto a b", "10Gbit; or none" },
        { "--precopy-bandwidth=1.2.3 a b", "not a bandwidth" },
        { "--precopy-iterations=9223372036854775808 a b", "from 1 to" },
        { "--precopy-on-timeout=perhaps a b",
          "--precopy-on-timeout=perhaps: abort or suspend is accepted" },
        { "--precopy-iterations=0 a b", "--precopy-iterations=0: a whole" },
        { "--precopy-iterations=2.5 a b", "a whole number" },
        { "--precopy-iterations=-1 a b", "a whole number" },
        { "--precopy-threshold=many a b", "--precopy-threshold=many: a who" },
        { "--precopy-threshold=99999999999999999999999 a b", "a whole" },
        { "--precopy-policy=best a b",
          "--precopy-policy=best: limit or stock is accepted" },
        { "--precopy-zero-pages=no a b",
          "--precopy-zero-pages=no: send, elide or auto is accepted" },
        { "--precopy-skip-dirty=yes a b",
          "--precopy-skip-dirty=yes: off or on is accepted" },
        { "--precopy-lulls=no a b",
          "--precopy-lulls=no: on or off is accepted" },
        { "--precopy-max-bandwidth=0 a b", "out of range" },
        { "--precopy-max-bandwidth=5 a b", "a unit is needed" },
        { "--precopy-switchover-bandwidth=rate a b",
          "--precopy-switchover-bandwidth=rate: lifted, kept or a bandwid" },
        { "--precopy-channels=0 a b", "--precopy-channels=0: a whole" },
        { "--precopy-channels=17 a b", "--precopy-channels=17: a whole" },
        { "--precopy-compress=gzip a b",
          "--precopy-compress=gzip: off, auto, zstd, lz4, or one of" },
        { "--precopy-compress=zst a b", "off, auto, zstd, lz4" },
        { "--precopy-compress= a b", "off, auto, zstd, lz4" },
        { "--precopy-compress=auto:1 a b", "off, auto, zstd, lz4" },
        { "--precopy-compress=off:1 a b", "off, auto, zstd, lz4" },
        { "--precopy-compress=zstd:20 a b",
          "--precopy-compress=zstd:20: the level of zstd is 1 to 19" },
        { "--precopy-compress=lz4:0 a b", "=lz4:0: the level of lz4 is 1 to" },
        { "--precopy-compress=lz4: a b", "=lz4:: the level of lz4 is 1 to 12" },
        { "--precopy-history=perhaps a b",
          "--precopy-history=perhaps: on or off is accepted" },
        { "--progress=xml a b",
          "--progress=xml: auto, plain, json or none is accepted" },
        { "--report= a b", "the name of a file is needed" },
        { "--report", "--report needs a value" },
        { "--precopy-downtime", "--precopy-downtime needs a value" },
        { "-C", "-C needs a value" },
        { "-Z a b", "-Z is no option" },
        { "--precopy-x=1 a b", "--precopy-x=1 is no option" },
        { "--precopy-d=1s a b", "short for several" },
        { "--live=yes a b", "--live takes no value" },
        { "--debug=1 a b", "--debug takes no value" },
        { "--help=1 a b", "--help takes no value" },
        { "", "a domain and a host are needed" },
        { "a", "a domain and a host are needed" },
        { "--precopy-policy=stock --precopy-downtime=1s a b",
          "--precopy-downtime has no effect with --precopy-policy=stock" },
        { "--precopy-max-downtime=1s --precopy-policy=stock a b",
          "--precopy-max-downtime has no effect" },
        { "--precopy-policy=stock --precopy-duration=1s a b", "-duration" },
        { "--precopy-policy=stock --precopy-early-abort=off a b",
          "--precopy-early-abort has no effect" },
        { "--precopy-policy=stock --precopy-skip-dirty=on a b",
          "--precopy-skip-dirty has no effect" },
        { "--precopy-policy=stock --precopy-lulls=off a b",
          "--precopy-lulls has no effect" },
        { "--precopy-policy=stock --precopy-on-timeout=abort a b",
          "--precopy-on-timeout has no effect" },
        { "--precopy-downtime=\a\n a b", "=??: not a time" },
    };
    struct migrate_options o;
    char err[XPC_ERR_LEN];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i].line, &o, err), -1);
        if (!strstr(err, bad[i].says) || strchr(err, '\n'))
            fail_msg("%s: %s", bad[i].line, err);
    }
}

/* The longest values fit into the message, or are cut. */
static void torture_xl_options_long_values_are_cut(void **state)
{
    static const char *const names[] = {
        "downtime", "bandwidth", "iterations", "policy",
    };
    char arg[2048], err[XPC_ERR_LEN];
    struct migrate_options o;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *argv[] = { "migrate", arg, "a", "b", NULL };
        int n = snprintf(arg, sizeof(arg), "--precopy-%s=", names[i]);

        memset(arg + n, '7', sizeof(arg) - n - 1);
        arg[sizeof(arg) - 1] = 0;
        arg[sizeof(arg) - 2] = 'x';
        assert_int_equal(migrate_parse_options(4, argv, &o, err), -1);
        assert_non_null(memchr(err, 0, sizeof(err)));
    }
}

static void torture_xl_options_make_the_same_command_as_stock(void **state)
{
    struct migrate_options o;
    struct xl_globals saved = xl_globals;
    char *command;

    (void)state;
    parse_ok("-s cat g1 host", &o);
    o.ssh_command = "";
    command = transport_command(&o);
    assert_string_equal(command, "host");
    free(command);

    xl_globals.progress_cr = true;
    parse_ok("-s rsh g1 host", &o);
    command = transport_command(&o);
    assert_string_equal(command, "exec rsh host xl -t migrate-receive");
    free(command);
    xl_globals.timestamps = true;
    xl_globals.level = XL_LEVEL_DEFAULT - 2;
    parse_ok("-e --debug -p g1 host", &o);
    command = transport_command(&o);
    assert_string_equal(command,
                        "exec ssh host xl -t -T -vv migrate-receive -e -d -p");
    free(command);
    xl_globals = saved;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_options_a_stated_downtime_is_enforced),
        cmocka_unit_test(torture_xl_options_of_stock_are_accepted),
        cmocka_unit_test(torture_xl_options_behind_the_host_are_ignored),
        cmocka_unit_test(
            torture_xl_options_may_be_between_the_domain_and_the_host),
        cmocka_unit_test(torture_xl_options_names_are_not_empty),
        cmocka_unit_test(
            torture_xl_options_of_ours_behind_the_host_are_refused),
        cmocka_unit_test(torture_xl_options_of_another_xl_suggest_ours),
        cmocka_unit_test(torture_xl_options_no_precopy_option_means_stock),
        cmocka_unit_test(torture_xl_options_of_the_policy_are_accepted),
        cmocka_unit_test(torture_xl_options_zero_pages_are_sent_exactly),
        cmocka_unit_test(torture_xl_options_decide_who_is_asked_for_channels),
        cmocka_unit_test(torture_xl_options_of_the_way_of_sending_are_accepted),
        cmocka_unit_test(torture_xl_options_of_channels_are_accepted),
        cmocka_unit_test(torture_xl_options_of_a_check),
        cmocka_unit_test(torture_xl_options_history_is_on_by_default),
        cmocka_unit_test(torture_xl_options_progress_is_one_of_four),
        cmocka_unit_test(torture_xl_options_know_what_stock_understands),
        cmocka_unit_test(torture_xl_options_help_is_recognised),
        cmocka_unit_test(torture_xl_options_bad_ones_are_reported_in_one_line),
        cmocka_unit_test(torture_xl_options_long_values_are_cut),
        cmocka_unit_test(torture_xl_options_make_the_same_command_as_stock),
    };

    return torture_run(argc, argv, tests);
}
