/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fmin() and fmax() with a bound that is a number, also if v is not. The
 * compiler calls those of libm for each, which the simulation would notice.
 */
#ifndef CORE_BOUNDS_H
#define CORE_BOUNDS_H

static inline double at_most(double v, double bound)
{
    return v < bound ? v : bound;
}

static inline double at_least(double v, double bound)
{
    return v > bound ? v : bound;
}

#endif
