/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>
#include <xenprecopy/xenprecopy.h>

#include "json/migration.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define US UINT64_C(1000)
#define U64(t, key, m, ...) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(t, m), \
      __VA_ARGS__ }
#define ENUM(t, key, m, n, ...) \
    { .name = key, .kind = XPC_FIELD_ENUM, .offset = offsetof(t, m), \
      .names = n, __VA_ARGS__ }
#define STRING(t, key, m, ...) \
    { .name = key, .kind = XPC_FIELD_STRING, .offset = offsetof(t, m), \
      __VA_ARGS__ }
#define OBJECT(t, key, m, type) \
    { .name = key, .kind = XPC_FIELD_OBJECT, .offset = offsetof(t, m), \
      .elem = &type }

#define P struct xpc_params
static const struct xpc_field params_fields[] = {
    ENUM(P, "policy", policy, xpc_policy_names),
    U64(P, "duration-ms", duration_ns, .scale = XPC_MS, .null_zero = true),
    U64(P, "downtime-ms", downtime_ns, .scale = XPC_MS, .min = 1),
    U64(P, "max-downtime-ms", max_downtime_ns, .scale = XPC_MS,
        .null_zero = true),
    U64(P, "bandwidth-bytes-per-s", bandwidth_bytes_per_s,
        .null_zero = true),
    ENUM(P, "on-timeout", on_timeout, xpc_on_timeout_names),
    U64(P, "iterations", iterations, .null_zero = true),
    U64(P, "threshold-pages", threshold_pages, .null_zero = true),
    U64(P, "switchover-overhead-ms", overhead_ns, .scale = XPC_MS,
        .null_zero = true),
    U64(P, "confidence-percent", confidence_percent, .min = 50, .max = 99),
    ENUM(P, "early-abort", early_abort, xpc_early_abort_names),
    ENUM(P, "strict", strict, xpc_strict_names),
    ENUM(P, "zero-pages", zero_pages, xpc_zero_pages_names),
    ENUM(P, "skip-dirty", skip_dirty, xpc_skip_dirty_names),
    ENUM(P, "lulls", lulls, xpc_lulls_names, .omit_zero = true),
    U64(P, "slow-down-percent", slow_down_percent, .max = 99,
        .omit_zero = true),
    U64(P, "max-bandwidth-bytes-per-s", max_bytes_per_s, .null_zero = true),
    ENUM(P, "switchover-bandwidth", switchover, xpc_switchover_names),
    U64(P, "switchover-bandwidth-bytes-per-s", switchover_bytes_per_s,
        .null_zero = true),
    U64(P, "channels", channels, .min = 1, .max = XPC_CHANNELS_MAX),
    ENUM(P, "compress", compress, xpc_compress_names),
    U64(P, "compress-level", compress_level, .omit_zero = true),
    U64(P, "notify-ms", notify_ns, .scale = XPC_MS, .omit_zero = true),
    ENUM(P, "device-model", guest.device_model, xpc_device_model_names,
         .omit_zero = true),
    U64(P, "devices", guest.devices, .max = XPC_DEVICES_MAX,
        .omit_zero = true),
    U64(P, "vifs", guest.vifs, .max = XPC_DEVICES_MAX, .omit_zero = true),
    U64(P, "disks", guest.disks, .max = XPC_DEVICES_MAX, .omit_zero = true),
    U64(P, "vcpus", guest.vcpus, .max = XPC_VCPUS_MAX, .omit_zero = true),
    U64(P, "pfns", guest.pfns, .omit_zero = true),
    U64(P, "guest-id", guest.id, .max = XPC_GUEST_ID_MAX, .omit_zero = true),
    ENUM(P, "learned-device-model", learned.guest.device_model,
         xpc_device_model_names, .omit_zero = true),
    U64(P, "learned-devices", learned.guest.devices, .max = XPC_DEVICES_MAX,
        .omit_zero = true),
    U64(P, "learned-overhead-ms", learned.overhead_ns, .scale = XPC_MS,
        .omit_zero = true),
    U64(P, "learned-overhead-sd-ms", learned.overhead_sd_ns, .scale = XPC_MS,
        .omit_zero = true),
    U64(P, "learned-suspend-pages", learned.suspend_pages,
        .omit_zero = true),
    U64(P, "learned-suspend-pages-sd", learned.suspend_pages_sd,
        .omit_zero = true),
    U64(P, "learned-start-ms", learned.start_ns, .scale = XPC_MS,
        .omit_zero = true),
    U64(P, "learned-at-least-ms", learned.at_least_ns, .scale = XPC_MS,
        .omit_zero = true),
    { .name = "once", .kind = XPC_FIELD_BOOL, .offset = offsetof(P, once),
      .omit_zero = true },
};
#undef P

const struct xpc_type xpc_params_type = {
    .name = "precopy parameters", .size = sizeof(struct xpc_params),
    .fields = params_fields, .nr_fields = ARRAY_SIZE(params_fields),
    .strict = true,
};

