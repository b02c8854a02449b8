/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrations replayed on dirty traces. docs/evaluation.md says what is
 * simulated and how it is judged.
 *
 * What a policy does not change is computed once: a path is the sequence of
 * iterations that precopy would take if it never ended, with what a policy
 * sees at the end of each, and, apart from it, what a suspend there would
 * truly cost.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/policy.h"

/* ---- pseudo-random numbers ------------------------------------------- */

struct sim_rng {
    uint64_t s;
};

struct sim_rng sim_rng(uint64_t seed);
uint64_t sim_hash(const char *text, uint64_t seed);
uint64_t sim_random(struct sim_rng *r);
double sim_uniform(struct sim_rng *r);              /* [0, 1) */
double sim_normal(struct sim_rng *r);
/* mean * exp(sigma * normal), with that mean. */
double sim_lognormal(struct sim_rng *r, double mean, double sigma);

/* ---- traces ---------------------------------------------------------- */

/*
 * Interval i has pages[first[i]] to pages[first[i + 1] - 1], in the order in
 * which they are taken to be written, spread evenly over the interval.
 */
struct sim_trace {
    char name[64];
    bool tuned;
    uint32_t total_pages;
    size_t nr_intervals;
    uint64_t *end_ns;
    size_t *first;
    uint32_t *pages;
    uint64_t duration_ns;
};

/* Reads a file. Returns 0, or -1 with one line in err. */
int sim_trace_load(struct sim_trace *t, const char *path, char *err,
                   size_t len);
/* Adds an interval; the pages may repeat. Returns 0, or -1. */
int sim_trace_add(struct sim_trace *t, uint64_t end_ns,
                  const uint32_t *pages, size_t nr);
/*
 * Puts the pages of each interval into a random order, those that are dirty
 * in most intervals several times. Returns 0, or -1.
 */
int sim_trace_refine(struct sim_trace *t);
void sim_trace_free(struct sim_trace *t);

/* The synthetic writers: name of the i-th, or NULL. */
const char *sim_synth_name(size_t i);
int sim_synth(struct sim_trace *t, const char *name);

/* Distinct pages dirtied since a point in time; a trace repeats for ever. */
struct sim_walker {
    const struct sim_trace *t;
    uint32_t *stamps;           /* a page: the epoch in which last counted */
    uint32_t epoch;
    uint64_t lap_ns;            /* start of the repetition under way */
    size_t interval, next;      /* the next event */
    uint64_t count;
    /* Of those counted: dirty in the epoch before, too; in none. */
    uint64_t again, fresh;
    uint64_t all;               /* in any epoch */
    const struct sim_walker *past;  /* pages counted there don't count */
};

int sim_walker_init(struct sim_walker *w, const struct sim_trace *t);
void sim_walker_free(struct sim_walker *w);
/* Clean at ns, which must not be before the last call's. */
void sim_walker_clean(struct sim_walker *w, uint64_t ns);
/* Distinct pages dirtied in (the clean, ns]. */
uint64_t sim_walker_count(struct sim_walker *w, uint64_t ns);
/*
 * What sim_walker_count(w, ns) would say, but w stays where it is. ahead is
 * another walker of the same trace.
 */
uint64_t sim_walker_peek(struct sim_walker *ahead, const struct sim_walker *w,
                         uint64_t ns);

/* ---- the link and the target ----------------------------------------- */

#define SIM_SLOT_NS UINT64_C(50000000)

/* What a link gives in slots of SIM_SLOT_NS; it repeats after the last. */
struct sim_link {
    double bytes_per_s;         /* nominal */
    size_t nr;
    double *share;              /* of the nominal, a slot */
};

int sim_link_init(struct sim_link *l, double bytes_per_s, uint64_t seed);
void sim_link_free(struct sim_link *l);
/* When bytes that are sent from ns on have left. */
uint64_t sim_link_send(const struct sim_link *l, uint64_t ns, double bytes);

/* A target's switchover: the means around which a migration's are drawn. */
struct sim_target {
    double overhead_ns;
    double suspend_ns;          /* the guest still runs so long */
    double extra_pages;         /* dirtied by the suspend itself */
    double sigma;               /* of the logarithms */
};

/* ---- paths ----------------------------------------------------------- */

#define SIM_SAMPLES 32
#define SIM_STEPS_MAX 16384
/* Reading and cleaning the bitmap, and the records around the pages. */
#define SIM_ITERATION_NS UINT64_C(2000000)

/* What a policy may see at an iteration's end; times since the start. */
struct sim_seen {
    uint64_t start_ns, end_ns;
    uint64_t since_clean_ns;
    uint64_t pages_sent, bytes_sent;
    uint64_t dirty_pages;
    struct {
        uint64_t t_ns, pages;
    } samples[SIM_SAMPLES];
    size_t nr_samples;
    /* Of the pages that this iteration sent, as of all bitmaps till then. */
    struct xpc_working_set working_set;
};

