/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pace of an evacuation, compared with its forecast. */
#ifndef XENPRECOPY_SCHEDULE_PACE_H
#define XENPRECOPY_SCHEDULE_PACE_H

#include <xenprecopy/schedule.h>

/* Further off, a forecast was disturbed by something else. */
#define XPC_PACE_MOST 3.0
/* What fewer guests show is not kept for the next evacuation. */
#define XPC_PACE_GUESTS_MIN 2

/*
 * How much longer it takes than was forecast. A forecast is followed: the end
 * of each migration that has succeeded is compared with it, in their order. To
 * compare the next end with a new forecast each time would be biased, because
 * of several that run the first one ends earlier than any was forecast to.
 *
 * All 0 initially, but for the pace of earlier evacuations. A tenth of the
 * whole is counted as if it had gone at that pace. Times are of any clock.
 */
struct xpc_pace {
    double before;                  /* of earlier evacuations; 0: unknown, as
                                     * 1 */
    uint64_t *ends_ns;              /* forecast, ascending, since begun_ns */
    size_t nr_ends, nr_moved;
    uint64_t begun_ns;
    uint64_t total_ns;              /* of all forecasts that were followed */
    uint64_t link_bytes_per_s;
    double forecast_ns, taken_ns;   /* until the last end */
    size_t nr_seen;                 /* ends, of all forecasts */
    /* Of those that were followed before. */
    double earlier_forecast_ns, earlier_taken_ns;
};

/*
 * Follows the last forecast of the schedule from now on. What was learned is
 * kept. Returns 0, or -1 with errno ENOMEM and nothing changed.
 */
int xpc_pace_follow(struct xpc_pace *p, const struct xpc_schedule *s,
                    uint64_t now_ns);
/*
 * A migration has succeeded. If the link has turned out to be another, that is
 * allowed for.
 */
void xpc_pace_moved(struct xpc_pace *p, const struct xpc_schedule *s,
                    uint64_t now_ns);
/* For struct xpc_schedule; 1 if nothing else was learned. */
double xpc_pace(const struct xpc_pace *p);
/*
 * What this evacuation alone has shown, to be kept for the next one; 0: too
 * little.
 */
double xpc_pace_seen(const struct xpc_pace *p);
void xpc_pace_dispose(struct xpc_pace *p);

#endif
