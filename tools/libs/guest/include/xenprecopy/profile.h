/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hours of a guest's day: for each hour, the D(t) that was measured in it,
 * on any day, and how much that varied; its regular phases; and when to migrate
 * the guest.
 *
 * For each of XPC_PROFILE_POINTS periods, an hour keeps the mean of the pages
 * and their standard deviation:
 *   mean' = mean + (x - mean) / n
 *   variance' = (1 - 1/n) (variance + (x - mean)^2 / n)
 * where n is the number of measurements, at most XPC_PROFILE_MEMORY. Older ones
 * thus fade. The curve's low and high are the 95% interval of the next
 * measurement, mean +- 1.96 standard deviations.
 *
 * The same is kept of the period, its busy part and D(t) of the busy guest
 * (xenprecopy/period.h), over the measurements that found a period. If one
 * finds another period, this begins anew. An hour has regular phases if at
 * least half of the measurements that looked for them found some; of these, at
 * most XPC_PROFILE_LOOKS count.
 *
 * Pure: the caller knows the time. Hours are those of its clock.
 */
#ifndef XENPRECOPY_PROFILE_H
#define XENPRECOPY_PROFILE_H

#include <xenprecopy/cells.h>
#include <xenprecopy/curve.h>
#include <xenprecopy/error.h>
#include <xenprecopy/period.h>

#define XPC_PROFILE_VERSION 1
#define XPC_PROFILE_HOURS 24
/* Periods of 125 ms, twice as much, and so on to 64 s. */
#define XPC_PROFILE_POINTS 10
#define XPC_PROFILE_MEMORY 1000
#define XPC_PROFILE_LOOKS 16
/* Periods that differ by a larger share are not the same. */
#define XPC_PROFILE_SAME 0.1

struct xpc_profile_point {
    uint64_t t_ns;
    double pages, deviation;        /* mean, standard deviation */
    uint64_t measurements;          /* that were so long */
};

struct xpc_profile_phases {
    uint64_t looked;                /* measurements that looked for phases */
    double found;                   /* the share that found some */
    uint64_t measurements;          /* with this period */
    uint64_t period_ns, busy_ns;    /* means of these */
    double quiet;
    struct xpc_profile_point *points;   /* of the busy guest; none: there were
                                     * never phases */
    size_t nr_points;
};

struct xpc_profile_hour {
    uint64_t hour;                  /* 0 to 23 */
    uint64_t measurements;
    uint64_t last_s;                /* the last one, since 1970 */
    uint64_t total_pages, zero_pages;   /* in the last one */
    struct xpc_profile_point *points;
    size_t nr_points;
    struct xpc_profile_phases phases;
};

/* Owns its arrays and strings. Zero, or xpc_profile_init(). */
struct xpc_profile {
    uint64_t version;
    char *domain;                   /* its name */
    struct xpc_profile_hour *hours; /* in order; those with measurements */
    size_t nr_hours;
};

void xpc_profile_init(struct xpc_profile *p);
/* Frees what p owns and zeroes it. Idempotent. */
void xpc_profile_dispose(struct xpc_profile *p);

/*
 * Adds a measurement that was made in this hour. phased: NULL if it could not
 * find regular phases; with a period of 0 if it found none. Returns 0, or -1
 * with errno ENOMEM and *p unchanged.
 */
int xpc_profile_add(struct xpc_profile *p, unsigned int hour, uint64_t now_s,
                    const struct xpc_curve *c,
                    const struct xpc_phased *phased);

/* The hour, or NULL: nothing was measured in it. */
const struct xpc_profile_hour *xpc_profile_find(const struct xpc_profile *p,
                                                unsigned int hour);
/* The curve of an hour. */
void xpc_profile_curve(const struct xpc_profile_hour *h,
                       struct xpc_curve *curve_r);
/* Returns whether it has regular phases. */
bool xpc_profile_phased(const struct xpc_profile_hour *h,
                        struct xpc_phased *phased_r);

/* ---- when to migrate -------------------------------------------------- */

/* The prediction for an hour. */
struct xpc_when_hour {
    uint64_t hour, measurements;
    uint64_t period_ns;             /* of its regular phases; 0: none, or not
                                     * used */
    struct xpc_cell cell;           /* without names */
};

/* Owns its array and its string. */
struct xpc_when {
    uint64_t version;               /* of this format: 1 */
    char *domain;
    uint64_t bandwidth_bits_per_s;
    uint64_t downtime_ns;           /* the limit; 0: none */
    struct xpc_when_hour *hours;
    size_t nr_hours;
    /*
     * The window: from the beginning of one hour to the beginning of another,
     * which is the same if it is all day; and the best hour in it.
     */
    uint64_t from_hour, to_hour, best_hour;
};

void xpc_when_dispose(struct xpc_when *w);

/*
 * Predicts a migration in each hour of a profile that is not empty, with its
 * regular phases if lulls are waited for. The best
 * hour is one in which it converges; then the one with the lowest downtime, the
 * high end of the interval counts; then the shortest one. The window contains
 * the hours next to it in which it converges as well, and which are expected to
 * be within the interval of the best. Returns 0, or -1 with errno ENOMEM.
 */
int xpc_when_compute(struct xpc_when *w, const struct xpc_profile *p,
                     const struct xpc_predict_params *params,
                     enum xpc_lulls lulls, uint64_t bandwidth_bytes_per_s,
                     uint64_t downtime_ns);

/*
 * The first of nr hours from `from` on that is as good as the best of them.
 * NULL: nothing was measured in any of them.
 */
const struct xpc_when_hour *xpc_when_first(const struct xpc_when *w,
                                           unsigned int from,
                                           unsigned int nr);

#endif
