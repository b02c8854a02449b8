/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The earlier migrations to a target. xenprecopy/lessons.h has what they teach
 * about the next one.
 *
 * The report of a migration that has reached its target yields
 *
 *   overhead      = actual downtime - bitmap - final pages * 4104 / bandwidth
 *                   (at least XPC_HISTORY_OVERHEAD_MIN_NS)
 *   suspend pages = final pages - pages dirty at the decision (at least 0)
 *
 * The bandwidth is the measured one or, if there is none, the one used for the
 * prediction. The time of the bitmap grows with the guest and is predicted
 * separately. The overhead includes devices and records. Suspend pages include
 * those that the guest wrote between the decision and its suspension.
 *
 * Nothing is learned from a migration that was verified (--debug), nor from one
 * whose switchover was not timed by a single xl: the guard of an xl that was
 * killed does not know what happened before.
 *
 * A switchover that strict broke off after all pages were sent would have taken
 * longer (a censored observation):
 *
 *   overhead > broken off - suspended - bitmap
 *              - final pages * 4104 / bandwidth = b
 */
#ifndef XENPRECOPY_HISTORY_H
#define XENPRECOPY_HISTORY_H

#include <xenprecopy/error.h>
#include <xenprecopy/xenprecopy.h>

#define XPC_HISTORY_VERSION 1
/*
 * The highest number of entries of a target. The oldest ones from which nothing
 * is learned any more are dropped first, then those of the guest that has the
 * most. Of a guest, nothing is learned from more than XPC_HISTORY_LAST.
 */
#define XPC_HISTORY_MAX 64
#define XPC_HISTORY_LAST 16
/* Longer times are reduced to this: a prediction may have any value. */
#define XPC_HISTORY_TIME_MAX_NS UINT64_C(86400000000000)
/* Higher numbers of pages are reduced to this. */
#define XPC_HISTORY_PAGES_MAX (UINT64_C(1) << 48)
/* Higher totals are reduced to this. */
#define XPC_HISTORY_TOTAL_MAX (UINT64_C(1) << 62)
/* How long a broken-off switchover is in effect, and its factor. */
#define XPC_HISTORY_BOUND_S UINT64_C(86400)
#define XPC_HISTORY_BEYOND 1.25
/* How long the pace of evacuations is used, and its bounds. */
#define XPC_HISTORY_PACE_S UINT64_C(15552000)       /* 180 days */
#define XPC_HISTORY_PACE_MIN 33
#define XPC_HISTORY_PACE_MAX 300
/* Lower bound of the overhead. */
#define XPC_HISTORY_OVERHEAD_MIN_NS UINT64_C(1000000)

/* One migration that has touched its guest. Owns domain. */
struct xpc_history_entry {
    uint64_t start_s;               /* wall clock, since 1970 */
    char *domain;                   /* its name, plain ASCII */
    enum xpc_outcome outcome;
    uint64_t limit_ns;              /* downtime limit; 0: none (stock) */
    uint64_t predicted_downtime_ns; /* 0: not suspended by a decision */
    uint64_t actual_downtime_ns;    /* 0: not migrated */
    struct xpc_guest guest;         /* unknown in files of older versions */
    uint64_t overhead_ns;           /* 0: unknown */
    uint64_t overhead_at_least_ns;  /* of a switchover that was broken off;
                                     * 0: it was not, or the bound is unknown */
    uint64_t suspend_pages;         /* valid if overhead_ns is known */
    uint64_t start_ns;              /* from restored to started; likewise */
    uint64_t final_pages;
    uint64_t bandwidth_bytes_per_s; /* measured, or used to predict */
    uint64_t total_time_ns, total_bytes;
    uint64_t iterations;
    uint64_t total_pages;           /* number of the guest's pages */
};

#define XPC_OUTCOMES (XPC_OUTCOME_MIGRATED + 1)

/*
 * Sums over all migrations to a target since its history began, also those
 * whose entries were dropped. They never decrease.
 */
struct xpc_history_totals {
    uint64_t outcomes[XPC_OUTCOMES];    /* migrations, by enum xpc_outcome */
    uint64_t over_limit;            /* of these, with a downtime over the
                                     * limit */
    uint64_t bytes, time_ns, downtime_ns;
};

/* The migrations to one target, oldest first. Owns all of its memory. */
struct xpc_history {
    uint64_t version;               /* of this format: XPC_HISTORY_VERSION */
    char *target;                   /* plain ASCII */
    uint64_t stock_s;               /* when its receiver was last found to be
                                     * a stock one, s since 1970; 0: never */
    uint64_t pace_percent;          /* how long evacuations to it have taken,
                                     * of what was forecast; 0: unknown */
    uint64_t pace_s;                /* when the last of these ended */
    struct xpc_history_totals totals;
    struct xpc_history_entry *entries;
    size_t nr_entries;
};

/* Copies target. Returns 0, or -1 with errno ENOMEM. */
int xpc_history_init(struct xpc_history *h, const char *target);
/* Frees what h owns and zeroes it. Idempotent; h may be all zeroes. */
void xpc_history_dispose(struct xpc_history *h);

/*
 * Adds an entry for a report. With XPC_HISTORY_MAX entries, an old one is
 * dropped. start_s is the wall clock since 1970. domain is copied, and may be
 * NULL. Returns 0, or -1 with errno ENOMEM and h unchanged.
 */
int xpc_history_add(struct xpc_history *h, const struct xpc_report *r,
                    uint64_t start_s, const char *domain);

/*
 * Replaces totals that are less than the entries, as in a file of a version
 * without them, by those of the entries. For readers of files.
 */
void xpc_history_complete(struct xpc_history *h);

/*
 * Is the target's receiver known to be a stock one, at now_s? Such knowledge is
 * valid for a week.
 */
bool xpc_history_is_stock(const struct xpc_history *h, uint64_t now_s);

/*
 * An evacuation, to this target among others, ended at now_s and took `pace`
 * times as long as was forecast. It counts as much as all before it together.
 */
void xpc_history_evacuated(struct xpc_history *h, double pace, uint64_t now_s);
/* The pace of earlier evacuations, or 0: unknown, or too long ago. */
double xpc_history_pace(const struct xpc_history *h, uint64_t now_s);

/*
 * By which share of the predicted downtime the actual one was longer; NAN:
 * unknown.
 */
double xpc_history_error(const struct xpc_history_entry *e);

#endif
