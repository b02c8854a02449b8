/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate's options: the stock ones and those of the precopy policy.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "xl_migrate.h"
#include "xpc_types.h"
#include "xpc_units.h"

enum {
    OPT_DEBUG = 0x100, OPT_LIVE, OPT_PROGRESS, OPT_REPORT,
    /* From here on: options of the policy. */
    OPT_DURATION, OPT_DOWNTIME, OPT_MAX_DOWNTIME, OPT_BANDWIDTH,
    OPT_ON_TIMEOUT, OPT_ITERATIONS, OPT_THRESHOLD, OPT_POLICY, OPT_OVERHEAD,
    OPT_CONFIDENCE, OPT_EARLY_ABORT, OPT_END,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "debug", no_argument, NULL, OPT_DEBUG },
    { "live", no_argument, NULL, OPT_LIVE },
    { "progress", required_argument, NULL, OPT_PROGRESS },
    { "report", required_argument, NULL, OPT_REPORT },
    { "precopy-duration", required_argument, NULL, OPT_DURATION },
    { "precopy-downtime", required_argument, NULL, OPT_DOWNTIME },
    { "precopy-max-downtime", required_argument, NULL, OPT_MAX_DOWNTIME },
    { "precopy-bandwidth", required_argument, NULL, OPT_BANDWIDTH },
    { "precopy-on-timeout", required_argument, NULL, OPT_ON_TIMEOUT },
    { "precopy-iterations", required_argument, NULL, OPT_ITERATIONS },
    { "precopy-threshold", required_argument, NULL, OPT_THRESHOLD },
    { "precopy-policy", required_argument, NULL, OPT_POLICY },
    { "precopy-switchover-overhead", required_argument, NULL, OPT_OVERHEAD },
    { "precopy-confidence", required_argument, NULL, OPT_CONFIDENCE },
    { "precopy-early-abort", required_argument, NULL, OPT_EARLY_ABORT },
    { 0 }
};

const char migrate_help[] =
"-h, --help      Print this help.\n"
"-C <config>     Send <config> instead of config file from creation.\n"
"-s <sshcommand> Use <sshcommand> instead of ssh.  String will be passed\n"
"                to sh. If empty, run <host> instead of ssh <host> xl\n"
"                migrate-receive [-d -e]\n"
"-e              Do not wait in the background (on <host>) for the death\n"
"                of the domain.\n"
"-F              As -e.\n"
"-p              Do not unpause domain after migrating it.\n"
"-D              Preserve the domain id.\n"
"--debug         Verify the pages on the target, and log a lot.\n"
"--live          Ignored: every migration is live.\n"
"\n"
"The precopy policy; without any of these options decisions are stock's.\n"
"TIME is a number with us, ms, s, m or h, RATE one with kbit, Mbit, Gbit, kB,\n"
"MB, GB, KiB, MiB or GiB, per second.\n"
"\n"
"--precopy-downtime=TIME      Suspend the guest when that would be for so\n"
"                             long at most (300ms).\n"
"--precopy-max-downtime=TIME  Never suspend it for longer (the same).\n"
"--precopy-duration=TIME      How long precopy may take (no limit).\n"
"--precopy-on-timeout=suspend|abort\n"
"                             What to do when the duration is over or\n"
"                             copying on does not help, and a suspension\n"
"                             would be under the maximum (abort).\n"
"--precopy-bandwidth=RATE|auto\n"
"                             What the link gives (auto: it is measured).\n"
"--precopy-iterations=N       At most so many iterations (no limit).\n"
"--precopy-threshold=PAGES    Suspend below so many dirty pages (none).\n"
"--precopy-switchover-overhead=TIME\n"
"                             What a switchover takes besides the pages\n"
"                             (100ms).\n"
"--precopy-confidence=PERCENT That the downtime stays within the limit:\n"
"                             50 to 99 (95).\n"
"--precopy-early-abort=on|off Give up as soon as there is no hope (on).\n"
"--precopy-policy=limit|stock Keep to the limits, or decide as stock xl.\n"
"\n"
"--progress=auto|plain|json|none\n"
"                             One line redrawn on a terminal and lines\n"
"                             otherwise; lines; JSON lines to standard\n"
"                             output; nothing (auto).\n"
"--report=FILE                Write what happened to FILE, as JSON.\n"
"\n"
"Exit status: 0 migrated; 1 failed; 2 refused, nothing was touched; 3 aborted\n"
"by the policy; 4 the final handshake failed, check both ends; 5 interrupted.\n"
"With 1, 2, 3 and 5 the guest runs on this host.  More in xl-precopy(1).";

