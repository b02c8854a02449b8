/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of migrations to a target. lessons.c says what it teaches.
 * Formulas: xenprecopy/history.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/history.h>
#include <xenprecopy/predict.h>

#include "core/history.h"

#define PAGE_BYTES ((double)(XPC_PAGE_SIZE + XPC_PAGE_HEADER))
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
        e->overhead_at_least_ns = cap_time(
            fmax(r->broken_off_ns - r->suspended_ns - pages_ns, 0));
    if (e->outcome != XPC_OUTCOME_MIGRATED || !e->actual_downtime_ns ||
        !was_timed_whole(r))
        return;
    e->overhead_ns = fmax(e->actual_downtime_ns - pages_ns,
                          XPC_HISTORY_OVERHEAD_MIN_NS);
    e->start_ns = cap_time(r->target_started_ns - r->target_ready_ns);
    pages = (double)e->final_pages + r->final_zero_pages - d->dirty_pages;
    e->suspend_pages = fmin(fmax(pages, 0), XPC_HISTORY_PAGES_MAX);
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

bool history_has_overhead(const struct xpc_history_entry *e)
{
    return e->outcome == XPC_OUTCOME_MIGRATED && e->overhead_ns;
}

/* Allows for a clock that was set back: a bound must not last for years. */
bool history_has_bound(const struct xpc_history_entry *e, uint64_t now_s)
{
    return e->overhead_at_least_ns &&
           e->start_s <= now_s + XPC_HISTORY_BOUND_S &&
           now_s <= e->start_s + XPC_HISTORY_BOUND_S;
}

bool history_same_guest(const struct xpc_guest *a, const struct xpc_guest *b)
{
    if (a->id || b->id)
        return a->id == b->id;
    return a->device_model == b->device_model && a->devices == b->devices;
}

/* Is the i-th entry used for the next prediction, soon after the last one? */
static bool is_used(const struct xpc_history *h, size_t i)
{
    return history_has_overhead(&h->entries[i]) ||
           history_has_bound(&h->entries[i],
                             h->entries[h->nr_entries - 1].start_s);
}

/*
 * The number of later entries than the i-th one that are used and tell about
 * the same guest.
 */
static size_t later_of_guest(const struct xpc_history *h, size_t i)
{
    size_t nr = 0;

    for (size_t j = i + 1; j < h->nr_entries; j++)
        nr += is_used(h, j) &&
              history_same_guest(&h->entries[i].guest, &h->entries[j].guest);
    return nr;
}

/* The same for its kind. */
static size_t later_of_kind(const struct xpc_history *h, size_t i)
{
    size_t nr = 0;

    for (size_t j = i + 1; j < h->nr_entries; j++)
        nr += is_used(h, j) && h->entries[i].guest.device_model ==
              h->entries[j].guest.device_model;
    return nr;
}

/*
 * The index of the entry that the next prediction needs the least: the oldest
 * one that it does not use; else that of the guest with the most entries; else,
 * if every guest has one, the oldest one of the commonest kind.
 */
static size_t entry_to_drop(const struct xpc_history *h)
{
    size_t drop = 0, most = 0;

    for (size_t i = 0; i < h->nr_entries; i++) {
        size_t later = later_of_guest(h, i);

        if (!is_used(h, i) || later >= XPC_HISTORY_LAST)
            return i;
        if (later > most) {
            most = later;
            drop = i;
        }
    }
    for (size_t i = 0; !most && i < h->nr_entries; i++) {
        size_t later = later_of_kind(h, i);

        if (later > most) {
            most = later;
            drop = i;
        }
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

/* ---- totals ------------------------------------------------------------ */

/* What readers of the file refuse is not reached. */
static uint64_t add(uint64_t a, uint64_t b)
{
    return a + b < a ? XPC_HISTORY_TOTAL_MAX :
                       cap(a + b, XPC_HISTORY_TOTAL_MAX);
}

static void add_to_totals(struct xpc_history_totals *t,
                          const struct xpc_history_entry *e)
{
    t->outcomes[e->outcome] = add(t->outcomes[e->outcome], 1);
    t->over_limit = add(t->over_limit, e->limit_ns &&
                        e->actual_downtime_ns > e->limit_ns);
    t->bytes = add(t->bytes, e->total_bytes);
    t->time_ns = add(t->time_ns, e->total_time_ns);
    t->downtime_ns = add(t->downtime_ns, e->actual_downtime_ns);
}

void xpc_history_complete(struct xpc_history *h)
{
    struct xpc_history_totals seen = { 0 };
    bool less = false;

    for (size_t i = 0; i < h->nr_entries; i++)
        add_to_totals(&seen, &h->entries[i]);
    for (size_t i = 0; i < XPC_OUTCOMES; i++)
        less |= h->totals.outcomes[i] < seen.outcomes[i];
    if (less)
        h->totals = seen;
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
    add_to_totals(&h->totals, &e);
    if (h->nr_entries > XPC_HISTORY_MAX)
        drop_entry(h, entry_to_drop(h));
    return 0;
}

/* ---- errors of predictions ---------------------------------------------- */

double xpc_history_error(const struct xpc_history_entry *e)
{
    if (e->outcome != XPC_OUTCOME_MIGRATED || !e->predicted_downtime_ns ||
        !e->actual_downtime_ns)
        return NAN;
    return (double)e->actual_downtime_ns / e->predicted_downtime_ns - 1;
}

/* ---- what is known of the target besides -------------------------------- */

/* Not if now_s is before stock_s: the clock was set back. */
bool xpc_history_is_stock(const struct xpc_history *h, uint64_t now_s)
{
    return h->stock_s && now_s >= h->stock_s &&
           now_s - h->stock_s < STOCK_HOLDS_S;
}

/* Likewise. */
double xpc_history_pace(const struct xpc_history *h, uint64_t now_s)
{
    return now_s >= h->pace_s && now_s - h->pace_s < XPC_HISTORY_PACE_S ?
           h->pace_percent / 100.0 : 0;
}

void xpc_history_evacuated(struct xpc_history *h, double pace, uint64_t now_s)
{
    double before = xpc_history_pace(h, now_s);

    if (before > 0)
        pace = (before + pace) / 2;
    h->pace_percent = fmin(fmax(round(pace * 100), XPC_HISTORY_PACE_MIN),
                           XPC_HISTORY_PACE_MAX);
    h->pace_s = now_s;
}
