/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A measurement of how fast a guest dirties its memory: the vector of counts
 * at growing periods, how sure they are, and what they cost.
 *
 * Its JSON has the field names that were proposed for QEMU's calc-dirty-rate
 * with several periods, and more of our own: one reader takes both. What those
 * lack is worked out from what they have, so that a measurement that was read
 * successfully always has all of its arrays. What QEMU prints today is a rate;
 * xpc_measurements_read() makes a measurement of several.
 */
#ifndef XENPRECOPY_MEASURE_H
#define XENPRECOPY_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/curve.h>
#include <xenprecopy/error.h>

/* What may be asked for. */
#define XPC_PERIODS_MAX XPC_CURVE_MAX
#define XPC_PERIOD_MIN_NS UINT64_C(50000000)
#define XPC_PERIOD_MAX_NS UINT64_C(60000000000)
#define XPC_SAMPLE_PAGES_MIN 128u       /* for each GiB of guest */
#define XPC_SAMPLE_PAGES_MAX 16384u
#define XPC_SAMPLE_PAGES_DEFAULT 512u
#define XPC_CALC_TIME_DEFAULT_NS UINT64_C(10000000000)

enum xpc_measure_status {
    XPC_MEASURE_UNSTARTED,
    XPC_MEASURE_MEASURING,
    XPC_MEASURE_MEASURED,
    XPC_MEASURE_CANCELLED,  /* by the user: the periods so far are there */
    XPC_MEASURE_FAILED,     /* error says why; no counts to rely on */
};

enum xpc_measure_mode {
    XPC_MODE_PAGE_SAMPLING,
    XPC_MODE_DIRTY_BITMAP,
    XPC_MODE_DIRTY_RING,    /* QEMU's; read as a dirty-bitmap */
};

enum xpc_measure_source {
    XPC_SOURCE_UNKNOWN,
    XPC_SOURCE_DOMAIN,
    XPC_SOURCE_PROCESS,
    XPC_SOURCE_TRACE,
};

enum xpc_time_unit {
    XPC_UNIT_SECOND,        /* where QEMU's JSON names none */
    XPC_UNIT_MILLISECOND,
};

/*
 * The writable working set, from successive intervals' dirty bitmaps over a
 * sample of pfns. intervals 0: it was not looked at.
 */
struct xpc_workset_result {
    uint64_t intervals;
    uint64_t interval_ns;       /* the length of one */
    uint64_t sampled_pfns;      /* watched, of all populated ones */
    double union_pages;         /* dirtied in any interval, estimated */
    double union_low, union_high;
    double growth_pages_per_s;  /* of the union, over the last intervals */
    double jaccard;             /* overlap of successive intervals, 0 to 1 */
    bool converged;             /* the union has stopped growing */
};

/* What the measuring itself took. */
struct xpc_measure_cost {
    uint64_t cpu_ns;            /* of the measuring process */
    uint64_t wall_ns;           /* start to end, waiting included */
    uint64_t hashed_bytes;
    uint64_t peeks;             /* dirty counts read from Xen */
    uint64_t peek_max_ns;       /* the slowest of them */
};

/*
 * The arrays are malloc()ed and, in a measurement that has passed
 * xpc_measurement_complete(), all nr_periods long. dirty_* are pages of the
 * whole guest; what was seen in the sample is n_dirty.
 *
 *   page-sampling  n_dirty counts in n_sampled pages of n_total
 *   dirty-bitmap   every page is watched: n_sampled equals n_total, n_dirty
 *                  is exact and the interval has no width
 */
struct xpc_measurement {
    uint64_t page_size;
    enum xpc_measure_status status;
    enum xpc_measure_mode mode;
    enum xpc_measure_source source;
    uint64_t source_id;         /* domain id or process id */
    char *name;                 /* of the domain, command or trace */
    char *error;                /* one line, when failed */

