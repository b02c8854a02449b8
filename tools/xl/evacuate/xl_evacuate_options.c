/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "common/xl_precopy_options.h"
#include "conf/file.h"
#include "core/utf8.h"
#include "evacuate/xl_evacuate_options.h"

#define COMMAND "evacuate"
#define DEFAULT_RESERVE (UINT64_C(256) << 20)

/* In no name or address of a host, nor in a user's before it. */
#define NO_HOST " \t\r\n;&|<>$`\\\"'(){}*?!#~="

enum {
    OPT_TO = 0x100, OPT_DEADLINE, OPT_FIRST, OPT_LAST, OPT_LEAVE,
    OPT_CONCURRENCY, OPT_DRY_RUN, OPT_RESUME, OPT_YES, OPT_JSON, OPT_REPORT,
    OPT_RESERVE, OPT_LINK, OPT_CALC_TIME,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "to", required_argument, NULL, OPT_TO },
    { "deadline", required_argument, NULL, OPT_DEADLINE },
    { "first", required_argument, NULL, OPT_FIRST },
    { "last", required_argument, NULL, OPT_LAST },
    { "leave", required_argument, NULL, OPT_LEAVE },
    { "concurrency", required_argument, NULL, OPT_CONCURRENCY },
    { "reserve", required_argument, NULL, OPT_RESERVE },
    { "link", required_argument, NULL, OPT_LINK },
    { "calc-time", required_argument, NULL, OPT_CALC_TIME },
    { "dry-run", no_argument, NULL, OPT_DRY_RUN },
    { "resume", no_argument, NULL, OPT_RESUME },
    { "yes", no_argument, NULL, OPT_YES },
    { "json", no_argument, NULL, OPT_JSON },
    { "report", required_argument, NULL, OPT_REPORT },
    XL_PRECOPY_OPTIONS
    { 0 }
};

static const char help[] =
"-h, --help          Print this help.\n"
"--to=HOST[:WEIGHT],...\n"
"                    The targets. A higher weight means more guests (1).\n"
"                    Without it, the [target] sections of precopy.conf.\n"
"--deadline=TIME|HH:MM\n"
"                    Say what it would take if it can't be over by then.\n"
"--first=DOMAIN,...  Move these before all others.\n"
"--last=DOMAIN,...   Move these after all others.\n"
"--leave=DOMAIN,...  Leave these on this host.\n"
"--concurrency=N     At most N migrations at once, 1 to 32 (32; the links\n"
"                    usually allow fewer).\n"
"--reserve=MIB       Memory to leave free on each target (256).\n"
"--link=RATE         The bandwidth of this host's link (the highest that\n"
"                    precopy.conf or the history has of a target, else 1Gbit).\n"
"--calc-time=TIME    How long to measure each guest (10s).\n"
"-s <sshcommand>     Use <sshcommand> instead of ssh.\n"
"--dry-run           Show the plan, and move nothing.\n"
"--resume            Go on with the last evacuation of this host.\n"
"--yes               Don't ask.\n"
"--json              Print JSON lines.\n"
"--report=FILE       Write a report of the evacuation to FILE, as JSON.\n"
"\n"
"For each guest, as for xl migrate, where precopy.conf(5) has nothing else:\n"
XL_TIME_HELP
XL_RATE_HELP
"\n"
XL_PRECOPY_HELP
XL_PRECOPY_FIXED_HELP
"--precopy-policy=limit|stock Keep to the limits, or decide as stock xl does.\n"
"\n"
"Exit status: 0 all were moved; 1 it could not be carried out; 2 refused,\n"
"nothing was touched; 3 some are left, for the reasons shown; 4 where a guest\n"
"runs is not known, check both ends; 5 interrupted. More in xl-evacuate(1).";

const struct xl_usage evacuate_usage = {
    .name       = COMMAND,
    .summary    = "Move all domains to other hosts, each within its limit",
    .arguments  = "[--to=HOST[:WEIGHT],...] [options] [<Domain>...]",
    .options    = help,
};

struct list {
    const char *option;
    struct evacuate_names *names;
};

static int add_name(void *opaque, const char *item, char *err)
{
    struct list *l = opaque;

    if (!*item)
        return xl_bad(err, "--%s: a name is empty", l->option);
    if (l->names->nr == EVACUATE_NAMES_MAX)
        return xl_bad(err, "--%s: at most %d names", l->option,
                      EVACUATE_NAMES_MAX);
    l->names->name[l->names->nr++] = xl_asprintf("%s", item);
    return 0;
}

