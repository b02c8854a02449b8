/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule that the regression has replaced, for comparison. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/predict.h>

#include "fleet.h"

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), ascending);
    return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

static void tame_outlier(double *y, size_t n)
{
    double v[XPC_HISTORY_LAST], middle, reach;
    size_t below = 0, above = 0;

    if (n < 3)
        return;
    memcpy(v, y, n * sizeof(*v));
    middle = median(v, n);
    for (size_t i = 0; i < n; i++)
        v[i] = fabs(y[i] - middle);
    reach = 3 * fmax(1.4826 * median(v, n), XPC_UNKNOWN_CV * middle);
    for (size_t i = 0; i < n; i++) {
        below += y[i] < middle - reach;
        above += y[i] > middle + reach;
    }
    for (size_t i = 0; i < n; i++) {
        if (y[i] < middle - reach && below == 1)
            y[i] = middle - reach;
        if (y[i] > middle + reach && above == 1)
            y[i] = middle + reach;
    }
}

static void predict_next(double *y, size_t n, struct xpc_prior *p)
{
    double sum = 0, weights = 0, squares = 0, off = 0, w, mean, unknown, nr;

    tame_outlier(y, n);
    for (size_t i = 0; i < n; i++) {
        w = exp2(-(double)i / 4);
        sum += w * y[i];
        weights += w;
        squares += w * w;
    }
    mean = sum / weights;
    for (size_t i = 0; i < n; i++)
        off += exp2(-(double)i / 4) * (y[i] - mean) * (y[i] - mean);
    nr = weights * weights / squares;
    unknown = XPC_UNKNOWN_CV * mean;
    p->overhead_ns = llround(mean);
    p->overhead_sd_ns = llround(sqrt((2 * unknown * unknown + nr * off /
                                      weights) / (2 + nr - 1) *
                                     (1 + 1 / nr)));
}

size_t fleet_prior_by_target(const struct xpc_history *h,
                             const struct xpc_guest *guest,
                             struct xpc_prior *p)
{
    double y[XPC_HISTORY_LAST];
    size_t nr = 0;

    *p = (struct xpc_prior){ .guest = *guest };
    for (size_t i = h->nr_entries; i-- && nr < XPC_HISTORY_LAST;) {
        const struct xpc_history_entry *e = &h->entries[i];

        if (xpc_guest_alike(guest, &e->guest))
            y[nr++] = xpc_guest_learned_overhead(guest, &e->guest,
                                                 e->overhead_ns);
    }
    if (nr)
        predict_next(y, nr, p);
    return nr;
}
