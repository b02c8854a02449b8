/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xl_options.h"
#include "control/xl_migrate_status.h"
#include "control/xl_status.h"
#include "control/xl_status_metrics.h"

#define COMMAND "migrate-status"
#define REDRAW_MS 500
#define DOMAINS_MAX 256

enum { OPT_WATCH = 0x100, OPT_JSON, OPT_METRICS };

struct status_options {
    bool watch, json, metrics;
    const char *metrics_file;       /* NULL: standard output */
};

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "watch", no_argument, NULL, OPT_WATCH },
    { "json", no_argument, NULL, OPT_JSON },
    { "openmetrics", optional_argument, NULL, OPT_METRICS },
    { 0 }
};

static const char help[] =
"-h, --help  Print this help.\n"
"--watch     Follow it until it ends: one line redrawn on a terminal, a line\n"
"            for every change otherwise. Ctrl-C leaves the migration alone.\n"
"--json      Print an object of JSON a domain; with --watch for every change.\n"
"--openmetrics[=FILE]\n"
"            Print metrics for Prometheus, or write them to FILE as a whole,\n"
"            for the textfile folder of node_exporter.\n"
"\n"
"Without a domain: all migrations under way. One that waits for its hour (xl\n"
"migrate --within) is shown, too, but is not in the metrics.\n"
"\n"
"Exit status: 0 a migration is under way, or was when --watch began, or the\n"
"metrics were written; 1 failed, or there is no such domain; 2 the options\n"
"make no sense; 6 none is under way.\n"
"More in xl-migrate-status(1).";

const struct xl_usage migrate_status_usage = {
    .name       = COMMAND,
    .summary    = "Show how far a migration under way is",
    .arguments  = "[options] [<Domain>]",
    .options    = help,
};

static int parse_options(int argc, char **argv, void *options_r,
                         const char **domain_r, char *err)
{
    struct status_options *o = options_r;
    int opt;

    *o = (struct status_options){ 0 };
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        switch (opt) {
        case 'h':
            return 1;
        case OPT_WATCH:
            o->watch = true;
            break;
        case OPT_JSON:
            o->json = true;
            break;
        case OPT_METRICS:
            o->metrics = true;
            if (optarg && xl_parse_file("openmetrics", optarg,
                                        &o->metrics_file, err))
                return -1;
            break;
        default:
            return xl_bad_option(COMMAND, options, opt, argv, err);
        }
    }
    if (argc - optind > 1)
        return xl_bad(err, "one domain, or none for all: xl " COMMAND " %s",
                      migrate_status_usage.arguments);
    if (o->metrics && (o->watch || o->json))
        return xl_bad(err, "--openmetrics can't be combined with --%s",
                      o->watch ? "watch" : "json");
    if (xl_check_names("the domain", argv + optind, argc - optind, err))
        return -1;
    *domain_r = argv[optind];
    return 0;
}

static bool is_under_way(const struct control_state *st)
{
    return st->phase != PHASE_NONE && st->phase != PHASE_GONE;
}

/* ---- watching -------------------------------------------------------- */

struct watcher {
    bool json, redraw;
    bool open;                      /* a redrawn line is not ended yet */
    char *shown;                    /* status_key() of the last line */
};

static void show_state(struct watcher *w, const struct control *c,
                       const struct control_state *st)
{
    char line[512], *key = status_key(st);
    bool news = !w->shown || strcmp(key, w->shown);

    free(w->shown);
    w->shown = key;
    if (w->json && news) {
        status_print_json(stdout, c, st);
    } else if (w->redraw) {
        printf("\r%s\033[K", status_line(c, st, line, sizeof(line)));
        w->open = true;
    } else if (!w->json && news) {
        puts(status_line(c, st, line, sizeof(line)));
    }
    fflush(stdout);
}

/* Shows the migration until it ends. st: its state now. */
static int watch_migration(struct control *c, struct control_state *st,
                           const struct status_options *o)
{
    struct watcher w = {
        .json = o->json,
        .redraw = !o->json && (xl_globals.progress_cr ||
                               isatty(STDOUT_FILENO)),
    };
    struct control_state last = { 0 };
    char text[512];

    while (is_under_way(st) && !ferror(stdout)) {
        show_state(&w, c, st);
        control_state_dispose(&last);
        last = *st;
        *st = (struct control_state){ 0 };
        control_wait(c, REDRAW_MS);
        control_read_state(c, st);
    }
    if (w.open)
        putchar('\n');
    control_keep_report(&last, st);
    if (is_under_way(st))
        ;                           /* it could not be shown */
    else if (o->json)
        status_print_json(stdout, c, st);
    else
        puts(control_end_text(c, &last, st, text, sizeof(text)));
    free(w.shown);
    control_state_dispose(&last);
    return CONTROL_OK;
}

