/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON form of a measurement: QEMU's keys first, then our own. */
#include <errno.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "core/names.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define US UINT64_C(1000)

static const char *const source_names[] = {
    "unknown", "domain", "process", "trace", NULL
};

#define FIELD(t, key, k, m, ...) \
    { .name = key, .kind = XPC_FIELD_##k, .offset = offsetof(t, m), \
      __VA_ARGS__ }
#define NUMBERS(key, k, m, nr, ...) \
    { .name = key, .kind = XPC_FIELD_ARRAY, \
      .offset = offsetof(struct xpc_measurement, m), \
      .count_offset = offsetof(struct xpc_measurement, nr), \
      .elem_kind = XPC_FIELD_##k, .max_count = XPC_PERIODS_MAX, __VA_ARGS__ }

#define W struct xpc_workset_result
static const struct xpc_field workset_fields[] = {
    FIELD(W, "intervals", U64, intervals),
    FIELD(W, "interval-ms", U64, interval_ns, .scale = XPC_MS),
    FIELD(W, "sampled-pfns", U64, sampled_pfns),
    FIELD(W, "union-pages", DOUBLE, union_pages),
    FIELD(W, "union-pages-low", DOUBLE, union_low),
    FIELD(W, "union-pages-high", DOUBLE, union_high),
    FIELD(W, "growth-pages-per-s", DOUBLE, growth_pages_per_s),
    FIELD(W, "jaccard", DOUBLE, jaccard),
    FIELD(W, "converged", BOOL, converged),
};
#undef W

static const struct xpc_type workset_type = {
    .name = "working set", .size = sizeof(struct xpc_workset_result),
    .fields = workset_fields, .nr_fields = ARRAY_SIZE(workset_fields),
};

#define P struct xpc_measured_phases
static const struct xpc_field phases_fields[] = {
    FIELD(P, "version", U64, version, .min = 1, .required = true),
    FIELD(P, "period-ms", U64, cycle.period_ns, .scale = XPC_MS,
          .required = true),
    FIELD(P, "busy-ms", U64, cycle.busy_ns, .scale = XPC_MS,
          .required = true),
    FIELD(P, "busy-from-ms", U64, cycle.busy_from_ns, .scale = XPC_MS,
          .required = true),
    FIELD(P, "quiet", DOUBLE, cycle.quiet, .required = true),
};
#undef P

static const struct xpc_type phases_type = {
    .name = "phases", .size = sizeof(struct xpc_measured_phases),
    .fields = phases_fields, .nr_fields = ARRAY_SIZE(phases_fields),
};

#define C struct xpc_measure_cost
static const struct xpc_field cost_fields[] = {
    FIELD(C, "cpu-us", U64, cpu_ns, .scale = US),
    FIELD(C, "wall-us", U64, wall_ns, .scale = US),
    FIELD(C, "hashed-bytes", U64, hashed_bytes),
    FIELD(C, "peeks", U64, peeks),
    FIELD(C, "peek-max-us", U64, peek_max_ns, .scale = US),
};
#undef C

static const struct xpc_type cost_type = {
    .name = "cost", .size = sizeof(struct xpc_measure_cost),
    .fields = cost_fields, .nr_fields = ARRAY_SIZE(cost_fields),
};

#define F struct xpc_compress_fit
static const struct xpc_field fit_fields[] = {
    FIELD(F, "pages", U64, pages),
    FIELD(F, "blocks", U64, blocks),
    FIELD(F, "share", DOUBLE, share),
    FIELD(F, "share-low", DOUBLE, share_low),
    FIELD(F, "share-high", DOUBLE, share_high),
    FIELD(F, "page-ns", DOUBLE, page_ns),
    FIELD(F, "page-ns-low", DOUBLE, page_ns_low),
    FIELD(F, "page-ns-high", DOUBLE, page_ns_high),
};
#undef F

static const struct xpc_type fit_type = {
    .name = "compression of pages", .size = sizeof(struct xpc_compress_fit),
    .fields = fit_fields, .nr_fields = ARRAY_SIZE(fit_fields),
};

#define R struct xpc_compress_result
static const struct xpc_field compress_fields[] = {
    FIELD(R, "compress", ENUM, compress, .names = xpc_compress_names,
          .required = true),
    FIELD(R, "level", U64, level),
    FIELD(R, "kept", OBJECT, kept, .elem = &fit_type),
    FIELD(R, "changed", OBJECT, changed, .elem = &fit_type),
};
#undef R

static const struct xpc_type compress_type = {
    .name = "compression", .size = sizeof(struct xpc_compress_result),
    .fields = compress_fields, .nr_fields = ARRAY_SIZE(compress_fields),
};

#define M struct xpc_measurement
static const struct xpc_field measurement_fields[] = {
    FIELD(M, "page-size", U64, page_size, .required = true),
    NUMBERS("periods", U64, period_ns, nr_periods, .scale = XPC_MS,
            .required = true),
    FIELD(M, "status", ENUM, status, .names = xpc_measure_status_names,
          .required = true),
    FIELD(M, "sample-pages", U64, sample_pages, .omit_zero = true),
    FIELD(M, "dirty-rate", DOUBLE, dirty_rate),
    FIELD(M, "mode", ENUM, mode, .names = xpc_measure_mode_names,
          .required = true),
    NUMBERS("n-dirty-pages", U64, n_dirty, nr_dirty, .required = true),
    FIELD(M, "n-sampled-pages", U64, n_sampled, .required = true),
    FIELD(M, "n-zero-pages", U64, n_zero),
    FIELD(M, "n-total-pages", U64, n_total, .required = true),
    FIELD(M, "start-time", U64, start_ns, .scale = XPC_S),
    FIELD(M, "calc-time", U64, calc_time),
    FIELD(M, "calc-time-unit", ENUM, calc_time_unit,
          .names = xpc_time_unit_names),

    NUMBERS("nominal-periods", U64, nominal_ns, nr_nominal,
            .scale = XPC_MS),
    NUMBERS("dirty-pages", DOUBLE, dirty_pages, nr_dirty_pages),
    NUMBERS("dirty-pages-low", DOUBLE, dirty_low, nr_dirty_low),
    NUMBERS("dirty-pages-high", DOUBLE, dirty_high, nr_dirty_high),
    FIELD(M, "zero-pages", DOUBLE, zero_pages),
    FIELD(M, "zero-pages-low", DOUBLE, zero_low),
    FIELD(M, "zero-pages-high", DOUBLE, zero_high),
    FIELD(M, "n-hole-pfns", U64, n_holes),
    FIELD(M, "source", ENUM, source, .names = source_names),
    FIELD(M, "source-id", U64, source_id),
    FIELD(M, "name", STRING, name, .omit_zero = true),
    FIELD(M, "error", STRING, error, .omit_zero = true),
    FIELD(M, "ballooned", BOOL, ballooned, .omit_zero = true),
    FIELD(M, "paused", BOOL, paused, .omit_zero = true),
    FIELD(M, "late", BOOL, late, .omit_zero = true),
    { .name = "compression", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(M, compress),
      .count_offset = offsetof(M, nr_compress), .elem = &compress_type,
      .max_count = XPC_COMPRESS_METHODS_MAX, .omit_zero = true },
    FIELD(M, "working-set", OBJECT, workset, .elem = &workset_type),
    FIELD(M, "phases", OBJECT, phases, .elem = &phases_type,
          .omit_zero = true),
    FIELD(M, "cost", OBJECT, cost, .elem = &cost_type),
};
#undef M

const struct xpc_type xpc_measurement_type = {
    .name = "measurement", .size = sizeof(struct xpc_measurement),
    .fields = measurement_fields,
    .nr_fields = ARRAY_SIZE(measurement_fields),
};

int xpc_measurement_from_json(struct xpc_measurement *m, const char *json,
                              size_t len, char err[XPC_ERR_LEN])
{
    struct xpc_measurement tmp;

    xpc_measurement_init(&tmp);
    if (xpc_from_json(&xpc_measurement_type, &tmp, json, len, err))
        return -1;
    if (xpc_measurement_complete(&tmp, err)) {
        int saved = errno;

        xpc_measurement_dispose(&tmp);
        errno = saved;
        return -1;
    }
    xpc_measurement_dispose(m);
    *m = tmp;
    return 0;
}
