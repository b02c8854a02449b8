/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches a guest whose writes are logged for regular phases
 * (xenprecopy/period.h). Pages that are dirty are not counted again, so the log
 * is cleaned now and then, as by the iterations of a migration, and the dirty
 * pages are counted in between.
 *
 * Both slow the guest, and neither may for long: counting takes at most
 * XPC_WATCH_COUNT_SHARE of the time. After each clean, the guest's first write
 * to a page faults; when the faults take more than XPC_WATCH_FAULT_SHARE of the
 * time, XPC_FAULT_NS each, the log is cleaned less often from then on, at least
 * half as often.
 *
 * Pure: the caller passes the time, and counts and cleans.
 */
#ifndef CORE_PHASE_WATCH_H
#define CORE_PHASE_WATCH_H

#include <stdbool.h>

#include <xenprecopy/period.h>

#define XPC_WATCH_COUNT_SHARE 0.02
#define XPC_WATCH_FAULT_SHARE 0.05
/* Of a write to a page that was clean; without page-modification logging. */
#define XPC_FAULT_NS 2000
#define XPC_WATCH_COUNTS 64
/*
 * A guest that writes few pages is looked at in longer bins. A migration, which
 * decides meanwhile, has no time for several searches.
 */
#define XPC_WATCH_SCALES 3

/* All 0 initially, but longest_ns and rarely. Owns no memory. */
struct xpc_phase_watch {
    uint64_t longest_ns;        /* from clean to clean: the caller's own */
    bool rarely;                /* no others are due */
    /* With bins of XPC_PERIOD_BIN_NS, twice as long, and so on. */
    struct xpc_period period[XPC_WATCH_SCALES];
    uint64_t start_ns;          /* of all, the first clean */
    uint64_t every_ns;          /* mean time between cleans */
    uint64_t clean_ns;          /* the last one, ... */
    uint64_t clean_due_ns;      /* ... and the next one */
    uint64_t count_due_ns;
    uint64_t cleans, faults;
    uint64_t counts, counting_ns;
    struct xpc_dirty_count count[XPC_WATCH_COUNTS];     /* since the clean */
    size_t nr;
};

/* Records that counting took so long until now, and found these pages. */
void xpc_phase_watch_count(struct xpc_phase_watch *w, uint64_t now_ns,
                           uint64_t took_ns, uint64_t pages);
/*
 * Records that the log was cleaned, for the first time when the watch begins.
 * pages were dirty right before.
 */
void xpc_phase_watch_clean(struct xpc_phase_watch *w, uint64_t now_ns,
                           uint64_t took_ns, uint64_t pages);

/*
 * Returns whether the guest has regular phases, and which. Times of the cycle
 * are since start_ns, which may be before the watch began.
 */
bool xpc_phase_watch_find(struct xpc_phase_watch *w, uint64_t start_ns,
                          struct xpc_cycle *cycle_r);

#endif
