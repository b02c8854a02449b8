/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <stdlib.h>

#include <xenprecopy/history.h>
#include <xenprecopy/units.h>

#include "report/xl_chart.h"
#include "report/xl_findings.h"
#include "report/xl_report_charts.h"
#include "report/xl_svg.h"

/* Of more iterations, evenly chosen ones are drawn. */
#define POINTS_MAX 400

/* Of more observations of D(t), a line would go up and down. */
#define CURVE_MAX 8

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * The iterations as arrays: times in ns, sizes in bytes. They are drawn side by
 * side: in proportion to time, the first one would take most of the room, and
 * the last ones, which matter, would coincide.
 */
struct points {
    size_t nr;
    double middle[POINTS_MAX];      /* its place on the x axis */
    double edge[POINTS_MAX + 1];    /* between it and the one before */
    struct axis_tick ends[POINTS_MAX];      /* with the time of its end */
    double predicted[POINTS_MAX], cautious[POINTS_MAX];
    double sent[POINTS_MAX], dirty[POINTS_MAX], rate[POINTS_MAX];
    double took[POINTS_MAX], written[POINTS_MAX];
};

/* Predictions may have any value: what never ends takes a day. */
static double bounded(uint64_t ns)
{
    return ns < XPC_HISTORY_TIME_MAX_NS ? ns : XPC_HISTORY_TIME_MAX_NS;
}

static void fill_point(struct points *p, size_t n,
                       const struct xpc_iteration *it)
{
    const struct xpc_decision *d = &it->decision;
    double rate = iteration_rate(it);

    p->middle[n] = p->ends[n].value = n + 1;
    p->edge[n] = n + 0.5;
    p->edge[n + 1] = n + 1.5;
    axis_label(p->ends[n].label, AXIS_TIME,
               (double)it->start_ns + it->duration_ns);
    p->predicted[n] = bounded(d->predicted_downtime_ns);
    p->cautious[n] = fmax(bounded(d->cautious_downtime_ns), p->predicted[n]);
    p->sent[n] = it->bytes ? it->bytes : NAN;
    p->dirty[n] = it->dirty_pages ? (double)it->dirty_pages * XPC_PAGE_SIZE :
                                    NAN;
    p->rate[n] = rate ? rate : NAN;
    p->took[n] = it->duration_ns ? it->duration_ns : NAN;
    p->written[n] = d->working_set.pages ?
                    (double)d->working_set.pages * XPC_PAGE_SIZE : NAN;
}

/* NULL: out of memory. */
static struct points *get_points(const struct xpc_report *r)
{
    struct points *p = calloc(1, sizeof(*p));
    size_t nr = r->nr_iterations;

    if (!p)
        return NULL;
    p->nr = nr < POINTS_MAX ? nr : POINTS_MAX;
    for (size_t i = 0; i < p->nr; i++)
        fill_point(p, i, &r->iterations[p->nr > 1 ?
                                        i * (nr - 1) / (p->nr - 1) : 0]);
    return p;
}

struct range {
    double low, high;
};

static void widen(struct range *r, const double *v, size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        if (isfinite(v[i]) && v[i] > 0) {
            r->low = fmin(r->low, v[i]);
            r->high = fmax(r->high, v[i]);
        }
    }
}

static struct axis fit_axis(enum axis_unit unit, const struct range *r)
{
    return axis_for(unit, true, isfinite(r->low) ? r->low : 0, r->high);
}

/* The times at which the iterations ended. */
static void set_time_axis(struct chart *c, const struct points *p)
{
    c->x_name = "end of the iteration";
    c->x = (struct axis){ AXIS_COUNT, false, 0.5, p->nr + 0.5 };
    c->x_ticks = p->ends;
    c->nr_x_ticks = p->nr;
}

/* ---- the predicted downtime ------------------------------------------ */

