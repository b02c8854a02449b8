/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A measurement of how fast a guest dirties its memory: counts at increasing
 * periods, their confidence intervals, and the cost of measuring.
 *
 * The JSON form has the member names that were proposed for QEMU's
 * calc-dirty-rate with several periods, and additional ones, so that one reader
 * accepts both. Missing members are computed from the others: a measurement
 * that was read successfully always has all of its arrays. Today's QEMU prints
 * a single rate; xpc_measurements_read() makes a measurement of several.
 */
#ifndef XENPRECOPY_MEASURE_H
#define XENPRECOPY_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/curve.h>
#include <xenprecopy/error.h>
#include <xenprecopy/period.h>

/* Bounds and defaults of a request. */
#define XPC_PERIODS_MAX XPC_CURVE_MAX
#define XPC_PERIOD_MIN_NS UINT64_C(50000000)
#define XPC_PERIOD_MAX_NS UINT64_C(60000000000)
#define XPC_SAMPLE_PAGES_MIN 128u       /* per GiB of the guest */
#define XPC_SAMPLE_PAGES_MAX 16384u
#define XPC_SAMPLE_PAGES_DEFAULT 512u
#define XPC_CALC_TIME_DEFAULT_NS UINT64_C(10000000000)

enum xpc_measure_status {
    XPC_MEASURE_UNSTARTED,
    XPC_MEASURE_MEASURING,
    XPC_MEASURE_MEASURED,
    XPC_MEASURE_CANCELLED,  /* by the user; has the periods until then */
    XPC_MEASURE_FAILED,     /* error says why; has no valid counts */
};

enum xpc_measure_mode {
    XPC_MODE_PAGE_SAMPLING,
    XPC_MODE_DIRTY_BITMAP,
    XPC_MODE_DIRTY_RING,    /* QEMU's; treated like dirty-bitmap */
};

enum xpc_measure_source {
    XPC_SOURCE_UNKNOWN,
    XPC_SOURCE_DOMAIN,
    XPC_SOURCE_PROCESS,
    XPC_SOURCE_TRACE,
};

enum xpc_time_unit {
    XPC_UNIT_SECOND,        /* the default in QEMU's JSON */
    XPC_UNIT_MILLISECOND,
};

/*
 * The writable working set, from the dirty bitmaps of successive intervals on a
 * sample of pfns. intervals 0: it was not measured.
 */
struct xpc_workset_result {
    uint64_t intervals;
    uint64_t interval_ns;       /* mean length of an interval */
    uint64_t sampled_pfns;      /* number of pfns that were watched */
    double union_pages;         /* dirtied in any interval, estimate */
    double union_low, union_high;   /* its 95% confidence interval */
    double growth_pages_per_s;  /* of the union, in the last intervals */
    double jaccard;             /* overlap of successive intervals, 0 to 1 */
    bool converged;             /* the union has stopped growing */
};

#define XPC_PHASES_VERSION 1
#define XPC_PHASES_MIN_NS XPC_PERIOD_BIN_NS

/*
 * Regular phases of the guest (xenprecopy/period.h). Times of the cycle are
 * since the clean state of the curve.
 */
struct xpc_measured_phases {
    uint64_t version;           /* of this format; 0: none were found */
    struct xpc_cycle cycle;
};

/* The cost of measuring. */
struct xpc_measure_cost {
    uint64_t cpu_ns;            /* of the measuring process */
    uint64_t wall_ns;           /* from start to end, including waiting */
    uint64_t hashed_bytes;
    uint64_t peeks;             /* number of dirty counts read */
    uint64_t peek_max_ns;       /* the slowest of them */
};

/*
 * Owns its arrays and strings, which are malloc()ed. After
 * xpc_measurement_complete(), all arrays but compress have nr_periods entries.
 * dirty_* are pages of the whole guest, n_dirty pages of the sample.
 *
 *   page-sampling  n_dirty is counted in n_sampled pages of n_total
 *   dirty-bitmap   every page is watched: n_sampled equals n_total, n_dirty is
 *                  exact, and the interval has no width
 */
struct xpc_measurement {
    uint64_t page_size;
    enum xpc_measure_status status;
    enum xpc_measure_mode mode;
    enum xpc_measure_source source;
    uint64_t source_id;         /* domain id or process id */
    char *name;                 /* of the domain, command or trace */
    char *error;                /* one line, if failed */

