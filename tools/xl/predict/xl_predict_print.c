/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "predict/xl_predict_print.h"

#define COLUMN 9

static void print_source(FILE *out, const struct predict_source *s,
                         const struct predict_options *o)
{
    const struct xpc_phased *phased = predict_phased(s, o);
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];
    uint64_t bytes = s->curve.total_pages * XPC_PAGE_SIZE;

    fprintf(out, "%s: %s, %.0f%% of it zero, %.1f MiB/s dirtied over %s\n",
            s->name, xpc_format_bytes(a, bytes),
            100.0 * s->curve.zero_pages / s->curve.total_pages, s->rate_mib,
            xpc_format_time(b, s->longest_ns));
    if (phased)
        fprintf(out, "regular phases: busy for %s of every %s; the predictions "
                "are for a migration that begins at any time\n",
                xpc_format_time(a, phased->cycle.busy_ns),
                xpc_format_time(b, phased->cycle.period_ns));
}

static void print_page(FILE *out, const struct xpc_compress_page *p,
                       const char *which)
{
    fprintf(out, ", %.0f%% (%.0f..%.0f%%) %s", 100 * p->share,
            100 * p->share_low, 100 * p->share_high, which);
}

/* What a method gives, above its table. */
static void print_method(FILE *out, const struct predict_source *s,
                         const struct predict_options *o,
                         const struct xpc_compress_method *method)
{
    char text[XPC_UNIT_LEN];

    fprintf(out, "compression %s", xpc_compress_text(text, method));
    for (size_t i = 0; i < s->nr_costs; i++) {
        const struct xpc_compress_cost *c = &s->costs[i];

        if (!xpc_compress_same(&c->method, method))
            continue;
        print_page(out, &c->first, "left of the first copy");
        print_page(out, &c->later, "of later ones");
        fprintf(out, ", %.1f and %.1f us a page, %"PRIu64" processor%s",
                c->first.ns / 1000, c->later.ns / 1000, o->channels,
                o->channels == 1 ? "" : "s");
    }
    fputs(":\n", out);
}

void predict_print_warnings(FILE *out, const char *prefix,
                            const struct predict_source *s)
{
    if (s->paused)
        fprintf(out, "%s: %s was paused for a part of its measurement: it "
                "writes more than this when it runs\n", prefix, s->name);
    if (s->late)
        fprintf(out, "%s: a period of %s was over 10%% late: the machine was "
                "busy, and may have held the guest up\n", prefix, s->name);
    if (s->ballooned)
        fprintf(out, "%s: the memory of %s grew or shrank while it was "
                "measured\n", prefix, s->name);
}

static void print_head(FILE *out, const struct predict_options *o)
{
    char t[XPC_UNIT_LEN];

    fprintf(out, "%12s ", "Downtime>");
    for (size_t i = 0; i < o->nr_downtimes; i++)
        fprintf(out, " %*s", COLUMN, o->downtimes[i] ?
                xpc_format_time(t, o->downtimes[i]) : "unlimited");
    fprintf(out, "  %s\n", "least downtime");
}

static void print_cell(FILE *out, const struct xpc_cell *cell)
{
    char t[XPC_UNIT_LEN], marked[XPC_UNIT_LEN + 2];

    snprintf(marked, sizeof(marked), "%s%s", cell->converges ?
             xl_span_text(t, cell->total_ns) : "-", cell->marginal ? "~" : "");
    fprintf(out, " %*s", COLUMN, marked);
}

/*
 * Tables are numbered by domain, then by method of compression. The advice is
 * for a cell with a downtime limit: others have none.
 */
static const struct xpc_cell_advice *
find_advice(const struct xpc_cells *c, const struct predict_options *o,
            size_t table, size_t row, size_t column)
{
    size_t limits = 0, before = 0;

    for (size_t i = 0; i < o->nr_downtimes; i++) {
        before += i < column && o->downtimes[i];
        limits += !!o->downtimes[i];
    }
    return &c->advice[(table * o->nr_bandwidths + row) * limits + before];
}

/* The column with the strictest limit; nr_downtimes if there is none. */
static size_t find_strictest(const struct predict_options *o)
{
    size_t best = o->nr_downtimes;

    for (size_t i = 0; i < o->nr_downtimes; i++) {
        if (o->downtimes[i] && (best == o->nr_downtimes ||
                                o->downtimes[i] < o->downtimes[best]))
            best = i;
    }
    return best;
}

static void print_least_bandwidths(FILE *out, const struct xpc_cells *c,
                                   const struct predict_options *o,
                                   size_t table)
{
    char t[XPC_UNIT_LEN];

    fprintf(out, "%12s ", "least Mbit/s");
    for (size_t i = 0; i < o->nr_downtimes; i++) {
        uint64_t least = o->downtimes[i] ?
            find_advice(c, o, table, 0, i)->least_bandwidth_bits_per_s : 0;

        snprintf(t, sizeof(t), least ? "%.0f" : "-", ceil(least / 1e6));
        fprintf(out, " %*s", COLUMN, t);
    }
    fputc('\n', out);
}

