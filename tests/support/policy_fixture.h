/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of 64 MiB, iteration by iteration, as the policy is told of it.
 */
#ifndef TESTS_SUPPORT_POLICY_FIXTURE_H
#define TESTS_SUPPORT_POLICY_FIXTURE_H

#include <math.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/policy.h"
#include "support/torture.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)
#define LINK UINT64_C(100000000)    /* bytes per second */
#define START UINT64_C(5000000000)

/* The downtime with so many pages dirty and 50 ms of overhead, in ns. */
static inline uint64_t downtime(uint64_t pages, uint64_t bandwidth)
{
    return (pages + XPC_DEFAULT_SUSPEND_PAGES) * PAGE_BYTES * XPC_S /
           bandwidth + 50 * XPC_MS + xpc_predict_bitmap_ns(16384);
}

struct fixture {
    struct xpc_params p;
    struct xpc_engine e;
    struct xpc_iteration it;
    uint64_t now;
    bool linear;        /* D(t) within an iteration: else it saturates */
    struct xpc_working_set set;
};

/* 64 MiB over 100 MB/s, 50 ms of overhead, 200 ms of downtime allowed. */
static inline int setup(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    xpc_params_init(&f.p);
    f.p.guest.device_model = XPC_DEVICE_MODEL_NO;
    f.p.downtime_ns = 200 * XPC_MS;
    f.p.overhead_ns = 50 * XPC_MS;
    f.p.bandwidth_bytes_per_s = LINK;
    f.now = START;
    *state = &f;
    return 0;
}

/* The counts of an iteration that ends with dirty pages after ns. */
static inline size_t counts(const struct fixture *f, struct xpc_dirty_count *to,
                     uint64_t ns, uint64_t dirty)
{
    size_t n = 0;

    for (double share = 0.05; share < 1; share *= 1.4) {
        double level = f->linear ? share : (1 - exp(-6 * share)) /
                                           (1 - exp(-6));

        to[n].t_ns = ns * share;
        to[n++].pages = dirty * level;
    }
    return n;
}

/* Sends pages at the link's rate; afterwards dirty are dirty. */
static inline int iterate(struct fixture *f, uint64_t pages, uint64_t dirty)
{
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    struct xpc_observation o = {
        .dirty_pages = dirty, .pages_sent = pages,
        .bytes_sent = pages * PAGE_BYTES,
        .samples = samples, .working_set = f->set,
    };
    uint64_t ns = o.bytes_sent * XPC_S / LINK;

    if (f->now == START)
        xpc_engine_init(&f->e, &f->p, 16384, START);
    o.nr_samples = counts(f, samples, ns, dirty);
    o.since_clean_ns = ns;
    f->now += ns;
    o.now_ns = f->now;
    return xpc_engine_decide(&f->e, &o, &f->it);
}

#endif
