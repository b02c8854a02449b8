/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate's options: the stock ones and those of the precopy policy.
 */
#include <string.h>

#include "xl_migrate.h"
#include "xl_options.h"
#include "xpc_types.h"

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

static int parse_policy_option(int opt, struct xpc_params *p, char *err)
{
    const char *name = xl_option_name(options, opt);

    switch (opt) {
    case OPT_DURATION:
        return xl_parse_time(name, optarg, &p->duration_ns, err);
    case OPT_DOWNTIME:
        return xl_parse_limit(name, optarg, &p->downtime_ns, err);
    case OPT_MAX_DOWNTIME:
        return xl_parse_limit(name, optarg, &p->max_downtime_ns, err);
    case OPT_BANDWIDTH:
        p->bandwidth_bytes_per_s = 0;
        return !strcmp(optarg, "auto") ? 0 :
               xl_parse_bandwidth(name, optarg, &p->bandwidth_bytes_per_s,
                                  err);
    case OPT_ON_TIMEOUT:
        return xl_parse_word(name, optarg, xpc_on_timeout_names,
                             &p->on_timeout, err);
    case OPT_ITERATIONS:
        return xl_parse_count(name, optarg, 1, UINT64_MAX, &p->iterations,
                              err);
    case OPT_THRESHOLD:
        return xl_parse_count(name, optarg, 1, UINT64_MAX,
                              &p->threshold_pages, err);
    case OPT_OVERHEAD:
        return xl_parse_limit(name, optarg, &p->overhead_ns, err);
    case OPT_CONFIDENCE:
        return xl_parse_count(name, optarg, 50, 99, &p->confidence_percent,
                              err);
    case OPT_EARLY_ABORT:
        return xl_parse_word(name, optarg, xpc_early_abort_names,
                             &p->early_abort, err);
    default:
        return xl_parse_word(name, optarg, xpc_policy_names, &p->policy, err);
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
        return xl_parse_word("progress", optarg, progress_names,
                             &o->progress, err);
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
                       " leave one of them out",
                          xl_option_name(options, limits[i]));
    }
    return 0;
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
            return xl_bad_option("migrate", options, opt, argv, err);
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
