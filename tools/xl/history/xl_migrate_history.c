/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <string.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "common/xl_options.h"
#include "history/xl_history_metrics.h"
#include "history/xl_history_plot.h"
#include "history/xl_history_print.h"
#include "history/xl_migrate_history.h"
#include "libxl_precopy_history.h"

/* How many pfns a TiB has. */
#define TIB_PFNS (UINT64_C(1) << 28)

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
    if (o->metrics && (o->json || o->plot))
        return xl_bad(err, "--openmetrics can't be combined with --%s",
                      o->json ? "json" : "plot");
    return xl_check_plot(o->plot, o->plot_file, o->json, err);
}

/* ---- the targets ------------------------------------------------------ */

/* Takes ownership of what h has. */
static void add_target(struct history_targets *t, libxl_precopy_history *h)
{
    struct history_target *to = &t->list[t->nr++];

    to->history = *h;
    xpc_history_summarize(&to->history, time(NULL), &to->summary);
    to->guests = to->summary.guests;
    to->tib_ns = (double)to->summary.costs_ns[XPC_OVERHEAD_PFNS] *
                 xpc_predict_bitmap_ns(TIB_PFNS) / XPC_MS;
}

/* Reads the hosts named; those that are unknown are errors. */
static int read_hosts(struct history_targets *t,
                      const struct history_options *o)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history h;
    int rc, status = 0;

    for (size_t i = 0; i < o->nr_hosts; i++) {
        libxl_precopy_history_init(&h);
        rc = libxl_precopy_history_read(NULL, o->hosts[i], &h, err);
        if (rc == ERROR_NOTFOUND)
            xl_bad(err, "no migration to %.150s is known", o->hosts[i]);
        if (rc)
            status = fail(err);
        else
            add_target(t, &h);
    }
    return status;
}

static int read_all(struct history_targets *t)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_history *list;
    size_t nr;

    if (libxl_precopy_history_list(NULL, &list, &nr, err))
        return fail(err);
    t->list = calloc(nr + 1, sizeof(*t->list));
    for (size_t i = 0; t->list && i < nr; i++)
        add_target(t, &list[i]);
    if (!t->list) {
        libxl_precopy_history_list_free(list, nr);
        return fail("out of memory");
    }
    free(list);     /* its contents have been moved */
    return *err ? fail(err) : 0;
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
    if (fflush(stdout) || ferror(stdout))
        return fail("standard output can't be written");
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
    if (o.nr_hosts) {
        t.list = calloc(o.nr_hosts, sizeof(*t.list));
        status = t.list ? read_hosts(&t, &o) : fail("out of memory");
    } else {
        status = read_all(&t);
    }
    /* Show what could be read, also after errors. */
    if (!status || t.nr)
        status |= show_targets(&t, &o);
    for (size_t i = 0; i < t.nr; i++)
        xpc_history_dispose(&t.list[i].history);
    free(t.list);
    return status;
}
