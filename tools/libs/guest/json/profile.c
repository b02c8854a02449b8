/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON forms of a profile and of the best time to migrate. */
#include <errno.h>
#include <stdio.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "json/migration.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define FIELD(t, key, k, m, ...) \
    { .name = key, .kind = XPC_FIELD_##k, .offset = offsetof(t, m), \
      __VA_ARGS__ }
#define LIST(t, key, m, n, type, most) \
    { .name = key, .kind = XPC_FIELD_ARRAY, .offset = offsetof(t, m), \
      .count_offset = offsetof(t, n), .elem = &type, .max_count = most }
#define TIME(t, key, m) \
    FIELD(t, key, U64, m, .scale = XPC_MS, .null_zero = true)
#define PAGES_MAX (UINT64_C(1) << 48)

#define T struct xpc_profile_point
static const struct xpc_field point_fields[] = {
    FIELD(T, "period-ms", U64, t_ns, .scale = XPC_MS, .min = XPC_MS,
          .max = 3600 * XPC_S, .required = true),
    FIELD(T, "pages", DOUBLE, pages),
    FIELD(T, "deviation", DOUBLE, deviation),
    FIELD(T, "measurements", U64, measurements, .max = XPC_PROFILE_MEMORY),
};
#undef T

static const struct xpc_type point_type = {
    .name = "period", .size = sizeof(struct xpc_profile_point),
    .fields = point_fields, .nr_fields = ARRAY_SIZE(point_fields),
};

#define T struct xpc_profile_phases
static const struct xpc_field phases_fields[] = {
    FIELD(T, "looked", U64, looked, .min = 1, .max = XPC_PROFILE_LOOKS,
          .required = true),
    FIELD(T, "found", DOUBLE, found),
    FIELD(T, "measurements", U64, measurements, .max = XPC_PROFILE_MEMORY),
    FIELD(T, "period-ms", U64, period_ns, .scale = XPC_MS,
          .max = 3600 * XPC_S),
    FIELD(T, "busy-ms", U64, busy_ns, .scale = XPC_MS, .max = 3600 * XPC_S),
    FIELD(T, "quiet", DOUBLE, quiet),
    LIST(T, "periods", points, nr_points, point_type, XPC_PROFILE_POINTS),
};
#undef T

static const struct xpc_type phases_type = {
    .name = "phases", .size = sizeof(struct xpc_profile_phases),
    .fields = phases_fields, .nr_fields = ARRAY_SIZE(phases_fields),
};

#define T struct xpc_profile_hour
static const struct xpc_field hour_fields[] = {
    FIELD(T, "hour", U64, hour, .max = XPC_PROFILE_HOURS - 1,
          .required = true),
    FIELD(T, "measurements", U64, measurements, .max = PAGES_MAX),
    FIELD(T, "last-s", U64, last_s),
    FIELD(T, "total-pages", U64, total_pages, .max = PAGES_MAX),
    FIELD(T, "zero-pages", U64, zero_pages, .max = PAGES_MAX),
    LIST(T, "periods", points, nr_points, point_type, XPC_PROFILE_POINTS),
    FIELD(T, "phases", OBJECT, phases, .elem = &phases_type,
          .omit_zero = true),
};
#undef T

static const struct xpc_type hour_type = {
    .name = "hour", .size = sizeof(struct xpc_profile_hour),
    .fields = hour_fields, .nr_fields = ARRAY_SIZE(hour_fields),
};

#define T struct xpc_profile
static const struct xpc_field profile_fields[] = {
    FIELD(T, "version", U64, version, .min = 1, .max = XPC_PROFILE_VERSION,
          .required = true),
    FIELD(T, "domain", STRING, domain),
    LIST(T, "hours", hours, nr_hours, hour_type, XPC_PROFILE_HOURS),
};
#undef T

const struct xpc_type xpc_profile_type = {
    .name = "profile", .size = sizeof(struct xpc_profile),
    .fields = profile_fields, .nr_fields = ARRAY_SIZE(profile_fields),
};

