/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Formulas: xenprecopy/lessons.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/lessons.h>
#include <xenprecopy/predict.h>

#include "core/history.h"
#include "core/overhead.h"

#define MS 1e6              /* ns */
#define HALF_LIFE 4.0       /* of a guest's migrations */
#define STALE_LIFE 32.0     /* of the target's migrations */
#define PSEUDO 2.0          /* observations */
#define OUTLIER 3.0         /* spreads from the median */
#define MAD_TO_SD 1.4826    /* of a normal distribution */
/* A guest whose size has changed by more has changed. */
#define RESIZED 1.25
#define NR_NONE OVERHEAD_GUEST_NONE

/* ---- values that follow each other -------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), ascending);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

/* Moves a single outlier on either side closer to the median. */
static void tame_outlier(double *y, size_t n)
{
    double v[XPC_HISTORY_LAST], middle, reach, low, high;
    size_t below = 0, above = 0;

    if (n < 3)
        return;
    memcpy(v, y, n * sizeof(*v));
    middle = median(v, n);
    for (size_t i = 0; i < n; i++)
        v[i] = fabs(y[i] - middle);
    reach = OUTLIER * fmax(MAD_TO_SD * median(v, n),
                           XPC_UNKNOWN_CV * middle);
    low = middle - reach;
    high = middle + reach;
    for (size_t i = 0; i < n; i++) {
        below += y[i] < low;
        above += y[i] > high;
    }
    for (size_t i = 0; i < n; i++) {
        if (y[i] < low && below == 1)
            y[i] = low;
        if (y[i] > high && above == 1)
            y[i] = high;
    }
}

/* Values of which the next one is expected around mean, with variance var. */
struct series_sum {
    double mean, var, nr;           /* nr: effective number of values */
};

/* Sums up the values in y, latest first, and tames their outlier. */
static struct series_sum sum_series(double *y, size_t n)
{
    double sum = 0, weights = 0, squares = 0, off = 0, w, unknown;
    struct series_sum s;

    tame_outlier(y, n);
    for (size_t i = 0; i < n; i++) {
        w = exp2(-(double)i / HALF_LIFE);
        sum += w * y[i];
        weights += w;
        squares += w * w;
    }
    s.mean = sum / weights;
    for (size_t i = 0; i < n; i++)
        off += exp2(-(double)i / HALF_LIFE) * (y[i] - s.mean) *
               (y[i] - s.mean);
    s.nr = weights * weights / squares;
    unknown = XPC_UNKNOWN_CV * s.mean;
    s.var = (PSEUDO * unknown * unknown + s.nr * off / weights) /
            (PSEUDO + s.nr - 1);
    return s;
}

/*
 * Predicts the value after those in y, latest first: its mean and standard
 * deviation.
 */
static void predict_next(double *y, size_t n, uint64_t *mean_r, uint64_t *sd_r)
{
    struct series_sum s = sum_series(y, n);

    *mean_r = llround(s.mean);
    *sd_r = llround(sqrt(s.var * (1 + 1 / s.nr)));
}

/* ---- what is used of a history ------------------------------------------ */

/* Overheads of one guest while its devices stayed the same. */
struct series {
    struct xpc_guest guest;
    size_t number;                  /* of the guest, for the regression */
    size_t age;                     /* entries used after its latest one */
    double y[XPC_HISTORY_LAST];     /* ms, latest first */
    size_t nr;                      /* 0: only a bound is known */
    struct series_sum sum;
    double bound_ns;                /* of a broken-off switchover; 0: none */
    size_t nr_bounds;
};

/* Everything that the next migration of a guest is predicted from. */
struct lessons {
    struct xpc_guest guest;         /* unknown kinds are taken for YES */
    bool kind_known;                /* of this guest, and of one learned from */
    struct series series[XPC_HISTORY_MAX];  /* latest first */
    size_t nr_series, nr_guests, nr_used;
    double pages[XPC_HISTORY_LAST], starts[XPC_HISTORY_LAST];
    size_t nr;                      /* migrations of such guests */
    size_t own;                     /* this guest's number; NR_NONE: unknown */
};

