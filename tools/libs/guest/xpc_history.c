/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What earlier migrations to a target teach. Formulas: xpc_history.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "xpc_history.h"
#include "xpc_predict.h"

#define PAGE_BYTES ((double)(XPC_PAGE_SIZE + XPC_PAGE_HEADER))
#define HALF_LIFE 4.0       /* migrations */
#define PSEUDO 2.0          /* observations */
#define OUTLIER 3.0         /* spreads from the median */
#define MAD_TO_SD 1.4826    /* of a normal distribution */
#define STOCK_HOLDS_S (7 * 86400u)

/* ---- what a report tells ---------------------------------------------- */

/* A copy in which nothing can spoil a terminal's line or a JSON document. */
static char *plain_copy(const char *s)
{
    char *copy = strdup(s ? s : "");

    for (char *p = copy; p && *p; p++) {
        if (*p < 0x20 || *p >= 0x7f)
            *p = '?';
    }
    return copy;
}

static uint64_t capped(uint64_t ns)
{
    return ns < XPC_HISTORY_TIME_MAX_NS ? ns : XPC_HISTORY_TIME_MAX_NS;
}

/* What the stream had while the guest stood still. */
static double switchover_rate(const struct xpc_history_entry *e,
                              const struct xpc_report *r, bool held_back)
{
    double rate = held_back ? r->decision.bandwidth_bytes_per_s :
                              e->bandwidth_bytes_per_s;
    double cap = xpc_params_switchover_cap(&r->params);

    /* The cap is of what is really sent. */
    if (r->wire_bytes)
        cap *= (double)r->total_bytes / r->wire_bytes;
    return cap ? fmin(rate, cap) : rate;
}

/*
 * Did one xl see the whole switchover? The guard of an xl that was killed does
 * not know when its parent sent all and said "go", and may have read the
 * target's answer late.
 */
static bool seen_whole(const struct xpc_report *r)
{
    return r->suspended_ns && r->suspended_ns <= r->stream_end_ns &&
           r->stream_end_ns <= r->target_ready_ns &&
           r->target_ready_ns <= r->go_ns &&
           r->go_ns <= r->target_started_ns;
}

static void fill_switchover(struct xpc_history_entry *e,
                            const struct xpc_report *r)
{
    const struct xpc_decision *d = &r->decision;
    uint64_t sent = xpc_report_wire_rate(r, d->measured_bytes_per_s);
    bool held_back = xpc_params_held_back(&r->params, sent);
    double overhead, pages, rate;

    /* Nobody knows how long the pages took. */
    if ((held_back && !r->params.bandwidth_bytes_per_s) || r->verified)
        return;
    rate = switchover_rate(e, r, held_back);
    if (e->outcome != XPC_OUTCOME_MIGRATED || !e->actual_downtime_ns ||
        !rate || !seen_whole(r))
        return;
    overhead = e->actual_downtime_ns - e->final_pages * PAGE_BYTES * 1e9 /
                                       rate;
    e->overhead_ns = fmax(overhead, XPC_HISTORY_OVERHEAD_MIN_NS);
    e->start_ns = r->target_started_ns - r->target_ready_ns;
    pages = (double)e->final_pages + r->final_zero_pages - d->dirty_pages;
    e->suspend_pages = fmax(pages, 0);
}

static void fill_entry(struct xpc_history_entry *e,
                       const struct xpc_report *r, uint64_t start_s)
{
    const struct xpc_decision *d = &r->decision;

    *e = (struct xpc_history_entry){
        .start_s = start_s,
        .outcome = r->outcome,
        .limit_ns = r->params.policy == XPC_POLICY_STOCK ? 0 :
                    capped(r->params.downtime_ns),
        /* No prediction is for what a verify pass takes. */
        .predicted_downtime_ns = r->verified ? 0 :
                                 capped(r->predicted_downtime_ns),
        .actual_downtime_ns = capped(r->actual_downtime_ns),
        .final_pages = r->final_pages,
        .bandwidth_bytes_per_s = d->measured_bytes_per_s ?
            d->measured_bytes_per_s : d->bandwidth_bytes_per_s,
        .total_time_ns = capped(r->total_time_ns),
        .total_bytes = r->total_bytes,
        .iterations = r->nr_iterations,
        .total_pages = r->total_pages,
    };
    fill_switchover(e, r);
}

/* ---- keeping ---------------------------------------------------------- */

int xpc_history_init(struct xpc_history *h, const char *target)
{
    *h = (struct xpc_history){
        .version = XPC_HISTORY_VERSION,
        .target = plain_copy(target),
    };
    return h->target ? 0 : -1;
}

/* Is the next prediction made of such entries? */
static bool teaches(const struct xpc_history_entry *e)
{
    return e->outcome == XPC_OUTCOME_MIGRATED && e->overhead_ns;
}

/* The oldest, but not one of those that the next prediction rests on. */
static size_t to_drop(const struct xpc_history *h)
{
    size_t i = h->nr_entries, kept = 0, drop = 0;

    while (i--) {
        if (!teaches(&h->entries[i]) || kept == XPC_HISTORY_LAST)
            drop = i;
        else
            kept++;
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
        drop_entry(h, to_drop(h));
    return 0;
}

/* ---- what the next one takes ------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts them. */
static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), ascending);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

/* A single one far off on a side is taken nearer. */
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

/* The next of y, latest first: its mean and standard deviation. */
static void foresee(double *y, size_t n, uint64_t *mean_r, uint64_t *sd_r)
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

size_t xpc_history_prior(const struct xpc_history *h, struct xpc_prior *p)
{
    double overheads[XPC_HISTORY_LAST], pages[XPC_HISTORY_LAST],
           starts[XPC_HISTORY_LAST];
    uint64_t start, sd;
    size_t n = 0;

    *p = (struct xpc_prior){ 0 };
    for (size_t i = h->nr_entries; i-- && n < XPC_HISTORY_LAST;) {
        const struct xpc_history_entry *e = &h->entries[i];

        if (!teaches(e))
            continue;
        overheads[n] = e->overhead_ns;
        starts[n] = e->start_ns;
        pages[n++] = e->suspend_pages;
    }
    if (!n)
        return 0;
    foresee(overheads, n, &p->overhead_ns, &p->overhead_sd_ns);
    foresee(pages, n, &p->suspend_pages, &p->suspend_pages_sd);
    foresee(starts, n, &start, &sd);
    p->start_ns = start + 2 * sd;
    /* None at all would read as nothing known. */
    if (!p->suspend_pages)
        p->suspend_pages = 1;
    return n;
}

/* ---- how good predictions were ---------------------------------------- */

double xpc_history_error(const struct xpc_history_entry *e)
{
    if (e->outcome != XPC_OUTCOME_MIGRATED || !e->predicted_downtime_ns ||
        !e->actual_downtime_ns)
        return NAN;
    return (double)e->actual_downtime_ns / e->predicted_downtime_ns - 1;
}

void xpc_history_summarize(const struct xpc_history *h,
                           struct xpc_history_summary *s)
{
    double errors[XPC_HISTORY_MAX], error;
    size_t n = 0;

    *s = (struct xpc_history_summary){
        .error_median = NAN, .error_worst = NAN,
    };
    s->migrations = xpc_history_prior(h, &s->learned);
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

/* A clock that was set back tells nothing. */
bool xpc_history_is_stock(const struct xpc_history *h, uint64_t now_s)
{
    return h->stock_s && now_s >= h->stock_s &&
           now_s - h->stock_s < STOCK_HOLDS_S;
}