/* ---- once ------------------------------------------------------------ */

static int show_once(struct control *c, struct control_state *st,
                     const struct status_options *o)
{
    if (o->json)
        status_print_json(stdout, c, st);
    else
        status_print(stdout, c, st);
    return st->phase == PHASE_UNKNOWN ? CONTROL_FAILED :
           is_under_way(st) ? CONTROL_OK : CONTROL_NONE;
}

static int show_domain(struct control *c, const struct status_options *o)
{
    struct control_state st = { 0 };
    int status;

    control_read_state(c, &st);
    if (o->watch && is_under_way(&st))
        status = watch_migration(c, &st, o);
    else
        status = show_once(c, &st, o);
    control_state_dispose(&st);
    return status;
}

/* Finds the domains that are being migrated. */
static size_t find_migrating(struct control *c, uint32_t *domids, size_t room)
{
    struct control_state st = { 0 };
    libxl_dominfo *list;
    int nr = 0, i;
    size_t n = 0;

    list = libxl_list_domain(c->ctx, &nr);
    for (i = 0; i < nr && n < room; i++) {
        c->domid = list[i].domid;
        control_read_state(c, &st);
        if (is_under_way(&st))
            domids[n++] = c->domid;
    }
    control_state_dispose(&st);
    if (list)
        libxl_dominfo_list_free(list, nr);
    return n;
}

static int show_all(struct control *c, const struct status_options *o)
{
    uint32_t domids[DOMAINS_MAX];
    size_t nr = find_migrating(c, domids, DOMAINS_MAX);
    int status = CONTROL_NONE, rc;
    char err[XPC_ERR_LEN], number[16];

    if (o->watch && nr > 1)
        return control_fail(COMMAND, CONTROL_USAGE, "several migrations are "
                            "under way: name the domain to watch");
    if (!nr && !o->json)
        puts("No migration with a policy is under way.");
    for (size_t i = 0; i < nr; i++) {
        snprintf(number, sizeof(number), "%u", domids[i]);
        /* It may have gone meanwhile. */
        if (control_find_domain(c, number, err))
            continue;
        rc = show_domain(c, o);
        if (rc == CONTROL_FAILED || (!rc && status == CONTROL_NONE))
            status = rc;
    }
    return status;
}

/* ---- metrics --------------------------------------------------------- */

/*
 * Moves the state of c's domain to the list if it is being migrated. Sets
 * *unknown_r if that is not known.
 */
static size_t add_migrating(struct control *c, struct migrating *to,
                            bool *unknown_r)
{
    struct control_state st = { 0 };

    control_read_state(c, &st);
    *unknown_r |= st.phase == PHASE_UNKNOWN;
    if (!is_under_way(&st) || st.phase == PHASE_WAITS ||
        *unknown_r) {
        control_state_dispose(&st);
        return 0;
    }
    *to = (struct migrating){
        .domid = c->domid, .name = xl_asprintf("%s", c->name), .state = st,
    };
    return 1;
}

static int write_metrics(struct control *c, const struct status_options *o)
{
    static struct migrating list[DOMAINS_MAX];
    uint32_t domids[DOMAINS_MAX];
    char err[XPC_ERR_LEN], number[16];
    size_t nr = 0, found = 0;
    bool unknown = false;
    int rc;

    if (c->name)
        nr = add_migrating(c, list, &unknown);
    else
        found = find_migrating(c, domids, DOMAINS_MAX);
    for (size_t i = 0; i < found; i++) {
        snprintf(number, sizeof(number), "%u", domids[i]);
        if (!control_find_domain(c, number, err))
            nr += add_migrating(c, &list[nr], &unknown);
    }
    rc = unknown ? xl_bad(err, CONTROL_UNKNOWN_TEXT) :
         status_metrics(list, nr, o->metrics_file, err);
    for (size_t i = 0; i < nr; i++) {
        free(list[i].name);
        control_state_dispose(&list[i].state);
    }
    return rc ? control_fail(COMMAND, CONTROL_FAILED, err) : CONTROL_OK;
}

static int run_status(struct control *c, const void *options_given)
{
    const struct status_options *o = options_given;

    if (o->metrics)
        return write_metrics(c, o);
    return c->name ? show_domain(c, o) : show_all(c, o);
}

static const struct control_command command = {
    .usage      = &migrate_status_usage,
    .parse      = parse_options,
    .run        = run_status,
};

int cmd_migrate_status(int argc, char **argv)
{
    struct status_options o;

    return control_run(&command, argc, argv, &o);
}
