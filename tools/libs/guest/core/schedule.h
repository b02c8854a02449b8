/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the schedule and its forecast share. */
#ifndef CORE_SCHEDULE_H
#define CORE_SCHEDULE_H

#include <xenprecopy/schedule.h>

/* The moves that wait, in the order in which they are tried; those that run. */
struct schedule_queue {
    size_t *waiting, *running;
    size_t nr_waiting, nr_running;
};

/* Returns 0, or -1 with errno ENOMEM. The caller frees waiting. */
int schedule_queue_init(struct schedule_queue *q, struct xpc_schedule *s);
void schedule_queue_start(struct schedule_queue *q, size_t nth);
void schedule_queue_end(struct schedule_queue *q, size_t move);
/* Returns the place in the queue of the one to start, or -1. */
ssize_t schedule_queue_next(const struct xpc_schedule *s,
                            const struct schedule_queue *q,
                            uint64_t *wake_ns_r);
void schedule_queue_caps(struct xpc_schedule *s,
                         const struct schedule_queue *q);

/*
 * Sets root[] so that moves which must be together, directly or by way of
 * others, have the same schedule_find_root(): one of them.
 */
void schedule_unite(const struct xpc_schedule *s, size_t *root);
size_t schedule_find_root(size_t *root, size_t i);

void schedule_predict_move(const struct xpc_schedule *s, struct xpc_move *m);
/* Would it be possible on this target, with these params? */
bool schedule_fits(const struct xpc_schedule *s, const struct xpc_move *m,
                   int target);

/*
 * How long a migration copies after an iteration that took window_ns, until it
 * can be suspended, and how many pages are dirty then.
 */
double schedule_copy_on(const struct xpc_move *m, double window_ns,
                        double bytes_per_s, double *dirty_r);
bool schedule_is_waiting(const struct xpc_schedule *s,
                         const struct xpc_move *m);
/* The rate of the path to a target, and the highest of one migration. */
double schedule_link(const struct xpc_schedule *s, int target);
double schedule_best_rate(const struct xpc_schedule *s, int target);
double schedule_rate_of(const struct xpc_schedule *s,
                        const struct xpc_move *m);

#endif