static size_t add_limits(struct series *s, const struct xpc_report *r,
                         double *levels, char names[2][32])
{
    char a[AXIS_LABEL_LEN];

    if (r->params.policy == XPC_POLICY_STOCK)
        return 0;
    levels[0] = r->params.downtime_ns;
    levels[1] = xpc_params_max_downtime(&r->params);
    for (int i = 0; i < 2; i++) {
        snprintf(names[i], 32, "%s %s", i ? "max." : "limit",
                 axis_label(a, AXIS_TIME, levels[i]));
        s[i] = (struct series){
            .kind = SERIES_LEVEL, .colour = i ? 4 : 2, .name = names[i],
            .y = &levels[i], .nr = 1,
        };
    }
    return levels[1] == levels[0] ? 1 : 2;
}

/* Is the margin large enough to be seen? */
static bool has_margin(const struct points *p)
{
    for (size_t i = 0; i < p->nr; i++) {
        if (p->cautious[i] > p->predicted[i] * 1.02)
            return true;
    }
    return false;
}

void chart_predicted(FILE *f, const struct xpc_report *r, const char *label)
{
    struct points *p = get_points(r);
    struct range range = { INFINITY, 0 };
    double levels[2] = { 0 }, actual = r->actual_downtime_ns, at;
    char names[2][32];
    struct series s[5];
    struct chart c = {
        .label = label, .y_name = "downtime", .series = s,
    };

    if (!p)
        return;
    if (has_margin(p))
        s[c.nr++] = (struct series){
            .kind = SERIES_BAND, .colour = 1, .name = "with margin",
            .x = p->middle, .y = p->predicted, .y2 = p->cautious,
            .nr = p->nr,
        };
    s[c.nr++] = (struct series){
        .kind = SERIES_LINE, .colour = 1, .name = "predicted",
        .x = p->middle, .y = p->predicted, .nr = p->nr,
    };
    c.nr += add_limits(&s[c.nr], r, levels, names);
    at = p->nr + 0.25;
    if (actual)
        s[c.nr++] = (struct series){
            .kind = SERIES_RINGS, .colour = 3, .name = "actual", .x = &at,
            .y = &actual, .nr = 1,
        };
    for (size_t i = 0; i < c.nr; i++) {
        widen(&range, s[i].y, s[i].nr);
        if (s[i].y2)
            widen(&range, s[i].y2, s[i].nr);
    }
    set_time_axis(&c, p);
    c.y = fit_axis(AXIS_TIME, &range);
    chart_draw(f, &c);
    free(p);
}

/* ---- the other ones -------------------------------------------------- */

void chart_left(FILE *f, const struct xpc_report *r, const char *label)
{
    struct points *p = get_points(r);
    struct range range = { INFINITY, 0 };
    struct series s[2];
    struct chart c = {
        .label = label, .y_name = "memory", .series = s, .nr = ARRAY_SIZE(s),
    };

    if (!p)
        return;
    s[0] = (struct series){
        .kind = SERIES_STEP, .colour = 3, .name = "sent", .x = p->edge,
        .y = p->sent, .nr = p->nr,
    };
    s[1] = (struct series){
        .kind = SERIES_LINE, .colour = 1, .name = "left", .x = p->middle,
        .y = p->dirty, .nr = p->nr,
    };
    widen(&range, p->sent, p->nr);
    widen(&range, p->dirty, p->nr);
    set_time_axis(&c, p);
    c.y = fit_axis(AXIS_BYTES, &range);
    chart_draw(f, &c);
    free(p);
}

void chart_bandwidth(FILE *f, const struct xpc_report *r, const char *label)
{
    double stated = r->params.bandwidth_bytes_per_s,
           cap = r->params.max_bytes_per_s;
    struct points *p = get_points(r);
    struct range range = { 0, 0 };
    struct series s[3];
    struct chart c = {
        .label = label, .y_name = "bandwidth", .series = s, .nr = 1,
    };

    if (!p)
        return;
    s[0] = (struct series){
        .kind = SERIES_STEP, .colour = 1, .name = "sent", .x = p->edge,
        .y = p->rate, .nr = p->nr,
    };
    if (stated)
        s[c.nr++] = (struct series){
            .kind = SERIES_LEVEL, .colour = 2, .name = "stated",
            .y = &stated, .nr = 1,
        };
    if (cap)
        s[c.nr++] = (struct series){
            .kind = SERIES_LEVEL, .colour = 4, .name = "cap", .y = &cap,
            .nr = 1,
        };
    for (size_t i = 0; i < c.nr; i++)
        widen(&range, s[i].y, s[i].nr);
    set_time_axis(&c, p);
    c.y = axis_for(AXIS_RATE, false, 0, range.high * 1.05);
    chart_draw(f, &c);
    free(p);
}

