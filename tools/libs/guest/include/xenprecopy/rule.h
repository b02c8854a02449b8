/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When to stop copying: the one rule, asked by the live policy with what it
 * measured and by the prediction with what it computed.
 */
#ifndef XENPRECOPY_RULE_H
#define XENPRECOPY_RULE_H

#include <xenprecopy/xenprecopy.h>

/* A downtime limit that everything is within. */
#define XPC_NO_LIMIT UINT64_MAX

/* What was asked for. Plain data; nothing is owned. */
struct xpc_rule {
    uint64_t downtime_ns;       /* stop when predicted to be within it */
    uint64_t max_downtime_ns;   /* never suspend above it */
    enum xpc_on_timeout on_timeout;
    uint64_t duration_ns;       /* no iteration that ends later; 0: no limit */
    uint64_t iterations;        /* at most; 0: no limit */
    uint64_t min_iterations;    /* no stop before so many are finished */
    uint64_t threshold_pages;   /* under it copying on is pointless */
    /*
     * Within the limit, it goes on when that is predicted to reach at most
     * this share of the downtime and there is time. 0: never.
     */
    double gain;
    /* An iteration helps if it leaves under this share of the best before... */
    double shrinking;
    /* ... and so many in a row that do not are a stall. */
    unsigned int stall_iterations;
};

/* Where a migration stands at the end of an iteration. */
struct xpc_rule_state {
    uint64_t elapsed_ns;        /* since the start of precopy */
    uint64_t iterations;        /* finished */
    double dirty_pages;         /* to be sent next, or by stop-and-copy */
    uint64_t downtime_ns;       /* predicted, if suspended now */
    uint64_t next_ns;           /* how long the next iteration takes */
    uint64_t later_downtime_ns; /* the least that going on is predicted to
                                 * reach; UINT64_MAX: unknown */
    /* Kept by xpc_rule_watch(). */
    double best_dirty_pages;    /* least at an iteration's end; 0: none yet */
    unsigned int stalled;       /* iterations since it got better */
};

/*
 * A rule for a downtime limit and nothing else: after one iteration or more,
 * until three in a row each leave over 99.9% of the best.
 */
void xpc_rule_init(struct xpc_rule *r, uint64_t downtime_ns);

/* The rule that parameters (not of the stock policy) ask for. */
void xpc_rule_from_params(struct xpc_rule *r, const struct xpc_params *p);

/* An iteration left s->dirty_pages: did it help? Once an iteration. */
void xpc_rule_watch(const struct xpc_rule *r, struct xpc_rule_state *s);

/* What to do now, and why. */
enum xpc_action xpc_rule_decide(const struct xpc_rule *r,
                                const struct xpc_rule_state *s,
                                enum xpc_reason *reason_r);

#endif