bool xpc_params_same(const struct xpc_params *a, const struct xpc_params *b)
{
    char *x = xpc_to_json(&xpc_params_type, a, false);
    char *y = xpc_to_json(&xpc_params_type, b, false);
    bool same = x && y && !strcmp(x, y);

    free(x);
    free(y);
    return same;
}

bool xpc_params_ask(const struct xpc_params *p)
{
    struct xpc_params nothing, asked = *p;

    xpc_params_init(&nothing);
    nothing.policy = XPC_POLICY_STOCK;
    /* These are not requests. */
    asked.once = nothing.once;
    asked.learned = nothing.learned;
    asked.guest = nothing.guest;
    return !xpc_params_same(&asked, &nothing);
}

#define W struct xpc_working_set
static const struct xpc_field working_set_fields[] = {
    U64(W, "pages", pages, .null_zero = true),
    U64(W, "repeat-percent", repeat_percent),
    U64(W, "new-percent", new_percent),
};
#undef W

static const struct xpc_type working_set_type = {
    .name = "working set", .size = sizeof(struct xpc_working_set),
    .fields = working_set_fields, .nr_fields = ARRAY_SIZE(working_set_fields),
};

#define D struct xpc_decision
static const struct xpc_field decision_fields[] = {
    ENUM(D, "action", action, xpc_action_names),
    ENUM(D, "reason", reason, xpc_reason_names),
    U64(D, "predicted-downtime-us", predicted_downtime_ns, .scale = US),
    U64(D, "cautious-downtime-us", cautious_downtime_ns, .scale = US),
    U64(D, "best-downtime-us", best_downtime_ns, .scale = US),
    U64(D, "bandwidth-bytes-per-s", bandwidth_bytes_per_s),
    U64(D, "measured-bandwidth-bytes-per-s", measured_bytes_per_s,
        .omit_zero = true),
    U64(D, "switchover-overhead-us", overhead_ns, .scale = US),
    U64(D, "bitmap-us", bitmap_ns, .scale = US),
    U64(D, "dirty-pages", dirty_pages),
    U64(D, "time-left-us", time_left_ns, .scale = US, .null_zero = true),
    U64(D, "period-us", period_ns, .scale = US, .omit_zero = true),
    U64(D, "busy-us", busy_ns, .scale = US, .omit_zero = true),
    U64(D, "lull-us", lull_ns, .scale = US, .omit_zero = true),
    U64(D, "slow-down-percent", slow_down_percent, .omit_zero = true),
    U64(D, "slow-down-us", slow_down_ns, .scale = US, .omit_zero = true),
    OBJECT(D, "working-set", working_set, working_set_type),
    U64(D, "enough-downtime-us", enough_downtime_ns, .scale = US,
        .omit_zero = true),
    U64(D, "enough-bandwidth-bytes-per-s", enough_bandwidth_bytes_per_s,
        .omit_zero = true),
};
#undef D

static const struct xpc_type decision_type = {
    .name = "decision", .size = sizeof(struct xpc_decision),
    .fields = decision_fields, .nr_fields = ARRAY_SIZE(decision_fields),
};

#define I struct xpc_iteration
static const struct xpc_field iteration_fields[] = {
    U64(I, "iteration", number),
    U64(I, "pages", pages),
    /* QEMU's names. */
    U64(I, "normal", pages),
    U64(I, "duplicate", zero_pages),
    U64(I, "skipped", skipped_pages, .omit_zero = true),
    U64(I, "bytes", bytes),
    U64(I, "start-us", start_ns, .scale = US),
    U64(I, "duration-us", duration_ns, .scale = US),
    U64(I, "dirty-pages", dirty_pages),
    OBJECT(I, "decision", decision, decision_type),
};
#undef I

const struct xpc_type xpc_iteration_type = {
    .name = "iteration", .size = sizeof(struct xpc_iteration),
    .fields = iteration_fields, .nr_fields = ARRAY_SIZE(iteration_fields),
};

#define A struct xpc_active
static const struct xpc_field active_fields[] = {
    U64(A, "pid", pid, .min = 1, .required = true),
    U64(A, "start-monotonic-us", start_monotonic_ns, .scale = US),
    OBJECT(A, "parameters", params, xpc_params_type),
};
#undef A

const struct xpc_type xpc_active_type = {
    .name = "migration under way", .size = sizeof(struct xpc_active),
    .fields = active_fields, .nr_fields = ARRAY_SIZE(active_fields),
};

#define U struct xpc_compress_use
static const struct xpc_field compress_use_fields[] = {
    ENUM(U, "compress", compress, xpc_compress_names),
    U64(U, "level", level, .omit_zero = true),
    U64(U, "frames", frames),
    U64(U, "bytes", bytes),
    U64(U, "wire-bytes", wire_bytes),
    U64(U, "cpu-us", cpu_ns, .scale = US),
    U64(U, "wall-us", wall_ns, .scale = US),
};
#undef U

static const struct xpc_type compress_use_type = {
    .name = "compression", .size = sizeof(struct xpc_compress_use),
    .fields = compress_use_fields,
    .nr_fields = ARRAY_SIZE(compress_use_fields),
};

