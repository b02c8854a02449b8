/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sampler: a thread that counts the dirty pages at growing intervals
 * within an iteration. Since the bitmap is clean at an iteration's begin, the
 * counts are D(t) of the live guest, for nothing.
 *
 * It only counts (stats-only PEEK), with an xc_interface of its own, and
 * never while the bitmap is being cleaned.
 */
#ifndef SAVE_SAMPLER_H
#define SAVE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/xenprecopy.h>

struct save_sampler;

/*
 * Starts the thread, asleep until the first clean. NULL with errno: precopy
 * goes on with the counts at the iterations' ends alone.
 */
struct save_sampler *save_sampler_start(uint32_t domid);

/* Around a clean of the bitmap: no count falls between the two. */
void save_sampler_clean_begins(struct save_sampler *s);
void save_sampler_cleaned(struct save_sampler *s);

/*
 * Copies this iteration's samples (at most XPC_SAMPLES_MAX), and sleeps until
 * the next clean. Returns how many.
 */
size_t save_sampler_take(struct save_sampler *s, struct xpc_dirty_count *to);

/* What it has cost: counts made, and the time they took. */
void save_sampler_cost(struct save_sampler *s, uint64_t *peeks_r,
                       uint64_t *ns_r);

/* Stops the thread and frees s. NULL is allowed. */
void save_sampler_stop(struct save_sampler *s);

#endif
