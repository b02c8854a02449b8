/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dirty counts of a guest that writes to random pages, with phases or
 * without.
 */
#ifndef TESTS_SUPPORT_PHASED_GUEST_H
#define TESTS_SUPPORT_PHASED_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/period.h>

#define PHASED_CHANGES 512

struct phased_guest {
    uint64_t seed;
    double writes_per_s, pages; /* when busy */
    double skew;                /* 0: all pages alike; else some are written
                                 * more often */
    double quiet;               /* the share of the writes in a lull */
    /* The times at which it gets busy and quiet, in turn, ns; it is busy
     * before the first one. */
    double change[PHASED_CHANGES];
    size_t nr;
};

/* Phases of these lengths, each longer or shorter by a share of jitter. */
void phased_regular(struct phased_guest *g, double period_ns, double busy_ns,
                    double jitter);
/* Busy phases of a fixed length that begin at random (a Poisson process). */
void phased_random(struct phased_guest *g, double mean_ns, double busy_ns);

/*
 * What the plug-in's sampler counts in an iteration. Returns how many samples
 * there are, at most XPC_SAMPLES_MAX.
 */
size_t phased_count(struct phased_guest *g, uint64_t start_ns,
                    uint64_t length_ns,
                    struct xpc_dirty_count samples[XPC_SAMPLES_MAX],
                    uint64_t *dirty_r);

#endif