    uint64_t *period_ns;        /* as measured, strictly growing */
    size_t nr_periods;
    uint64_t *nominal_ns;       /* as asked for */
    size_t nr_nominal;
    uint64_t *n_dirty;
    size_t nr_dirty;
    double *dirty_pages;        /* D(period): the estimate */
    size_t nr_dirty_pages;
    double *dirty_low;          /* its 95% confidence interval */
    size_t nr_dirty_low;
    double *dirty_high;
    size_t nr_dirty_high;

    uint64_t sample_pages;      /* asked for, for each GiB */
    uint64_t n_sampled;
    uint64_t n_zero;            /* all-zero ones of n_sampled, at the start */
    uint64_t n_total;           /* populated pages */
    uint64_t n_holes;           /* pfns drawn that had no page behind them */
    double zero_pages, zero_low, zero_high; /* of the whole guest */
    double dirty_rate;          /* MiB/s over the longest period */

    uint64_t start_ns;          /* wall clock */
    uint64_t calc_time;         /* in calc_time_unit */
    enum xpc_time_unit calc_time_unit;

    /* Marks: the numbers hold only as far as these say. */
    bool ballooned;             /* populated pages changed meanwhile */
    bool paused;                /* the guest didn't run all the time */
    bool late;                  /* a period came over 10% late */

    struct xpc_workset_result workset;
    struct xpc_measure_cost cost;
};

/* The names of the enum values, in messages and in JSON; NULL ends each. */
extern const char *const xpc_measure_status_names[];
extern const char *const xpc_measure_mode_names[];
extern const char *const xpc_time_unit_names[];

void xpc_measurement_init(struct xpc_measurement *m);
/* Frees what m owns and zeroes it. Idempotent. */
void xpc_measurement_dispose(struct xpc_measurement *m);

/*
 * Gives m arrays for nr periods, zeroed, those it had freed. Returns 0, or
 * -1 with errno ENOMEM or EINVAL (more than XPC_PERIODS_MAX).
 */
int xpc_measurement_alloc(struct xpc_measurement *m, size_t nr);

/*
 * Copies the first nr periods of m, and all the rest. *copy_r must be
 * initialised. Returns 0, or -1 with errno ENOMEM and *copy_r unchanged.
 */
int xpc_measurement_copy(const struct xpc_measurement *m, size_t nr,
                         struct xpc_measurement *copy_r);

/*
 * Checks that m makes sense: periods in order, counts within the sample, the
 * sample within the total, no NaN, intervals around their estimates. Returns
 * 0, or -1 with errno EINVAL and one line in err.
 */
int xpc_measurement_check(const struct xpc_measurement *m,
                          char err[XPC_ERR_LEN]);

/*
 * Checks m and works out what is missing from what is there: estimates and
 * intervals from the counts, nominal periods from the real ones, the dirty
 * rate. Returns as xpc_measurement_check() does, or -1 with errno ENOMEM.
 */
int xpc_measurement_complete(struct xpc_measurement *m,
                             char err[XPC_ERR_LEN]);

/*
 * D(t) in pages of the whole guest, from a measurement that is complete:
 * never falling, no point above the populated pages. Returns 0, or -1 with
 * errno EINVAL and one line in err when m has not been measured (status), or
 * at one period only: what is dirty after shorter times, which decides about a
 * migration's last rounds, can't be told from that.
 */
int xpc_measurement_curve(const struct xpc_measurement *m,
                          struct xpc_curve *curve_r, char err[XPC_ERR_LEN]);

/* Calc-time in ns, whatever its unit. */
uint64_t xpc_measurement_calc_ns(const struct xpc_measurement *m);
/* Sets calc_time in seconds where it is whole seconds, else in ms. */
void xpc_measurement_set_calc_ns(struct xpc_measurement *m, uint64_t ns);

/* Pages within a period of t, as MiB/s. */
double xpc_dirty_rate_mib(double pages, uint64_t t_ns);

/*
 * The 95% confidence interval of how many of total have a property that hits
 * of n sampled ones (each equally likely, none twice) have: Wilson's, for a
 * finite population. Without width when all were looked at.
 */
void xpc_interval(uint64_t hits, uint64_t n, uint64_t total, double *low_r,
                  double *high_r);

#endif