static bool same_size(uint64_t a, uint64_t b)
{
    return a <= RESIZED * b && b <= RESIZED * a;
}

static bool same_devices(const struct xpc_guest *a, const struct xpc_guest *b)
{
    return a->device_model == b->device_model && a->devices == b->devices &&
           a->vifs == b->vifs && a->disks == b->disks &&
           a->vcpus == b->vcpus && same_size(a->pfns, b->pfns);
}

/* The latest series of a guest, or NULL. */
static struct series *find_guest(struct lessons *l, const struct xpc_guest *g)
{
    for (size_t i = 0; i < l->nr_series; i++) {
        if (history_same_guest(&l->series[i].guest, g))
            return &l->series[i];
    }
    return NULL;
}

/* The series that an entry of this guest continues into the past. */
static struct series *series_of(struct lessons *l, const struct xpc_guest *g)
{
    struct series *known = find_guest(l, g), *s;

    for (size_t i = 0; known && i < l->nr_series; i++) {
        s = &l->series[i];
        if (s->number == known->number && same_devices(&s->guest, g))
            return s;
    }
    s = &l->series[l->nr_series++];
    *s = (struct series){
        .guest = *g,
        .number = known ? known->number : l->nr_guests++,
        .age = l->nr_used,
    };
    return s;
}

/* The latest series of a guest with a value, or NULL. */
static const struct series *find_arrived(const struct lessons *l,
                                         size_t number)
{
    for (size_t i = 0; i < l->nr_series; i++) {
        if (l->series[i].number == number && l->series[i].nr)
            return &l->series[i];
    }
    return NULL;
}

/* The guest of an entry, with what is unknown of it taken as it must be. */
static struct xpc_guest entry_guest(const struct lessons *l,
                                    const struct xpc_history_entry *e)
{
    struct xpc_guest g = e->guest;

    if (g.device_model == XPC_DEVICE_MODEL_UNKNOWN)
        g.device_model = l->guest.device_model;
    if (!g.pfns)
        g.pfns = e->total_pages;
    return g;
}

static double entry_overhead(const struct xpc_history_entry *e,
                             const struct xpc_guest *g)
{
    double ns = fmax(e->overhead_ns, XPC_HISTORY_OVERHEAD_MIN_NS);

    /* Of unknown kind: not less than is assumed of the kind it is taken for. */
    if (e->guest.device_model == XPC_DEVICE_MODEL_UNKNOWN)
        ns = fmax(ns, xpc_guest_overhead(g));
    return ns / MS;
}

/* Adds a migration that has arrived; entries are added latest first. */
static void add_arrived(struct lessons *l, const struct xpc_history_entry *e,
                        const struct xpc_guest *g)
{
    struct series *s = series_of(l, g);

    l->nr_used++;
    if (s->nr == XPC_HISTORY_LAST)
        return;
    s->y[s->nr++] = entry_overhead(e, g);
    if (g->device_model != l->guest.device_model)
        return;
    l->kind_known |= e->guest.device_model == g->device_model;
    if (l->nr < XPC_HISTORY_LAST) {
        l->pages[l->nr] = e->suspend_pages;
        l->starts[l->nr] = e->start_ns;
    }
    l->nr++;
}

static void add_bound(struct lessons *l, const struct xpc_history_entry *e,
                      const struct xpc_guest *g)
{
    struct series *s = series_of(l, g);

    if (find_arrived(l, s->number))
        return;
    s->bound_ns = fmax(s->bound_ns, e->overhead_at_least_ns);
    s->nr_bounds++;
}

/*
 * The number of this guest. Entries of unknown guests may be this guest's if
 * nothing says the contrary: files of older versions don't tell guests apart.
 */
