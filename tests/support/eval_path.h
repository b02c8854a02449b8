/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, targets and paths for the tests of the evaluation's simulator. */
#ifndef SUPPORT_EVAL_PATH_H
#define SUPPORT_EVAL_PATH_H

#include <string.h>

#include <xenprecopy/units.h>

#include "../eval/sim.h"

#define PAGE_BYTES (XPC_PAGE_SIZE + XPC_PAGE_HEADER)

/* A link without noise: 1,000 pages a second. */
static double flat = 1;
static const struct sim_link link_1000 = {
    .bytes_per_s = 1000.0 * PAGE_BYTES, .nr = 1, .share = &flat,
};

static const struct sim_target exact = {
    .overhead_ns = 10e6, .suspend_ns = 5e6, .extra_pages = 3, .sigma = 0,
};

/* From the trace's beginning, to the exact target. */
static inline struct sim_start eval_start(const struct sim_trace *t,
                                          const struct sim_link *link,
                                          enum sim_lever lever)
{
    return (struct sim_start){ .trace = t, .link = link, .target = &exact,
                               .lever = lever, .seed = 1 };
}

/* Five steps at 1 to 5 s; downtimes in ms as given. */
struct fixed_path {
    struct sim_path p;
    struct sim_seen seen[5];
    struct sim_truth truth[5];
};

static inline void make_path(struct fixed_path *f, const uint64_t dirty[5],
                      const uint64_t downtime_ms[5])
{
    memset(f, 0, sizeof(*f));
    f->p = (struct sim_path){ .total_pages = 1000, .nr = 5, .seen = f->seen,
                              .truth = f->truth };
    for (size_t i = 0; i < 5; i++) {
        f->seen[i] = (struct sim_seen){
            .start_ns = i * XPC_S, .end_ns = (i + 1) * XPC_S,
            .since_clean_ns = XPC_S, .pages_sent = 1000,
            .bytes_sent = 1000 * PAGE_BYTES, .dirty_pages = dirty[i],
        };
        f->truth[i].downtime_ns = downtime_ms[i] * XPC_MS;
        f->truth[i].total_ns = f->seen[i].end_ns + downtime_ms[i] * XPC_MS;
    }
}

#endif
