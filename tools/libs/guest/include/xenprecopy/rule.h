/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rule that says when to stop copying. The live policy applies it to what
 * it measured, the prediction to what it computed. Pure.
 */
#ifndef XENPRECOPY_RULE_H
#define XENPRECOPY_RULE_H

#include <xenprecopy/xenprecopy.h>

/* A downtime limit that is always met. */
#define XPC_NO_LIMIT UINT64_MAX

/* What was asked for. */
struct xpc_rule {
    uint64_t downtime_ns;       /* stop if the prediction is within it */
    uint64_t max_downtime_ns;   /* never suspend above it */
    enum xpc_on_timeout on_timeout;
    uint64_t duration_ns;       /* no iteration may end later; 0: no limit */
    uint64_t iterations;        /* at most; 0: no limit */
    uint64_t min_iterations;    /* do not stop before so many are finished */
    uint64_t threshold_pages;   /* stop below it */
    /*
     * Within the limit, continue if that is predicted to reduce the downtime
     * to this share or less, and there is time. 0: never continue.
     */
    double gain;
    /* An iteration helps if it leaves less than this share of the best... */
    double shrinking;
    /* ... and this many in a row that do not help are a stall. */
    unsigned int stall_iterations;
};

/* The state of a migration at the end of an iteration. */
struct xpc_rule_state {
    uint64_t elapsed_ns;        /* since the start of precopy */
    uint64_t iterations;        /* finished */
    double dirty_pages;         /* to send next, or in stop-and-copy */
    uint64_t downtime_ns;       /* predicted, if suspended now */
    uint64_t next_ns;           /* how long the next iteration takes */
    uint64_t later_downtime_ns; /* lowest that is predicted for continuing;
                                 * UINT64_MAX: unknown */
    /* Updated by xpc_rule_watch(). */
    double best_dirty_pages;    /* lowest at the end of any iteration; 0: none
                                 * yet */
    unsigned int stalled;       /* iterations since the last that helped */
};

/*
 * A rule with a downtime limit only. It stops after at least one iteration, and
 * gives up when three in a row each leave more than 99.9% of the best.
 */
void xpc_rule_init(struct xpc_rule *r, uint64_t downtime_ns);

/* The rule for parameters, which must not have the stock policy. */
void xpc_rule_from_params(struct xpc_rule *r, const struct xpc_params *p);

/*
 * Records whether the iteration that left s->dirty_pages helped. To be called
 * once for each iteration.
 */
void xpc_rule_watch(const struct xpc_rule *r, struct xpc_rule_state *s);

/* Returns what to do, and the reason in *reason_r. */
enum xpc_action xpc_rule_decide(const struct xpc_rule *r,
                                const struct xpc_rule_state *s,
                                enum xpc_reason *reason_r);

#endif