/* HOST or HOST:WEIGHT. An address with several colons has no weight. */
static int split_target(char *host, const char *item, double *weight_r,
                        char *err)
{
    char *colon = strchr(host, ':'), *end;
    double weight = 1;

    if (colon && colon == strrchr(host, ':')) {
        weight = strtod(colon + 1, &end);
        if (!isdigit((unsigned char)colon[1]) || *end || !(weight > 0) ||
            weight > 1e6)
            return xl_bad(err, "--to=%.80s: a weight is a number above 0",
                          item);
        *colon = 0;
    }
    /* A shell gets it, as with xl migrate. */
    if (!*host || *host == '-' || host[strcspn(host, NO_HOST)])
        return xl_bad(err, "--to: \"%.80s\" is no host", item);
    *weight_r = weight;
    return 0;
}

static int add_target(void *opaque, const char *item, char *err)
{
    struct evacuate_options *o = opaque;
    char host[256];
    double weight = 1;

    if (snprintf(host, sizeof(host), "%s", item) >= (int)sizeof(host))
        return xl_bad(err, "--to=%.80s: that is too long", item);
    if (split_target(host, item, &weight, err))
        return -1;
    if (o->to.nr == XPC_SCHEDULE_TARGETS_MAX)
        return xl_bad(err, "--to: at most %d targets",
                      XPC_SCHEDULE_TARGETS_MAX);
    for (size_t i = 0; i < o->to.nr; i++) {
        if (!strcasecmp(conf_host(o->to.name[i]), conf_host(host)))
            return xl_bad(err, "--to: %.80s is there twice", host);
    }
    o->weights[o->to.nr] = weight;
    o->to.name[o->to.nr++] = xl_asprintf("%s", host);
    return 0;
}

/* HH:MM: the next time that it is so late. */
static int parse_deadline(const char *s, uint64_t *ns, char *err)
{
    unsigned int hour, minute;
    time_t now = time(NULL), then;
    struct tm tm;
    int end = 0;

    if (!strchr(s, ':'))
        return xl_parse_limit("deadline", s, ns, err);
    if (sscanf(s, "%2u:%2u%n", &hour, &minute, &end) != 2 || s[end] ||
        hour > 23 || minute > 59)
        return xl_bad(err, "--deadline=%.40s: a time such as 2h, or of the "
                      "clock such as 06:30", s);
    localtime_r(&now, &tm);
    tm.tm_hour = hour;
    tm.tm_min = minute;
    tm.tm_sec = 0;
    tm.tm_isdst = -1;
    then = mktime(&tm);
    if (then <= now) {
        tm.tm_mday++;
        tm.tm_isdst = -1;
        then = mktime(&tm);
    }
    *ns = (uint64_t)(then - now) * XPC_S;
    return 0;
}

static int parse_names(const char *option, struct evacuate_names *names,
                       char *err)
{
    struct list l = { option, names };

    return xl_parse_list(optarg, add_name, &l, err);
}

/* An option of the policy is parsed for the plan, and passed on. */
static int pass_on(int opt, struct evacuate_options *o, char *err)
{
    const char *name = xl_option_name(options, opt);

    if (xl_parse_precopy(opt, optarg, &o->stated, &o->given, err))
        return -1;
    if (o->nr_passed == EVACUATE_PASSED_MAX)
        return xl_bad(err, "--%s: there are too many options", name);
    o->passed[o->nr_passed++] = optarg ? xl_asprintf("--%s=%s", name, optarg) :
                                         xl_asprintf("--%s", name);
    return 0;
}

static int parse_option(int opt, struct evacuate_options *o, char *err)
{
    uint64_t n = 0;

    switch (opt) {
    case OPT_TO:
        return xl_parse_list(optarg, add_target, o, err);
    case OPT_DEADLINE:
        return parse_deadline(optarg, &o->deadline_ns, err);
    case OPT_FIRST:
        return parse_names("first", &o->first, err);
    case OPT_LAST:
        return parse_names("last", &o->last, err);
    case OPT_LEAVE:
        return parse_names("leave", &o->leave, err);
    case OPT_CONCURRENCY:
        if (xl_parse_count("concurrency", optarg, 1,
                           XPC_SCHEDULE_CONCURRENCY_MAX, &n, err))
            return -1;
        o->concurrency = n;
        return 0;
    case OPT_RESERVE:
        if (xl_parse_count("reserve", optarg, 0, UINT64_C(1) << 30, &n, err))
            return -1;
        o->reserve_bytes = n << 20;
        return 0;
    case OPT_LINK:
        return xl_parse_bandwidth("link", optarg, &o->link_bytes_per_s, err);
    case OPT_CALC_TIME:
        o->calc_time = optarg;
        return xl_parse_calc_time(optarg, &n, err);
    case 's':
        o->ssh_command = optarg;
        return *optarg ? 0 : xl_bad(err, "-s: a command is needed that takes "
                                    "a host and what to run there");
    case OPT_DRY_RUN:
        o->dry_run = true;
        return 0;
    case OPT_RESUME:
        o->resume = true;
        return 0;
    case OPT_YES:
        o->yes = true;
        return 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_REPORT:
        return xl_parse_file("report", optarg, &o->report_file, err);
    default:
        return pass_on(opt, o, err);
    }
}

