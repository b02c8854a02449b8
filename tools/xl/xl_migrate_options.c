/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate's options: the stock ones and those of the precopy policy.
 */
#include <string.h>

#include "xl_migrate.h"
#include "xl_options.h"

enum {
    OPT_DEBUG = 0x100, OPT_LIVE, OPT_PROGRESS, OPT_REPORT, OPT_HISTORY,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "debug", no_argument, NULL, OPT_DEBUG },
    { "live", no_argument, NULL, OPT_LIVE },
    { "progress", required_argument, NULL, OPT_PROGRESS },
    { "report", required_argument, NULL, OPT_REPORT },
    { "precopy-history", required_argument, NULL, OPT_HISTORY },
    XL_PRECOPY_OPTIONS,
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
"The precopy policy. Without any of these options decisions are stock's;\n"
"--precopy-zero-pages, -max-bandwidth, -switchover-bandwidth, -channels and\n"
"-compress don't count.\n"
XL_UNITS_HELP
"\n"
XL_PRECOPY_HELP
XL_PRECOPY_FIXED_HELP
"--precopy-policy=limit|stock Keep to the limits, or decide as stock xl.\n"
"\n"
"--progress=auto|plain|json|none\n"
"                             One line redrawn on a terminal and lines\n"
"                             otherwise; lines; JSON lines to standard\n"
"                             output; nothing (auto).\n"
"--report=FILE                Write what happened to FILE, as JSON.\n"
"--precopy-history=on|off     Learn from earlier migrations to the host, and\n"
"                             keep this one for later ones (on).\n"
"\n"
"Exit status: 0 migrated; 1 failed; 2 refused, nothing was touched; 3 aborted\n"
"by the policy; 4 the final handshake failed, check both ends; 5 interrupted.\n"
"With 1, 2, 3 and 5 the guest runs on this host, unless it has ended.  More in\n"
"xl-precopy(1).";

static int parse_option(int opt, struct migrate_options *o,
                        unsigned int *given, char *err)
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
    case OPT_LIVE:      /* what xm had */
        return 0;
    case OPT_PROGRESS:
        return xl_parse_word("progress", optarg, progress_names,
                             &o->progress, err);
    case OPT_REPORT:
        return xl_parse_file("report", optarg, &o->report_file, err);
    default:
        return xl_parse_precopy(opt, optarg, &o->params, given, err);
    }
}

int migrate_parse_options(int argc, char **argv, struct migrate_options *o,
                          char err[XPC_ERR_LEN])
{
    unsigned int given = 0;
    const char *in_vain;
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
        if (parse_option(opt, o, &given, err))
            return -1;
    }
    if (!xl_precopy_asks_policy(given))
        o->params.policy = XPC_POLICY_STOCK;
    in_vain = xl_precopy_in_vain(&o->params, given);
    if (in_vain)
        return xl_bad(err, "--%s has no effect with --precopy-policy=stock: "
                      "leave one of them out", in_vain);
    if (o->debug && o->params.strict)
        return xl_bad(err, "--debug sends all pages once more while the guest "
                      "stands still, longer than --precopy-strict would let "
                      "it: leave one of them out");
    if (argc - optind != 2)
        return xl_bad(err, "a domain and a host are needed: xl migrate %s",
                   xl_find_command("migrate")->usage);
    o->domain = argv[optind];
    o->host = argv[optind + 1];
    return 0;
}
