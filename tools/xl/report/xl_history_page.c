/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "core/names.h"
#include "report/xl_chart.h"
#include "report/xl_history_page.h"
#include "report/xl_page.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the chart ------------------------------------------------------- */

/* Migrations side by side, as they may be minutes or months apart. */
struct points {
    double x[XPC_HISTORY_MAX], actual[XPC_HISTORY_MAX],
           predicted[XPC_HISTORY_MAX], limit[XPC_HISTORY_MAX],
           broken[XPC_HISTORY_MAX];
    double edge[XPC_HISTORY_MAX + 1];
    struct axis_tick days[XPC_HISTORY_MAX];
};

static double known(uint64_t ns)
{
    return ns ? ns : NAN;
}

static void fill_point(struct points *p, size_t i,
                       const struct xpc_history_entry *e)
{
    time_t t = e->start_s;
    struct tm tm;

    p->x[i] = i + 1;
    p->edge[i] = i + 0.5;
    p->edge[i + 1] = i + 1.5;
    p->limit[i] = known(e->limit_ns);
    p->predicted[i] = known(e->predicted_downtime_ns);
    p->actual[i] = e->outcome == XPC_OUTCOME_MIGRATED ?
                   known(e->actual_downtime_ns) : NAN;
    /* One that did not reach the target is marked at what was asked for. */
    p->broken[i] = e->outcome == XPC_OUTCOME_MIGRATED ? NAN :
                   isnan(p->predicted[i]) ? p->limit[i] : p->predicted[i];
    p->days[i].value = i + 1;
    if (!localtime_r(&t, &tm) ||
        !strftime(p->days[i].label, AXIS_LABEL_LEN, "%d %b", &tm))
        strcpy(p->days[i].label, "?");
}

static void draw_chart(FILE *f, const struct xpc_history *h,
                       const char *label)
{
    struct points p;
    double low = INFINITY, high = 0;
    size_t nr = h->nr_entries;
    const double *const values[] = {
        p.limit, p.predicted, p.actual, p.broken
    };
    const struct series s[] = {
        { SERIES_STEP, 2, "limit", p.edge, p.limit, NULL, nr },
        { SERIES_RINGS, 1, "predicted", p.x, p.predicted, NULL, nr },
        { SERIES_DOTS, 3, "actual", p.x, p.actual, NULL, nr },
        { SERIES_CROSSES, 4, "stayed here", p.x, p.broken, NULL, nr },
    };
    struct chart c = {
        .label = label, .x_name = "migration", .y_name = "downtime",
        .x = { AXIS_COUNT, false, 0.5, nr + 0.5 },
        .x_ticks = p.days, .nr_x_ticks = nr,
        .series = s, .nr = ARRAY_SIZE(s),
    };

    for (size_t i = 0; i < nr; i++)
        fill_point(&p, i, &h->entries[i]);
    for (size_t i = 0; i < ARRAY_SIZE(values) * nr; i++) {
        double v = values[i / nr][i % nr];

        low = isfinite(v) ? fmin(low, v) : low;
        high = isfinite(v) ? fmax(high, v) : high;
    }
    c.y = axis_for(AXIS_TIME, true, isfinite(low) ? low : 0, high);
    chart_draw(f, &c);
}

/* ---- tables ---------------------------------------------------------- */

static const char *time_text(char buf[XPC_UNIT_LEN], uint64_t ns)
{
    return ns ? xpc_format_time(buf, ns) : "-";
}

static void write_row(FILE *f, const struct xpc_history_entry *e)
{
    char when[32] = "?", a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN],
         d[XPC_UNIT_LEN], r[XPC_UNIT_LEN], s[XPC_UNIT_LEN];
    time_t t = e->start_s;
    struct tm tm;

    if (localtime_r(&t, &tm))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
    page_row(f, when, e->domain ? e->domain : "",
             xpc_outcome_names[e->outcome],
             time_text(a, e->predicted_downtime_ns),
             time_text(b, e->actual_downtime_ns), time_text(c, e->limit_ns),
             time_text(d, e->total_time_ns),
             xpc_format_bytes(s, e->total_bytes),
             e->bandwidth_bytes_per_s ?
             xpc_format_bandwidth(r, e->bandwidth_bytes_per_s) : "-", NULL);
}

static void write_table(FILE *f, const struct xpc_history *h)
{
    page_table_begin(f, "The migrations, the oldest first", 0);
    page_head(f, "When", "Domain", "Outcome", "Predicted", "Actual", "Limit",
              "Total", "Sent", "Bandwidth", NULL);
    for (size_t i = 0; i < h->nr_entries; i++)
        write_row(f, &h->entries[i]);
    page_table_end(f, 0);
}

static void write_guests(FILE *f, const struct xpc_history_summary *s)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], number[24];

    if (!s->nr_guests)
        return;
    page_table_begin(f, "What the switchover of each guest is expected to "
                     "take besides its pages", 0);
    page_head(f, "Domain", "Learned from", "Expected", "Deviation", NULL);
    for (size_t i = 0; i < s->nr_guests; i++) {
        const struct xpc_history_guest *g = &s->guests[i];

        snprintf(number, sizeof(number), "%llu",
                 (unsigned long long)g->migrations);
        page_row(f, g->domain ? g->domain : "?", number,
                 xpc_format_time(a, g->prior.overhead_ns),
                 xpc_format_time(b, g->prior.overhead_sd_ns), NULL);
    }
    page_table_end(f, 0);
}

/* ---- a target -------------------------------------------------------- */

static void write_finding(const struct xpc_history *h, char *buf, size_t len)
{
    size_t migrated = 0, over = 0;
    size_t n;

    for (size_t i = 0; i < h->nr_entries; i++) {
        const struct xpc_history_entry *e = &h->entries[i];

        migrated += e->outcome == XPC_OUTCOME_MIGRATED;
        over += e->outcome == XPC_OUTCOME_MIGRATED && e->limit_ns &&
                e->actual_downtime_ns > e->limit_ns;
    }
    n = snprintf(buf, len, "%zu of %zu migration%s reached %.80s; ", migrated,
                 h->nr_entries, h->nr_entries == 1 ? "" : "s", h->target);
    if (n >= len)
        return;
    if (over)
        snprintf(buf + n, len - n, "%zu downtime%s over the limit", over,
                 over == 1 ? " was" : "s were");
    else
        snprintf(buf + n, len - n, "no downtime was over its limit");
}

static void write_target(FILE *f, const struct history_target *t)
{
    const struct xpc_history *h = &t->history;
    char text[256];

    if (!h->nr_entries) {
        snprintf(text, sizeof(text), "No migrations to %.80s are known.",
                 h->target);
        page_element(f, "p", NULL, text);
        return;
    }
    write_finding(h, text, sizeof(text));
    page_figure_begin(f, text);
    draw_chart(f, h, text);
    if (!isnan(t->summary.error_median)) {
        snprintf(text, sizeof(text), "Predictions were off by %.1f%% "
                 "(median), %+.1f%% at worst.", t->summary.error_median * 100,
                 t->summary.error_worst * 100);
        page_element(f, "p", NULL, text);
    }
    write_table(f, h);
    write_guests(f, &t->summary);
    page_figure_end(f);
}

void history_page(FILE *f, const struct history_targets *t)
{
    page_begin(f, "Migrations from this host");
    if (!t->nr)
        page_element(f, "p", NULL, "No migrations are known.");
    for (size_t i = 0; i < t->nr; i++)
        write_target(f, &t->list[i]);
    page_end(f);
}
