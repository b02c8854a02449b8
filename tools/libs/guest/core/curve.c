/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * D(t): evaluation between and outside its points, and combining curves. The
 * formulas are in xenprecopy/curve.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <xenprecopy/curve.h>

#include "core/bounds.h"

/* The fastest decay of what a doubling of the time adds: 2^-4 per doubling. */
#define DECAY_MAX -4.0
#define DEFAULT_VARIATION 0.05
/* Half the width of a 95% interval, in standard deviations. */
#define Z95 1.959964

void xpc_curve_model_init(struct xpc_curve_model *m)
{
    *m = (struct xpc_curve_model){
        .interpolation = XPC_INTERPOLATE_LOGLOG,
        .below = { XPC_BELOW_ORIGIN, XPC_BELOW_POWER, XPC_BELOW_OFFSET },
        .beyond = { XPC_BEYOND_FLAT, XPC_BEYOND_SATURATING,
                    XPC_BEYOND_LINE },
        .variation = DEFAULT_VARIATION,
    };
}

/* ---- evaluation ----------------------------------------------------- */

static double band_value(const struct xpc_curve_point *p,
                         const struct xpc_curve_model *m, enum xpc_band band)
{
    switch (band) {
    case XPC_BAND_LOW:  return at_most(p->low, p->pages * (1 - m->variation));
    case XPC_BAND_HIGH: return at_least(p->high, p->pages * (1 + m->variation));
    default:            return p->pages;
    }
}

/* The exponent of the power law through two points. */
static double exponent(double t1, double v1, double t2, double v2)
{
    return log(v2 / v1) / log(t2 / t1);
}

/* A curve with its model, and what is kept of it; fit NULL: nothing. */
struct view {
    const struct xpc_curve *c;
    const struct xpc_curve_model *m;
    struct xpc_curve_fit *fit;
};

static double point_ns(const struct view *w, size_t i)
{
    return w->fit ? w->fit->t_ns[i] : w->c->pt[i].t_ns;
}

static double point_pages(const struct view *w, size_t i, enum xpc_band band)
{
    return w->fit ? w->fit->band[band][i].pages :
                    band_value(&w->c->pt[i], w->m, band);
}

/* That from a point to the next one; INFINITY if it is not defined. */
static double segment_exponent(const struct view *w, size_t i,
                               enum xpc_band band)
{
    double v1, *kept = w->fit ? &w->fit->band[band][i].exponent : NULL, a;

    if (kept && !isnan(*kept))
        return *kept;
    v1 = point_pages(w, i, band);
    a = v1 > 0 ? exponent(point_ns(w, i), v1, point_ns(w, i + 1),
                          point_pages(w, i + 1, band)) : INFINITY;
    if (kept)
        *kept = a;
    return a;
}

static double interpolate(const struct view *w, size_t i, double t,
                          enum xpc_band band)
{
    double t1 = point_ns(w, i), v1 = point_pages(w, i, band);
    double v2 = point_pages(w, i + 1, band), a;

    if (t == t1 || v1 == v2)
        return v1;
    a = segment_exponent(w, i, band);
    if (w->m->interpolation == XPC_INTERPOLATE_LOGLOG && a <= 1)
        return v1 * pow(t / t1, a);
    return v1 + (v2 - v1) * (t - t1) / (point_ns(w, i + 1) - t1);
}

static double evaluate_below(const struct view *w, double t,
                             enum xpc_band band)
{
    const struct xpc_curve_model *m = w->m;
    double t1 = point_ns(w, 0), v1 = point_pages(w, 0, band);
    double origin = v1 * t / t1, v2;

    if (m->below[band] == XPC_BELOW_ORIGIN || v1 <= 0)
        return origin;
    if (w->c->nr < 2)
        return m->below[band] == XPC_BELOW_OFFSET ? v1 : origin;
    v2 = point_pages(w, 1, band);
    if (m->below[band] == XPC_BELOW_OFFSET)
        return fmax(origin, v1 - (t1 - t) * (v2 - v1) /
                                 (point_ns(w, 1) - t1));
    return v1 * pow(t / t1, fmin(segment_exponent(w, 0, band), 1));
}

