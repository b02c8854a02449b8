/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What earlier migrations to a target teach about the next one.
 *
 * The report of a migration that has reached its target gives
 *
 *   overhead      = actual downtime - bitmap - final pages * 4104 / bandwidth
 *                   (at least XPC_HISTORY_OVERHEAD_MIN_NS)
 *   suspend pages = final pages - pages dirty at the decision (at least 0)
 *
 * The bandwidth is the measured one, or if there is none, the one that the
 * prediction used. The bitmap's time grows with the guest, and is predicted
 * apart. What devices and records take is in the overhead; pages
 * that the guest wrote between the decision and its suspension are suspend
 * pages. Nothing is learned from a migration that was verified (--debug), nor
 * from one whose switchover no single xl has timed as a whole: the guard of an
 * xl that was killed lacks what came before.
 *
 * A guest with a device model and one without teach each other nothing
 * (xpc_guest_alike()). For devices that the earlier guest did not have, and
 * where the kind of one of the two is not known, see
 * xpc_guest_learned_overhead().
 *
 * What the next one takes is predicted from the last XPC_HISTORY_LAST of
 * those, y[0] the latest, with weights w[i] = 2^(-i / 4):
 *
 *   mean = sum(w y) / sum(w)            n = sum(w)^2 / sum(w^2)
 *   v    = (2 u^2 + n sum(w (y - mean)^2) / sum(w)) / (2 + n - 1)
 *   sd   = sqrt(v (1 + 1/n))
 *
 * where u = XPC_UNKNOWN_CV * mean: two pseudo-observations that vary as what
 * is not known does, so that a few migrations that were alike by chance
 * promise nothing. 1 + 1/n is there because the mean is itself uncertain.
 *
 * Of three or more, a single one that is further from the median than three
 * spreads counts as if it were there: one accident is not the rule. Two on the
 * same side are no accident and count in full. A spread is 1.4826 times the
 * median distance from the median, and at least XPC_UNKNOWN_CV of it.
 *
 * A switchover that strict broke off after all pages were sent would have
 * taken longer (a censored observation):
 *
 *   overhead > broken off - suspended - bitmap
 *              - final pages * 4104 / bandwidth = b
 *
 * By how much is not known. The greatest b that counts raises the mean to at
 * least XPC_HISTORY_BEYOND * b, and the deviation to XPC_UNKNOWN_CV of that. It
 * counts for XPC_HISTORY_BOUND_S from the migration's start, so that one slow
 * evening does not forbid migrations for good, and no longer than until a
 * migration of such a guest has reached the target: that one tells more.
 */
#ifndef XENPRECOPY_HISTORY_H
#define XENPRECOPY_HISTORY_H

#include <xenprecopy/error.h>
#include <xenprecopy/xenprecopy.h>

#define XPC_HISTORY_VERSION 1
/* A target's entries; the oldest that teach nothing any more go first. */
#define XPC_HISTORY_MAX 64
#define XPC_HISTORY_LAST 16
/* Longer times are written as this: a prediction may be any number. */
#define XPC_HISTORY_TIME_MAX_NS UINT64_C(86400000000000)
/* How long, and by what factor, a broken-off switchover counts. */
#define XPC_HISTORY_BOUND_S UINT64_C(86400)
#define XPC_HISTORY_BEYOND 1.25
/* No switchover takes less. */
#define XPC_HISTORY_OVERHEAD_MIN_NS UINT64_C(1000000)

/* One migration that has touched its guest. */
struct xpc_history_entry {
    uint64_t start_s;               /* wall clock, since 1970 */
    char *domain;                   /* its name, plain ASCII */
    enum xpc_outcome outcome;
    uint64_t limit_ns;              /* downtime limit; 0: none (stock) */
    uint64_t predicted_downtime_ns; /* 0: not suspended by a decision */
    uint64_t actual_downtime_ns;    /* 0: not migrated */
    struct xpc_guest guest;         /* unknown in files of older versions */
    uint64_t overhead_ns;           /* 0: not known */
    uint64_t overhead_at_least_ns;  /* of a switchover that was broken off;
                                     * 0: it was not, or shows nothing */
    uint64_t suspend_pages;         /* holds when overhead_ns does */
    uint64_t start_ns;              /* from restored to started; the same */
    uint64_t final_pages;
    uint64_t bandwidth_bytes_per_s; /* measured, or used */
    uint64_t total_time_ns, total_bytes;
    uint64_t iterations;
    uint64_t total_pages;           /* the guest's memory */
};

/* Those to one target, oldest first. Owns all of it. */
struct xpc_history {
    uint64_t version;               /* of this format: XPC_HISTORY_VERSION */
    char *target;                   /* plain ASCII */
    uint64_t stock_s;               /* when its receiver was last found to be
                                     * a stock one, since 1970; 0: never */
    struct xpc_history_entry *entries;
    size_t nr_entries;
};

/* How a target has been so far, by enum xpc_device_model: no and yes. */
struct xpc_history_summary {
    struct xpc_history_learned {
        uint64_t migrations;        /* that this rests on; 0: none */
        struct xpc_prior prior;
    } learned[XPC_DEVICE_MODEL_YES + 1];
    /*
     * How far the actual downtimes were from the predicted, as a share of
     * those: median of the absolute values; the greatest, above 0 when it
     * took longer. NAN: there are none.
     */
    double error_median, error_worst;
};

/* target is copied. Returns 0, or -1 with errno ENOMEM. */
int xpc_history_init(struct xpc_history *h, const char *target);
/* Frees what it owns and zeroes it. Idempotent, also of all zeroes. */
void xpc_history_dispose(struct xpc_history *h);

/*
 * Adds what a report tells. At XPC_HISTORY_MAX an old entry goes. domain may
 * be NULL. Returns 0, or -1 with errno ENOMEM: h is unchanged.
 */
int xpc_history_add(struct xpc_history *h, const struct xpc_report *r,
                    uint64_t start_s, const char *domain);

/*
 * What the next migration will take, of such a guest and at now_s (wall clock,
 * since 1970). Returns on how many migrations that rests, broken-off ones
 * included; 0: nothing is known, and *prior_r is all 0 but for its guest.
 */
size_t xpc_history_prior(const struct xpc_history *h,
                         const struct xpc_guest *guest, uint64_t now_s,
                         struct xpc_prior *prior_r);

/*
 * Is the target's receiver known to be a stock one, at now_s? What was found
 * out holds for a week.
 */
bool xpc_history_is_stock(const struct xpc_history *h, uint64_t now_s);

void xpc_history_summarize(const struct xpc_history *h, uint64_t now_s,
                           struct xpc_history_summary *s_r);

/* By how much the downtime was longer than predicted; NAN: not known. */
double xpc_history_error(const struct xpc_history_entry *e);

#endif