    uint64_t *period_ns;        /* as measured, strictly increasing */
    size_t nr_periods;
    uint64_t *nominal_ns;       /* as requested */
    size_t nr_nominal;
    uint64_t *n_dirty;
    size_t nr_dirty;
    double *dirty_pages;        /* D(period), the estimate */
    size_t nr_dirty_pages;
    double *dirty_low;          /* its 95% confidence interval */
    size_t nr_dirty_low;
    double *dirty_high;
    size_t nr_dirty_high;

    uint64_t sample_pages;      /* requested, per GiB */
    uint64_t n_sampled;
    uint64_t n_zero;            /* of n_sampled, pages of zeros at the start */
    uint64_t n_total;           /* populated pages */
    uint64_t n_holes;           /* pfns that were drawn but had no page */
    double zero_pages, zero_low, zero_high; /* of the whole guest */
    double dirty_rate;          /* MiB/s over the longest period */

    uint64_t start_ns;          /* wall clock, since 1970 */
    uint64_t calc_time;         /* in calc_time_unit */
    enum xpc_time_unit calc_time_unit;

    /* These limit the validity of the numbers. */
    bool ballooned;             /* the number of populated pages changed */
    bool paused;                /* the guest did not run all the time */
    bool late;                  /* a period came more than 10% late */

    struct xpc_compress_result *compress;   /* one for each method */
    size_t nr_compress;                     /* 0: it was not measured */

    struct xpc_workset_result workset;
    struct xpc_measured_phases phases;
    struct xpc_measure_cost cost;
};

/* Names of the enum values, for messages and JSON. Terminated by NULL. */
extern const char *const xpc_measure_status_names[];
extern const char *const xpc_measure_mode_names[];
extern const char *const xpc_time_unit_names[];

void xpc_measurement_init(struct xpc_measurement *m);
/* Frees what m owns and zeroes it. Idempotent. */
void xpc_measurement_dispose(struct xpc_measurement *m);

/*
 * Allocates zeroed arrays for nr periods, after freeing those that m had.
 * Returns 0, or -1 with errno ENOMEM or EINVAL (more than XPC_PERIODS_MAX).
 */
int xpc_measurement_alloc(struct xpc_measurement *m, size_t nr);

/*
 * Copies m with its first nr periods only. *copy_r must be initialised. Returns
 * 0, or -1 with errno ENOMEM and *copy_r unchanged.
 */
int xpc_measurement_copy(const struct xpc_measurement *m, size_t nr,
                         struct xpc_measurement *copy_r);

/*
 * Checks that m is valid: periods in order, counts within the sample, the
 * sample within the total, no NaN, estimates within their intervals. Returns 0,
 * or -1 with errno EINVAL and one line in err.
 */
int xpc_measurement_check(const struct xpc_measurement *m,
                          char err[XPC_ERR_LEN]);

/*
 * Checks m and computes what is missing: estimates and intervals from the
 * counts, nominal periods from the measured ones, the dirty rate. Returns like
 * xpc_measurement_check(), or -1 with errno ENOMEM.
 */
int xpc_measurement_complete(struct xpc_measurement *m,
                             char err[XPC_ERR_LEN]);

/*
 * Returns D(t) of the whole guest from a complete measurement: it never
 * decreases, and has no point above the populated pages. Returns 0, or -1 with
 * errno EINVAL and one line in err if m has not been measured (status), or at
 * one period only, which does not show how much is dirty after shorter times,
 * on which the last iterations of a migration depend.
 */
int xpc_measurement_curve(const struct xpc_measurement *m,
                          struct xpc_curve *curve_r, char err[XPC_ERR_LEN]);

/*
 * Returns whether the guest has regular phases. c is the curve of m. D(t) of
 * the busy guest has the points of c, at the busy time of their windows.
 */
bool xpc_measurement_phased(const struct xpc_measurement *m,
                            const struct xpc_curve *c,
                            struct xpc_phased *phased_r);

/* The calc-time in ns. */
uint64_t xpc_measurement_calc_ns(const struct xpc_measurement *m);
/* Sets calc_time, in seconds if it is a whole number of them, else in ms. */
void xpc_measurement_set_calc_ns(struct xpc_measurement *m, uint64_t ns);

/* The rate in MiB/s of pages dirtied within t_ns. */
double xpc_dirty_rate_mib(double pages, uint64_t t_ns);

/*
 * The 95% confidence interval of how many of total have a property, if hits of
 * n have it that were sampled with equal probability and without repetition:
 * Wilson's interval for a finite population. It has no width if n is total.
 */
void xpc_interval(uint64_t hits, uint64_t n, uint64_t total, double *low_r,
                  double *high_r);

#endif