static size_t find_own(struct lessons *l)
{
    struct xpc_guest anybody = l->guest;
    const struct series *own = find_guest(l, &l->guest);

    anybody.id = 0;
    if (!own)
        own = find_guest(l, &anybody);
    return own ? own->number : NR_NONE;
}

static void collect_lessons(struct lessons *l, const struct xpc_history *h,
                            const struct xpc_guest *guest, uint64_t now_s)
{
    size_t first = h->nr_entries > XPC_HISTORY_MAX ?
                   h->nr_entries - XPC_HISTORY_MAX : 0;

    l->guest = *guest;
    if (guest->device_model == XPC_DEVICE_MODEL_UNKNOWN)
        l->guest.device_model = XPC_DEVICE_MODEL_YES;
    for (size_t i = h->nr_entries; i-- > first;) {
        const struct xpc_history_entry *e = &h->entries[i];
        struct xpc_guest g = entry_guest(l, e);

        if (history_has_overhead(e))
            add_arrived(l, e, &g);
        else if (history_has_bound(e, now_s))
            add_bound(l, e, &g);
    }
    l->kind_known &= guest->device_model != XPC_DEVICE_MODEL_UNKNOWN;
    l->own = find_own(l);
    for (size_t i = 0; i < l->nr_series; i++) {
        struct series *s = &l->series[i];

        if (s->nr)
            s->sum = sum_series(s->y, s->nr);
    }
}

/* ---- the prediction ----------------------------------------------------- */

/*
 * How much a bound of this kind of guest can be evidence of. Until one has
 * arrived, not of what guests of another kind took besides: all of that would
 * be the target's, as nothing says how far such a bound would be exceeded.
 */
static double most_of_kind(const struct lessons *l,
                           enum xpc_device_model kind)
{
    double most = 0;

    for (size_t i = 0; i < l->nr_series; i++) {
        const struct series *s = &l->series[i];

        if (s->guest.device_model != kind)
            continue;
        if (s->nr)
            return INFINITY;
        most = fmax(most, XPC_HISTORY_BEYOND * s->bound_ns / MS);
    }
    return most;
}

/* Fills in the points of the regression. Returns their number. */
static size_t make_points(const struct lessons *l,
                          struct overhead_point points[XPC_HISTORY_MAX])
{
    size_t nr = 0;

    for (size_t i = 0; i < l->nr_series; i++) {
        const struct series *s = &l->series[i];
        struct overhead_point p = { .guest = s->number };
        double bound = XPC_HISTORY_BEYOND * s->bound_ns / MS;

        overhead_factors(p.x, &s->guest);
        if (s->nr) {
            p.ms = s->sum.mean;
            p.var = s->sum.var / s->sum.nr * exp2(s->age / STALE_LIFE);
        } else if (bound > 0 && s->number != l->own) {
            p.ms = bound;
            /* A bound of next to nothing is not next to certain. */
            p.var = pow(XPC_UNKNOWN_CV *
                        fmax(bound, xpc_guest_overhead(&s->guest) / MS), 2);
            p.at_least = true;
            p.most = most_of_kind(l, s->guest.device_model);
        }
        if (p.var > 0)
            points[nr++] = p;
    }
    return nr;
}

/*
 * The noise of most guests, as a share of their overheads. A guest without a
 * series of its own may be noisier, if few were seen.
 */
static double usual_cv(const struct lessons *l, const struct series *own)
{
    double cv[XPC_HISTORY_MAX + 2] = { XPC_UNKNOWN_CV, XPC_UNKNOWN_CV };
    size_t nr = own ? 0 : 2;

    for (size_t i = 0; i < l->nr_series; i++) {
        const struct series *s = &l->series[i];

        if (s->nr)
            cv[nr++] = sqrt(s->sum.var) / s->sum.mean;
    }
    return median(cv, nr);
}