static const char *option_name(int opt)
{
    const struct option *o;

    for (o = options; o->name; o++) {
        if (o->val == opt)
            return o->name;
    }
    return "?";
}

/* Is s a number to which only a unit is missing? */
static bool is_bare_number(const char *s)
{
    size_t n = strspn(s, "0123456789.");

    return n && !s[n] && strspn(s, ".") != n;
}

#define TIMES "a number with us, ms, s, m or h"
#define RATES "a number with kbit, Mbit, Gbit, kB, MB, GB, KiB, MiB or GiB, " \
              "per second"

static int parse_time(int opt, uint64_t *ns_r, char *err)
{
    const char *name = option_name(opt);

    if (xpc_parse_time(optarg, ns_r)) {
        if (errno == ERANGE)
            return xl_bad(err, "--%s=%.80s: too long", name, optarg);
        if (is_bare_number(optarg))
            return xl_bad(err, "--%s=%.80s: a unit is needed, for example "
                       "%.80sms", name, optarg, optarg);
        return xl_bad(err, "--%s=%.80s: not a time: " TIMES " is accepted, for "
                   "example 300ms", name, optarg);
    }
    /* Of the limits, 0 means none in the parameters: not what was asked. */
    if (!*ns_r && opt != OPT_DURATION)
        return xl_bad(err, "--%s=%.80s: more than 0 is needed, for example "
                   "300ms", name, optarg);
    return 0;
}

static int parse_bandwidth(int opt, uint64_t *bytes_per_s_r, char *err)
{
    const char *name = option_name(opt);

    if (!strcmp(optarg, "auto")) {
        *bytes_per_s_r = 0;
        return 0;
    }
    if (!xpc_parse_bandwidth(optarg, bytes_per_s_r))
        return 0;
    if (errno == ERANGE)
        return xl_bad(err, "--%s=%.80s: out of range", name, optarg);
    if (is_bare_number(optarg) && strspn(optarg, "0.") != strlen(optarg))
        return xl_bad(err, "--%s=%.80s: a unit is needed, for example "
                   "%.80sMbit", name, optarg, optarg);
    return xl_bad(err, "--%s=%.80s: not a bandwidth: auto or " RATES " is "
               "accepted, for example 10Gbit", name, optarg);
}

static int parse_count(int opt, uint64_t *count_r, char *err)
{
    if (!xpc_parse_count(optarg, count_r) && *count_r)
        return 0;
    return xl_bad(err, "--%s=%.80s: a whole number from 1 on is accepted, for "
               "example 10", option_name(opt), optarg);
}

