/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The regression of switchover overheads: the formula is in
 * xenprecopy/lessons.h, and this is how it is solved.
 *
 *   y[i] = x[i] . cost + offset[guest of i] + noise,  noise ~ N(0, var[i])
 *
 * costs and offsets have Student-t priors, so the most likely values have no
 * closed form. A t-distribution is a normal one of unknown variance, so they
 * are found by reweighting: solve for normal priors of the variances
 *
 *   (nu scale^2 + deviation^2) / (nu + 1)
 *
 * that the last solution gives, until it no longer changes (Lange, Little and
 * Taylor, JASA 84, 1989). An offset appears only in the equations of its own
 * guest and is eliminated, so that six unknowns remain. There may be several
 * such solutions: "this target is slow" and "this guest is slow" explain one
 * slow guest. Therefore it is solved once for each of them, starting with that
 * one free to explain everything, and the most likely solution is taken.
 */
#ifndef CORE_OVERHEAD_H
#define CORE_OVERHEAD_H

#include <stdbool.h>
#include <stddef.h>

#include <xenprecopy/history.h>

#define OVERHEAD_GUEST_NONE ((size_t)-1)

/*
 * What the migrations of one guest, with the same devices, took. In ms, as are
 * all times here.
 */
struct overhead_point {
    double x[XPC_OVERHEAD_COSTS];
    double ms;                      /* mean */
    double var;                     /* of this mean; > 0 */
    size_t guest;                   /* < XPC_HISTORY_MAX */
    /*
     * It would have taken longer than ms. Above `most`, this is no evidence any
     * more: more than that is as unlikely as it is for a value of `most`.
     * INFINITY: it always is.
     */
    bool at_least;
    double most;
};

/* The solution. Points must stay valid while it is used. */
struct overhead_model {
    const struct overhead_point *points;
    size_t nr, nr_guests;
    double dev[XPC_OVERHEAD_COSTS];         /* costs minus their priors */
    double cov[XPC_OVERHEAD_COSTS][XPC_OVERHEAD_COSTS];
    double offset[XPC_HISTORY_MAX];
    double offset_prec[XPC_HISTORY_MAX];    /* 1 / variance of the prior */
    double scale;                           /* of offsets */
};

/* The six factors of a guest, its costs' multipliers. Unknown ones are 0. */
void overhead_factors(double x[XPC_OVERHEAD_COSTS],
                      const struct xpc_guest *guest);

/* points has nr <= XPC_HISTORY_MAX, of guests numbered from 0. */
void overhead_fit(struct overhead_model *m,
                  const struct overhead_point *points, size_t nr);

/* A cost, ms per unit of its factor. */
double overhead_cost(const struct overhead_model *m, int i);

/*
 * The expected overhead of a guest with factors x, and the variance of this
 * expectation; noise is not part of it. guest is a guest's number, or
 * OVERHEAD_GUEST_NONE for one without a point.
 */
void overhead_predict(const struct overhead_model *m,
                      const double x[XPC_OVERHEAD_COSTS], size_t guest,
                      double *ms_r, double *var_r);

#endif