/* A series' mean, plus what other devices than it had cost. */
static double update_mean(const struct overhead_model *m,
                          const struct series *s,
                          const double x[XPC_OVERHEAD_COSTS])
{
    double before[XPC_OVERHEAD_COSTS], ms = s->sum.mean;

    overhead_factors(before, &s->guest);
    for (int i = 0; i < XPC_OVERHEAD_COSTS; i++)
        ms += (x[i] - before[i]) * overhead_cost(m, i);
    return ms;
}

static void predict_overhead(const struct lessons *l, struct xpc_prior *p)
{
    struct overhead_point points[XPC_HISTORY_MAX];
    const struct series *own = find_arrived(l, l->own);
    double x[XPC_OVERHEAD_COSTS], ms, var, cv;
    struct overhead_model m;

    overhead_fit(&m, points, make_points(l, points));
    overhead_factors(x, &l->guest);
    overhead_predict(&m, x, own ? l->own : NR_NONE, &ms, &var);
    if (own)
        ms = fmax(ms, update_mean(&m, own, x));
    cv = usual_cv(l, own);
    if (own)
        cv = fmax(cv, sqrt(own->sum.var) / own->sum.mean);
    ms = fmax(ms, XPC_HISTORY_OVERHEAD_MIN_NS / MS);
    if (!l->kind_known)
        ms = fmax(ms, xpc_guest_overhead(&l->guest) / MS);
    p->overhead_ns = llround(ms * MS);
    p->overhead_sd_ns = llround(sqrt(var + cv * cv * ms * ms) * MS);
}

/*
 * Expects more than the default if bounds of other guests of this kind say so,
 * when none of that kind has arrived. Returns their number if it does.
 */
static size_t use_other_bounds(const struct lessons *l, struct xpc_prior *p)
{
    struct overhead_point points[XPC_HISTORY_MAX];
    double x[XPC_OVERHEAD_COSTS], ms, var, bound_ns = 0;
    struct overhead_model m;
    size_t nr = 0;

    for (size_t i = 0; i < l->nr_series; i++) {
        const struct series *s = &l->series[i];

        if (s->number == l->own ||
            s->guest.device_model != l->guest.device_model)
            continue;
        bound_ns = fmax(bound_ns, s->bound_ns);
        nr += s->nr_bounds;
    }
    if (!nr)
        return 0;
    overhead_fit(&m, points, make_points(l, points));
    overhead_factors(x, &l->guest);
    overhead_predict(&m, x, NR_NONE, &ms, &var);
    if (ms * MS <= xpc_guest_overhead(&l->guest))
        return 0;
    p->overhead_ns = llround(ms * MS);
    p->overhead_sd_ns = XPC_UNKNOWN_CV * p->overhead_ns;
    /* Otherwise it is held to be the other guest's own. */
    if (p->overhead_ns >= bound_ns)
        p->at_least_ns = bound_ns;
    return nr;
}

/*
 * Raises the mean above this guest's bounds, by an assumed factor. Returns
 * their number.
 */
static size_t apply_bounds(struct xpc_prior *p, const struct lessons *l)
{
    double bound_ns = 0, mean;
    size_t nr = 0;

    for (size_t i = 0; i < l->nr_series; i++) {
        if (l->series[i].number != l->own)
            continue;
        bound_ns = fmax(bound_ns, l->series[i].bound_ns);
        nr += l->series[i].nr_bounds;
    }
    if (!nr)
        return 0;
    mean = XPC_HISTORY_BEYOND * bound_ns;
    p->at_least_ns = fmax(p->at_least_ns, bound_ns);
    if (!p->overhead_ns)
        p->overhead_ns = xpc_guest_overhead(&p->guest);
    p->overhead_ns = fmax(p->overhead_ns, llround(mean));
    p->overhead_sd_ns = fmax(p->overhead_sd_ns,
                             XPC_UNKNOWN_CV * p->overhead_ns);
    return nr;
}

size_t xpc_history_prior(const struct xpc_history *h,
                         const struct xpc_guest *guest, uint64_t now_s,
                         struct xpc_prior *p)
{
    struct lessons l = { .nr = 0 };
    uint64_t start, sd;
    size_t nr, bounds = 0;

