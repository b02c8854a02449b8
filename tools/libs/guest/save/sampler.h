/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that counts the dirty pages at growing intervals within an
 * iteration. The bitmap is clean when an iteration begins, so the counts are
 * D(t) of the running guest.
 *
 * It only counts (PEEK without a bitmap), with an xc_interface of its own, and
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
 * Starts the thread, which sleeps until the first clean. Returns NULL with
 * errno on failure; the policy then has only the counts at the iterations'
 * ends.
 */
struct save_sampler *save_sampler_start(uint32_t domid);

/* To be called around a clean of the bitmap: no count falls in between. */
void save_sampler_clean_begins(struct save_sampler *s);
void save_sampler_cleaned(struct save_sampler *s);

/* Between these, no count is made; the samples are kept. */
void save_sampler_hold(struct save_sampler *s);
void save_sampler_release(struct save_sampler *s);

/*
 * Takes this iteration's samples, at most XPC_SAMPLES_MAX, and lets the thread
 * sleep until the next clean. Returns the number of samples.
 */
size_t save_sampler_take(struct save_sampler *s, struct xpc_dirty_count *to);

/* The number of counts made so far, and the time that they took. */
void save_sampler_cost(struct save_sampler *s, uint64_t *peeks_r,
                       uint64_t *ns_r);

/* Stops the thread and frees s. NULL is allowed. */
void save_sampler_stop(struct save_sampler *s);

#endif