static const char *points_fault(const struct xpc_profile_point *points,
                                size_t nr)
{
    if (nr != XPC_PROFILE_POINTS)
        return "an hour does not have all periods";
    for (size_t i = 0; i < nr; i++) {
        const struct xpc_profile_point *p = &points[i];

        if (i && p->t_ns <= points[i - 1].t_ns)
            return "the periods are not in order";
        if (!(p->pages >= 0 && p->pages <= PAGES_MAX && p->deviation >= 0 &&
              p->deviation <= PAGES_MAX))
            return "a period has an impossible number of pages";
    }
    return NULL;
}

static const char *phases_fault(const struct xpc_profile_phases *p)
{
    if (!(p->found >= 0 && p->found <= 1))
        return "an impossible share of measurements found regular phases";
    if (!p->nr_points)
        return p->measurements ? "regular phases without periods" : NULL;
    if (!(p->busy_ns > 0 && p->busy_ns < p->period_ns && p->quiet >= 0 &&
          p->quiet < 1))
        return "regular phases that are impossible";
    return points_fault(p->points, p->nr_points);
}

/* What the table can't say. Returns the fault of an hour, or NULL. */
static const char *hour_fault(const struct xpc_profile_hour *h,
                              const struct xpc_profile_hour *before)
{
    const char *fault = points_fault(h->points, h->nr_points);

    if (before && h->hour <= before->hour)
        return "the hours are not in order";
    if (h->zero_pages > h->total_pages || !h->total_pages)
        return "an hour has no pages, or more of zeros than in all";
    return fault ? fault : phases_fault(&h->phases);
}

int xpc_profile_from_json(struct xpc_profile *p, const char *json, size_t len,
                          char err[XPC_ERR_LEN])
{
    struct xpc_profile new;
    const char *fault = NULL;

    xpc_profile_init(&new);
    if (xpc_from_json(&xpc_profile_type, &new, json, len, err))
        return -1;
    for (size_t i = 0; !fault && i < new.nr_hours; i++)
        fault = hour_fault(&new.hours[i], i ? &new.hours[i - 1] : NULL);
    if (fault) {
        snprintf(err, XPC_ERR_LEN, "profile: %s", fault);
        xpc_profile_dispose(&new);
        errno = EINVAL;
        return -1;
    }
    xpc_profile_dispose(p);
    *p = new;
    return 0;
}

/* ---- when to migrate -------------------------------------------------- */

#define T struct xpc_when_hour
static const struct xpc_field when_hour_fields[] = {
    FIELD(T, "hour", U64, hour),
    FIELD(T, "measurements", U64, measurements),
    TIME(T, "period-ms", period_ns),
    FIELD(T, "converges", BOOL, cell.converges),
    FIELD(T, "marginal", BOOL, cell.marginal),
    TIME(T, "total-time-ms", cell.total_ns),
    TIME(T, "total-time-ms-low", cell.total_low_ns),
    TIME(T, "total-time-ms-high", cell.total_high_ns),
    FIELD(T, "predicted-downtime-ms", U64, cell.predicted_ns,
          .scale = XPC_MS),
    FIELD(T, "predicted-downtime-ms-low", U64, cell.predicted_low_ns,
          .scale = XPC_MS),
    FIELD(T, "predicted-downtime-ms-high", U64, cell.predicted_high_ns,
          .scale = XPC_MS),
};
#undef T

static const struct xpc_type when_hour_type = {
    .name = "hour", .size = sizeof(struct xpc_when_hour),
    .fields = when_hour_fields, .nr_fields = ARRAY_SIZE(when_hour_fields),
};

#define T struct xpc_when
static const struct xpc_field when_fields[] = {
    FIELD(T, "version", U64, version, .min = 1, .max = 1),
    FIELD(T, "domain", STRING, domain),
    FIELD(T, "bandwidth-bits-per-s", U64, bandwidth_bits_per_s),
    TIME(T, "downtime-ms", downtime_ns),
    FIELD(T, "from-hour", U64, from_hour),
    FIELD(T, "to-hour", U64, to_hour),
    FIELD(T, "best-hour", U64, best_hour),
    LIST(T, "hours", hours, nr_hours, when_hour_type, XPC_PROFILE_HOURS),
};
#undef T

const struct xpc_type xpc_when_type = {
    .name = "window", .size = sizeof(struct xpc_when),
    .fields = when_fields, .nr_fields = ARRAY_SIZE(when_fields),
};
