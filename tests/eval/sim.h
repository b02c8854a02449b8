/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrations replayed on dirty traces. docs/evaluation.md says what is
 * simulated and how it is judged.
 *
 * What does not depend on the policy is computed once. A path is the sequence
 * of iterations that precopy would take if it never ended, with what a policy
 * sees at the end of each, and separately the true cost of a suspend there.
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
 * Interval i has pages[first[i]] to pages[first[i + 1] - 1]. They are assumed
 * to be written in this order, evenly spread over the interval.
 */
struct sim_trace {
    char name[64];
    bool tuned, phased;         /* which split; a writer with regular phases */
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
 * Puts the pages of each interval into a random order, and repeats those that
 * are dirty in most intervals. Returns 0 or -1.
 */
int sim_trace_refine(struct sim_trace *t);
void sim_trace_free(struct sim_trace *t);

/* The synthetic writers. Returns the name of the i-th, or NULL. */
const char *sim_synth_name(size_t i);
int sim_synth(struct sim_trace *t, const char *name);

/* Counts distinct pages dirtied since a time. A trace repeats for ever. */
struct sim_walker {
    const struct sim_trace *t;
    uint32_t *stamps;           /* by page: the epoch in which it was counted */
    uint32_t epoch;
    uint64_t lap_ns;            /* start of the current repetition */
    size_t interval, next;      /* the next event */
    uint64_t count;
    /* Of those counted: also dirty in the epoch before; in none before. */
    uint64_t again, fresh;
    uint64_t all;               /* in any epoch */
    uint32_t *counted;          /* the pages counted, or NULL */
    const struct sim_walker *past;  /* pages counted there are skipped */
};

int sim_walker_init(struct sim_walker *w, const struct sim_trace *t);
/* Keeps the pages that are counted, too. Returns 0 or -1. */
int sim_walker_keep(struct sim_walker *w);
void sim_walker_free(struct sim_walker *w);
/* Cleans at ns, not before the time of the last call. */
void sim_walker_clean(struct sim_walker *w, uint64_t ns);
/* Returns the distinct pages dirtied after the clean, up to ns. */
uint64_t sim_walker_count(struct sim_walker *w, uint64_t ns);
/*
 * Returns what sim_walker_count(w, ns) would, without changing w. ahead is
 * another walker of the same trace.
 */
uint64_t sim_walker_peek(struct sim_walker *ahead, const struct sim_walker *w,
                         uint64_t ns);

/* ---- the link and the target ----------------------------------------- */

#define SIM_SLOT_NS UINT64_C(50000000)

/* The rate of a link in slots of SIM_SLOT_NS, repeated after the last. */
struct sim_link {
    double bytes_per_s;         /* nominal */
    size_t nr;
    double *share;              /* of the nominal rate, by slot */
};

int sim_link_init(struct sim_link *l, double bytes_per_s, uint64_t seed);
void sim_link_free(struct sim_link *l);
/* Returns when bytes that are sent from ns on have left. */
uint64_t sim_link_send(const struct sim_link *l, uint64_t ns, double bytes);

/* The switchover to a target: the means of the values of migrations. */
struct sim_target {
    double overhead_ns;
    double suspend_ns;          /* for which the guest still runs */
    double extra_pages;         /* dirtied by the suspend itself */
    double sigma;               /* of the logarithms */
};

/* ---- the guest's time ------------------------------------------------ */

/* The time in the trace, which stands still while the guest is paused. */
struct sim_clock {
    uint64_t real_ns, trace_ns; /* at the last change */
    double share;               /* of its CPU time that the guest gets */
};

uint64_t sim_clock_trace(const struct sim_clock *c, uint64_t real_ns);
void sim_clock_pause(struct sim_clock *c, uint64_t real_ns, uint64_t ns);
void sim_clock_share(struct sim_clock *c, uint64_t real_ns, double share);

/* QEMU's auto-converge. All 0 initially. */
struct sim_throttle {
    uint64_t last_ns, dirty_bytes, sent_bytes;  /* since the last check */
    unsigned int high;          /* checks at which too much was dirty */
    unsigned int percent;       /* taken from the guest */
};

/* At the end of an iteration; returns the share that the guest keeps. */
double sim_throttle(struct sim_throttle *t, uint64_t now_ns,
                    uint64_t dirty_bytes, uint64_t sent_bytes);

/* ---- paths ----------------------------------------------------------- */

/* What is done besides copying. */
enum sim_lever {
    SIM_PLAIN,                  /* nothing */
    SIM_SKIP,                   /* pages that are dirty again are left out */
    SIM_THROTTLE,               /* the guest is slowed down as QEMU does */
    /* Like SIM_SKIP, and the guest gets so much of its CPU time. */
    SIM_SHARE_80, SIM_SHARE_60,
    SIM_LEVERS
};

/* The share of its CPU time that the guest gets at first. */
double sim_lever_share(enum sim_lever lever);

#define SIM_SAMPLES 32
#define SIM_STEPS_MAX 16384
/* Reading and cleaning the bitmap, and the records around the pages. */
#define SIM_ITERATION_NS UINT64_C(2000000)

/* What a policy sees at the end of an iteration; times since the start. */
struct sim_seen {
    uint64_t start_ns, end_ns;
    uint64_t since_clean_ns;
    uint64_t pages_sent, bytes_sent;
    uint64_t skipped_pages;     /* were dirty again */
    uint64_t dirty_pages;
    unsigned int cpu_percent;   /* of its CPU time, that the guest got */
    struct {
        uint64_t t_ns, pages;
    } samples[SIM_SAMPLES];
    size_t nr_samples;
    /* Of the pages sent in this iteration, compared with earlier bitmaps. */
    struct xpc_working_set working_set;
};

/* The result of suspending there. */
struct sim_truth {
    uint64_t suspend_ns, final_pages, overhead_ns, downtime_ns;
    uint64_t total_ns;          /* start of the migration to guest running */
    uint64_t sent_pages;        /* in all, the final ones included */
    uint64_t lost_ns;           /* of the guest's time, until the suspend */
};

struct sim_path {
    uint32_t total_pages;
    size_t nr, max;
    struct sim_seen *seen;
    struct sim_truth *truth;
};

/* A migration to replay, from start_ns of the trace on. */
struct sim_start {
    const struct sim_trace *trace;
    uint64_t start_ns;
    const struct sim_link *link;
    const struct sim_target *target;
    enum sim_lever lever;
    uint64_t seed;
};

/*
 * Initialises the path: the iterations that end within length_ns and one more,
 * and at least least_steps.
 */
int sim_path_init(struct sim_path *p, const struct sim_start *s,
                  uint64_t length_ns, size_t least_steps);
void sim_path_free(struct sim_path *p);

/* The same, one iteration after the other. Returns NULL or a replay. */
struct sim_replay;
struct sim_replay *sim_replay_start(const struct sim_start *s);
void sim_replay_free(struct sim_replay *r);
/* Appends the next iteration to the path. Returns 0 or -1. */
int sim_replay_next(struct sim_replay *r, struct sim_path *p);
/* From now on, the guest gets this share of its CPU time. */
void sim_replay_slow(struct sim_replay *r, double share);

/* ---- policies -------------------------------------------------------- */

/* Learned from earlier migrations to a target: means and deviations. */
struct sim_prior {
    double overhead_ns, overhead_sd_ns, suspend_pages, suspend_pages_sd;
};

/* The request to a policy, and what it knows beforehand. */
struct sim_case {
    uint64_t limit_ns, duration_ns;
    enum xpc_on_timeout on_timeout;     /* SUSPEND: however long it takes */
    uint64_t given_bytes_per_s; /* stated by the user, or 0 */
    uint64_t confidence_percent;        /* 0: the default */
    struct sim_prior prior;
    uint32_t total_pages;
};

struct sim_prior sim_learn(const struct sim_target *t, struct sim_rng *r);

enum sim_outcome { SIM_SUSPENDED, SIM_ABORTED };

struct sim_result {
    const struct sim_path *path;        /* on which it was decided */
    enum sim_outcome outcome;
    size_t step;                /* of the decision */
    bool slowed;                /* the guest was slowed down */
    uint64_t predicted_ns;      /* downtime; 0: no prediction */
    bool refused;               /* aborted before the first copy */
    uint64_t aborted_ns;        /* when it aborted, since the start */
};

struct sim_state {
    struct xpc_params params;
    struct xpc_engine engine;
    struct xpc_iteration last;
    enum xpc_skip_dirty skip_dirty;
    enum xpc_lulls lulls;
    unsigned int slow_down_percent;
    unsigned int iterations;
    /* KubeVirt's rule. */
    size_t stall_step;          /* where the stall began */
    uint64_t stall_ns, patience_ns;     /* waiting since, and for how long */
    uint64_t best_pages;        /* to be reached again; 0: no stall */
};

struct sim_policy {
    const char *name;
    enum sim_lever lever;
    /* Returns 0, or -1 to refuse before anything is sent. */
    int (*begin)(struct sim_state *s, const struct sim_case *c);
    /*
     * Returns an enum xpc_action. Sets *predicted_ns_r if it suspends. seen[-1]
     * and so on are the iterations before.
     */
    int (*decide)(struct sim_state *s, const struct sim_case *c,
                  const struct sim_seen *seen, uint64_t *predicted_ns_r);
    /* Aborts when the duration ends, also within an iteration. */
    bool deadline;
};

int sim_ours_begin(struct sim_state *s, const struct sim_case *c);
int sim_slow_begin(struct sim_state *s, const struct sim_case *c);
int sim_plain_begin(struct sim_state *s, const struct sim_case *c);
int sim_ours_decide(struct sim_state *s, const struct sim_case *c,
                    const struct sim_seen *seen, uint64_t *predicted_ns_r);

enum { SIM_OURS, SIM_OURS_PLAIN, SIM_OURS_SLOW_DOWN, SIM_STOCK, SIM_FITS_NOW,
       SIM_LOCAL_MINIMUM, SIM_AUTO_CONVERGE, SIM_ORACLE, SIM_ORACLE_LEVERS,
       SIM_ORACLE_SLOW_DOWN, SIM_POLICIES };
extern const struct sim_policy sim_policies[SIM_POLICIES];

/* Runs a policy over a path. verbose: prints each step. */
struct sim_result sim_run(const struct sim_policy *policy,
                          const struct sim_case *c,
                          const struct sim_path *p, bool verbose);
/*
 * The same with a policy that may slow the guest down. As long as it does not,
 * the path is p, that of start. Then it is *own, which the caller frees, also
 * after an error. Returns 0 or -1.
 */
int sim_run_slow(struct sim_result *r, const struct sim_policy *policy,
                 const struct sim_case *c, const struct sim_start *start,
                 const struct sim_path *p, struct sim_path *own,
                 bool verbose);
/* Suspends with the least true downtime; aborts if above the limit. */
struct sim_result sim_oracle(const struct sim_case *c,
                             const struct sim_path *p);
/*
 * The same, on the path among those of all levers on which the guest is slowed
 * down the least, with pages left out.
 */
struct sim_result sim_oracle_slow(const struct sim_case *c,
                                  const struct sim_path p[SIM_LEVERS]);

/* ---- judging --------------------------------------------------------- */

/* A migration with a policy. Ratios and errors < 0: there is none. */
struct sim_score {
    bool suspended, over, feasible, needless, clearly_needless, refused;
    double downtime_ratio, total_ratio;     /* relative to the oracle */
    double downtime_error, total_error;     /* |predicted - actual|/actual */
    /* The same of its two parts, each divided by the whole downtime. */
    double pages_error, overhead_error;
    double over_factor;                     /* downtime / limit */
    double vain;            /* share of the duration until a justified abort */
    /* Compared with plain copying in the same case. */
    bool infeasible_plain, completed;   /* the latter: nevertheless */
    double pages_ratio;     /* sent, if both were within the limit */
    double forced_ratio;    /* of the downtimes, if both were over it */
    double lost_s;          /* of the guest's time */
    /* Of the cases in which SIM_OURS_SLOW_DOWN slows the guest down. */
    bool slowed, slowed_kept;   /* one of them; within the limit */
    double slowed_lost_s;
};

struct sim_score sim_judge(const struct sim_case *c,
                           const struct sim_result *r,
                           const struct sim_result *oracle);

/* What is done in the same case with plain copying, and otherwise. */
struct sim_others {
    struct sim_result plain_oracle, plain, plain_forced;
    bool slowed;                /* SIM_OURS_SLOW_DOWN slows the guest down */
};

/*
 * Sets the members of *s that compare. forced: with XPC_ON_TIMEOUT_SUSPEND, or
 * NULL.
 */
void sim_compare(struct sim_score *s, const struct sim_case *c,
                 const struct sim_result *r, const struct sim_result *forced,
                 const struct sim_others *others);

/* The sums of the scores of a policy on a split. */
struct sim_values {
    double *v;
    size_t nr, max;
};
struct sim_sum {
    uint64_t migrations, suspended, over, feasible, needless,
             clearly_needless, refused, infeasible_plain, completed,
             slowed, slowed_kept;
    struct sim_values downtime_ratio, total_ratio, downtime_error,
                      total_error, pages_error, overhead_error, vain,
                      pages_ratio, forced_ratio, lost_s,
                      slowed_lost_s;
};

int sim_sum_add(struct sim_sum *s, const struct sim_score *score);
void sim_sum_free(struct sim_sum *s);
/* Ignores values below 0. Returns 0, or -1 with errno ENOMEM. */
int sim_values_add(struct sim_values *v, double x);
/* p in [0, 1]. Sorts the values. Returns NAN if there are none. */
double sim_quantile(struct sim_values *v, double p);

#endif