#define R struct xpc_report
static const struct xpc_field report_fields[] = {
    U64(R, "version", version, .min = 1, .max = 1),
    ENUM(R, "outcome", outcome, xpc_outcome_names),
    STRING(R, "reason", reason),
    STRING(R, "text", text),
    U64(R, "domid", domid),
    { .name = "domain", .kind = XPC_FIELD_STRING,
      .offset = offsetof(R, domain), .omit_zero = true },
    { .name = "target", .kind = XPC_FIELD_STRING,
      .offset = offsetof(R, target), .omit_zero = true },
    U64(R, "start-s", start_s, .omit_zero = true),
    OBJECT(R, "parameters", params, xpc_params_type),
    STRING(R, "sources", sources, .omit_zero = true),
    U64(R, "start-monotonic-us", start_monotonic_ns, .scale = US),
    U64(R, "total-pages", total_pages),
    OBJECT(R, "decision", decision, decision_type),
    U64(R, "total-time-us", total_time_ns, .scale = US),
    U64(R, "total-bytes", total_bytes),
    U64(R, "total-pages-sent", total_pages_sent),
    /* QEMU's names. */
    U64(R, "normal", total_pages_sent),
    U64(R, "duplicate", total_zero_pages),
    U64(R, "skipped", total_skipped_pages, .omit_zero = true),
    U64(R, "zero-pages-in-full", zero_pages_in_full, .omit_zero = true),
    U64(R, "predicted-downtime-us", predicted_downtime_ns, .scale = US,
        .null_zero = true),
    U64(R, "actual-downtime-us", actual_downtime_ns, .scale = US,
        .null_zero = true),
    U64(R, "suspend-asked-us", suspend_asked_ns, .scale = US,
        .null_zero = true),
    U64(R, "suspended-us", suspended_ns, .scale = US, .null_zero = true),
    U64(R, "final-bitmap-us", final_bitmap_ns, .scale = US,
        .null_zero = true),
    U64(R, "pages-sent-us", pages_sent_ns, .scale = US, .null_zero = true),
    U64(R, "state-sent-us", state_sent_ns, .scale = US, .null_zero = true),
    U64(R, "stream-end-us", stream_end_ns, .scale = US, .null_zero = true),
    U64(R, "target-ready-us", target_ready_ns, .scale = US,
        .null_zero = true),
    U64(R, "go-us", go_ns, .scale = US, .null_zero = true),
    U64(R, "target-started-us", target_started_ns, .scale = US,
        .null_zero = true),
    U64(R, "broken-off-us", broken_off_ns, .scale = US, .null_zero = true),
    U64(R, "resumed-us", resumed_ns, .scale = US, .null_zero = true),
    U64(R, "sampler-counts", sampler_counts),
    U64(R, "sampler-us", sampler_ns, .scale = US),
    U64(R, "peeks", peeks, .omit_zero = true),
    U64(R, "peeks-us", peek_ns, .scale = US, .omit_zero = true),
    U64(R, "slowed-us", slowed_ns, .scale = US, .omit_zero = true),
    U64(R, "cpu-taken-us", cpu_taken_ns, .scale = US, .omit_zero = true),
    U64(R, "predicted-slowed-us", predicted_slowed_ns, .scale = US,
        .omit_zero = true),
    U64(R, "predicted-cpu-taken-us", predicted_cpu_taken_ns, .scale = US,
        .omit_zero = true),
    U64(R, "bitmap-us", bitmap_ns, .scale = US, .null_zero = true),
    U64(R, "final-pages", final_pages),
    U64(R, "final-duplicate", final_zero_pages),
    U64(R, "final-bytes", final_bytes),
    U64(R, "device-bytes", device_bytes),
    U64(R, "notify-waited-us", notify_waited_ns, .scale = US,
        .omit_zero = true),
    U64(R, "notify-acknowledged", notify_acknowledged, .omit_zero = true),
    { .name = "verified", .kind = XPC_FIELD_BOOL,
      .offset = offsetof(R, verified), .omit_zero = true },
    U64(R, "channels", channels, .omit_zero = true),
    U64(R, "wire-bytes", wire_bytes, .omit_zero = true),
    { .name = "compression", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(R, compress),
      .count_offset = offsetof(R, nr_compress),
      .elem = &compress_use_type, .omit_zero = true },
    U64(R, "link-bytes-per-s", link_bytes_per_s, .omit_zero = true),
    U64(R, "processors", processors, .omit_zero = true),
    /* Must be last: xpc_report_head_type omits it. */
    { .name = "iterations", .kind = XPC_FIELD_ARRAY,
      .offset = offsetof(R, iterations),
      .count_offset = offsetof(R, nr_iterations),
      .elem = &xpc_iteration_type },
};
#undef R

const struct xpc_type xpc_report_type = {
    .name = "precopy report", .size = sizeof(struct xpc_report),
    .fields = report_fields, .nr_fields = ARRAY_SIZE(report_fields),
};

const struct xpc_type xpc_report_head_type = {
    .name = "precopy report", .size = sizeof(struct xpc_report),
    .fields = report_fields, .nr_fields = ARRAY_SIZE(report_fields) - 1,
};
