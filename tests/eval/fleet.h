/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simulated targets and the guests that migrate to them: what a switchover
 * truly takes apart from the pages. docs/evaluation.md describes them.
 */
#ifndef FLEET_H
#define FLEET_H

#include <xenprecopy/lessons.h>

#include "sim.h"

#define FLEET_GUESTS 12
#define FLEET_MIGRATIONS 60

struct fleet_guest {
    struct xpc_guest guest;
    double offset_ns;
    bool slow;                      /* has a slow hotplug script */
};

/* A target with its hidden costs, ns per unit. */
struct fleet {
    struct sim_rng rng;
    double cost[XPC_OVERHEAD_COSTS];
    double sigma;                   /* of the logarithm, between migrations */
    struct fleet_guest guests[FLEET_GUESTS];
};

void fleet_init(struct fleet *f, uint64_t seed);
/* The next guest to migrate, and what its switchover will take. */
const struct fleet_guest *fleet_next(struct fleet *f, double *overhead_ns_r);

/*
 * What was predicted before guests were told apart: from the last migrations of
 * guests of the same kind. As xpc_history_prior().
 */
size_t fleet_prior_by_target(const struct xpc_history *h,
                             const struct xpc_guest *guest,
                             struct xpc_prior *prior_r);

#endif