static int parse_word(int opt, const char *const *names, int *value_r,
                      char *err)
{
    char known[64] = "";
    size_t len = 0;
    int i;

    for (i = 0; names[i]; i++) {
        if (!strcmp(optarg, names[i])) {
            *value_r = i;
            return 0;
        }
        len += snprintf(known + len, sizeof(known) - len, "%s%s",
                        !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
    }
    return xl_bad(err, "--%s=%.80s: %s is accepted", option_name(opt), optarg,
               known);
}

static int parse_policy_option(int opt, struct xpc_params *p, char *err)
{
    switch (opt) {
    case OPT_DURATION:
        return parse_time(opt, &p->duration_ns, err);
    case OPT_DOWNTIME:
        return parse_time(opt, &p->downtime_ns, err);
    case OPT_MAX_DOWNTIME:
        return parse_time(opt, &p->max_downtime_ns, err);
    case OPT_BANDWIDTH:
        return parse_bandwidth(opt, &p->bandwidth_bytes_per_s, err);
    case OPT_ON_TIMEOUT:
        return parse_word(opt, xpc_on_timeout_names, &p->on_timeout, err);
    case OPT_ITERATIONS:
        return parse_count(opt, &p->iterations, err);
    case OPT_THRESHOLD:
        return parse_count(opt, &p->threshold_pages, err);
    case OPT_OVERHEAD:
        return parse_time(opt, &p->overhead_ns, err);
    case OPT_CONFIDENCE:
        return parse_count(opt, &p->confidence_percent, err);
    case OPT_EARLY_ABORT:
        return parse_word(opt, xpc_early_abort_names, &p->early_abort, err);
    default:
        return parse_word(opt, xpc_policy_names, &p->policy, err);
    }
}

static int parse_option(int opt, struct migrate_options *o, char *err)
{
    static const char *const progress_names[] = {
        "auto", "plain", "json", "none", NULL
    };

    switch (opt) {
    case 'C':
        o->config_file = optarg;
        return 0;
    case 's':
        o->ssh_command = optarg;
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
    case OPT_LIVE:      /* what xm had */
        return 0;
    case OPT_PROGRESS:
        return parse_word(opt, progress_names, &o->progress, err);
    case OPT_REPORT:
        if (!*optarg)
            return xl_bad(err, "--report=: the name of a file is needed");
        o->report_file = optarg;
        return 0;
    default:
        return parse_policy_option(opt, &o->params, err);
    }
}

/* The stock policy heeds no limits: it must not look as if it did. */
static int check_policy(struct migrate_options *o, const bool *given,
                        char *err)
{
    static const int limits[] = {
        OPT_DURATION, OPT_DOWNTIME, OPT_MAX_DOWNTIME, OPT_ON_TIMEOUT,
    };
    bool any = false;
    size_t i;
    int opt;

    for (opt = OPT_DURATION; opt < OPT_END; opt++)
        any = any || given[opt - OPT_DURATION];
    if (!any)
        o->params.policy = XPC_POLICY_STOCK;
    if (o->params.policy != XPC_POLICY_STOCK)
        return 0;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (given[limits[i] - OPT_DURATION])
            return xl_bad(err, "--%s has no effect with --precopy-policy=stock:"
                       " leave one of them out", option_name(limits[i]));
    }
    return 0;
}

/* What getopt_long() can't make sense of; opt is what it returned. */
static int bad_option(int opt, char **argv, char *err)
{
    const char *arg = argv[optind - 1];

    if (opt == ':' && optopt < 0x100)
        return xl_bad(err, "-%c needs a value", optopt);
    if (opt == ':')
        return xl_bad(err, "--%s needs a value", option_name(optopt));
    if (optopt && optopt < 0x100)
        return xl_bad(err, "-%c is no option: see xl migrate --help", optopt);
    if (optopt)
        return xl_bad(err, "--%s takes no value", option_name(optopt));
    return xl_bad(err, "%.80s is no option, or short for several: see xl "
               "migrate --help", arg);
}

int migrate_parse_options(int argc, char **argv, struct migrate_options *o,
                          char err[XPC_ERR_LEN])
{
    bool given[OPT_END - OPT_DURATION] = { false };
    int opt;

    *o = (struct migrate_options){ .ssh_command = "ssh" };
    xpc_params_init(&o->params);
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":hFC:s:epD", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return bad_option(opt, argv, err);
        if (parse_option(opt, o, err))
            return -1;
        if (opt >= OPT_DURATION)
            given[opt - OPT_DURATION] = true;
    }
    if (check_policy(o, given, err))
        return -1;
    if (argc - optind != 2)
        return xl_bad(err, "a domain and a host are needed: xl migrate %s",
                   xl_find_command("migrate")->usage);
    o->domain = argv[optind];
    o->host = argv[optind + 1];
    return 0;
}
