/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Busy phases and lulls that alternate regularly, found in the dirty counts
 * that are sampled during a migration.
 *
 * The pages that get dirty within an interval depend on how busy the guest is,
 * and on the age of the interval, which is the time since the bitmap was
 * cleaned: a page that is dirty already is not counted again. A count is
 * therefore compared with what its age lets expect. The expectation f(g), for
 * ages g in steps of a third of an octave, is a chain of ratios, measured in
 * the iterations that reach g:
 *   f(0) = 1, f(g) = f(g-1) sum(rate at g) / sum(rate at g-1)
 * and never rises, because D(t) is concave. An age that a single iteration has
 * reached says nothing. In each interval of time, a bin,
 *   x = ln((pages + K) / (expected + K)), K = 16
 * is how busy the guest was.
 *
 * The bins are divided into two groups, so that the variance between them is
 * the greatest (Otsu 1979). There are phases if this is at least 0.75 of all
 * variance (0.64 for normally distributed noise), and the busy ones dirty at
 * least three times as much as the lulls. A phase begins with two successive
 * bins that are clearly in its group.
 *
 * The phases are regular if the times from one busy phase's beginning to the
 * next are. If busy phases began at random (a Poisson process) whenever the
 * guest is quiet, n times of being quiet, divided by their sum, would be
 * distributed evenly over a simplex, and their coefficient of variation would
 * be at most cv with the probability
 *   (n-1)!/sqrt(n) pi^((n-1)/2)/Gamma((n+1)/2) (cv^2/n)^((n-1)/2)
 * which is exact for cv^2 <= 1/(n-1). cv is taken as the deviation of the times
 * from beginning to beginning, divided by the mean time of being quiet. A
 * period is accepted if the probability is at most 0.0002: with three times if
 * they vary by 1.3%, with four by 5.0%, with five by 9.9%. Of guests with busy
 * phases at random, one in a hundred is mistaken for one with a period in a
 * migration of 30 s (torture_period).
 *
 * Pure: the caller passes the time.
 */
#ifndef XENPRECOPY_PERIOD_H
#define XENPRECOPY_PERIOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/curve.h>
#include <xenprecopy/xenprecopy.h>

/* ---- a guest with regular phases ------------------------------------- */

/*
 * Times are those of the migration, since its start. The guest is busy from
 * busy_from_ns on for busy_ns, and then quiet until the period is over, again
 * and again, before busy_from_ns too. In a lull it does in t what it does in
 * `quiet` t when it is busy: D(t) is that of the busy guest, and windows are
 * measured in its busy time.
 */
struct xpc_cycle {
    uint64_t period_ns;         /* 0: no regular phases are known */
    uint64_t busy_ns;           /* > 0, < period_ns */
    uint64_t busy_from_ns;
    double quiet;               /* [0, 1) */
};

/* What is known of such a guest, and D(t) when it is busy. */
struct xpc_phased {
    struct xpc_cycle cycle;
    struct xpc_curve busy;
};

/* The busy time from `from` to `to`, ns; `to` - `from` without a period. */
double xpc_cycle_active_ns(const struct xpc_cycle *c, double from, double to);
/* Is the guest busy at that time? */
bool xpc_cycle_busy(const struct xpc_cycle *c, double ns);
/* When the next lull begins, after ns. */
double xpc_cycle_next_lull_ns(const struct xpc_cycle *c, double ns);

/* ---- finding it ------------------------------------------------------- */

#define XPC_PERIOD_BINS 512
#define XPC_PERIOD_AGES 33
/* The length of a bin; doubled when a migration takes longer than all bins. */
#define XPC_PERIOD_BIN_NS UINT64_C(25000000)

/* All 0 initially. Owns no memory. */
struct xpc_period {
    uint64_t bin_ns;
    size_t nr;                  /* bins in use */
    float pages[XPC_PERIOD_AGES][XPC_PERIOD_BINS];
    float ns[XPC_PERIOD_AGES][XPC_PERIOD_BINS];
    struct {
        double above, below;    /* rates, at this age and the one before */
        unsigned int nr;        /* iterations that reached it */
    } age[XPC_PERIOD_AGES];
    size_t searched;            /* bins at the last search */
    struct xpc_cycle found;     /* by it */
};

/*
 * Records an iteration: when the bitmap was cleaned, its counts by increasing
 * t_ns, its length, and the pages that were dirty at its end.
 */
void xpc_period_add(struct xpc_period *p, uint64_t start_ns,
                    const struct xpc_dirty_count *samples, size_t nr,
                    uint64_t length_ns, uint64_t dirty_pages);

/*
 * Returns whether the guest has regular phases, and which. A period is
 * forgotten when the next busy phase is overdue.
 */
bool xpc_period_find(struct xpc_period *p, struct xpc_cycle *cycle_r);

/* The probability in the formula above, of n times; 1 if it is not exact. */
double xpc_period_chance(size_t n, double cv);

#endif