struct pair {
    double took, dirty;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    return x->took < y->took ? -1 : x->took > y->took;
}

/* Sorts what an iteration dirtied by the time that it took. */
static void sort_by_time(struct points *p)
{
    struct pair pairs[POINTS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < p->nr; i++) {
        if (isfinite(p->took[i]) && isfinite(p->dirty[i]))
            pairs[n++] = (struct pair){ p->took[i], p->dirty[i] };
    }
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    for (size_t i = 0; i < p->nr; i++) {
        p->took[i] = i < n ? pairs[i].took : NAN;
        p->dirty[i] = i < n ? pairs[i].dirty : NAN;
    }
}

void chart_dirty(FILE *f, const struct xpc_report *r, const char *label)
{
    struct points *p = get_points(r);
    struct range x = { INFINITY, 0 }, y = { INFINITY, 0 };
    struct series s[2];
    struct chart c = {
        .label = label, .x_name = "time t", .y_name = "memory dirtied within "
        "t, D(t)", .series = s, .nr = ARRAY_SIZE(s),
    };

    if (!p)
        return;
    sort_by_time(p);
    s[0] = (struct series){
        .kind = p->nr > CURVE_MAX ? SERIES_DOTS : SERIES_LINE,
        .colour = 1, .name = "D(t)", .x = p->took,
        .y = p->dirty, .nr = p->nr,
    };
    /* The last one covers all of precopy. */
    s[1] = (struct series){
        .kind = SERIES_LEVEL, .colour = 2, .name = "working set",
        .y = &p->written[p->nr - 1], .nr = 1,
    };
    if (isnan(p->written[p->nr - 1]))
        c.nr = 1;
    widen(&x, p->took, p->nr);
    for (size_t i = 0; i < c.nr; i++)
        widen(&y, s[i].y, s[i].nr);
    c.x = fit_axis(AXIS_TIME, &x);
    c.y = fit_axis(AXIS_BYTES, &y);
    chart_draw(f, &c);
    free(p);
}

/* ---- the downtime ---------------------------------------------------- */

#define ROW_HEIGHT 40

static void draw_parts(FILE *f, const struct downtime_part *parts, size_t nr,
                       const char *class, double width, const char *label)
{
    double all = 0, at = 0, right = width - 70;
    char t[XPC_UNIT_LEN];

    for (size_t i = 0; i < nr; i++)
        all += parts[i].ns;
    svg_begin(f, class, width, nr * ROW_HEIGHT, label);
    for (size_t i = 0; i < nr; i++) {
        double x = at / all * right, w = parts[i].ns / all * right;
        double y = i * ROW_HEIGHT;

        if (x < right / 2)
            svg_text(f, "tick value", x, y + 12, SVG_START, parts[i].words);
        else
            svg_text(f, "tick value", x + w, y + 12, SVG_END, parts[i].words);
        svg_rect(f, "bar c1", x, y + 18, fmax(w, 1), 14);
        svg_text(f, "tick value", x + fmax(w, 1) + 6, y + 29, SVG_START,
                 xpc_format_time(t, parts[i].ns));
        at += parts[i].ns;
    }
    svg_end(f);
}

void chart_downtime(FILE *f, const struct downtime_part *parts, size_t nr,
                    const char *label)
{
    draw_parts(f, parts, nr, "wide", 760, label);
    draw_parts(f, parts, nr, "narrow", 336, label);
}
