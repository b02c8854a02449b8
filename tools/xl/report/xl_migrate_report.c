/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/xl_input.h"
#include "common/xl_options.h"
#include "common/xl_output.h"
#include "history/xl_history_targets.h"
#include "json/migration.h"
#include "libxl_precopy_reports.h"
#include "migrate/xl_report.h"
#include "report/xl_history_page.h"
#include "report/xl_migrate_report.h"
#include "report/xl_report_page.h"

#define COMMAND "migrate-report"

enum { OPT_LAST = 0x100, OPT_HISTORY, OPT_HTML };

static const struct option options[] = {
    { "help", no_argument, NULL, 'h' },
    { "last", no_argument, NULL, OPT_LAST },
    { "history", no_argument, NULL, OPT_HISTORY },
    { "html", required_argument, NULL, OPT_HTML },
    { 0 }
};

static const char help[] =
"-h, --help   Print this help.\n"
"--last       Show the last migration of the domain, or of this host.\n"
"--history    Show all migrations to the hosts, or to all of them.\n"
"--html=FILE  Write a page of HTML with pictures instead.\n"
"\n"
"<file.json> is what xl migrate --report has written; -: standard input.\n"
"More in xl-migrate-report(1).";

const struct xl_usage migrate_report_usage = {
    .name       = COMMAND,
    .summary    = "Show what happened in a migration, as text or as a page",
    .arguments  = "[--html=<file>] <file.json> | --last [<Domain>] | "
                  "--history [<host>...]",
    .options    = help,
};

struct report_options {
    bool last, history;
    const char *html;               /* NULL: text */
    char **args;                    /* in argv */
    int nr_args;
};

static int fail(int status, const char *why)
{
    xl_message(COMMAND, "%s", why);
    return status;
}

/* ---- options --------------------------------------------------------- */

static int check_arguments(const struct report_options *o, char *err)
{
    if (o->last && o->history)
        return xl_bad(err, "--last and --history can't be combined");
    if (!o->last && !o->history && o->nr_args != 1)
        return xl_bad(err, "%s: xl " COMMAND " %s", o->nr_args ?
                      "one file at a time" :
                      "a file, --last or --history is needed",
                      migrate_report_usage.arguments);
    if (o->last && o->nr_args > 1)
        return xl_bad(err, "--last takes one domain");
    return 0;
}

/* Returns 0, 1 when help is wanted, or -1 with one line in err. */
static int parse_options(int argc, char **argv, struct report_options *o,
                         char *err)
{
    int opt;

    *o = (struct report_options){ 0 };
    optind = 0;
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        switch (opt) {
        case 'h':
            return 1;
        case OPT_LAST:
            o->last = true;
            break;
        case OPT_HISTORY:
            o->history = true;
            break;
        case OPT_HTML:
            if (xl_parse_file("html", optarg, &o->html, err))
                return -1;
            break;
        default:
            return xl_bad_option(COMMAND, options, opt, argv, err);
        }
    }
    o->args = argv + optind;
    o->nr_args = argc - optind;
    if (xl_check_names(o->last ? "the domain" : o->history ? "a host" :
                       "the file", argv + optind, argc - optind, err))
        return -1;
    return check_arguments(o, err);
}

/* ---- reading --------------------------------------------------------- */

/* Is it a report, and not some other JSON, whose members are all unknown? */
static bool is_report(const char *text, size_t len)
{
    return memmem(text, len, "\"outcome\"", 9) != NULL;
}

static int read_file(const char *file, struct xpc_report *r, char *err)
{
    bool is_stdin = !strcmp(file, "-");
    int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    char line[XPC_ERR_LEN], *text = NULL;
    size_t len;
    int rc = -1;

    if (fd >= 0)
        text = xl_read_to_end(fd, &len);
    if (!text)
        xl_bad(err, "%.150s can't be read: %s", file, strerror(errno));
    else if (xpc_from_json(&xpc_report_type, r, text, len, line))
        xl_bad(err, "%.80s: %.150s", file, line);
    else if (!is_report(text, len))
        xl_bad(err, "%.80s is not a report of xl migrate --report", file);
    else
        rc = 0;
    if (fd >= 0 && !is_stdin)
        close(fd);
    free(text);
    return rc;
}

static int read_last(const char *domain, struct xpc_report *r, char *err)
{
    int rc = libxl_precopy_report_last(NULL, domain, r, err);

    if (rc == ERROR_NOTFOUND && domain)
        xl_bad(err, "no report of a migration of %.120s is kept", domain);
    else if (rc == ERROR_NOTFOUND)
        xl_bad(err, "no report of a migration is kept");
    return rc ? -1 : 0;
}

/* ---- writing --------------------------------------------------------- */

/* A page in memory. */
struct page {
    FILE *f;
    char *text;
    size_t len;
};

static int open_page(struct page *p)
{
    *p = (struct page){ 0 };
    p->f = open_memstream(&p->text, &p->len);
    return p->f ? 0 : fail(1, "out of memory");
}

static int close_page(struct page *p, const char *file)
{
    char err[XPC_ERR_LEN];
    int status = 0;

    if (fclose(p->f) || !p->text)
        status = fail(1, "out of memory");
    else if (xl_output_text("html", file, -1, p->text, err))
        status = fail(1, err);
    free(p->text);
    return status;
}

static void print_report(const struct xpc_report *r)
{
    char *title = report_title(r), when[32];

    /* The file may be from anywhere. */
    xl_plain(title);
    if (r->text)
        xl_plain(r->text);
    if (report_start(r, when, sizeof(when)))
        printf("%s, begun %s\n", title, when);
    report_print(stdout, r->domain ? xl_plain(r->domain) : "the guest", r);
    free(title);
}

static int show_report(const struct report_options *o)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    struct xpc_report r;
    struct page p;
    int rc, status = 0;

    xpc_report_init(&r);
    rc = o->last ? read_last(o->args[0], &r, err) :
                   read_file(o->args[0], &r, err);
    if (rc)
        status = fail(1, err);
    else if (!o->html)
        print_report(&r);
    else if (!(status = open_page(&p))) {
        report_page(p.f, &r);
        status = close_page(&p, o->html);
    }
    xpc_report_dispose(&r);
    return status;
}

static int show_history(const struct report_options *o)
{
    struct history_targets t = { 0 };
    int status = history_targets_read(&t, o->args, o->nr_args, COMMAND);
    struct page p;

    /* Show what could be read, also after errors. */
    if (!status || t.nr) {
        if (!o->html) {
            history_print(stdout, &t);
        } else if (!open_page(&p)) {
            history_page(p.f, &t);
            status |= close_page(&p, o->html);
        }
    }
    history_targets_dispose(&t);
    return status;
}

int cmd_migrate_report(int argc, char **argv)
{
    struct report_options o;
    char err[XPC_ERR_LEN];
    int rc;

    rc = parse_options(argc, argv, &o, err);
    if (rc > 0) {
        xl_help(&migrate_report_usage, stdout);
        return 0;
    }
    if (rc)
        return fail(2, err);
    return o.history ? show_history(&o) : show_report(&o);
}
