/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "common/xl_precopy_options.h"
#include "core/names.h"
#include "migrate/xl_report.h"
#include "report/xl_findings.h"
#include "report/xl_page.h"
#include "report/xl_report_charts.h"
#include "report/xl_report_page.h"

/* Rows of a table: the first ones, and the last ones. */
#define ROWS_FIRST 20
#define ROWS_LAST 180

/* With -s '' the target is a command, which is no name. */
char *report_title(const struct xpc_report *r)
{
    const char *host = r->target && !strpbrk(r->target, " \t") ? r->target :
                       NULL;

    return xl_asprintf("Migration%s%s%s%s", r->domain ? " of " : "",
                       r->domain ? r->domain : "", host ? " to " : "",
                       host ? host : "");
}

const char *report_start(const struct xpc_report *r, char *buf, size_t len)
{
    time_t t = r->start_s;
    struct tm tm;

    if (!r->start_s || !localtime_r(&t, &tm))
        return NULL;
    return strftime(buf, len, "%Y-%m-%d %H:%M:%S", &tm) ? buf : NULL;
}

/* ---- in words -------------------------------------------------------- */

static void write_downtimes(FILE *f, const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], text[160];

    if (r->actual_downtime_ns) {
        snprintf(text, sizeof(text), "%s; %s was predicted%s",
                 xpc_format_time(a, r->actual_downtime_ns),
                 xpc_format_time(b, r->predicted_downtime_ns),
                 r->resumed_ns ? ". The guest runs on the source again" : "");
        page_term(f, "Downtime", text);
    }
    if (r->params.policy == XPC_POLICY_STOCK) {
        page_term(f, "Limit", "none: the stock policy");
        return;
    }
    snprintf(text, sizeof(text), "%s, and never more than %s",
             xpc_format_time(a, r->params.downtime_ns),
             xpc_format_time(b, xpc_params_max_downtime(&r->params)));
    page_term(f, "Limit", xpc_params_max_downtime(&r->params) ==
                          r->params.downtime_ns ? a : text);
}

/* Pages left out, and CPU time taken from the guest. */
static void write_levers(FILE *f, const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN], d[XPC_UNIT_LEN];
    char text[160];

    if (r->total_skipped_pages) {
        snprintf(text, sizeof(text), "%"PRIu64" pages that were dirty again; "
                 "%s to look for them", r->total_skipped_pages,
                 xpc_format_time(a, r->peek_ns));
        page_term(f, "Left out", text);
    }
    if (r->slowed_ns) {
        snprintf(text, sizeof(text), "%s of CPU time in %s; %s in %s were "
                 "predicted", xpc_format_time(a, r->cpu_taken_ns),
                 xpc_format_time(b, r->slowed_ns),
                 xpc_format_time(c, r->predicted_cpu_taken_ns),
                 xpc_format_time(d, r->predicted_slowed_ns));
        page_term(f, "Slowed down", text);
    }
}

static void write_summary(FILE *f, const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], text[XL_PRECOPY_TEXT_LEN];
    char clause[XPC_COMPRESS_CLAUSE_LEN];

    page_element(f, "p", "lead", r->text ? r->text : "No reason is known.");
    fputs("<dl>\n", f);
    page_term(f, "Outcome", report_outcome(r));
    page_term(f, "Target", r->target);
    page_term(f, "Began", report_start(r, text, sizeof(text)));
    write_downtimes(f, r);
    snprintf(text, sizeof(text), "%s in %s, %zu iteration%s",
             xpc_format_bytes(a, r->total_bytes),
             xpc_format_time(b, r->total_time_ns), r->nr_iterations,
             r->nr_iterations == 1 ? "" : "s");
    page_term(f, "Sent", text);
    if (r->channels) {
        snprintf(text, sizeof(text), "%"PRIu64", compression %s, %s on the "
                 "wire", r->channels, xpc_compress_names[r->params.compress],
                 xpc_format_bytes(a, r->wire_bytes));
        page_term(f, "Connections", text);
    }
    if (*xpc_compress_clause(r, clause))
        page_term(f, "Compression", clause);
    if (r->total_zero_pages) {
        snprintf(text, sizeof(text), "%"PRIu64", sent without their data",
                 r->total_zero_pages);
        page_term(f, "Zero pages", text);
    }
    write_levers(f, r);
    xl_precopy_text(&r->params, text, sizeof(text));
    page_term(f, "Parameters", text);
    fputs("</dl>\n", f);
}

/* ---- tables ---------------------------------------------------------- */

/* One row for an iteration; start: since the migration began. */
typedef void row_fn(FILE *f, const char *number, const char *start,
                    const struct xpc_report *r,
                    const struct xpc_iteration *it);

static void row_predicted(FILE *f, const char *number, const char *start,
                          const struct xpc_report *r,
                          const struct xpc_iteration *it)
{
    const struct xpc_decision *d = &it->decision;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    (void)r;
    page_row(f, number, start, xpc_format_time(a, d->predicted_downtime_ns),
             xpc_format_time(b, d->cautious_downtime_ns),
             xpc_action_names[d->action], xpc_reason_names[d->reason], NULL);
}

static void row_left(FILE *f, const char *number, const char *start,
                     const struct xpc_report *r,
                     const struct xpc_iteration *it)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], pages[24];

    (void)r;
    snprintf(pages, sizeof(pages), "%"PRIu64, it->dirty_pages);
    page_row(f, number, start, xpc_format_bytes(a, it->bytes),
             xpc_format_bytes(b, it->dirty_pages * XPC_PAGE_SIZE), pages,
             NULL);
}

