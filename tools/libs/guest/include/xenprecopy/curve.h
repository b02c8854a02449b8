/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * D(t): the expected number of distinct pages dirtied within t of a clean
 * state. What a measurement yields and what every prediction rests on.
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
 * Points in strictly growing t_ns; pages never falls. total_pages is the
 * guest's populated pages, zero_pages those of them that are all zero.
 */
struct xpc_curve {
    size_t nr;
    struct xpc_curve_point pt[XPC_CURVE_MAX];
    uint64_t total_pages, zero_pages;
};

/* ---- evaluation ---------------------------------------------------- */

/*
 * How D(t) is read off between and outside of its points. Whatever a guest
 * does, as long as it goes on doing it, D is concave: what a longer window
 * adds can only be pages that the shorter one had not seen. So a chord,
 * prolonged, bounds D from above outside of its points and from below between
 * them; that is what the rules of the low and the high curve use.
 *
 * Between two points (t1, v1) and (t2, v2):
 *   LOGLOG  v1 (t/t1)^a, a = ln(v2/v1) / ln(t2/t1): exact for a straight
 *           line through the origin and for a power law. Where that bends
 *           upwards (a > 1, or v1 = 0), which a D does not, LINEAR; so the
 *           band encloses the expected curve between the points too
 *   LINEAR  v1 + (v2-v1) (t-t1)/(t2-t1)
 */
enum xpc_interpolation {
    XPC_INTERPOLATE_LOGLOG,
    XPC_INTERPOLATE_LINEAR,
};

/*
 * Below the shortest period t1, from the first two points:
 *   POWER   v1 (t/t1)^a, a as in LOGLOG but within 0 and 1
 *   ORIGIN  v1 t/t1, the lower bound
 *   OFFSET  v1 - (t1-t) (v2-v1)/(t2-t1), the upper bound; never under ORIGIN
 */
enum xpc_below {
    XPC_BELOW_POWER,
    XPC_BELOW_ORIGIN,
    XPC_BELOW_OFFSET,
};

/*
 * Beyond the longest period T, where V = D(T), x = t/T, from what the last
 * three doublings of the time added: i1 = D(T)-D(T/2), i2 = D(T/2)-D(T/4), i3
 * likewise; r = i1/i2, within 2^-4 and 2.
 *   SATURATING  V + i1 ((1-w) p(x) + w f(x)), between
 *               p  every doubling adds r times what the one before did, as a
 *                  power law does: (x^a - 1)/(1 - 2^-a), a = log2 r
 *               f  a working set fills up, S (1 - exp(-k x)):
 *                  (1 - exp(-k (x-1)))/(exp(k/2) - 1), exp(-k/4) = y where
 *                  y + y^2 = r
 *               w  (i2/i3 - r)/(r' - r) within 0 and 1, where r' is what
 *                  i2/i3 would be for f; for p it would be r
 *   FLAT        V, the lower bound
 *   LINE        V + i1 (t-T)/(T/2), the upper bound
 */
enum xpc_beyond {
    XPC_BEYOND_SATURATING,
    XPC_BEYOND_FLAT,
    XPC_BEYOND_LINE,
};

/* The three curves of a band, each with its own rules. */
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
     * The low and the high curve are at least this share of a point's pages
     * away from it: no run is just like the one before, however exactly that
     * one was counted.
     */
    double variation;
};

/* LOGLOG; ORIGIN, POWER, OFFSET; FLAT, SATURATING, LINE; variation 5%. */
void xpc_curve_model_init(struct xpc_curve_model *m);

/*
 * D(t_ns) in pages. side picks from the band: 0 the expected curve, -1 the
 * low one, 1 the high one, else in proportion between (and, with |side| over
 * 1, beyond) them. 0 at t_ns 0. A curve without points is of a guest that
 * nothing is known of: all its pages.
 */
double xpc_curve_pages(const struct xpc_curve *c,
                       const struct xpc_curve_model *m, double t_ns,
                       double side);

/* ---- making curves ------------------------------------------------- */

/*
 * Appends a point, raised where needed to keep pages, low and high from
 * falling and ordered low <= pages <= high, none over total_pages. Returns 0,
 * or -1 with errno EINVAL (t_ns not over the last one's, or a number that is
 * none) or ENOSPC.
 */
int xpc_curve_add(struct xpc_curve *c, uint64_t t_ns, double pages,
                  double low, double high);

/* Is c what struct xpc_curve promises? 0, or -1 with one line in err. */
int xpc_curve_check(const struct xpc_curve *c, char *err, size_t len);

/*
 * The same guest given a share of its CPU time (0 < share <= 1): it does in t
 * what it did in share t, so D'(t) = D(share t). *out may be *c.
 */
void xpc_curve_throttle(struct xpc_curve *out, const struct xpc_curve *c,
                        double share);

/*
 * Several observations of one guest made one: at every period of any of them
 * (within the longest that all reach, and thinned to XPC_CURVE_MAX) the
 * weighted mean. Its band has the curves' own uncertainty and, so that bursts
 * and phases are kept, the spread between them, in quadrature:
 *   half = sqrt(sum(w^2 h^2) + 1.96^2 sum(w (v-mean)^2)), sum(w) = 1
 * with h each curve's own half width. Weights must be over 0 and nr over 0;
 * total_pages and zero_pages are the last curve's.
 */
void xpc_curve_combine(struct xpc_curve *out,
                       const struct xpc_curve *const curves[],
                       const double weights[], size_t nr,
                       const struct xpc_curve_model *m);

#endif
