/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When all guests will be there (xenprecopy/schedule.h). */
#ifndef XENPRECOPY_SCHEDULE_FORECAST_H
#define XENPRECOPY_SCHEDULE_FORECAST_H

#include <xenprecopy/schedule.h>

struct xpc_schedule_forecast {
    uint64_t end_ns;                /* of the last migration, since now */
    size_t moved, left;             /* of those that waited or ran */
    unsigned int at_once;           /* the highest number */
};

/*
 * Forecasts the evacuation from its present state. side selects a curve of the
 * band, as for xpc_curve_pages(). Returns 0, or -1 with errno ENOMEM.
 */
int xpc_schedule_forecast(struct xpc_schedule *s,
                          struct xpc_schedule_forecast *f_r, double side);

/*
 * Which moves to leave here so that the others end within deadline_ns: as few
 * as possible, those with the most data, never one with a rank below 0. Sets
 * leave_r[i] for each, and the forecast of the others. Returns their number, or
 * -1: even without all of them it is not possible (errno ERANGE), or ENOMEM.
 */
ssize_t xpc_schedule_fit(struct xpc_schedule *s, uint64_t deadline_ns,
                         bool *leave_r, struct xpc_schedule_forecast *f_r);

#endif