/* The last point that is not after t, but not the last of all. */
static size_t find_segment(const struct view *w, double t)
{
    size_t lo = 0, hi = w->c->nr - 1;

    if (w->fit) {
        /* Successive times of a simulation are near each other. */
        lo = w->fit->segment;
        while (lo > 0 && t < w->fit->t_ns[lo])
            lo--;
        while (lo + 1 < hi && w->fit->t_ns[lo + 1] <= t)
            lo++;
        w->fit->segment = lo;
        return lo;
    }
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;

        if (w->c->pt[mid].t_ns <= t)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* D(t) up to the last point. */
static double evaluate_within(const struct view *w, double t,
                              enum xpc_band band)
{
    if (t < point_ns(w, 0))
        return evaluate_below(w, t, band);
    if (w->c->nr == 1)
        return point_pages(w, 0, band);
    return interpolate(w, find_segment(w, t), t, band);
}

/*
 * What is added beyond T, with x = t/T, if every doubling adds r times as much
 * as the previous one and the last one added 1.
 */
static double add_power(double x, double r)
{
    double a = fmax(fmin(log2(r), 1), DECAY_MAX);

    return fabs(a) < 1e-6 ? log2(x) : (pow(x, a) - 1) / (1 - exp2(-a));
}

/*
 * The same for a working set that fills up, S (1 - exp(-k t/T)), for which
 * r = y + y^2 with y = exp(-k/4).
 */
static double add_filling(double x, double r)
{
    double k = -4 * log((sqrt(1 + 4 * r) - 1) / 2);

    /* With an r that rounds to 2 it is a line, and below would be 0/0. */
    if (!(k > 0))
        return 2 * (x - 1);
    return -expm1(-k * (x - 1)) / expm1(k / 2);
}

/* The r of the previous doubling, for a working set that fills up. */
static double filling_before(double r)
{
    double y = sqrt((sqrt(1 + 4 * r) - 1) / 2);

    return y + y * y;
}

/* D(t) for the chords of evaluate_beyond(), without OFFSET below the points. */
static double chord_value(const struct view *w, double t, enum xpc_band band)
{
    if (band == XPC_BAND_HIGH && t < point_ns(w, 0))
        return point_pages(w, 0, band) * t / point_ns(w, 0);
    return evaluate_within(w, t, band);
}

static double evaluate_beyond(const struct view *w, double t,
                              enum xpc_band band)
{
    const struct xpc_curve_model *m = w->m;
    double last = point_ns(w, w->c->nr - 1), x = t / last;
    double i[3], at = point_pages(w, w->c->nr - 1, band), v = at;
    double r, before, filling;

    if (m->beyond[band] == XPC_BEYOND_FLAT)
        return v;
    for (int n = 0; n < 3; n++) {
        double half = chord_value(w, last / (2 << n), band);

        i[n] = at - half;
        at = half;
    }
    if (i[0] <= 0)
        return v;
    r = i[1] > 0 ? i[0] / i[1] : 2;
    if (m->beyond[band] == XPC_BEYOND_LINE || r >= 2)
        return v + i[0] * 2 * (x - 1);
    before = i[2] > 0 ? i[1] / i[2] : 2;
    filling = filling_before(r);
    filling = fmax(fmin((before - r) / (filling - r), 1), 0);
    return v + i[0] * ((1 - filling) * add_power(x, r) +
                       filling * add_filling(x, r));
}

static double saturation(const struct xpc_curve *c,
                         const struct xpc_curve_model *m)
{
    double total = c->total_pages;

    return m->saturation_pages > 0 ? at_most(m->saturation_pages, total) :
                                     total;
}

static double evaluate(const struct view *w, double t, enum xpc_band band)
{
    bool over = t > point_ns(w, w->c->nr - 1);
    double v = over ? evaluate_beyond(w, t, band) :
                      evaluate_within(w, t, band);

    /* Outside the points each curve has its own rule: keep them in order. */
    if (band == XPC_BAND_LOW && (over || t < point_ns(w, 0)))
        return fmin(v, evaluate(w, t, XPC_BAND_EXPECTED));
    if (band == XPC_BAND_HIGH && (over || t < point_ns(w, 0)))
        return fmax(v, evaluate(w, t, XPC_BAND_EXPECTED));
    return v;
}

static double view_pages(const struct view *w, double t_ns, double side)
{
    double limit = saturation(w->c, w->m), share = fabs(side), bound, v;

    if (!(t_ns > 0))
        return 0;
    if (!w->c->nr)
        return limit;
    if (side == 0)
        return at_most(evaluate(w, t_ns, XPC_BAND_EXPECTED), limit);
    bound = evaluate(w, t_ns, side < 0 ? XPC_BAND_LOW : XPC_BAND_HIGH);
    if (share == 1)
        return at_most(bound, limit);
    v = evaluate(w, t_ns, XPC_BAND_EXPECTED);
    return fmax(fmin(v + share * (bound - v), limit), 0);
}

double xpc_curve_pages(const struct xpc_curve *c,
                       const struct xpc_curve_model *m, double t_ns,
                       double side)
{
    struct view w = { c, m, NULL };

    return view_pages(&w, t_ns, side);
}

void xpc_curve_fit_init(struct xpc_curve_fit *f, const struct xpc_curve *c,
                        const struct xpc_curve_model *m)
{
    f->c = c;
    f->m = m;
    f->segment = 0;
    for (size_t i = 0; i < c->nr; i++) {
        f->t_ns[i] = c->pt[i].t_ns;
        for (int band = 0; band < XPC_BAND_NR; band++) {
            f->band[band][i].pages = band_value(&c->pt[i], m, band);
            f->band[band][i].exponent = NAN;
        }
    }
}

/*
 * view_pages() for most times of a simulation, which are between two points, on
 * one of the three curves. Returns false if this one is not, or if the segment
 * was not evaluated before.
 */
static bool between_points(struct xpc_curve_fit *f, double t, double side,
                           double *pages_r)
{
    enum xpc_band band = side == 0 ? XPC_BAND_EXPECTED :
                         side < 0 ? XPC_BAND_LOW : XPC_BAND_HIGH;
    size_t i = f->segment, nr = f->c->nr;
    double t1, v1, a;

    if (nr < 2 || !(t >= f->t_ns[0] && t <= f->t_ns[nr - 1]) ||
        (side != 0 && side != 1 && side != -1))
        return false;
    while (t < f->t_ns[i])
        i--;
    while (i + 2 < nr && f->t_ns[i + 1] <= t)
        i++;
    f->segment = i;
    a = f->band[band][i].exponent;
    if (isnan(a))
        return false;
    t1 = f->t_ns[i];
    v1 = f->band[band][i].pages;
    if (f->m->interpolation == XPC_INTERPOLATE_LOGLOG && a <= 1)
        v1 *= pow(t / t1, a);
    else
        v1 += (f->band[band][i + 1].pages - v1) * (t - t1) /
              (f->t_ns[i + 1] - t1);
    *pages_r = at_most(v1, saturation(f->c, f->m));
    return true;
}

double xpc_curve_fit_pages(struct xpc_curve_fit *f, double t_ns, double side)
{
    struct view w = { f->c, f->m, f };
    double pages;

    return between_points(f, t_ns, side, &pages) ? pages :
                                                   view_pages(&w, t_ns, side);
}

/* ---- making curves -------------------------------------------------- */

int xpc_curve_add(struct xpc_curve *c, uint64_t t_ns, double pages,
                  double low, double high)
{
    const struct xpc_curve_point *last = c->nr ? &c->pt[c->nr - 1] : NULL;
    double total = c->total_pages;

    if (!isfinite(pages) || !isfinite(low) || !isfinite(high) ||
        t_ns <= (last ? last->t_ns : 0)) {
        errno = EINVAL;
        return -1;
    }
    if (c->nr == XPC_CURVE_MAX) {
        errno = ENOSPC;
        return -1;
    }
    pages = fmin(fmax(pages, last ? last->pages : 0), total);
    low = fmin(fmin(fmax(low, last ? last->low : 0), pages), total);
    high = fmin(fmax(fmax(high, last ? last->high : 0), pages), total);
    c->pt[c->nr++] = (struct xpc_curve_point){
        .t_ns = t_ns, .pages = pages, .low = low, .high = high,
    };
    return 0;
}

/* The fault of a point that follows prev (NULL: it is the first), or NULL. */
static const char *point_fault(const struct xpc_curve *c,
                               const struct xpc_curve_point *p,
                               const struct xpc_curve_point *prev)
{
    if (!(p->low >= 0 && p->low <= p->pages && p->pages <= p->high))
        return "its interval does not hold its pages";
    if (!(p->high <= c->total_pages))
        return "more pages than the guest has";
    if (p->t_ns <= (prev ? prev->t_ns : 0))
        return "its period is not longer than the one before";
    if (prev && (p->pages < prev->pages || p->low < prev->low ||
                 p->high < prev->high))
        return "fewer pages than in a shorter period";
    return NULL;
}

int xpc_curve_check(const struct xpc_curve *c, char *err, size_t len)
{
    const char *fault;

    errno = EINVAL;
    if (!c->nr || c->nr > XPC_CURVE_MAX) {
        snprintf(err, len, "curve: %zu points, 1 to %d are needed", c->nr,
                 XPC_CURVE_MAX);
        return -1;
    }
    if (!c->total_pages || c->zero_pages > c->total_pages) {
        snprintf(err, len, "curve: %"PRIu64" zero pages of %"PRIu64
                 " in all", c->zero_pages, c->total_pages);
        return -1;
    }
    for (size_t i = 0; i < c->nr; i++) {
        fault = point_fault(c, &c->pt[i], i ? &c->pt[i - 1] : NULL);
        if (fault) {
            snprintf(err, len, "curve: point %zu: %s", i + 1, fault);
            return -1;
        }
    }
    return 0;
}

void xpc_curve_throttle(struct xpc_curve *out, const struct xpc_curve *c,
                        double share)
{
    if (out != c)
        *out = *c;
    for (size_t i = 0; i < out->nr; i++)
        out->pt[i].t_ns = fmin(out->pt[i].t_ns / share, 0x1p62);
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/*
 * Collects the periods of all curves for which no curve has to be extrapolated,
 * sorted and without duplicates. Returns their number: at most XPC_CURVE_MAX,
 * and always including the longest.
 */
static size_t common_times(uint64_t times[XPC_CURVE_MAX],
                           const struct xpc_curve *const curves[], size_t nr)
{
    uint64_t all[XPC_CURVE_MAX * 4], last = UINT64_MAX;
    size_t n = 0, keep, room = sizeof(all) / sizeof(all[0]) / nr;

    for (size_t i = 0; i < nr; i++) {
        const struct xpc_curve *c = curves[i];

        if (c->nr && c->pt[c->nr - 1].t_ns < last)
            last = c->pt[c->nr - 1].t_ns;
    }
    for (size_t i = 0; i < nr; i++) {
        const struct xpc_curve *c = curves[i];
        size_t step = room && c->nr > room ? (c->nr + room - 1) / room : 1;

        for (size_t j = c->nr; room && j > 0; j -= j < step ? j : step) {
            if (c->pt[j - 1].t_ns <= last)
                all[n++] = c->pt[j - 1].t_ns;
        }
    }
    qsort(all, n, sizeof(all[0]), compare_times);
    keep = 0;
    for (size_t i = 0; i < n; i++) {
        if (!keep || all[keep - 1] != all[i])
            all[keep++] = all[i];
    }
    n = keep > XPC_CURVE_MAX ? XPC_CURVE_MAX : keep;
    for (size_t i = 0; i < n; i++)
        times[i] = all[(i + 1) * keep / n - 1];
    return n;
}

/* Adds the weighted mean of all curves at t, with its band, to out. */
static void add_mean(struct xpc_curve *out,
                     const struct xpc_curve *const curves[],
                     const double weights[], size_t nr,
                     const struct xpc_curve_model *m, uint64_t t)
{
    double sum = 0, mean = 0, spread = 0, down = 0, up = 0;

    for (size_t i = 0; i < nr; i++) {
        sum += weights[i];
        mean += weights[i] * xpc_curve_pages(curves[i], m, t, 0);
    }
    mean /= sum;
    for (size_t i = 0; i < nr; i++) {
        double w = weights[i] / sum;
        double v = xpc_curve_pages(curves[i], m, t, 0);
        double low = w * (v - xpc_curve_pages(curves[i], m, t, -1));
        double high = w * (xpc_curve_pages(curves[i], m, t, 1) - v);

        spread += w * (v - mean) * (v - mean);
        down += low * low;
        up += high * high;
    }
    spread *= Z95 * Z95;
    xpc_curve_add(out, t, mean, mean - sqrt(down + spread),
                  mean + sqrt(up + spread));
}

void xpc_curve_combine(struct xpc_curve *out,
                       const struct xpc_curve *const curves[],
                       const double weights[], size_t nr,
                       const struct xpc_curve_model *m)
{
    struct xpc_curve result = {
        .total_pages = curves[nr - 1]->total_pages,
        .zero_pages = curves[nr - 1]->zero_pages,
    };
    uint64_t times[XPC_CURVE_MAX];
    size_t n = common_times(times, curves, nr);

    for (size_t i = 0; i < n; i++)
        add_mean(&result, curves, weights, nr, m, times[i]);
    *out = result;
}
