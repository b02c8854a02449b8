/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "measure/xl_dirty_rate_options.h"

#define WORKING_SET_MAX 1000    /* intervals */

enum {
    OPT_CALC_TIME = 0x100, OPT_MODE, OPT_SAMPLE_PAGES, OPT_PERIODS, OPT_JSON,
    OPT_PLOT, OPT_WATCH, OPT_WORKING_SET, OPT_PID, OPT_TRACE, OPT_RECORD,
    OPT_COMPRESS, OPT_HISTORY,
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "calc-time", required_argument, NULL, OPT_CALC_TIME },
    { "mode", required_argument, NULL, OPT_MODE },
    { "sample-pages", required_argument, NULL, OPT_SAMPLE_PAGES },
    { "periods", required_argument, NULL, OPT_PERIODS },
    { "compress", required_argument, NULL, OPT_COMPRESS },
    { "json", no_argument, NULL, OPT_JSON },
    { "plot", optional_argument, NULL, OPT_PLOT },
    { "watch", no_argument, NULL, OPT_WATCH },
    { "history", optional_argument, NULL, OPT_HISTORY },
    { "working-set", required_argument, NULL, OPT_WORKING_SET },
    { "pid", required_argument, NULL, OPT_PID },
    { "trace", required_argument, NULL, OPT_TRACE },
    { "record", required_argument, NULL, OPT_RECORD },
    { 0 }
};

static const char help[] =
"-h, --help         Print this help.\n"
"--calc-time=TIME   Measure for so long, 50ms to 60s (10s, or as long as\n"
"                   the trace is).\n"
"--mode=page-sampling|dirty-bitmap\n"
"                   Compare a sample of pages, which doesn't slow the\n"
"                   guest, or have Xen log all writes, which does\n"
"                   (page-sampling).\n"
"--sample-pages=N   Pages to sample for each GiB, 128 to 16384 (512).\n"
"--periods=MS,...   Periods in ms, growing, in place of 125,250,375,500,...\n"
"--working-set=N    dirty-bitmap: watch the working set for N quarters of\n"
"                   the calc-time more, at most 1000; 0: don't (4).\n"
"--compress=off|METHOD,...\n"
"                   How well pages compress: with each METHOD, zstd[:LEVEL]\n"
"                   or lz4[:LEVEL] (lz4,zstd,zstd:3).\n"
"--json             Print the measurement as JSON.\n"
"--plot[=ascii|FILE.svg|FILE.png]\n"
"                   Draw it.\n"
"--watch            Measure again and again, until interrupted.\n"
"--history[=FILE]   With --watch: keep a profile of the domain's day, hour by\n"
"                   hour, for xl migrate-predict --when.\n"
"--record=FILE      dirty-bitmap: write which pages get dirty when to FILE.\n"
"                   The measurement is made from the recording.\n"
"--pid=PID[,PID...] Measure processes in place of a domain.\n"
"--trace=FILE       Measure what was recorded in place of a domain.\n"
"\n"
XL_TIME_HELP
"\n"
"Exit status: 0 measured; 1 failed; 2 the options make no sense; 5 interrupted.\n"
"More in xl-dirty-rate(1).";

const struct xl_usage dirty_rate_usage = {
    .name       = "dirty-rate",
    .summary    = "Measure how fast domains dirty their memory, as a "
                  "curve",
    .arguments  = "[options] <Domain>...",
    .options    = help,
};

static int parse_calc_time(struct dirty_rate_options *o, char *err)
{
    uint64_t ns;

    if (xl_parse_calc_time(optarg, &ns, err))
        return -1;
    xpc_meter_request_periods(&o->req, ns);
    return 0;
}

static int parse_mode(struct dirty_rate_options *o, char *err)
{
    static const char *const names[] = {
        [XPC_MODE_PAGE_SAMPLING] = "page-sampling",
        [XPC_MODE_DIRTY_BITMAP] = "dirty-bitmap",
        NULL
    };
    unsigned int mode;

    if (xl_parse_word("mode", optarg, names, &mode, err))
        return -1;
    o->mode_given = true;
    o->req.mode = mode;
    return 0;
}

static int add_period(void *opaque, const char *item, char *err)
{
    struct dirty_rate_options *o = opaque;
    struct xpc_meter_request *r = &o->req;
    uint64_t ms;

    if (xl_parse_count("periods", item, XPC_PERIOD_MIN_NS / XPC_MS,
                       XPC_PERIOD_MAX_NS / XPC_MS, &ms, err))
        return -1;
    if (r->nr_periods == XPC_PERIODS_MAX)
        return xl_bad(err, "--periods: %u are the most", XPC_PERIODS_MAX);
    r->period_ns[r->nr_periods++] = ms * XPC_MS;
    r->calc_ns = ms * XPC_MS;
    return 0;
}