static void row_bandwidth(FILE *f, const char *number, const char *start,
                          const struct xpc_report *r,
                          const struct xpc_iteration *it)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];

    (void)r;
    page_row(f, number, start, xpc_format_bytes(a, it->bytes),
             xpc_format_time(b, it->duration_ns),
             xpc_format_bandwidth(c, iteration_rate(it)), NULL);
}

static void row_dirty(FILE *f, const char *number, const char *start,
                      const struct xpc_report *r,
                      const struct xpc_iteration *it)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];
    const struct xpc_working_set *w = &it->decision.working_set;
    char taken[24] = "-";

    (void)start;
    if (it->decision.slow_down_percent)
        snprintf(taken, sizeof(taken), "%"PRIu64"%%",
                 it->decision.slow_down_percent);
    page_row(f, number, xpc_format_time(a, it->duration_ns),
             xpc_format_bytes(b, it->dirty_pages * XPC_PAGE_SIZE),
             w->pages ? xpc_format_bytes(c, w->pages * XPC_PAGE_SIZE) : "-",
             r->slowed_ns ? taken : NULL, NULL);
}

static void write_rows(FILE *f, const struct xpc_report *r, row_fn *row)
{
    char number[24], start[XPC_UNIT_LEN];

    for (size_t i = 0; i < r->nr_iterations; i++) {
        const struct xpc_iteration *it = &r->iterations[i];

        if (i == ROWS_FIRST && r->nr_iterations > ROWS_FIRST + ROWS_LAST) {
            page_row(f, "...", NULL);
            i = r->nr_iterations - ROWS_LAST - 1;
            continue;
        }
        snprintf(number, sizeof(number), "%"PRIu64, it->number);
        row(f, number, xpc_format_time(start, it->start_ns), r, it);
    }
}

/* ---- figures --------------------------------------------------------- */

static void figure_predicted(FILE *f, const struct xpc_report *r)
{
    char text[FINDING_LEN];

    page_figure_begin(f, finding_predicted(r, text));
    chart_predicted(f, r, text);
    page_table_begin(f, "Predicted downtime at the end of each iteration", 1);
    page_head(f, "Iteration", "Began after", "Predicted", "With margin",
              "Decision", "Reason", NULL);
    write_rows(f, r, row_predicted);
    page_table_end(f, 1);
    page_figure_end(f);
}

static void figure_left(FILE *f, const struct xpc_report *r)
{
    char text[FINDING_LEN];

    page_figure_begin(f, finding_left(r, text));
    chart_left(f, r, text);
    page_table_begin(f, "What each iteration sent and left", 1);
    page_head(f, "Iteration", "Began after", "Sent", "Left", "Dirty pages",
              NULL);
    write_rows(f, r, row_left);
    page_table_end(f, 1);
    page_figure_end(f);
}

static void figure_bandwidth(FILE *f, const struct xpc_report *r)
{
    char text[FINDING_LEN];

    page_figure_begin(f, finding_bandwidth(r, text));
    chart_bandwidth(f, r, text);
    page_table_begin(f, "Bandwidth of each iteration", 1);
    page_head(f, "Iteration", "Began after", "Sent", "Took", "Bandwidth",
              NULL);
    write_rows(f, r, row_bandwidth);
    page_table_end(f, 1);
    page_figure_end(f);
}

static void figure_dirty(FILE *f, const struct xpc_report *r)
{
    char text[FINDING_LEN];

    page_figure_begin(f, finding_dirty(r, text));
    chart_dirty(f, r, text);
    page_table_begin(f, "Memory that was dirtied in each iteration", 1);
    page_head(f, "Iteration", "Took", "Dirtied in it", "Dirtied since the "
              "start", r->slowed_ns ? "Taken next" : NULL, NULL);
    write_rows(f, r, row_dirty);
    page_table_end(f, 1);
    page_figure_end(f);
}

static void figure_downtime(FILE *f, const struct xpc_report *r)
{
    struct downtime_part parts[DOWNTIME_PARTS_MAX];
    size_t nr = downtime_parts(r, parts);
    char text[FINDING_LEN], a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    if (!nr)
        return;
    page_figure_begin(f, finding_downtime(r, parts, nr, text));
    chart_downtime(f, parts, nr, text);
    if (r->suspended_ns > r->suspend_asked_ns && r->suspend_asked_ns) {
        snprintf(text, sizeof(text), "Before that, the guest took %s to "
                 "suspend.", xpc_format_time(a, r->suspended_ns -
                                                r->suspend_asked_ns));
        page_element(f, "p", NULL, text);
    }
    page_table_begin(f, "The parts of the downtime", 1);
    page_head(f, "Part", "Took", "Bytes", NULL);
    for (size_t i = 0; i < nr; i++)
        page_row(f, parts[i].words, xpc_format_time(a, parts[i].ns),
                 parts[i].bytes ? xpc_format_bytes(b, parts[i].bytes) : "-",
                 NULL);
    page_table_end(f, 1);
    page_figure_end(f);
}

void report_page(FILE *f, const struct xpc_report *r)
{
    char *title = report_title(r);

    page_begin(f, title);
    write_summary(f, r);
    if (r->nr_iterations) {
        figure_predicted(f, r);
        figure_left(f, r);
    }
    figure_downtime(f, r);
    if (r->nr_iterations) {
        figure_dirty(f, r);
        figure_bandwidth(f, r);
    }
    page_end(f);
    free(title);
}
