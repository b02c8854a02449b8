/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "common/xl_precopy_options.h"
#include "migrate/xl_migrate_options.h"

enum {
    OPT_DEBUG = 0x100, OPT_LIVE, OPT_PROGRESS, OPT_REPORT, OPT_HISTORY,
    OPT_CHECK, OPT_NO_CHECK, OPT_JSON, OPT_WITHIN,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "debug", no_argument, NULL, OPT_DEBUG },
    { "live", no_argument, NULL, OPT_LIVE },
    { "progress", required_argument, NULL, OPT_PROGRESS },
    { "report", required_argument, NULL, OPT_REPORT },
    { "check", no_argument, NULL, OPT_CHECK },
    { "json", no_argument, NULL, OPT_JSON },
    { "no-check", no_argument, NULL, OPT_NO_CHECK },
    { "within", required_argument, NULL, OPT_WITHIN },
    { "precopy-history", required_argument, NULL, OPT_HISTORY },
    XL_PRECOPY_OPTIONS
    { 0 }
};

static const char help[] =
"-h, --help      Print this help.\n"
"-C <config>     Send <config> instead of config file from creation.\n"
"-s <sshcommand> Use <sshcommand> instead of ssh.  String will be passed\n"
"                to sh. If empty, run <host> instead of ssh <host> xl\n"
"                migrate-receive [-d -e]\n"
"-e              Do not wait in the background (on <host>) for the death\n"
"                of the domain.\n"
"-F              The same as -e.\n"
"-p              Do not unpause domain after migrating it.\n"
"-D              Preserve the domain id.\n"
"--debug         Verify the pages on the target, and log a lot.\n"
"--live          Ignored: every migration is live.\n"
"\n"
"Precopy policy. Without any of these options, and without limits in\n"
"precopy.conf(5) or xenstore, xl decides as stock xl does.\n"
"Of these, --precopy-zero-pages, -max-bandwidth, -switchover-bandwidth,\n"
"-channels and -compress only say how to send, and ask for no policy.\n"
XL_TIME_HELP
XL_RATE_HELP
"\n"
XL_PRECOPY_HELP
XL_PRECOPY_FIXED_HELP
"--precopy-policy=limit|stock Keep to the limits, or decide as stock xl does.\n"
"\n"
"--progress=auto|plain|json|none\n"
"                             plain: lines; json: JSON lines on standard\n"
"                             output; auto: one line that is redrawn on a\n"
"                             terminal, else plain (auto).\n"
"--report=FILE                Write a report of the migration to FILE, as JSON.\n"
"--check                      Do not migrate: say whether the target has what\n"
"                             the guest needs, how fast the link is, and what\n"
"                             the migration would be like.\n"
"--json                       With --check: print JSON.\n"
"--no-check                   Do not ask the receiver first whether the guest\n"
"                             can run there.\n"
"--within=TIME                Wait for the best hour of the next TIME, up to\n"
"                             24h, by the profile that xl dirty-rate --watch\n"
"                             --history keeps, and migrate then.\n"
"--precopy-history=on|off     Learn from earlier migrations to the host, and\n"
"                             record this one (on).\n"
"\n"
"Exit status: 0 migrated; 1 failed; 2 refused, nothing was touched; 3 aborted\n"
"by the policy; 4 the final handshake failed, check both ends; 5 interrupted.\n"
"With 1, 2, 3 and 5 the guest runs on this host, unless it has ended.  More in\n"
"xl-precopy(1).";

const struct xl_usage migrate_usage = {
    .name       = "migrate",
    .summary    = "Migrate a domain to another host, with a limit to its "
                  "downtime",
    .arguments  = "[options] <Domain> <host>",
    .options    = help,
};

/* Is it an option that the stock xl has, too? */
static bool is_stock_option(int opt)
{
    return opt == 'h' || opt == OPT_DEBUG || opt == OPT_LIVE ||
           (opt < OPT_DEBUG && strchr("CsFepD", opt));
}

