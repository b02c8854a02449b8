/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The history of migrations to a target. Formulas: xenprecopy/history.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/history.h>
#include <xenprecopy/predict.h>

#define PAGE_BYTES ((double)(XPC_PAGE_SIZE + XPC_PAGE_HEADER))
#define HALF_LIFE 4.0       /* migrations */
#define PSEUDO 2.0          /* observations */
#define OUTLIER 3.0         /* spreads from the median */
#define MAD_TO_SD 1.4826    /* of a normal distribution */
#define STOCK_HOLDS_S (7 * 86400u)

/* ---- from a report to an entry ----------------------------------------- */

/* Copies s, replacing all but printable ASCII by question marks. */
static char *plain_copy(const char *s)
{
    char *copy = strdup(s ? s : "");

    for (char *p = copy; p && *p; p++) {
        if (*p < 0x20 || *p >= 0x7f)
            *p = '?';
    }
    return copy;
}

static uint64_t cap(uint64_t v, uint64_t max)
{
    return v < max ? v : max;
}

static uint64_t cap_time(uint64_t ns)
{
    return cap(ns, XPC_HISTORY_TIME_MAX_NS);
}

/* The rate of the stream while the guest was suspended. */
static double switchover_rate(const struct xpc_history_entry *e,
                              const struct xpc_report *r, bool held_back)
{
    double rate = held_back ? r->decision.bandwidth_bytes_per_s :
                              e->bandwidth_bytes_per_s;
    double cap = xpc_params_switchover_cap(&r->params);

    /* The cap applies to the data on the wire. */
    if (r->wire_bytes)
        cap *= (double)r->total_bytes / r->wire_bytes;
    return cap ? fmin(rate, cap) : rate;
}

/*
 * Did a single xl time the whole switchover? The guard of an xl that was killed
 * does not know when its parent had sent everything and said "go", and may have
 * read the target's answer late.
 */
static bool was_timed_whole(const struct xpc_report *r)
{
    return r->suspended_ns && r->suspended_ns <= r->stream_end_ns &&
           r->stream_end_ns <= r->target_ready_ns &&
           r->target_ready_ns <= r->go_ns &&
           r->go_ns <= r->target_started_ns;
}

/* Was this switchover broken off by strict after all pages were sent? */
static bool was_broken_off(const struct xpc_report *r)
{
    return r->outcome == XPC_OUTCOME_ABORTED &&
           r->decision.reason == XPC_REASON_OVERRUN && r->pages_sent_ns &&
           r->suspended_ns && r->suspended_ns < r->broken_off_ns;
}

static void fill_switchover(struct xpc_history_entry *e,
                            const struct xpc_report *r)
{
    const struct xpc_decision *d = &r->decision;
    uint64_t sent = xpc_report_wire_rate(r, d->measured_bytes_per_s);
    bool held_back = xpc_params_held_back(&r->params, sent);
    uint64_t pfns = r->params.guest.pfns ? r->params.guest.pfns :
                                           r->total_pages;
    double pages, rate, pages_ns;

    /* The time of the pages is unknown. */
    if ((held_back && !r->params.bandwidth_bytes_per_s) || r->verified)
        return;
    rate = switchover_rate(e, r, held_back);
    if (!rate)
        return;
    pages_ns = e->final_pages * PAGE_BYTES * 1e9 / rate +
               xpc_predict_bitmap_part(r->bitmap_ns, pfns);
    if (was_broken_off(r))
        e->overhead_at_least_ns = fmax(r->broken_off_ns - r->suspended_ns -
                                       pages_ns, 0);
    if (e->outcome != XPC_OUTCOME_MIGRATED || !e->actual_downtime_ns ||
        !was_timed_whole(r))
        return;
    e->overhead_ns = fmax(e->actual_downtime_ns - pages_ns,
                          XPC_HISTORY_OVERHEAD_MIN_NS);
    e->start_ns = r->target_started_ns - r->target_ready_ns;
    pages = (double)e->final_pages + r->final_zero_pages - d->dirty_pages;
    e->suspend_pages = fmax(pages, 0);
}

/* What the file's readers would refuse is reduced. */
static struct xpc_guest cap_guest(const struct xpc_guest *g)
{
    return (struct xpc_guest){
        .device_model = g->device_model,
        .devices = cap(g->devices, XPC_DEVICES_MAX),
        .vifs = cap(g->vifs, XPC_DEVICES_MAX),
        .disks = cap(g->disks, XPC_DEVICES_MAX),
        .vcpus = cap(g->vcpus, XPC_VCPUS_MAX),
        .pfns = cap(g->pfns, XPC_HISTORY_PAGES_MAX),
        .id = g->id <= XPC_GUEST_ID_MAX ? g->id : 0,
    };
}

