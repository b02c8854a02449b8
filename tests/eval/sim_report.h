/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The output of evaluate. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim.h"

/* One migration, which can be run again by its number. */
struct run {
    uint64_t number;            /* from 1 */
    double bandwidth;
    struct sim_start start;     /* with SIM_SKIP */
    struct sim_case c;
};

/* Held out and tuned, and the same of the writers with regular phases. */
#define REPORT_SPLITS 4
#define REPORT_WORST 10

enum report_worst { WORST_NONE, WORST_OVER, WORST_ABORT, WORST_DOWNTIME,
                    WORST_TOTAL, WORST_ERROR };

/* A migration to be shown step by step. */
struct report_case {
    double badness;
    uint64_t number;
};

struct report {
    struct sim_sum sums[REPORT_SPLITS][SIM_POLICIES];
    uint64_t migrations;
    bool by_trace;
    enum report_worst worst;
    struct report_case cases[REPORT_WORST]; /* the worst first */
    size_t nr_cases;
    struct report_trace *traces;
    size_t nr_traces;
};

/* Returns 0, or -1: there is no such kind. */
int report_set_worst(struct report *r, const char *kind);

int report_add(struct report *r, const struct sim_trace *t, int policy,
               const struct run *run, const struct sim_score *s);

/* Returns 0, or -1: not a number, or too many. */
int report_add_case(struct report *r, const char *number);
/* Is any of the migrations first to last to be shown? */
bool report_shows(const struct report *r, uint64_t first, uint64_t last);
void report_steps(const struct sim_trace *t,
                  const struct sim_path p[SIM_LEVERS], const struct run *run);

/* Prints the tables; json may be NULL. Returns 0, or -1. */
int report_finish(struct report *r, const char *json);
void report_free(struct report *r);

/* The traces that are tuned on. path NULL: none. Returns NULL with errno. */
struct split;
struct split *split_read(const char *path);
bool split_tuned(const struct split *s, const char *name);
void split_free(struct split *s);

#endif
