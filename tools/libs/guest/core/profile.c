/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hours of a guest's day. Formulas: xenprecopy/profile.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/profile.h>
#include <xenprecopy/units.h>

#define FIRST_NS (125 * XPC_MS)
#define Z95 1.959964
/* Downtimes that differ by less than this are taken as equal. */
#define ALIKE 1.01

void xpc_profile_init(struct xpc_profile *p)
{
    *p = (struct xpc_profile){ .version = XPC_PROFILE_VERSION };
}

void xpc_profile_dispose(struct xpc_profile *p)
{
    for (size_t i = 0; i < p->nr_hours; i++) {
        free(p->hours[i].points);
        free(p->hours[i].phases.points);
    }
    free(p->hours);
    free(p->domain);
    memset(p, 0, sizeof(*p));
}

const struct xpc_profile_hour *xpc_profile_find(const struct xpc_profile *p,
                                                unsigned int hour)
{
    for (size_t i = 0; i < p->nr_hours; i++) {
        if (p->hours[i].hour == hour)
            return &p->hours[i];
    }
    return NULL;
}

/* All periods, without measurements; NULL: out of memory. */
static struct xpc_profile_point *new_points(void)
{
    struct xpc_profile_point *points = calloc(XPC_PROFILE_POINTS,
                                              sizeof(*points));

    for (int i = 0; points && i < XPC_PROFILE_POINTS; i++)
        points[i].t_ns = FIRST_NS << i;
    return points;
}

/* Inserts an hour. Returns it, or NULL. */
static struct xpc_profile_hour *add_hour(struct xpc_profile *p,
                                         unsigned int hour)
{
    struct xpc_profile_point *points = new_points();
    struct xpc_profile_hour *hours = NULL;
    size_t at = 0;

    if (points)
        hours = realloc(p->hours, (p->nr_hours + 1) * sizeof(*hours));
    if (!hours) {
        free(points);
        return NULL;
    }
    p->hours = hours;
    while (at < p->nr_hours && hours[at].hour < hour)
        at++;
    memmove(&hours[at + 1], &hours[at], (p->nr_hours - at) * sizeof(*hours));
    p->nr_hours++;
    hours[at] = (struct xpc_profile_hour){
        .hour = hour, .points = points, .nr_points = XPC_PROFILE_POINTS,
    };
    return &hours[at];
}

static void add_value(struct xpc_profile_point *p, double x)
{
    double d = x - p->pages, n, variance;

    if (p->measurements < XPC_PROFILE_MEMORY)
        p->measurements++;
    n = p->measurements;
    variance = (1 - 1 / n) * (p->deviation * p->deviation + d * d / n);
    p->pages += d / n;
    p->deviation = sqrt(variance);
}

static void add_curve(struct xpc_profile_point *points, size_t nr,
                      const struct xpc_curve *c)
{
    struct xpc_curve_model m;

    xpc_curve_model_init(&m);
    for (size_t i = 0; i < nr; i++) {
        if (c->nr && points[i].t_ns <= c->pt[c->nr - 1].t_ns)
            add_value(&points[i], xpc_curve_pages(c, &m, points[i].t_ns, 0));
    }
}

/* Forgets what had another period than this. */
static void begin_period(struct xpc_profile_phases *p,
                         const struct xpc_cycle *c)
{
    double period = p->period_ns;

    if (fabs(c->period_ns - period) <= XPC_PROFILE_SAME * period)
        return;
    for (size_t i = 0; i < p->nr_points; i++)
        p->points[i] = (struct xpc_profile_point){ .t_ns = p->points[i].t_ns };
    p->measurements = 0;
}

/* The points are there if there is a period. */
static void add_phases(struct xpc_profile_phases *p,
                       const struct xpc_phased *phased)
{
    const struct xpc_cycle *c = &phased->cycle;
    double n;

    if (p->looked < XPC_PROFILE_LOOKS)
        p->looked++;
    p->found += ((c->period_ns > 0) - p->found) / p->looked;
    if (!c->period_ns)
        return;
    begin_period(p, c);
    if (p->measurements < XPC_PROFILE_MEMORY)
        p->measurements++;
    n = p->measurements;
    p->period_ns += ((double)c->period_ns - p->period_ns) / n;
    p->busy_ns += ((double)c->busy_ns - p->busy_ns) / n;
    p->quiet += (c->quiet - p->quiet) / n;
    add_curve(p->points, p->nr_points, &phased->busy);
}

int xpc_profile_add(struct xpc_profile *p, unsigned int hour, uint64_t now_s,
                    const struct xpc_curve *c, const struct xpc_phased *phased)
{
    struct xpc_profile_hour *h = (struct xpc_profile_hour *)
        xpc_profile_find(p, hour);
    bool needs = phased && phased->cycle.period_ns &&
                 (!h || !h->phases.nr_points);
    struct xpc_profile_point *busy = needs ? new_points() : NULL;

    if (!h && (busy || !needs))
        h = add_hour(p, hour);
    if (!h || (needs && !busy)) {
        free(busy);
        errno = ENOMEM;
        return -1;
    }
    if (busy) {
        h->phases.points = busy;
        h->phases.nr_points = XPC_PROFILE_POINTS;
    }
    add_curve(h->points, h->nr_points, c);
    if (phased)
        add_phases(&h->phases, phased);
    h->measurements++;
    h->last_s = now_s;
    h->total_pages = c->total_pages;
    h->zero_pages = c->zero_pages;
    return 0;
}