/* What it would be to suspend there. */
struct sim_truth {
    uint64_t suspend_ns, final_pages, overhead_ns, downtime_ns;
    uint64_t total_ns;          /* start of the migration to guest running */
};

struct sim_path {
    uint32_t total_pages;
    size_t nr, max;
    struct sim_seen *seen;
    struct sim_truth *truth;
};

/*
 * The path from start_ns of the trace on: all iterations that end within
 * length_ns, and one more, at least least_steps in all.
 */
int sim_path_init(struct sim_path *p, const struct sim_trace *t,
                  uint64_t start_ns, const struct sim_link *l,
                  const struct sim_target *target, uint64_t length_ns,
                  size_t least_steps, uint64_t seed);
void sim_path_free(struct sim_path *p);

/* ---- policies -------------------------------------------------------- */

/* What earlier migrations to a target have taught: means and deviations. */
struct sim_prior {
    double overhead_ns, overhead_sd_ns, suspend_pages, suspend_pages_sd;
};

/* What a policy is asked for, and what it knows beforehand. */
struct sim_case {
    uint64_t limit_ns, duration_ns;
    uint64_t given_bytes_per_s; /* stated by the user, or 0 */
    struct sim_prior prior;
    uint32_t total_pages;
};

struct sim_prior sim_learn(const struct sim_target *t, struct sim_rng *r);

enum sim_outcome { SIM_SUSPENDED, SIM_ABORTED };

struct sim_result {
    enum sim_outcome outcome;
    size_t step;                /* where it was decided */
    uint64_t predicted_ns;      /* of the downtime; 0: it makes none */
    bool refused;               /* aborted before the first copy */
    uint64_t aborted_ns;        /* when it aborted, since the start */
};

struct sim_state {
    struct xpc_params params;
    struct xpc_engine engine;
    struct xpc_iteration last;
    unsigned int iterations;
};

struct sim_policy {
    const char *name;
    /* Returns 0, or -1: it refuses before anything is sent. */
    int (*begin)(struct sim_state *s, const struct sim_case *c);
    /* An enum xpc_action; fills *predicted_ns_r when it suspends. */
    int (*decide)(struct sim_state *s, const struct sim_case *c,
                  const struct sim_seen *seen, uint64_t *predicted_ns_r);
    /* It stops at the duration's end wherever it is, by an abort. */
    bool deadline;
};

int sim_ours_begin(struct sim_state *s, const struct sim_case *c);
int sim_ours_decide(struct sim_state *s, const struct sim_case *c,
                    const struct sim_seen *seen, uint64_t *predicted_ns_r);

enum { SIM_OURS, SIM_STOCK, SIM_FITS_NOW, SIM_ORACLE, SIM_POLICIES };
extern const struct sim_policy sim_policies[SIM_POLICIES];

/* Runs a policy over a path. verbose: prints each step. */
struct sim_result sim_run(const struct sim_policy *policy,
                          const struct sim_case *c,
                          const struct sim_path *p, bool verbose);
/* The least true downtime within the duration; aborts if over the limit. */
struct sim_result sim_oracle(const struct sim_case *c,
                             const struct sim_path *p);

/* ---- judging --------------------------------------------------------- */

/* One migration of one policy. Ratios and errors < 0: there is none. */
struct sim_score {
    bool suspended, over, feasible, needless, clearly_needless, refused;
    double downtime_ratio, total_ratio;     /* to the oracle's */
    double downtime_error, total_error;     /* |predicted - actual|/actual */
    double over_factor;                     /* downtime / limit */
    double vain;            /* of the duration, till a justified abort */
};

struct sim_score sim_judge(const struct sim_case *c,
                           const struct sim_path *p,
                           const struct sim_result *r,
                           const struct sim_result *oracle);

/* The scores of a policy on a split, added up. */
struct sim_values {
    double *v;
    size_t nr, max;
};
struct sim_sum {
    uint64_t migrations, suspended, over, feasible, needless,
             clearly_needless, refused;
    struct sim_values downtime_ratio, total_ratio, downtime_error,
                      total_error, vain;
};

int sim_sum_add(struct sim_sum *s, const struct sim_score *score);
void sim_sum_free(struct sim_sum *s);
/* Leaves out values below 0. Returns 0, or -1 with errno ENOMEM. */
int sim_values_add(struct sim_values *v, double x);
/* p in [0, 1]; NAN when there are none. Sorts. */
double sim_quantile(struct sim_values *v, double p);

#endif
