/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy for a guest of 64 MiB, iteration by iteration, over a link of
 * 100 MB/s. The downtime limit is 200 ms, of which 50 ms are overhead.
 */
#ifndef TESTS_SUPPORT_POLICY_FIXTURE_H
#define TESTS_SUPPORT_POLICY_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenprecopy/units.h>

#include "core/policy.h"
#include "core/preflight.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define LINK UINT64_C(100000000)    /* bytes per second */
#define START UINT64_C(5000000000)

struct policy_fixture {
    struct xpc_params p;
    struct xpc_engine e;        /* initialised by the first iteration */
    struct xpc_iteration it;    /* the last one */
    uint64_t now;
    uint64_t suspend_delay_ns;  /* from a decision to the suspend */
    bool linear;        /* D(t) is linear in an iteration; else it saturates */
    struct xpc_working_set set;
    unsigned int cpu_percent;   /* that the guest gets; 0: all */
    double skipped;             /* share of the pages that is left out */
};

/* For cmocka: *state is a fixture, valid until the next setup. */
int policy_setup(void **state);

/* The downtime in ns with that many dirty pages, and 50 ms of overhead. */
uint64_t policy_downtime(uint64_t pages, uint64_t bandwidth);

/*
 * The samples of an iteration that ends after ns with that many dirty pages.
 * Returns how many there are, at most XPC_SAMPLES_MAX.
 */
size_t policy_samples(const struct policy_fixture *f,
                      struct xpc_dirty_count *to, uint64_t ns,
                      uint64_t dirty);

/*
 * Sends pages at the link's rate. Then dirty pages are dirty. Returns the
 * decision.
 */
int policy_iterate(struct policy_fixture *f, uint64_t pages, uint64_t dirty);

#endif