static int parse_option(int opt, struct migrate_options *o, char *err)
{
    static const char *const progress_names[] = {
        "auto", "plain", "json", "none", NULL
    };
    static const char *const history_names[] = { "on", "off", NULL };

    switch (opt) {
    case 'C':
        o->config_file = optarg;
        return 0;
    case 's':
        o->ssh_command = optarg;
        o->own_transport = true;
        return 0;
    case 'F':
        o->foreground = true;
        return 0;
    case 'e':
        o->no_monitor = true;
        return 0;
    case 'p':
        o->paused = true;
        return 0;
    case 'D':
        o->preserve_domid = true;
        return 0;
    case OPT_DEBUG:
        o->debug = true;
        return 0;
    case OPT_HISTORY:
        return xl_parse_word("precopy-history", optarg, history_names,
                             &o->history, err);
    case OPT_CHECK:
        o->check = true;
        return 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_WITHIN:
        return xl_parse_limit("within", optarg, &o->within_ns, err);
    case OPT_NO_CHECK:
        o->no_check = true;
        return 0;
    case OPT_LIVE:      /* accepted for compatibility with xm */
        return 0;
    case OPT_PROGRESS:
        return xl_parse_word("progress", optarg, progress_names,
                             &o->progress, err);
    case OPT_REPORT:
        return xl_parse_file("report", optarg, &o->report_file, err);
    default:
        return xl_parse_precopy(opt, optarg, &o->stated, &o->given, err);
    }
}

/* Names our option for those of patched xls of some distributions. */
static int refuse_option(const char *arg, int opt, char *const *argv,
                         char *err)
{
    static const struct {
        const char *theirs, *ours;
    } old[] = {
        { "--max_iters", "precopy-iterations" },
        { "--max_factor", "precopy-duration" },
        { "--min_remain", "precopy-threshold" },
        { "--abort_if_busy", "precopy-on-timeout=abort" },
    };

    for (size_t i = 0; !optopt && i < sizeof(old) / sizeof(old[0]); i++) {
        if (!strncmp(arg, old[i].theirs, strlen(old[i].theirs)))
            return xl_bad(err, "%.80s is an option of another xl: use --%s",
                          arg, old[i].ours);
    }
    return xl_bad_option("migrate", options, opt, argv, err);
}

/* Whether it is an option that stock lacks, or an abbreviation of one. */
static bool is_our_option(const char *arg)
{
    const struct option *o;
    size_t len;

    if (strncmp(arg, "--", 2))
        return false;
    arg += 2;
    len = strcspn(arg, "=");
    for (o = options; len && o->name; o++) {
        if (!is_stock_option(o->val) &&
            !strncmp(o->name, arg, len))
            return true;
    }
    return false;
}

/*
 * Like stock, option parsing stops at the domain; but stock takes an option
 * between the domain and the host for the host. Debian's xendomains can put
 * options nowhere else.
 */
static int next_option(int argc, char **argv, struct migrate_options *o)
{
    int opt = getopt_long(argc, argv, "+:hFC:s:epD", options, NULL);

    if (opt >= 0 || o->domain || optind >= argc)
        return opt;
    o->domain = argv[optind++];
    return optind < argc && *argv[optind] == '-' ?
           getopt_long(argc, argv, "+:hFC:s:epD", options, NULL) : -1;
}

/*
 * Like stock, what follows the host is ignored. But refuse one of our own
 * options there instead of ignoring it.
 */
static int parse_arguments(char *const *argv, struct migrate_options *o,
                           char *err)
{
    o->host = argv[0];
    o->ignored = argv[1];
    if (!*o->domain || !*o->host)
        return xl_bad(err, "the name of the %s is empty", *o->domain ?
                      "host" : "domain");
    if (*o->host == '-')
        return xl_bad(err, "the host can't be %.80s", o->host);
    for (argv++; *argv; argv++) {
        if (!is_our_option(*argv))
            continue;
        o->stock_only = false;
        return xl_bad(err, "%.80s has no effect behind the host: options "
                      "come before it", *argv);
    }
    return 0;
}

#define BIT(id) XPC_OPTION_BIT(XPC_OPT_##id)

/*
 * A transport of the user's own may be able to carry a single connection only.
 * Nobody who wrote the file or to xenstore could know of it.
 */
