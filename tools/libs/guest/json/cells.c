/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON form of predictions. */
#include <xenprecopy/forms.h>
#include <xenprecopy/units.h>

#include "json/migration.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define FIELD(t, key, k, m, ...) \
    { .name = key, .kind = XPC_FIELD_##k, .offset = offsetof(t, m), \
      __VA_ARGS__ }
#define TIME(t, key, m) \
    FIELD(t, key, U64, m, .scale = XPC_MS, .null_zero = true)
#define LIST(t, key, m, n, type) \
    { .name = key, .kind = XPC_FIELD_ARRAY, .offset = offsetof(t, m), \
      .count_offset = offsetof(t, n), .elem = &type, .max_count = 1u << 24 }

#define C struct xpc_cell
static const struct xpc_field cell_fields[] = {
    FIELD(C, "domain", STRING, domain),
    FIELD(C, "compress", STRING, compress, .omit_zero = true),
    FIELD(C, "bandwidth-bits-per-s", U64, bandwidth_bits_per_s),
    TIME(C, "downtime-ms", downtime_ns),
    FIELD(C, "converges", BOOL, converges),
    TIME(C, "total-time-ms", total_ns),
    TIME(C, "total-time-ms-low", total_low_ns),
    TIME(C, "total-time-ms-high", total_high_ns),
    FIELD(C, "iterations", U64, iterations),
    FIELD(C, "bytes", U64, bytes),
    FIELD(C, "predicted-downtime-ms", U64, predicted_ns, .scale = XPC_MS),
    FIELD(C, "predicted-downtime-ms-low", U64, predicted_low_ns,
          .scale = XPC_MS),
    FIELD(C, "predicted-downtime-ms-high", U64, predicted_high_ns,
          .scale = XPC_MS),
    FIELD(C, "marginal", BOOL, marginal),
    FIELD(C, "reason", ENUM, reason, .names = xpc_reason_names),
};
#undef C

static const struct xpc_type cell_type = {
    .name = "cell", .size = sizeof(struct xpc_cell),
    .fields = cell_fields, .nr_fields = ARRAY_SIZE(cell_fields),
};

#define A struct xpc_cell_advice
static const struct xpc_field advice_fields[] = {
    FIELD(A, "domain", STRING, domain),
    FIELD(A, "compress", STRING, compress, .omit_zero = true),
    FIELD(A, "bandwidth-bits-per-s", U64, bandwidth_bits_per_s),
    TIME(A, "downtime-ms", downtime_ns),
    FIELD(A, "converges", BOOL, converges),
    FIELD(A, "marginal", BOOL, marginal),
    TIME(A, "least-downtime-ms", least_downtime_ns),
    FIELD(A, "least-bandwidth-bits-per-s", U64, least_bandwidth_bits_per_s,
          .null_zero = true),
    FIELD(A, "cpu-percent", DOUBLE, cpu_percent),
    FIELD(A, "text", STRING, text),
    FIELD(A, "options", STRING, options),
};
#undef A

static const struct xpc_type advice_type = {
    .name = "advice", .size = sizeof(struct xpc_cell_advice),
    .fields = advice_fields, .nr_fields = ARRAY_SIZE(advice_fields),
};

#define S struct xpc_cell_step
static const struct xpc_field step_fields[] = {
    FIELD(S, "domain", STRING, domain),
    FIELD(S, "possible", BOOL, possible),
    FIELD(S, "start-ms", U64, start_ns, .scale = XPC_MS),
    FIELD(S, "end-ms", U64, end_ns, .scale = XPC_MS),
    FIELD(S, "concurrency", U64, concurrency),
    FIELD(S, "bandwidth-bits-per-s", U64, bandwidth_bits_per_s),
    TIME(S, "downtime-ms", downtime_ns),
    FIELD(S, "predicted-downtime-ms", U64, predicted_ns, .scale = XPC_MS),
    FIELD(S, "all-at-once-converges", BOOL, at_once_converges),
    FIELD(S, "all-at-once-downtime-ms", U64, at_once_ns, .scale = XPC_MS),
};
#undef S

static const struct xpc_type step_type = {
    .name = "evacuation step", .size = sizeof(struct xpc_cell_step),
    .fields = step_fields, .nr_fields = ARRAY_SIZE(step_fields),
};

#define P struct xpc_cell_plan
static const struct xpc_field plan_fields[] = {
    FIELD(P, "bandwidth-bits-per-s", U64, bandwidth_bits_per_s),
    TIME(P, "downtime-ms", downtime_ns),
    FIELD(P, "concurrency", U64, concurrency),
    FIELD(P, "total-time-ms", U64, total_ns, .scale = XPC_MS),
    FIELD(P, "all-at-once-total-time-ms", U64, at_once_total_ns,
          .scale = XPC_MS),
    FIELD(P, "all-at-once-over-limit", U64, at_once_over_limit),
    FIELD(P, "all-at-once-downtime-sum-ms", U64, at_once_sum_ns,
          .scale = XPC_MS),
    LIST(P, "order", steps, nr_steps, step_type),
};
#undef P

static const struct xpc_type plan_type = {
    .name = "evacuation", .size = sizeof(struct xpc_cell_plan),
    .fields = plan_fields, .nr_fields = ARRAY_SIZE(plan_fields),
};

#define D struct xpc_cells
static const struct xpc_field cells_fields[] = {
    FIELD(D, "version", U64, version, .min = 1, .max = 1),
    LIST(D, "cells", cells, nr_cells, cell_type),
    LIST(D, "advice", advice, nr_advice, advice_type),
    LIST(D, "evacuation", plans, nr_plans, plan_type),
};
#undef D

const struct xpc_type xpc_cells_type = {
    .name = "prediction", .size = sizeof(struct xpc_cells),
    .fields = cells_fields, .nr_fields = ARRAY_SIZE(cells_fields),
};
