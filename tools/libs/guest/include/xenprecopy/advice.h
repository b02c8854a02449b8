/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would have to change for a migration to fit, found by asking the
 * simulation: nothing here knows a formula of its own, so what is advised
 * converges in the same simulation, and a little less does not.
 */
#ifndef XENPRECOPY_ADVICE_H
#define XENPRECOPY_ADVICE_H

#include <xenprecopy/predict.h>

/* "A little less" of a bandwidth or a CPU share is this much less. */
#define XPC_ADVICE_STEP 0.001
/* A guest can't be throttled below this share of its CPU time. */
#define XPC_ADVICE_SHARE_MIN 0.01

enum xpc_obstacle {
    XPC_OBSTACLE_NONE,          /* it fits */
    XPC_OBSTACLE_SWITCHOVER,    /* the switchover alone is over the limit */
    XPC_OBSTACLE_DURATION,      /* there is no time for it */
    XPC_OBSTACLE_DIRTYING,      /* the guest dirties too fast */
    XPC_OBSTACLE_ITERATIONS,    /* too few are allowed */
};

/*
 * All of it is for the downtime limit of params.rule, taken strictly: no
 * maximum downtime over it, abort at a timeout.
 */
struct xpc_advice {
    struct xpc_forecast as_asked;
    enum xpc_obstacle obstacle;
    uint64_t least_downtime_ns;     /* reachable at this bandwidth;
                                     * UINT64_MAX: none */
    uint64_t least_bandwidth_bytes_per_s;   /* for this limit; 0: none is
                                     * enough */
    double cpu_share;               /* the most of its CPU time that the
                                     * guest may have; 1: all, 0: none is
                                     * little enough */
    uint64_t least_total_time_ns;   /* with least_downtime_ns as the limit */
    /*
     * What to ask of the policy: the limit if it can be met, else the least
     * that the high curve reaches and a tenth more; time for the high curve
     * and a quarter more. downtime_ns 0: nothing under a day can be met.
     */
    struct xpc_params params;
};

/* Room for a sentence or a line of options. */
#define XPC_ADVICE_LEN 512

/* From the state *s, which is usually xpc_predict_start()'s. */
void xpc_advise(struct xpc_advice *a, const struct xpc_curve *c,
                const struct xpc_predict_params *p,
                const struct xpc_predict_state *s);

/* One sentence: does it fit, if not why, and what would do. Returns buf. */
const char *xpc_advice_text(const struct xpc_advice *a,
                            const struct xpc_predict_params *p,
                            char buf[XPC_ADVICE_LEN]);

/* The line of --precopy-… options for params, "" for none. Returns buf. */
const char *xpc_advice_options(const struct xpc_params *params,
                               char buf[XPC_ADVICE_LEN]);

#endif