/* Is there anything that only the beginning of an evacuation can have? */
static bool begins(const struct evacuate_options *o)
{
    return o->to.nr || o->first.nr || o->last.nr || o->leave.nr ||
           o->deadline_ns || o->concurrency || o->link_bytes_per_s ||
           o->reserve_bytes != DEFAULT_RESERVE || o->calc_time ||
           o->ssh_command || o->nr_passed || o->nr_domains;
}

/* The journal keeps the arguments, and can only keep what is valid. */
static int check_text(int argc, char **argv, char *err)
{
    for (int i = 0; i < argc; i++) {
        for (const char *s = argv[i]; *s; s += xpc_utf8_char(s)) {
            if (!xpc_utf8_char(s))
                return xl_bad(err, "an argument is not in UTF-8: give domains "
                              "by their numbers or UUIDs");
        }
    }
    return 0;
}

static int check_options(const struct evacuate_options *o, char *err)
{
    const char *in_vain = xl_precopy_in_vain(&o->stated, o->given);

    if (o->resume)
        return begins(o) ?
               xl_bad(err, "--resume goes on as it was begun: of the other "
                      "options, it takes --dry-run, --yes, --json and "
                      "--report=FILE") : 0;
    if (in_vain)
        return xl_bad(err, "--%s has no effect with --precopy-policy=stock: "
                      "leave one of them out", in_vain);
    if (o->nr_domains > EVACUATE_NAMES_MAX)
        return xl_bad(err, "at most %d domains", EVACUATE_NAMES_MAX);
    return 0;
}

int evacuate_parse_options(int argc, char **argv, struct evacuate_options *o,
                           char err[XPC_ERR_LEN])
{
    int opt;

    *o = (struct evacuate_options){
        .reserve_bytes = DEFAULT_RESERVE,
    };
    xpc_params_init(&o->stated);
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":hs:", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return xl_bad_option(COMMAND, options, opt, argv, err);
        if (parse_option(opt, o, err))
            return -1;
    }
    o->domains = argv + optind;
    o->nr_domains = argc - optind;
    if (xl_check_names("a domain", argv + optind, argc - optind, err))
        return -1;
    return check_options(o, err) || check_text(argc, argv, err) ? -1 : 0;
}

/* A host's name with or without its domain, as far as both have one. */
static bool is_here(const char *host, const char *here)
{
    size_t n = strcspn(host, "."), m = strcspn(here, ".");

    return n == m && !strncasecmp(host, here, n) &&
           (!host[n] || !here[m] || !strcasecmp(host, here));
}

int evacuate_take_targets(struct evacuate_options *o,
                          const struct conf_file *f, const char *here,
                          char err[XPC_ERR_LEN])
{
    if (o->to.nr)
        return 0;
    for (size_t i = 0; i < f->nr; i++) {
        const struct conf_section *c = &f->sections[i];

        if (c->kind == CONF_TARGET && !is_here(c->name, here) &&
            add_target(o, c->name, err))
            return -1;
    }
    return o->to.nr ? 0 :
           xl_bad(err, "a target is needed: --to=HOST, or a section [target "
                  "HOST] in precopy.conf");
}

char *evacuate_to_argument(const struct evacuate_options *o)
{
    char *all = xl_asprintf("--to=");

    for (size_t i = 0; i < o->to.nr; i++) {
        char *s = xl_asprintf("%s%s%s", all, i ? "," : "", o->to.name[i]);

        free(all);
        all = s;
    }
    return all;
}

static void free_names(struct evacuate_names *n)
{
    while (n->nr)
        free(n->name[--n->nr]);
}

void evacuate_options_dispose(struct evacuate_options *o)
{
    free_names(&o->to);
    free_names(&o->first);
    free_names(&o->last);
    free_names(&o->leave);
    while (o->nr_passed)
        free(o->passed[--o->nr_passed]);
}
