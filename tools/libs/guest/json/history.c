/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include <xenprecopy/forms.h>

#include "json/migration.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define E struct xpc_history_entry
#define U64(key, m, ...) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(E, m), \
      __VA_ARGS__ }
/* In microseconds; null if unknown. */
#define TIME(key, m) \
    U64(key, m, .scale = 1000, .null_zero = true, \
        .max = XPC_HISTORY_TIME_MAX_NS)

static const struct xpc_field entry_fields[] = {
    U64("start-s", start_s),
    { .name = "domain", .kind = XPC_FIELD_STRING,
      .offset = offsetof(E, domain) },
    { .name = "outcome", .kind = XPC_FIELD_ENUM, .required = true,
      .offset = offsetof(E, outcome), .names = xpc_outcome_names },
    TIME("downtime-limit-us", limit_ns),
    TIME("predicted-downtime-us", predicted_downtime_ns),
    TIME("actual-downtime-us", actual_downtime_ns),
    { .name = "device-model", .kind = XPC_FIELD_ENUM,
      .offset = offsetof(E, guest.device_model),
      .names = xpc_device_model_names },
    /* Files of versions without the rest have the sum. */
    U64("devices", guest.devices, .max = XPC_DEVICES_MAX),
    U64("vifs", guest.vifs, .max = XPC_DEVICES_MAX, .omit_zero = true),
    U64("disks", guest.disks, .max = XPC_DEVICES_MAX, .omit_zero = true),
    U64("vcpus", guest.vcpus, .max = XPC_VCPUS_MAX, .omit_zero = true),
    U64("pfns", guest.pfns, .max = XPC_HISTORY_PAGES_MAX, .omit_zero = true),
    U64("guest-id", guest.id, .max = XPC_GUEST_ID_MAX, .omit_zero = true),
    TIME("switchover-overhead-us", overhead_ns),
    TIME("switchover-overhead-at-least-us", overhead_at_least_ns),
    U64("suspend-pages", suspend_pages, .max = XPC_HISTORY_PAGES_MAX),
    TIME("start-us", start_ns),
    U64("final-pages", final_pages),
    U64("bandwidth-bytes-per-s", bandwidth_bytes_per_s),
    TIME("total-time-us", total_time_ns),
    U64("total-bytes", total_bytes),
    U64("iterations", iterations),
    U64("total-pages", total_pages),
};

const struct xpc_type xpc_history_entry_type = {
    .name = "migration", .size = sizeof(E),
    .fields = entry_fields, .nr_fields = ARRAY_SIZE(entry_fields),
};

#define T struct xpc_history_totals
#define TOTAL(key, m, ...) \
    { .name = key, .kind = XPC_FIELD_U64, .offset = offsetof(T, m), \
      __VA_ARGS__ }
#define OUTCOME(key, outcome) TOTAL(key, outcomes[outcome])

static const struct xpc_field totals_fields[] = {
    OUTCOME("unknown", XPC_OUTCOME_UNKNOWN),
    OUTCOME("refused", XPC_OUTCOME_REFUSED),
    OUTCOME("aborted", XPC_OUTCOME_ABORTED),
    OUTCOME("interrupted", XPC_OUTCOME_INTERRUPTED),
    OUTCOME("failed", XPC_OUTCOME_FAILED),
    OUTCOME("sent", XPC_OUTCOME_SENT),
    OUTCOME("migrated", XPC_OUTCOME_MIGRATED),
    TOTAL("over-limit", over_limit),
    TOTAL("bytes", bytes),
    TOTAL("time-us", time_ns, .scale = 1000),
    TOTAL("downtime-us", downtime_ns, .scale = 1000),
};

const struct xpc_type xpc_history_totals_type = {
    .name = "totals of migrations", .size = sizeof(T),
    .fields = totals_fields, .nr_fields = ARRAY_SIZE(totals_fields),
};

#define H struct xpc_history
static const struct xpc_field history_fields[] = {
    { .name = "version", .kind = XPC_FIELD_U64, .required = true,
      .offset = offsetof(H, version), .min = XPC_HISTORY_VERSION,
      .max = XPC_HISTORY_VERSION },
    { .name = "target", .kind = XPC_FIELD_STRING, .required = true,
      .offset = offsetof(H, target) },
    { .name = "stock-receiver-s", .kind = XPC_FIELD_U64,
      .offset = offsetof(H, stock_s), .omit_zero = true },
    { .name = "evacuation-pace-percent", .kind = XPC_FIELD_U64,
      .offset = offsetof(H, pace_percent), .min = XPC_HISTORY_PACE_MIN,
      .max = XPC_HISTORY_PACE_MAX, .omit_zero = true },
    { .name = "evacuation-s", .kind = XPC_FIELD_U64,
      .offset = offsetof(H, pace_s), .omit_zero = true },
    { .name = "totals", .kind = XPC_FIELD_OBJECT,
      .offset = offsetof(H, totals), .elem = &xpc_history_totals_type },
    { .name = "migrations", .kind = XPC_FIELD_ARRAY, .required = true,
      .offset = offsetof(H, entries), .elem = &xpc_history_entry_type,
      .count_offset = offsetof(H, nr_entries),
      .max_count = XPC_HISTORY_MAX },
};

const struct xpc_type xpc_history_type = {
    .name = "migration history", .size = sizeof(H),
    .fields = history_fields, .nr_fields = ARRAY_SIZE(history_fields),
};

int xpc_history_from_json(struct xpc_history *h, const char *json, size_t len,
                          char err[XPC_ERR_LEN])
{
    struct xpc_history read = { 0 };

    if (xpc_from_json(&xpc_history_type, &read, json, len, err))
        return -1;
    if (!read.target) {
        snprintf(err, XPC_ERR_LEN, "%s: target: expected a string, got null",
                 xpc_history_type.name);
        xpc_history_dispose(&read);
        errno = EINVAL;
        return -1;
    }
    xpc_history_complete(&read);
    xpc_history_dispose(h);
    *h = read;
    return 0;
}
