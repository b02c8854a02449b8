/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sending pages takes: the parameters of a simulation (struct
 * xpc_predict_params), converted once for many iterations.
 */
#ifndef CORE_COST_H
#define CORE_COST_H

#include "core/bounds.h"

/* Pages of one kind, first_page or later_page. */
struct kind {
    double bytes;                   /* sent for a page with data */
    double ns;                      /* of a processor; 0: not compressed */
};

struct cost {
    struct kind first, later;
    double zero_bytes, processors;
    double bytes_per_s, final_bytes_per_s;
    double iteration_ns, bitmap_ns, overhead_ns;
    double suspend_pages;
    double z, bandwidth_cv, overhead_sd_ns;
    double suspend_sd_ns;           /* what suspend_pages_sd takes */
};

/* Of pages of a kind, and zero pages. */
static inline double cost_bytes(const struct cost *c, const struct kind *kind,
                                double pages, double zero)
{
    return pages * kind->bytes + zero * c->zero_bytes;
}

/* The time to send them at this bandwidth. */
static inline double cost_ns(const struct cost *c, const struct kind *kind,
                             double pages, double zero, double bytes_per_s)
{
    double bytes = cost_bytes(c, kind, pages, zero);
    double ns = bytes > 0 ? bytes * 1e9 / bytes_per_s : 0;

    return kind->ns > 0 ? at_least(pages * kind->ns / c->processors, ns) : ns;
}

#endif
