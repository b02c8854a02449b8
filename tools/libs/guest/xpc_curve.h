/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * D(t): the expected number of distinct pages dirtied within t of a clean
 * state. What a measurement yields and what every prediction rests on.
 */
#ifndef XPC_CURVE_H
#define XPC_CURVE_H

#include <stddef.h>
#include <stdint.h>

#define XPC_CURVE_MAX 64

/* low and high bound the 95% confidence interval of pages. */
struct xpc_curve_point {
    uint64_t t_ns;
    double pages, low, high;
};

/*
 * Points in strictly growing t_ns; pages never falls. total_pages is the
 * guest's populated pages, zero_pages those of them that are all zero.
 */
struct xpc_curve {
    size_t nr;
    struct xpc_curve_point pt[XPC_CURVE_MAX];
    uint64_t total_pages, zero_pages;
};

#endif
