/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/xenprecopy.h>

#include "core/link.h"

/*
 * About the last so many bytes count. A link that gives less than before shows
 * in the short window; a small iteration that pipes and socket buffers swallow
 * at memory speed doesn't count for much in the long one: the lower one is
 * believed.
 */
static const double windows[XPC_LINK_WINDOWS] = { 0x1p23, 0x1p26 };
#define LONG (XPC_LINK_WINDOWS - 1)
/* What an iteration takes besides sending tells nothing of the link: an
 * iteration that sends less than this is not counted. */
#define LEAST_BYTES 0x1p20

/* The weight of a byte halves with every window that has flowed since. */
void xpc_link_learn(struct xpc_link *l, uint64_t bytes, uint64_t ns)
{
    double s = ns / 1e9, keep, weight;

    if (!ns || (bytes < LEAST_BYTES && l->window[0].bytes > 0))
        return;
    for (int i = 0; i < XPC_LINK_WINDOWS; i++) {
        keep = exp2(-(double)bytes / windows[i]);
        weight = bytes ? windows[i] / M_LN2 * (1 - keep) / bytes : 0;
        l->window[i].bytes = l->window[i].bytes * keep + weight * bytes;
        l->window[i].s = l->window[i].s * keep + weight * s;
        l->window[i].square = l->window[i].square * keep +
                              weight * bytes * (bytes / s);
    }
}

void xpc_link_learn_wire(struct xpc_link *l, uint64_t stream, uint64_t wire)
{
    double keep = exp2(-(double)stream / windows[LONG]);

    l->stream = l->stream * keep + stream;
    l->wire = l->wire * keep + wire;
}

uint64_t xpc_link_measured(const struct xpc_link *l)
{
    double least = 0, rate;

    for (int i = 0; i < XPC_LINK_WINDOWS && l->window[i].bytes > 0; i++) {
        rate = l->window[i].bytes / l->window[i].s;
        least = i ? fmin(least, rate) : rate;
    }
    return least;
}

double xpc_link_cv(const struct xpc_link *l)
{
    double s = l->window[LONG].s;
    double mean = s > 0 ? l->window[LONG].bytes / s : 0;
    double square = s > 0 ? l->window[LONG].square / s : 0;

    if (mean <= 0)
        return XPC_UNKNOWN_CV;
    return fmax(XPC_BANDWIDTH_CV_MIN,
                sqrt(fmax(square - mean * mean, 0)) / mean);
}

uint64_t xpc_link_stated(const struct xpc_params *p, uint64_t cap)
{
    uint64_t given = p->bandwidth_bytes_per_s;

    return cap && (!given || cap < given) ? cap : given;
}

/* So much of the stream goes into a byte that is really sent. */
static double ratio(const struct xpc_link *l)
{
    return l->wire > 0 ? l->stream / l->wire : 1;
}

/* Of the stream, for what is really sent. */
static uint64_t for_stream(const struct xpc_link *l, uint64_t rate)
{
    return fmin(rate * ratio(l), 0x1p63);
}

/*
 * A user's value is an upper bound: the link can't give more, but may give
 * less, and only what it gives keeps the guest's downtime short.
 */
static uint64_t bounded(const struct xpc_link *l, uint64_t given)
{
    uint64_t measured = xpc_link_measured(l);

    given = for_stream(l, given);
    return !measured || (given && given < measured) ? given : measured;
}

uint64_t xpc_link_precopy(const struct xpc_link *l, const struct xpc_params *p)
{
    return bounded(l, xpc_link_stated(p, p->max_bytes_per_s));
}

/*
 * Of a link that precopy's cap held back, no more is known than what the user
 * has stated; if nothing, what it gave.
 */
uint64_t xpc_link_switchover(const struct xpc_link *l,
                             const struct xpc_params *p)
{
    uint64_t given = xpc_link_stated(p, xpc_params_switchover_cap(p));

    if (p->bandwidth_bytes_per_s &&
        xpc_params_held_back(p, xpc_link_measured(l) / ratio(l)))
        return for_stream(l, given);
    return bounded(l, given);
}
