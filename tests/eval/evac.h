/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simulated evacuations: guests that dirty their memory as recorded traces do,
 * links with noise, targets that fail. docs/evacuate.md describes them.
 */
#ifndef EVAC_H
#define EVAC_H

#include <xenprecopy/placement.h>

#include "core/fluid.h"
#include "sim.h"

#define EVAC_GUESTS_MAX 200
#define EVAC_TARGETS_MAX 20

/* ---- what the guests truly write -------------------------------------- */

#define EVAC_PHASES 24
#define EVAC_TIMES 56

/* Distinct pages dirtied in each of some times, from each of some moments. */
struct evac_truth {
    uint32_t total_pages;
    double duration_s;
    double t_s[EVAC_TIMES];
    float pages[EVAC_PHASES][EVAC_TIMES];
};

/* Counts a trace. Returns 0, or -1. */
int evac_truth_init(struct evac_truth *r, const struct sim_trace *t);
/* Between clean_s and now_s, which are times in a trace that repeats. */
double evac_truth_pages(const struct evac_truth *r, double clean_s,
                        double now_s);
/*
 * The same as a curve, of a guest with so many pages per page of the trace. Its
 * total_pages are the caller's.
 */
void evac_truth_curve(const struct evac_truth *r, double clean_s, double scale,
                      struct xpc_curve *c);
/* The lowest of all moments. */
double evac_truth_least(const struct evac_truth *r, double t_s);

/* ---- cases -------------------------------------------------------------- */

struct evac_guest {
    const struct evac_truth *truth;
    double offset_s;                /* the trace's time at the start */
    double scale;                   /* its pages, per page of the trace */
    uint64_t pages, zero_pages;
    uint64_t limit_ns;
    double setup_s, overhead_s;     /* means; actual ones vary */
};

struct evac_case {
    uint64_t seed;
    size_t nr, nr_targets;
    struct evac_guest guests[EVAC_GUESTS_MAX];
    struct xpc_schedule_target targets[EVAC_TARGETS_MAX];
    double link, stream;            /* bytes per second */
    double noise;                   /* of the link, each second */
    double fails_s;                 /* when a target fails; INFINITY: never */
    size_t fails;                   /* which */
    bool skips;                     /* pages that are dirty again are not
                                     * sent */
    bool steady;                    /* the link always has its rate */
    double drag;                    /* all data takes so much longer than is
                                     * known; 1: not */
    double earlier_pace;            /* of an earlier evacuation; 0: unknown */
};

void evac_case_init(struct evac_case *c, uint64_t seed,
                    const struct evac_truth *truths, size_t nr_truths);
/* The same guests and links on another day. */
void evac_case_earlier(struct evac_case *c_r, const struct evac_case *c);
/* The share of the links' rates in a second. */
double evac_share(const struct evac_case *c, uint64_t second);
/*
 * The shortest time in which guests could be moved, if moved[i], and each page
 * that must be is sent once: over the links, or by the slowest guest.
 */
double evac_bound(const struct evac_case *c, const bool *moved);

/* ---- runs --------------------------------------------------------------- */

enum { EVAC_OURS, EVAC_ONE, EVAC_TEN, EVAC_ALL, EVAC_POLICIES };

/* Without a pace, with the one learned, and with an earlier one before it. */
enum { EVAC_PLAIN, EVAC_PACED, EVAC_EARLIER, EVAC_PACES };

/* A forecast of the end. */
struct evac_forecast {
    double at_s, end_s[EVAC_PACES];
};

/* Before the first, after one, a quarter and a half of the guests. */
enum { EVAC_BEFORE, EVAC_FIRST, EVAC_QUARTER, EVAC_HALF, EVAC_FORECASTS };

struct evac_result {
    double makespan_s;
    size_t moved, over, left, aborts;
    bool is_moved[EVAC_GUESTS_MAX];
    /* Of ours. */
    struct evac_forecast forecasts[EVAC_FORECASTS];
    double pace;                    /* to be kept; 0: too little was seen */
};

/* Returns 0, or -1: out of memory. */
int evac_run(struct evac_result *r, const struct evac_case *c, int policy);

#endif