static void fill_entry(struct xpc_history_entry *e,
                       const struct xpc_report *r, uint64_t start_s)
{
    const struct xpc_decision *d = &r->decision;

    *e = (struct xpc_history_entry){
        .start_s = start_s,
        .outcome = r->outcome,
        .limit_ns = r->params.policy == XPC_POLICY_STOCK ? 0 :
                    cap_time(r->params.downtime_ns),
        /* The prediction does not include a verify pass. */
        .predicted_downtime_ns = r->verified ? 0 :
                                 cap_time(r->predicted_downtime_ns),
        .actual_downtime_ns = cap_time(r->actual_downtime_ns),
        .guest = cap_guest(&r->params.guest),
        .final_pages = r->final_pages,
        .bandwidth_bytes_per_s = d->measured_bytes_per_s ?
            d->measured_bytes_per_s : d->bandwidth_bytes_per_s,
        .total_time_ns = cap_time(r->total_time_ns),
        .total_bytes = r->total_bytes,
        .iterations = r->nr_iterations,
        .total_pages = r->total_pages,
    };
    fill_switchover(e, r);
}

/* ---- entries ----------------------------------------------------------- */

int xpc_history_init(struct xpc_history *h, const char *target)
{
    *h = (struct xpc_history){
        .version = XPC_HISTORY_VERSION,
        .target = plain_copy(target),
    };
    return h->target ? 0 : -1;
}

void xpc_history_dispose(struct xpc_history *h)
{
    for (size_t i = 0; i < h->nr_entries; i++)
        free(h->entries[i].domain);
    free(h->entries);
    free(h->target);
    memset(h, 0, sizeof(*h));
}

/* Is this entry used for the next prediction? */
static bool is_learned_from(const struct xpc_history_entry *e)
{
    return e->outcome == XPC_OUTCOME_MIGRATED && e->overhead_ns;
}

/*
 * The index of the oldest entry that the next prediction does not use, for any
 * kind of guest.
 */
static size_t entry_to_drop(const struct xpc_history *h)
{
    size_t i = h->nr_entries, kept[XPC_DEVICE_MODEL_YES + 1] = { 0 }, drop = 0;

    while (i--) {
        const struct xpc_history_entry *e = &h->entries[i];
        size_t *nr = &kept[e->guest.device_model];

        if ((!is_learned_from(e) && !e->overhead_at_least_ns) ||
            *nr == XPC_HISTORY_LAST)
            drop = i;
        else
            ++*nr;
    }
    return drop;
}

static void drop_entry(struct xpc_history *h, size_t i)
{
    free(h->entries[i].domain);
    h->nr_entries--;
    memmove(&h->entries[i], &h->entries[i + 1],
            (h->nr_entries - i) * sizeof(*h->entries));
}

int xpc_history_add(struct xpc_history *h, const struct xpc_report *r,
                    uint64_t start_s, const char *domain)
{
    struct xpc_history_entry *grown, e;

    fill_entry(&e, r, start_s);
    grown = realloc(h->entries, (h->nr_entries + 1) * sizeof(*grown));
    if (!grown)
        return -1;
    h->entries = grown;
    e.domain = plain_copy(domain);
    if (!e.domain)
        return -1;
    h->entries[h->nr_entries++] = e;
    if (h->nr_entries > XPC_HISTORY_MAX)
        drop_entry(h, entry_to_drop(h));
    return 0;
}

/* ---- predicting the next migration -------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts v. */
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
    reach = OUTLIER * fmax(MAD_TO_SD * median(v, n), XPC_UNKNOWN_CV * middle);
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

/*
 * Predicts the value after those in y, latest first: its mean and standard
 * deviation.
 */
static void predict_next(double *y, size_t n, uint64_t *mean_r, uint64_t *sd_r)
{
    double sum = 0, weights = 0, squares = 0, off = 0, w, mean, unknown, nr;

    tame_outlier(y, n);
    for (size_t i = 0; i < n; i++) {
        w = exp2(-(double)i / HALF_LIFE);
        sum += w * y[i];
        weights += w;
        squares += w * w;
    }
    mean = sum / weights;
    for (size_t i = 0; i < n; i++)
        off += exp2(-(double)i / HALF_LIFE) * (y[i] - mean) * (y[i] - mean);
    nr = weights * weights / squares;
    unknown = XPC_UNKNOWN_CV * mean;
    *mean_r = llround(mean);
    *sd_r = llround(sqrt((PSEUDO * unknown * unknown + nr * off / weights) /
                         (PSEUDO + nr - 1) * (1 + 1 / nr)));
}

