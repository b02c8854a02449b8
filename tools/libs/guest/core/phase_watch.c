/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include <xenprecopy/units.h>

#include "core/phase_watch.h"

/* Often enough for a guest that writes the same pages again and again. */
#define FIRST_EVERY_NS (150 * XPC_MS)
/*
 * The times between cleans differ by up to a quarter, in the order of the
 * golden ratio: phases of the same length as these would look like their age.
 */
#define JITTER 0.25
#define GOLDEN 0.6180339887
/* For each clean, with room for jitter and for counts that come early. */
#define COUNTS_PER_CLEAN (XPC_WATCH_COUNTS * 3 / 4)

static void plan_count(struct xpc_phase_watch *w, uint64_t now_ns)
{
    double mean = w->counts ? (double)w->counting_ns / w->counts : 0;
    double next = fmax(w->period[0].bin_ns, XPC_PERIOD_BIN_NS);

    next = fmax(next, mean / XPC_WATCH_COUNT_SHARE);
    next = fmax(next, (double)w->every_ns / COUNTS_PER_CLEAN);
    w->count_due_ns = now_ns + next;
}

void xpc_phase_watch_count(struct xpc_phase_watch *w, uint64_t now_ns,
                           uint64_t took_ns, uint64_t pages)
{
    w->counts++;
    w->counting_ns += took_ns;
    if (w->nr < XPC_WATCH_COUNTS)
        w->count[w->nr++] = (struct xpc_dirty_count){
            .t_ns = now_ns - took_ns / 2 - w->clean_ns, .pages = pages,
        };
    plan_count(w, now_ns);
}

/* The guest wrote to these pages for the first time since the clean. */
static void pay_faults(struct xpc_phase_watch *w, uint64_t now_ns,
                       uint64_t pages)
{
    double allowed = now_ns - w->start_ns + (double)w->longest_ns;
    double per_page = XPC_FAULT_NS / XPC_WATCH_FAULT_SHARE;

    w->faults += pages;
    if (w->faults * per_page <= allowed || w->every_ns >= w->longest_ns)
        return;
    w->every_ns *= 2;
    if (w->every_ns < pages * per_page)
        w->every_ns = pages * per_page;
}

static void plan_clean(struct xpc_phase_watch *w, uint64_t now_ns,
                       uint64_t took_ns)
{
    double turn = w->cleans * GOLDEN, next = w->every_ns;

    next *= 1 - JITTER + 2 * JITTER * (turn - floor(turn));
    next = fmax(next, took_ns / XPC_WATCH_COUNT_SHARE);
    /* Otherwise the caller cleans it as often as that. */
    w->clean_due_ns = next < w->longest_ns && !w->rarely ? now_ns + next :
                                                           UINT64_MAX;
}

static void add_counts(struct xpc_phase_watch *w, uint64_t now_ns,
                       uint64_t pages)
{
    for (int i = 0; i < XPC_WATCH_SCALES; i++) {
        if (!w->period[i].bin_ns)
            w->period[i].bin_ns = XPC_PERIOD_BIN_NS << i;
        xpc_period_add(&w->period[i], w->clean_ns - w->start_ns, w->count,
                       w->nr, now_ns - w->clean_ns, pages);
    }
}

void xpc_phase_watch_clean(struct xpc_phase_watch *w, uint64_t now_ns,
                           uint64_t took_ns, uint64_t pages)
{
    if (w->cleans++) {
        add_counts(w, now_ns, pages);
        pay_faults(w, now_ns, pages);
    } else {
        w->start_ns = now_ns;
        w->every_ns = FIRST_EVERY_NS;
    }
    w->clean_ns = now_ns;
    w->nr = 0;
    plan_clean(w, now_ns, took_ns);
    plan_count(w, now_ns);
}

bool xpc_phase_watch_find(struct xpc_phase_watch *w, uint64_t start_ns,
                          struct xpc_cycle *cycle_r)
{
    double from;
    int i = 0;

    while (i < XPC_WATCH_SCALES && !xpc_period_find(&w->period[i], cycle_r))
        i++;
    if (i == XPC_WATCH_SCALES)
        return false;
    from = cycle_r->busy_from_ns + (double)(w->start_ns - start_ns);
    cycle_r->busy_from_ns = fmod(from, cycle_r->period_ns);
    return true;
}
