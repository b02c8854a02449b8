/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Predictions for a migration that begins in any phase of the guest. */
#include <stdlib.h>

#include <xenprecopy/predict_any.h>

/* The better one first. */
static int compare(const void *a, const void *b)
{
    const struct xpc_prediction *x = a, *y = b;

    if (x->converges != y->converges)
        return x->converges ? -1 : 1;
    if (x->downtime_ns != y->downtime_ns)
        return x->downtime_ns < y->downtime_ns ? -1 : 1;
    return (x->total_time_ns > y->total_time_ns) -
           (x->total_time_ns < y->total_time_ns);
}

/* The shortest (side < 0) or longest total time of those that converge. */
static uint64_t extreme_time(const struct xpc_prediction *r, double side)
{
    uint64_t ns = r[0].total_time_ns;

    for (int i = 1; i < XPC_PREDICT_MOMENTS && r[i].converges; i++) {
        if (side < 0 ? r[i].total_time_ns < ns : r[i].total_time_ns > ns)
            ns = r[i].total_time_ns;
    }
    return ns;
}

void xpc_predict_any(struct xpc_prediction *r, const struct xpc_curve *c,
                     const struct xpc_predict_params *p,
                     const struct xpc_predict_state *s, double side)
{
    struct xpc_prediction each[XPC_PREDICT_MOMENTS];
    struct xpc_predict_params at = *p;
    int middle = XPC_PREDICT_MOMENTS / 2;

    if (!p->phased) {
        xpc_predict_run(r, c, p, s, side, NULL);
        return;
    }
    for (int i = 0; i < XPC_PREDICT_MOMENTS; i++) {
        at.cycle = p->phased->cycle;
        at.cycle.busy_from_ns = at.cycle.period_ns * i / XPC_PREDICT_MOMENTS;
        xpc_predict_run(&each[i], &p->phased->busy, &at, s, side, NULL);
    }
    qsort(each, XPC_PREDICT_MOMENTS, sizeof(each[0]), compare);
    *r = each[side < 0 ? 0 : side > 0 ? XPC_PREDICT_MOMENTS - 1 : middle];
    if (side != 0 && r->converges)
        r->total_time_ns = extreme_time(each, side);
}

void xpc_predict_band(struct xpc_forecast *f, const struct xpc_curve *c,
                      const struct xpc_predict_params *p,
                      const struct xpc_predict_state *s)
{
    xpc_predict_any(&f->expected, c, p, s, 0);
    xpc_predict_any(&f->low, c, p, s, -1);
    xpc_predict_any(&f->high, c, p, s, 1);
    f->marginal = f->low.converges != f->expected.converges ||
                  f->high.converges != f->expected.converges;
}