/* The values to learn from for a guest, latest first. */
struct lessons {
    double overheads[XPC_HISTORY_LAST], pages[XPC_HISTORY_LAST],
           starts[XPC_HISTORY_LAST];
    size_t nr;
    double bound_ns;            /* lower bound of the overhead; 0: none */
    size_t nr_bounds;
};

/* Allows for a clock that was set back: a bound must not last for years. */
static bool is_recent(const struct xpc_history_entry *e, uint64_t now_s)
{
    return e->start_s <= now_s + XPC_HISTORY_BOUND_S &&
           now_s <= e->start_s + XPC_HISTORY_BOUND_S;
}

static void add_lesson(struct lessons *l, const struct xpc_history_entry *e,
                       const struct xpc_guest *guest, uint64_t now_s)
{
    if (is_learned_from(e)) {
        l->overheads[l->nr] =
            xpc_guest_learned_overhead(guest, &e->guest, e->overhead_ns);
        l->starts[l->nr] = e->start_ns;
        l->pages[l->nr++] = e->suspend_pages;
    } else if (e->overhead_at_least_ns && !l->nr && is_recent(e, now_s)) {
        l->bound_ns = fmax(l->bound_ns, e->overhead_at_least_ns);
        l->nr_bounds++;
    }
}

/* Raises the mean above the bound, by an assumed factor. */
static void apply_bound(struct xpc_prior *p, double bound_ns)
{
    double mean = XPC_HISTORY_BEYOND * bound_ns;

    p->at_least_ns = bound_ns;
    if (!p->overhead_ns)
        p->overhead_ns = xpc_guest_overhead(&p->guest);
    p->overhead_ns = fmax(p->overhead_ns, llround(mean));
    p->overhead_sd_ns = fmax(p->overhead_sd_ns,
                             XPC_UNKNOWN_CV * p->overhead_ns);
}

size_t xpc_history_prior(const struct xpc_history *h,
                         const struct xpc_guest *guest, uint64_t now_s,
                         struct xpc_prior *p)
{
    struct lessons l = { .nr = 0 };
    uint64_t start, sd;

    *p = (struct xpc_prior){ .guest = *guest };
    for (size_t i = h->nr_entries; i-- && l.nr < XPC_HISTORY_LAST;) {
        if (xpc_guest_alike(guest, &h->entries[i].guest))
            add_lesson(&l, &h->entries[i], guest, now_s);
    }
    if (l.nr) {
        predict_next(l.overheads, l.nr, &p->overhead_ns, &p->overhead_sd_ns);
        predict_next(l.pages, l.nr, &p->suspend_pages, &p->suspend_pages_sd);
        predict_next(l.starts, l.nr, &start, &sd);
        p->start_ns = start + 2 * sd;
        /* 0 would mean unknown. */
        if (!p->suspend_pages)
            p->suspend_pages = 1;
    }
    if (l.nr_bounds)
        apply_bound(p, l.bound_ns);
    return l.nr + l.nr_bounds;
}

/* ---- errors of predictions ---------------------------------------------- */

double xpc_history_error(const struct xpc_history_entry *e)
{
    if (e->outcome != XPC_OUTCOME_MIGRATED || !e->predicted_downtime_ns ||
        !e->actual_downtime_ns)
        return NAN;
    return (double)e->actual_downtime_ns / e->predicted_downtime_ns - 1;
}

void xpc_history_summarize(const struct xpc_history *h, uint64_t now_s,
                           struct xpc_history_summary *s)
{
    struct xpc_guest guest = { 0 };
    double errors[XPC_HISTORY_MAX], error;
    size_t n = 0;

    *s = (struct xpc_history_summary){
        .error_median = NAN, .error_worst = NAN,
    };
    for (int kind = XPC_DEVICE_MODEL_NO; kind <= XPC_DEVICE_MODEL_YES;
         kind++) {
        guest.device_model = kind;
        s->learned[kind].migrations =
            xpc_history_prior(h, &guest, now_s, &s->learned[kind].prior);
    }
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

/* Not if now_s is before stock_s: the clock was set back. */
bool xpc_history_is_stock(const struct xpc_history *h, uint64_t now_s)
{
    return h->stock_s && now_s >= h->stock_s &&
           now_s - h->stock_s < STOCK_HOLDS_S;
}
