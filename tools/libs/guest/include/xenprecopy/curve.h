/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * D(t): the expected number of distinct pages dirtied within t, starting from a
 * clean state. It is the result of a measurement and the basis of every
 * prediction. All functions are pure.
 */
#ifndef XENPRECOPY_CURVE_H
#define XENPRECOPY_CURVE_H

#include <stddef.h>
#include <stdint.h>

#define XPC_CURVE_MAX 64

/* low and high bound the 95% confidence interval of pages. */
struct xpc_curve_point {
    uint64_t t_ns;
    double pages, low, high;
};

/*
 * nr points with strictly increasing t_ns; pages never decreases. total_pages
 * is the number of the guest's populated pages, zero_pages of those that
 * contain only zeros.
 */
struct xpc_curve {
    size_t nr;
    struct xpc_curve_point pt[XPC_CURVE_MAX];
    uint64_t total_pages, zero_pages;
};

/* ---- evaluation ---------------------------------------------------- */

/*
 * How D(t) is evaluated between and outside its points. As long as a guest's
 * behaviour does not change, D is concave: a longer window can only add pages
 * that the shorter one had not seen. So a chord bounds D from below between its
 * points, and its extension bounds D from above outside them. The low and the
 * high curve use this.
 *
 * Between two points (t1, v1) and (t2, v2):
 *   LOGLOG  v1 (t/t1)^a, a = ln(v2/v1) / ln(t2/t1): exact for a straight
 *           line through the origin and for a power law. LINEAR where it
 *           bends upwards (a > 1, or v1 = 0), which D does not; the band then
 *           contains the expected curve between the points too
 *   LINEAR  v1 + (v2-v1) (t-t1)/(t2-t1)
 */
enum xpc_interpolation {
    XPC_INTERPOLATE_LOGLOG,
    XPC_INTERPOLATE_LINEAR,
};

/*
 * Below the shortest period t1, from the first two points:
 *   POWER   v1 (t/t1)^a, a as in LOGLOG but limited to 0 to 1
 *   ORIGIN  v1 t/t1, the lower bound
 *   OFFSET  v1 - (t1-t) (v2-v1)/(t2-t1), the upper bound; never below ORIGIN
 */
enum xpc_below {
    XPC_BELOW_POWER,
    XPC_BELOW_ORIGIN,
    XPC_BELOW_OFFSET,
};

/*
 * Beyond the longest period T, with V = D(T) and x = t/T, from the pages added
 * by the last three doublings of the time: i1 = D(T)-D(T/2), i2 =
 * D(T/2)-D(T/4), and i3; r = i1/i2, limited to 2^-4 to 2.
 *   SATURATING  V + i1 ((1-w) p(x) + w f(x)), a mixture of
 *               p  every doubling adds r times as much as the previous one,
 *                  as in a power law: (x^a - 1)/(1 - 2^-a), a = log2 r
 *               f  a working set that fills up, S (1 - exp(-k x)):
 *                  (1 - exp(-k (x-1)))/(exp(k/2) - 1), exp(-k/4) = y with
 *                  y + y^2 = r
 *               w  (i2/i3 - r)/(r' - r), limited to 0 to 1, where r' is the
 *                  i2/i3 of f; that of p is r
 *   FLAT        V, the lower bound
 *   LINE        V + i1 (t-T)/(T/2), the upper bound
 */
enum xpc_beyond {
    XPC_BEYOND_SATURATING,
    XPC_BEYOND_FLAT,
    XPC_BEYOND_LINE,
};

/* The three curves of a band. */
enum xpc_band {
    XPC_BAND_LOW,
    XPC_BAND_EXPECTED,
    XPC_BAND_HIGH,
    XPC_BAND_NR
};

struct xpc_curve_model {
    enum xpc_interpolation interpolation;
    enum xpc_below below[XPC_BAND_NR];
    enum xpc_beyond beyond[XPC_BAND_NR];
    double saturation_pages;        /* D is never above it; 0: total_pages */
    /*
     * The low and the high curve differ from a point by at least this share of
     * its pages, because no run is exactly like the previous one, however
     * exactly that one was counted.
     */
    double variation;
};

/*
 * Sets the defaults: LOGLOG; ORIGIN, POWER, OFFSET and FLAT, SATURATING, LINE
 * for the low, expected and high curve; variation 5%.
 */
void xpc_curve_model_init(struct xpc_curve_model *m);

/*
 * D(t_ns) in pages. side selects a curve of the band: 0 the expected one, -1
 * the low one, 1 the high one. Other values interpolate between these, or
 * extrapolate if |side| is greater than 1. The result is 0 at t_ns 0. For a
 * curve without points, which means that nothing is known, it is all pages.
 */
double xpc_curve_pages(const struct xpc_curve *c,
                       const struct xpc_curve_model *m, double t_ns,
                       double side);

/*
 * A curve that is evaluated many times: what does not depend on t is computed
 * once. It refers to the curve and the model, which must not change. Not for
 * several threads at once.
 */
struct xpc_curve_fit {
    const struct xpc_curve *c;
    const struct xpc_curve_model *m;
    size_t segment;                 /* of the last time */
    double t_ns[XPC_CURVE_MAX];
    struct {
        double pages, exponent;     /* to the next point; NAN: not yet
                                     * computed */
    } band[XPC_BAND_NR][XPC_CURVE_MAX];
};

void xpc_curve_fit_init(struct xpc_curve_fit *f, const struct xpc_curve *c,
                        const struct xpc_curve_model *m);
/* xpc_curve_pages(), the same value. */
double xpc_curve_fit_pages(struct xpc_curve_fit *f, double t_ns, double side);

/* ---- making curves ------------------------------------------------- */

/*
 * Appends a point. pages, low and high are raised if necessary so that they do
 * not decrease and low <= pages <= high, and are limited to total_pages.
 * Returns 0, or -1 with errno EINVAL (t_ns not greater than the last one, or
 * NaN) or ENOSPC.
 */
int xpc_curve_add(struct xpc_curve *c, uint64_t t_ns, double pages,
                  double low, double high);

/*
 * Checks c against the conditions of struct xpc_curve. Returns 0, or -1 with
 * one line in err (len bytes).
 */
int xpc_curve_check(const struct xpc_curve *c, char *err, size_t len);

/*
 * The curve of the same guest if it is given a share of its CPU time (0 < share
 * <= 1). It does in t what it did in share t, so D'(t) = D(share t). *out may
 * be *c.
 */
void xpc_curve_throttle(struct xpc_curve *out, const struct xpc_curve *c,
                        double share);

/*
 * Combines several observations of one guest: the weighted mean at every period
 * of any of them, up to the longest that all reach, and thinned to
 * XPC_CURVE_MAX points. The band combines the curves' own uncertainty and, to
 * include bursts and phases, the spread between them:
 *   half = sqrt(sum(w^2 h^2) + 1.96^2 sum(w (v-mean)^2)), sum(w) = 1
 * where h is each curve's own half width. Weights and nr must be greater than
 * 0. total_pages and zero_pages are those of the last curve.
 */
void xpc_curve_combine(struct xpc_curve *out,
                       const struct xpc_curve *const curves[],
                       const double weights[], size_t nr,
                       const struct xpc_curve_model *m);

#endif
