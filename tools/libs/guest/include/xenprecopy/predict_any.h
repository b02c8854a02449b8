/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predictions for a migration that has not begun: nobody knows in which phase a
 * guest with regular phases will be then. All functions are pure.
 */
#ifndef XENPRECOPY_PREDICT_ANY_H
#define XENPRECOPY_PREDICT_ANY_H

#include <xenprecopy/predict.h>

/* So many moments of a period are tried. */
#define XPC_PREDICT_MOMENTS 16

/*
 * xpc_predict_run() of a guest that may have regular phases (p->phased, which
 * replaces the curve c). Of the moments of a period, the result is that of the
 * middle one, ordered by verdict and downtime; with side -1 that of the best
 * one, with the shortest total time of any; and with side 1 the opposite.
 */
void xpc_predict_any(struct xpc_prediction *r, const struct xpc_curve *c,
                     const struct xpc_predict_params *p,
                     const struct xpc_predict_state *s, double side);

/*
 * The predictions for the low, the expected and the high curve. marginal: the
 * uncertainty of the measurement, or the phase in which it begins, could change
 * the verdict.
 */
struct xpc_forecast {
    struct xpc_prediction expected, low, high;
    bool marginal;
};

void xpc_predict_band(struct xpc_forecast *f, const struct xpc_curve *c,
                      const struct xpc_predict_params *p,
                      const struct xpc_predict_state *s);

#endif