static void print_table(FILE *out, const struct xpc_cells *c,
                        const struct predict_options *o, size_t table)
{
    size_t limit = find_strictest(o), columns = o->nr_downtimes;
    char b[XPC_UNIT_LEN];
    uint64_t least;

    print_head(out, o);
    for (size_t row = 0; row < o->nr_bandwidths; row++) {
        fprintf(out, "%12s ", xpc_format_bandwidth(b, o->bandwidths[row]));
        for (size_t i = 0; i < columns; i++)
            print_cell(out, &c->cells[(table * o->nr_bandwidths + row) *
                                      columns + i]);
        if (limit < columns) {
            least = find_advice(c, o, table, row, limit)->least_downtime_ns;
            fprintf(out, "  %s", least ? xpc_format_time(b, least) : "-");
        }
        fputc('\n', out);
    }
    if (limit < columns)
        print_least_bandwidths(out, c, o, table);
}

static size_t tables_of(const struct predict_options *o)
{
    return o->nr_methods ? o->nr_methods : 1;
}

/*
 * The table of a domain with the best method: it fits and takes the least time,
 * or else reaches the least downtime.
 */
static size_t find_best(const struct xpc_cells *c,
                        const struct predict_options *o, size_t domain,
                        size_t row, size_t column)
{
    size_t best = domain * tables_of(o);
    double least = INFINITY, v;

    for (size_t i = best; i < (domain + 1) * tables_of(o); i++) {
        const struct xpc_cell *cell = &c->cells[(i * o->nr_bandwidths + row) *
                                                o->nr_downtimes + column];
        uint64_t downtime = find_advice(c, o, i, row,
                                        column)->least_downtime_ns;

        /* No time is longer than a year. */
        v = cell->converges ? cell->total_ns : downtime ? downtime + 1e17 :
                                                          1e20;
        if (v < least) {
            least = v;
            best = i;
        }
    }
    return best;
}

static void print_advice(FILE *out, const struct xpc_cells *c,
                         const struct predict_options *o, size_t domain)
{
    size_t limit = find_strictest(o);
    char b[XPC_UNIT_LEN], t[XPC_UNIT_LEN];

    if (limit == o->nr_downtimes)
        return;
    for (size_t row = 0; row < o->nr_bandwidths; row++) {
        size_t best = find_best(c, o, domain, row, limit);
        const struct xpc_cell_advice *a = find_advice(c, o, best, row, limit);

        fprintf(out, "At %s, limit %s%s%s: %s.\n",
                xpc_format_bandwidth(b, o->bandwidths[row]),
                xpc_format_time(t, o->downtimes[limit]),
                a->compress ? ", compression " : "",
                a->compress ? a->compress : "", a->text);
        if (a->options)
            fprintf(out, "    xl migrate %s\n", a->options);
    }
}

static void print_step(FILE *out, const struct xpc_cell_step *s)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], d[XPC_UNIT_LEN], x[XPC_UNIT_LEN];
    char r[XPC_UNIT_LEN];

    fprintf(out, "  %-20s ", s->domain);
    if (s->possible)
        fprintf(out, "%9s %9s %6"PRIu64" %11s %10s", xl_span_text(a,
                s->start_ns), xl_span_text(b, s->end_ns), s->concurrency,
                xpc_format_bandwidth(r, s->bandwidth_bits_per_s / 8),
                xpc_format_time(d, s->predicted_ns));
    else
        fprintf(out, "%9s %9s %6s %11s %10s", "-", "-", "-",
                xpc_format_bandwidth(r, s->bandwidth_bits_per_s / 8),
                "-");
    fprintf(out, " %12s%s\n", xpc_format_time(x, s->at_once_ns),
            s->at_once_converges ? "" : " over the limit");
}

static void print_plan(FILE *out, const struct xpc_cell_plan *p)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], d[XPC_UNIT_LEN];
    size_t hopeless = 0;

    for (size_t i = 0; i < p->nr_steps; i++)
        hopeless += !p->steps[i].possible;
    fprintf(out, "\nEvacuation of %zu domains over %s within %s of downtime "
            "each: %s, at most %"PRIu64" at once", p->nr_steps,
            xpc_format_bandwidth(a, p->bandwidth_bits_per_s / 8),
            xpc_format_time(b, p->downtime_ns), xl_span_text(d, p->total_ns),
            p->concurrency);
    fprintf(out, hopeless ? "; %zu can't be moved within it\n" : "\n",
            hopeless);
    fprintf(out, "  %-20s %9s %9s %6s %11s %10s %12s\n", "domain", "start",
            "end", "share", "bandwidth", "downtime", "all at once");
    for (size_t i = 0; i < p->nr_steps; i++)
        print_step(out, &p->steps[i]);
    fprintf(out, "  All at once would take %s of downtime in all; %"PRIu64
            " would be over the limit.\n",
            xpc_format_time(a, p->at_once_sum_ns), p->at_once_over_limit);
}

void predict_print(FILE *out, const struct xpc_cells *c,
                   const struct predict_options *o,
                   const struct predict_source *sources, size_t nr)
{
    bool marginal = false;

    for (size_t i = 0; i < nr; i++) {
        if (i)
            fputc('\n', out);
        print_source(out, &sources[i], o);
        for (size_t k = 0; k < tables_of(o); k++) {
            if (o->nr_methods)
                print_method(out, &sources[i], o, &o->methods[k]);
            print_table(out, c, o, i * tables_of(o) + k);
        }
        print_advice(out, c, o, i);
        predict_print_warnings(out, "Caution", &sources[i]);
    }
    for (size_t i = 0; i < c->nr_cells; i++)
        marginal = marginal || c->cells[i].marginal;
    fprintf(out, "\n-: does not converge.%s\n", marginal ? " ~: within the "
            "uncertainty of the measurement it could turn out the other "
            "way." : "");
    for (size_t i = 0; i < c->nr_plans; i++)
        print_plan(out, &c->plans[i]);
}
