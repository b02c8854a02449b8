/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>

#include "common/xl_options.h"
#include "history/xl_history_metrics.h"
#include "history/xl_history_plot.h"
#include "history/xl_history_print.h"
#include "history/xl_history_targets.h"
#include "history/xl_migrate_history.h"

enum { OPT_JSON = 0x100, OPT_PLOT, OPT_METRICS };

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "json", no_argument, NULL, OPT_JSON },
    { "plot", optional_argument, NULL, OPT_PLOT },
    { "openmetrics", optional_argument, NULL, OPT_METRICS },
    { 0 }
};

static const char help[] =
"-h, --help  Print this help.\n"
"--json      Print JSON.\n"
"--plot[=ascii|FILE.svg|FILE.png]\n"
"            Plot the actual downtimes over the predicted ones, on the\n"
"            terminal or, by gnuplot, to a file.\n"
"--openmetrics[=FILE]\n"
"            Print metrics for Prometheus, or write them to FILE as a whole,\n"
"            for the textfile folder of node_exporter.\n"
"\n"
"Without a host: all of them.  More in xl-migrate-history(1).";

const struct xl_usage history_usage = {
    .name       = "migrate-history",
    .summary    = "Show earlier migrations, and what was learned from "
                  "them",
    .arguments  = "[options] [<host>...]",
    .options    = help,
};

struct history_options {
    bool json, plot, metrics;
    const char *plot_file;          /* NULL: on the terminal */
    const char *metrics_file;       /* NULL: standard output */
    char **hosts;                   /* in argv */
    size_t nr_hosts;
};

static int fail(const char *why)
{
    xl_message("migrate-history", "%s", why);
    return 1;
}

/* ---- options ---------------------------------------------------------- */

/* Returns 0, 1 when help is wanted, or -1 with one line in err. */
static int parse_options(int argc, char **argv, struct history_options *o,
                         char *err)
{
    int opt;

    *o = (struct history_options){ 0 };
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        if (opt == 'h')
            return 1;
        if (opt == '?' || opt == ':')
            return xl_bad_option("migrate-history", options, opt, argv, err);
        if (opt == OPT_JSON) {
            o->json = true;
            continue;
        }
        if (opt == OPT_METRICS) {
            o->metrics = true;
            if (optarg && xl_parse_file("openmetrics", optarg,
                                        &o->metrics_file, err))
                return -1;
            continue;
        }
        o->plot = true;
        if (xl_parse_plot(optarg, &o->plot_file, err))
            return -1;
    }
    o->hosts = argv + optind;
    o->nr_hosts = argc - optind;
    if (xl_check_names("a host", argv + optind, argc - optind, err))
        return -1;
    if (o->metrics && (o->json || o->plot))
        return xl_bad(err, "--openmetrics can't be combined with --%s",
                      o->json ? "json" : "plot");
    return xl_check_plot(o->plot, o->plot_file, o->json, err);
}

static int show_targets(const struct history_targets *t,
                        const struct history_options *o)
{
    char err[XPC_ERR_LEN];

    if (o->metrics && history_metrics(t, o->metrics_file, err))
        return fail(err);
    if (o->json && history_print_json(stdout, t))
        return fail("out of memory");
    if (!o->json && !o->metrics)
        history_print(stdout, t);
    if (o->plot && history_plot(stdout, o->plot_file, t, err))
        return fail(err);
    return 0;
}

int cmd_migrate_history(int argc, char **argv)
{
    struct history_targets t = { 0 };
    struct history_options o;
    char err[XPC_ERR_LEN];
    int rc, status;

    rc = parse_options(argc, argv, &o, err);
    if (rc > 0) {
        xl_help(&history_usage, stdout);
        return 0;
    }
    if (rc) {
        fail(err);
        return 2;
    }
    status = history_targets_read(&t, o.hosts, o.nr_hosts, "migrate-history");
    /* Show what could be read, also after errors. */
    if (!status || t.nr)
        status |= show_targets(&t, &o);
    history_targets_dispose(&t);
    return status;
}
