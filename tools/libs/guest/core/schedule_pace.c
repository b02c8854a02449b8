/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much longer an evacuation takes than was forecast. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <xenprecopy/schedule_pace.h>

/* As much of a forecast is assumed to have been seen before. */
#define PRIOR 0.1
/* A forecast that is so close is not improved by a pace. */
#define CLOSE 0.1

static int ascending(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

void xpc_pace_dispose(struct xpc_pace *p)
{
    free(p->ends_ns);
    *p = (struct xpc_pace){ 0 };
}

int xpc_pace_follow(struct xpc_pace *p, const struct xpc_schedule *s,
                    uint64_t now_ns)
{
    uint64_t *ends_ns = calloc(s->nr_moves + 1, sizeof(*ends_ns));
    double pace = s->pace > 0 ? s->pace : 1;
    size_t nr = 0;

    if (!ends_ns)
        return -1;
    for (size_t i = 0; i < s->nr_moves; i++) {
        const struct xpc_move *m = &s->moves[i];

        if (m->moved && (m->state == XPC_MOVE_WAITS ||
                         m->state == XPC_MOVE_RUNS))
            ends_ns[nr++] = m->end_ns / pace;
    }
    qsort(ends_ns, nr, sizeof(*ends_ns), ascending);
    free(p->ends_ns);
    p->ends_ns = ends_ns;
    p->nr_ends = nr;
    p->nr_moved = 0;
    p->begun_ns = now_ns;
    p->link_bytes_per_s = s->link_bytes_per_s;
    p->earlier_forecast_ns += p->forecast_ns;
    p->earlier_taken_ns += p->taken_ns;
    p->forecast_ns = p->taken_ns = 0;
    if (nr)
        p->total_ns = p->earlier_forecast_ns + ends_ns[nr - 1];
    return 0;
}

void xpc_pace_moved(struct xpc_pace *p, const struct xpc_schedule *s,
                    uint64_t now_ns)
{
    if (p->nr_moved == p->nr_ends)
        return;
    p->forecast_ns = p->ends_ns[p->nr_moved++] * (double)p->link_bytes_per_s /
                     s->link_bytes_per_s;
    p->taken_ns = now_ns - p->begun_ns;
    p->nr_seen++;
}

static double within_bounds(double pace)
{
    return fmin(fmax(pace, 1 / XPC_PACE_MOST), XPC_PACE_MOST);
}

double xpc_pace(const struct xpc_pace *p)
{
    double forecast_ns = p->earlier_forecast_ns + p->forecast_ns;
    double taken_ns = p->earlier_taken_ns + p->taken_ns;
    double prior_ns = PRIOR * p->total_ns;
    double pace = p->before > 0 ? p->before : 1;

    if (forecast_ns > 0)
        pace = (taken_ns + prior_ns * pace) / (forecast_ns + prior_ns);
    return fabs(pace - 1) < CLOSE ? 1 : within_bounds(pace);
}

double xpc_pace_seen(const struct xpc_pace *p)
{
    double forecast_ns = p->earlier_forecast_ns + p->forecast_ns;

    if (p->nr_seen < XPC_PACE_GUESTS_MIN || forecast_ns <= 0)
        return 0;
    return within_bounds((p->earlier_taken_ns + p->taken_ns) / forecast_ns);
}
