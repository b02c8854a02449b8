/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would have to change for a migration to be within its limit. All values
 * are found by running the simulation of xenprecopy/predict.h, so what is
 * advised converges in that simulation, and slightly less does not.
 */
#ifndef XENPRECOPY_ADVICE_H
#define XENPRECOPY_ADVICE_H

#include <xenprecopy/predict_any.h>

/* "Slightly less" of a bandwidth or a CPU share is this share less. */
#define XPC_ADVICE_STEP 0.001
/* A guest can't be throttled below this share of its CPU time. */
#define XPC_ADVICE_SHARE_MIN 0.01

enum xpc_obstacle {
    XPC_OBSTACLE_NONE,          /* it fits */
    XPC_OBSTACLE_SWITCHOVER,    /* the switchover alone is over the limit */
    XPC_OBSTACLE_DURATION,      /* the duration is too short */
    XPC_OBSTACLE_DIRTYING,      /* the guest dirties too fast */
    XPC_OBSTACLE_ITERATIONS,    /* too few iterations are allowed */
};

/*
 * For the downtime limit of the prediction's rule, taken strictly: no maximum
 * downtime above it, abort on timeout.
 */
struct xpc_advice {
    struct xpc_forecast as_asked;
    enum xpc_obstacle obstacle;
    uint64_t least_downtime_ns;     /* that the bandwidth allows;
                                     * UINT64_MAX: none */
    uint64_t least_bandwidth_bytes_per_s;   /* for this limit; 0: none is
                                     * enough */
    double cpu_share;               /* the highest share of its CPU time that
                                     * the guest may have; 1: all; 0: no share
                                     * is small enough */
    uint64_t least_total_time_ns;   /* with least_downtime_ns as the limit */
    /*
     * Parameters to use. Downtime: the limit if it can be met, else the lowest
     * of the high curve plus a tenth. Duration: that of the high curve plus a
     * quarter. downtime_ns 0: no limit below a day can be met.
     */
    struct xpc_params params;
};

/* Room for a sentence or a line of options. */
#define XPC_ADVICE_LEN 512

/* Fills in *a, starting from state *s, usually that of xpc_predict_start(). */
void xpc_advise(struct xpc_advice *a, const struct xpc_curve *c,
                const struct xpc_predict_params *p,
                const struct xpc_predict_state *s);

/* One sentence: does it fit, if not why, and what would help. Returns buf. */
const char *xpc_advice_text(const struct xpc_advice *a,
                            const struct xpc_predict_params *p,
                            char buf[XPC_ADVICE_LEN]);

/* The --precopy-... options for params, "" if there are none. Returns buf. */
const char *xpc_advice_options(const struct xpc_params *params,
                               char buf[XPC_ADVICE_LEN]);

#endif