static void leave_out_channels(struct migrate_options *o,
                               struct conf_settings *s)
{
    unsigned int set = s->given & (BIT(CHANNELS) | BIT(COMPRESS)) &
                       ~conf_given_by(s, CONF_ORIGIN_COMMAND);

    o->left_out = o->own_transport ? set : 0;
    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        if (o->left_out & XPC_OPTION_BIT(opt))
            conf_drop(s, opt);
    }
}

/*
 * A stated downtime is enforced unless strict is stated, too, or --debug is
 * given.
 */
static void set_strict(struct migrate_options *o,
                       const struct conf_settings *s)
{
    o->not_enforced = false;
    if (o->params.policy == XPC_POLICY_STOCK || s->given & BIT(STRICT) ||
        !(s->given & (BIT(DOWNTIME) | BIT(MAX_DOWNTIME))))
        return;
    o->not_enforced = o->debug;
    o->params.strict = o->debug ? XPC_STRICT_OFF : XPC_STRICT_ON;
}

int migrate_settle(struct migrate_options *o, struct conf_settings *s,
                   char err[XPC_ERR_LEN])
{
    char source[CONF_SOURCE_LEN];

    o->asks_receiver = o->given & (BIT(CHANNELS) | BIT(COMPRESS) |
                                   BIT(ZERO_PAGES));
    conf_add_options(s, &o->stated, o->given);
    leave_out_channels(o, s);
    conf_settle(s);
    o->params = s->params;
    /* If nothing is asked for, the stream is the same as stock's. */
    if ((o->given || s->given & XPC_OPTIONS_WAYS ||
         s->params.policy != XPC_POLICY_STOCK) &&
        !(s->given & BIT(ZERO_PAGES)))
        o->params.zero_pages = XPC_ZERO_PAGES_AUTO;
    set_strict(o, s);
    if (!o->debug || !o->params.strict)
        return 0;
    if (o->given & BIT(STRICT))
        return xl_bad(err, "--debug sends all pages once more while the guest "
                      "stands still, longer than --precopy-strict would let "
                      "it: leave one of them out");
    return xl_bad(err, "--debug sends all pages once more while the guest "
                  "stands still, longer than strict (%s) would let it: leave "
                  "it out, or give --precopy-strict=off",
                  conf_source_text(s, XPC_OPT_STRICT, source));
}

static int check_options(struct migrate_options *o, char *err)
{
    const char *in_vain = xl_precopy_in_vain(&o->stated, o->given);
    struct conf_settings none;

    if (in_vain)
        return xl_bad(err, "--%s has no effect with --precopy-policy=stock: "
                      "leave one of them out", in_vain);
    if (o->json && !o->check)
        return xl_bad(err, "--json is for --check: see --progress=json and "
                      "--report");
    if (o->check && (o->no_check || o->report_file))
        return xl_bad(err, "--check migrates nothing: leave %s out",
                      o->no_check ? "--no-check" : "--report");
    if (o->within_ns && o->check)
        return xl_bad(err, "--check migrates nothing: leave --within out");
    if (o->within_ns > 86400 * XPC_S)
        return xl_bad(err, "--within: 24h are the most");
    conf_settings_init(&none);
    return migrate_settle(o, &none, err);
}

int migrate_parse_options(int argc, char **argv, struct migrate_options *o,
                          char err[XPC_ERR_LEN])
{
    int opt;

    *o = (struct migrate_options){ .ssh_command = "ssh", .stock_only = true };
    xpc_params_init(&o->stated);
    optind = 0;
    opterr = 0;
    while ((opt = next_option(argc, argv, o)) >= 0) {
        if (opt == 'h')
            return 1;
        o->stock_only = o->stock_only && is_stock_option(opt);
        if (opt == '?' || opt == ':')
            return refuse_option(argv[optind - 1], opt, argv, err);
        if (parse_option(opt, o, err))
            return -1;
    }
    if (check_options(o, err))
        return -1;
    if (optind >= argc)
        return xl_bad(err, "a domain and a host are needed: xl migrate %s",
                      migrate_usage.arguments);
    return parse_arguments(argv + optind, o, err);
}