    collect_lessons(&l, h, guest, now_s);
    *p = (struct xpc_prior){ .guest = *guest };
    if (l.nr) {
        nr = l.nr < XPC_HISTORY_LAST ? l.nr : XPC_HISTORY_LAST;
        predict_overhead(&l, p);
        predict_next(l.pages, nr, &p->suspend_pages,
                             &p->suspend_pages_sd);
        predict_next(l.starts, nr, &start, &sd);
        p->start_ns = start + 2 * sd;
        /* 0 would mean unknown. */
        if (!p->suspend_pages)
            p->suspend_pages = 1;
    } else {
        bounds = use_other_bounds(&l, p);
    }
    return l.nr + bounds + apply_bounds(p, &l);
}

size_t xpc_history_costs(const struct xpc_history *h, uint64_t now_s,
                         uint64_t costs_ns[XPC_OVERHEAD_COSTS])
{
    struct xpc_guest guest = { .device_model = XPC_DEVICE_MODEL_YES };
    struct overhead_point points[XPC_HISTORY_MAX];
    struct lessons l = { .nr = 0 };
    struct overhead_model m;

    collect_lessons(&l, h, &guest, now_s);
    l.own = NR_NONE;
    overhead_fit(&m, points, make_points(&l, points));
    for (int i = 0; i < XPC_OVERHEAD_COSTS; i++)
        costs_ns[i] = llround(overhead_cost(&m, i) * MS);
    return l.nr_guests;
}

/* ---- the summary -------------------------------------------------------- */

/* Adds the guest of an entry, unless it is there already. */
static void summarize_guest(const struct xpc_history *h,
                            const struct xpc_history_entry *e, uint64_t now_s,
                            struct xpc_history_summary *s)
{
    struct xpc_history_guest *g = &s->guests[s->nr_guests];
    bool arrived = history_has_overhead(e);

    if (!e->guest.id || (!arrived && !history_has_bound(e, now_s)))
        return;
    for (size_t i = 0; i < s->nr_guests; i++) {
        if (s->guests[i].id == e->guest.id) {
            s->guests[i].migrations += arrived;
            return;
        }
    }
    *g = (struct xpc_history_guest){
        .domain = e->domain, .id = e->guest.id, .migrations = arrived,
    };
    xpc_history_prior(h, &e->guest, now_s, &g->prior);
    s->nr_guests++;
}

static void summarize_errors(const struct xpc_history *h,
                             struct xpc_history_summary *s)
{
    double errors[XPC_HISTORY_MAX], error;
    size_t n = 0;

    for (size_t i = 0; i < h->nr_entries && i < XPC_HISTORY_MAX; i++) {
        error = xpc_history_error(&h->entries[i]);
        if (isnan(error))
            continue;
        if (!n || fabs(error) > fabs(s->error_worst))
            s->error_worst = error;
        errors[n++] = fabs(error);
    }
    if (n)
        s->error_median = median(errors, n);
}

void xpc_history_summarize(const struct xpc_history *h, uint64_t now_s,
                           struct xpc_history_summary *s)
{
    struct xpc_guest guest = { 0 };
    size_t first = h->nr_entries > XPC_HISTORY_MAX ?
                   h->nr_entries - XPC_HISTORY_MAX : 0;

    *s = (struct xpc_history_summary){
        .error_median = NAN, .error_worst = NAN,
    };
    for (int kind = XPC_DEVICE_MODEL_NO; kind <= XPC_DEVICE_MODEL_YES;
         kind++) {
        guest.device_model = kind;
        s->learned[kind].migrations =
            xpc_history_prior(h, &guest, now_s, &s->learned[kind].prior);
    }
    s->costs_guests = xpc_history_costs(h, now_s, s->costs_ns);
    for (size_t i = h->nr_entries; i-- > first;)
        summarize_guest(h, &h->entries[i], now_s, s);
    summarize_errors(h, s);
}
