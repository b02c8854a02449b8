/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy: decides what to do at the end of an iteration, when its pages
 * have been sent.
 *
 * It records what it observes, predicts the downtime if the guest were
 * suspended now (xenprecopy/predict.h), and applies the stopping rule
 * (xenprecopy/rule.h). It is pure: the caller passes the time.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <xenprecopy/predict.h>
#include <xenprecopy/xenprecopy.h>

#include "core/learn.h"
#include "core/link.h"
#include "core/lulls.h"

/* The state of the policy during one migration. Owns no memory. */
struct xpc_engine {
    struct xpc_params params;
    uint64_t total_pages;
    struct xpc_predict_params predict;  /* with the learned bandwidth */
    struct xpc_rule_state state;
    struct xpc_learn learn;         /* D(t) of this guest */
    struct xpc_lull_watch lulls;    /* and its regular phases */
    struct xpc_working_set working_set;
    uint64_t unsteady_ns;           /* until then, the guest was not steady */
    uint64_t start_ns;
    bool skip_ended;                /* xpc_engine_end_skipping() */
    uint64_t last_ns;               /* end of the last iteration */
    uint64_t since_clean_ns;        /* then, since the bitmap was cleaned, in
                                     * the guest's time: with half of its CPU
                                     * time, half of the time */
    unsigned int cpu_percent;       /* that the guest got until then */
    /* Of the pages that were left out: those expected, and those that were. */
    double skip_expected, skip_actual;
    double sending_pages;           /* those that the last iteration had to
                                     * send, ... */
    uint64_t sending_window_ns;     /* ... dirtied in so long; 0: unknown */
    bool slow_failed;               /* see struct xpc_slow */
    bool slow_ended;                /* xpc_engine_end_slowing() */
    struct xpc_link link;
    uint64_t first_zero_pages;      /* in the first copy */
    uint64_t besides_ns;            /* time of an iteration not spent on
                                     * sending */
    uint64_t bitmap_ns;             /* time to read and search the dirty
                                     * bitmap; 0: not measured yet */
    uint64_t suspend_delay_ns;      /* from a decision to the suspend of the
                                     * guest; set after xpc_engine_init() */
};

/* params must have passed xpc_params_check(). */
void xpc_engine_init(struct xpc_engine *e, const struct xpc_params *params,
                     uint64_t total_pages, uint64_t now_ns);

/*
 * Replaces the parameters, starting with the next decision. The clock and what
 * was learned are kept. params must have passed xpc_engine_check_change().
 */
void xpc_engine_change(struct xpc_engine *e,
                       const struct xpc_params *params);
/*
 * Pages that are dirty again are sent from now on, whatever the parameters ask
 * for, because they could not be left out.
 */
void xpc_engine_end_skipping(struct xpc_engine *e);
/* The same for slowing the guest down. */
void xpc_engine_end_slowing(struct xpc_engine *e);
/*
 * Decides what to do at the end of an iteration. Fills in *it_r, including the
 * decision, and returns its action, an enum xpc_action.
 */
int xpc_engine_decide(struct xpc_engine *e, const struct xpc_observation *o,
                      struct xpc_iteration *it_r);

/* Has the guest shown its whole working set? */
bool xpc_engine_converged(const struct xpc_working_set *w);

/*
 * Nothing was sent on purpose from the decision until now: the time is neither
 * the link's nor the guest's.
 */
void xpc_engine_waited(struct xpc_engine *e, uint64_t now_ns);

/*
 * Stock Xen's rule, for both of its calls in each iteration. dirty_pages -1:
 * unknown. Of the parameters, iterations and threshold are used; 0 means
 * stock's. Returns an enum xpc_action.
 */
int xpc_stock_decide(const struct xpc_params *p, unsigned int iteration,
                     long dirty_pages);

#endif