static int add_pid(void *opaque, const char *item, char *err)
{
    struct dirty_rate_options *o = opaque;
    uint64_t pid;

    if (xl_parse_count("pid", item, 1, INT32_MAX, &pid, err))
        return -1;
    if (o->nr_pids == DIRTY_RATE_PIDS_MAX)
        return xl_bad(err, "--pid: %u are the most", DIRTY_RATE_PIDS_MAX);
    for (size_t i = 0; i < o->nr_pids; i++) {
        if (o->pids[i] == (pid_t)pid)
            return xl_bad(err, "--pid: %.20s is named twice", item);
    }
    o->pids[o->nr_pids++] = pid;
    return 0;
}

static int parse_compress(struct xpc_meter_request *r, char *err)
{
    if (xl_parse_methods(optarg, r->methods, &r->nr_methods, err))
        return -1;
    if (r->nr_methods == 1 && r->methods[0].compress == XPC_COMPRESS_OFF)
        r->nr_methods = 0;
    for (size_t i = 0; i < r->nr_methods; i++) {
        if (!xpc_compress_level_max(r->methods[i].compress))
            return xl_bad(err, "--compress: off together with a method, or "
                          "auto");
    }
    return 0;
}

static int parse_option(struct dirty_rate_options *o, int opt, char *err)
{
    switch (opt) {
    case OPT_CALC_TIME:
        return parse_calc_time(o, err);
    case OPT_MODE:
        return parse_mode(o, err);
    case OPT_SAMPLE_PAGES:
        return xl_parse_count("sample-pages", optarg, XPC_SAMPLE_PAGES_MIN,
                              XPC_SAMPLE_PAGES_MAX, &o->req.sample_pages,
                              err);
    case OPT_WORKING_SET:
        return xl_parse_count("working-set", optarg, 0, WORKING_SET_MAX,
                              &o->req.workset_intervals, err);
    case OPT_PERIODS:
        o->req.nr_periods = 0;
        return xl_parse_list(optarg, add_period, o, err);
    case OPT_COMPRESS:
        return parse_compress(&o->req, err);
    case OPT_PID:
        return xl_parse_list(optarg, add_pid, o, err);
    case OPT_PLOT:
        o->plot = true;
        return xl_parse_plot(optarg, &o->plot_file, err);
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_WATCH:
        o->watch = true;
        return 0;
    case OPT_HISTORY:
        o->history = true;
        return optarg ? xl_parse_file("history", optarg, &o->history_file,
                                      err) : 0;
    case OPT_TRACE:
        return xl_parse_file("trace", optarg, &o->trace, err);
    case OPT_RECORD:
        return xl_parse_file("record", optarg, &o->record, err);
    default:
        return 0;
    }
}

static int check_options(struct dirty_rate_options *o, bool calc, bool periods,
                         char *err)
{
    int sources = (o->nr_domains > 0) + (o->nr_pids > 0) + (o->trace != NULL);

    if (calc && periods)
        return xl_bad(err, "--calc-time and --periods: the longest period is "
                      "the calc-time, give one of them");
    if (!sources)
        return xl_bad(err, "a domain, --pid or --trace is needed: xl "
                      "dirty-rate %s", dirty_rate_usage.arguments);
    if (sources > 1)
        return xl_bad(err, "give a domain, or --pid, or --trace");
    if (o->nr_domains > DIRTY_RATE_DOMAINS_MAX)
        return xl_bad(err, "%u domains at once are the most",
                      DIRTY_RATE_DOMAINS_MAX);
    if (o->record && (o->nr_domains > 1 || o->watch || o->trace))
        return xl_bad(err, "--record records one domain or process, once");
    if (o->history && (!o->watch || !o->nr_domains))
        return xl_bad(err, "--history: with --watch and a domain only");
    if (o->history_file && o->nr_domains > 1)
        return xl_bad(err, "--history=FILE is for one domain: without FILE, "
                      "each has its own");
    if ((o->record || o->trace) && o->mode_given &&
        o->req.mode != XPC_MODE_DIRTY_BITMAP)
        return xl_bad(err, "--record and --trace need --mode=dirty-bitmap");
    if (o->record || o->trace)
        o->req.mode = XPC_MODE_DIRTY_BITMAP;
    if (xl_check_plot(o->plot, o->plot_file, o->json, err))
        return -1;
    return xpc_meter_request_check(&o->req, err);
}

int dirty_rate_parse_options(int argc, char **argv,
                             struct dirty_rate_options *o, char *err)
{
    bool calc = false, periods = false;
    int opt;

    *o = (struct dirty_rate_options){ 0 };
    xpc_meter_request_init(&o->req);
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == ':' || opt == '?')
            return xl_bad_option("dirty-rate", options, opt, argv, err);
        calc |= opt == OPT_CALC_TIME;
        periods |= opt == OPT_PERIODS;
        if (parse_option(o, opt, err))
            return -1;
    }
    o->domains = argv + optind;
    o->nr_domains = argc - optind;
    if (xl_check_names("a domain", argv + optind, argc - optind, err))
        return -1;
    o->calc_given = calc || periods;
    return check_options(o, calc, periods, err);
}
