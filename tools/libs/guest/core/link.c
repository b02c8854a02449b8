/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/xenprecopy.h>

#include "core/link.h"

/*
 * The sizes of the windows in bytes. The lower rate of the two is used. The
 * short window shows soon if the link has become slower. The long one is not
 * much affected by a small iteration that disappears into pipes and socket
 * buffers at memory speed.
 */
static const double windows[XPC_LINK_WINDOWS] = { 0x1p23, 0x1p26 };
#define LONG (XPC_LINK_WINDOWS - 1)
/*
 * Iterations that send less than this are ignored: most of their time is not
 * spent on sending.
 */
#define LEAST_BYTES 0x1p20

/* The weight of a byte halves with each window of data sent after it. */
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

/* Bytes of the stream per byte on the wire. */
static double compression_ratio(const struct xpc_link *l)
{
    return l->wire > 0 ? l->stream / l->wire : 1;
}

/* Converts a rate on the wire to one of the stream. */
static uint64_t stream_rate(const struct xpc_link *l, uint64_t rate)
{
    return fmin(rate * compression_ratio(l), 0x1p63);
}

/*
 * The lower one of the measured rate and the given one, which is on the wire. A
 * user's value is an upper bound: the link may give less, and the downtime then
 * depends on that.
 */
static uint64_t limit_to_measured(const struct xpc_link *l, uint64_t given)
{
    uint64_t measured = xpc_link_measured(l);

    given = stream_rate(l, given);
    return !measured || (given && given < measured) ? given : measured;
}

uint64_t xpc_link_precopy(const struct xpc_link *l, const struct xpc_params *p)
{
    return limit_to_measured(l, xpc_link_stated(p, p->max_bytes_per_s));
}

/*
 * If the cap limited the rate of precopy, the link's own rate was not measured:
 * use the stated one, or without one the measured rate.
 */
uint64_t xpc_link_switchover(const struct xpc_link *l,
                             const struct xpc_params *p)
{
    uint64_t given = xpc_link_stated(p, xpc_params_switchover_cap(p));

    if (p->bandwidth_bytes_per_s &&
        xpc_params_held_back(p, xpc_link_measured(l) / compression_ratio(l)))
        return stream_rate(l, given);
    return limit_to_measured(l, given);
}