static void make_curve(struct xpc_curve *c, const struct xpc_profile_hour *h,
                       const struct xpc_profile_point *points, size_t nr)
{
    *c = (struct xpc_curve){ .total_pages = h->total_pages,
                             .zero_pages = h->zero_pages };
    for (size_t i = 0; i < nr && c->nr < XPC_CURVE_MAX; i++) {
        const struct xpc_profile_point *p = &points[i];

        if (p->measurements)
            xpc_curve_add(c, p->t_ns, p->pages, p->pages - Z95 * p->deviation,
                          p->pages + Z95 * p->deviation);
    }
}

void xpc_profile_curve(const struct xpc_profile_hour *h,
                       struct xpc_curve *c)
{
    make_curve(c, h, h->points, h->nr_points);
}

bool xpc_profile_phased(const struct xpc_profile_hour *h,
                        struct xpc_phased *phased_r)
{
    const struct xpc_profile_phases *p = &h->phases;

    *phased_r = (struct xpc_phased){
        .cycle = { .period_ns = p->period_ns, .busy_ns = p->busy_ns,
                   .quiet = p->quiet },
    };
    make_curve(&phased_r->busy, h, p->points, p->nr_points);
    return p->measurements && p->found >= 0.5 && phased_r->busy.nr > 1;
}

/* ---- when to migrate -------------------------------------------------- */

void xpc_when_dispose(struct xpc_when *w)
{
    free(w->hours);
    free(w->domain);
    memset(w, 0, sizeof(*w));
}

static bool is_better(const struct xpc_cell *a, const struct xpc_cell *b)
{
    if (a->converges != b->converges)
        return a->converges;
    if (a->predicted_high_ns > ALIKE * b->predicted_high_ns ||
        b->predicted_high_ns > ALIKE * a->predicted_high_ns)
        return a->predicted_high_ns < b->predicted_high_ns;
    return a->total_ns < b->total_ns;
}

static const struct xpc_when_hour *find_hour(const struct xpc_when *w,
                                             uint64_t hour)
{
    for (size_t i = 0; i < w->nr_hours; i++) {
        if (w->hours[i].hour == hour % XPC_PROFILE_HOURS)
            return &w->hours[i];
    }
    return NULL;
}

/* Is this hour as good as the best one? Its longest time may be unknown. */
static bool is_as_good(const struct xpc_when *w, uint64_t hour,
                       const struct xpc_cell *best)
{
    const struct xpc_when_hour *h = find_hour(w, hour);

    return h && h->cell.converges == best->converges &&
           h->cell.predicted_ns <= best->predicted_high_ns &&
           (!best->total_high_ns || h->cell.total_ns <= best->total_high_ns);
}

static void find_window(struct xpc_when *w)
{
    const struct xpc_when_hour *best = &w->hours[0];

    for (size_t i = 1; i < w->nr_hours; i++) {
        if (is_better(&w->hours[i].cell, &best->cell))
            best = &w->hours[i];
    }
    w->best_hour = best->hour;
    w->from_hour = best->hour;
    w->to_hour = best->hour + 1;
    while (w->to_hour - w->from_hour < XPC_PROFILE_HOURS &&
           is_as_good(w, w->to_hour, &best->cell))
        w->to_hour++;
    w->from_hour += XPC_PROFILE_HOURS;
    w->to_hour += XPC_PROFILE_HOURS;
    while (w->to_hour - w->from_hour < XPC_PROFILE_HOURS &&
           is_as_good(w, w->from_hour - 1, &best->cell))
        w->from_hour--;
    w->from_hour %= XPC_PROFILE_HOURS;
    w->to_hour %= XPC_PROFILE_HOURS;
}

const struct xpc_when_hour *xpc_when_first(const struct xpc_when *w,
                                           unsigned int from,
                                           unsigned int nr)
{
    const struct xpc_when_hour *best = NULL;

    for (unsigned int i = 0; i < nr && i < XPC_PROFILE_HOURS; i++) {
        const struct xpc_when_hour *h = find_hour(w, from + i);

        if (h && (!best || is_better(&h->cell, &best->cell)))
            best = h;
    }
    for (unsigned int i = 0; best && find_hour(w, from + i) != best; i++) {
        if (is_as_good(w, from + i, &best->cell))
            return find_hour(w, from + i);
    }
    return best;
}

int xpc_when_compute(struct xpc_when *w, const struct xpc_profile *p,
                     const struct xpc_predict_params *params,
                     enum xpc_lulls lulls, uint64_t bandwidth,
                     uint64_t downtime_ns)
{
    struct xpc_predict_params of_hour = *params;

    *w = (struct xpc_when){
        .version = 1, .bandwidth_bits_per_s = bandwidth * 8,
        .downtime_ns = downtime_ns,
        .domain = strdup(p->domain ? p->domain : ""),
        .hours = calloc(p->nr_hours, sizeof(*w->hours)),
    };
    if (!w->domain || !w->hours) {
        xpc_when_dispose(w);
        errno = ENOMEM;
        return -1;
    }
    for (size_t i = 0; i < p->nr_hours; i++) {
        struct xpc_when_hour *h = &w->hours[w->nr_hours];
        struct xpc_phased phased;
        struct xpc_curve curve;

        xpc_profile_curve(&p->hours[i], &curve);
        if (!curve.nr)
            continue;
        of_hour.phased = NULL;
        if (lulls == XPC_LULLS_ON &&
            xpc_profile_phased(&p->hours[i], &phased))
            of_hour.phased = &phased;
        h->period_ns = of_hour.phased ? phased.cycle.period_ns : 0;
        h->hour = p->hours[i].hour;
        h->measurements = p->hours[i].measurements;
        xpc_cell_compute(&h->cell, &curve, &of_hour, bandwidth, downtime_ns);
        w->nr_hours++;
    }
    if (w->nr_hours)
        find_window(w);
    return 0;
}
