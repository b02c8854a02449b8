/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include <xenprecopy/xenprecopy.h>

#include "core/names.h"

const char *const xpc_policy_names[] = {
    [XPC_POLICY_LIMIT] = "limit",
    [XPC_POLICY_STOCK] = "stock",
    NULL
};

const char *const xpc_on_timeout_names[] = {
    [XPC_ON_TIMEOUT_ABORT] = "abort",
    [XPC_ON_TIMEOUT_SUSPEND] = "suspend",
    NULL
};

const char *const xpc_early_abort_names[] = {
    [XPC_EARLY_ABORT_ON] = "on",
    [XPC_EARLY_ABORT_OFF] = "off",
    NULL
};

const char *const xpc_strict_names[] = {
    [XPC_STRICT_OFF] = "off",
    [XPC_STRICT_ON] = "on",
    NULL
};

const char *const xpc_skip_dirty_names[] = {
    [XPC_SKIP_DIRTY_OFF] = "off",
    [XPC_SKIP_DIRTY_ON] = "on",
    NULL
};

const char *const xpc_lulls_names[] = {
    [XPC_LULLS_ON] = "on",
    [XPC_LULLS_OFF] = "off",
    NULL
};

const char *const xpc_device_model_names[] = {
    [XPC_DEVICE_MODEL_UNKNOWN] = "unknown",
    [XPC_DEVICE_MODEL_NO] = "no",
    [XPC_DEVICE_MODEL_YES] = "yes",
    NULL
};

const char *const xpc_zero_pages_names[] = {
    [XPC_ZERO_PAGES_SEND] = "send",
    [XPC_ZERO_PAGES_ELIDE] = "elide",
    [XPC_ZERO_PAGES_AUTO] = "auto",
    NULL
};

const char *const xpc_switchover_names[] = {
    [XPC_SWITCHOVER_LIFTED] = "lifted",
    [XPC_SWITCHOVER_KEPT] = "kept",
    [XPC_SWITCHOVER_RATE] = "rate",
    NULL
};

const char *const xpc_compress_names[] = {
    [XPC_COMPRESS_OFF] = "off",
    [XPC_COMPRESS_ZSTD] = "zstd",
    [XPC_COMPRESS_LZ4] = "lz4",
    [XPC_COMPRESS_AUTO] = "auto",
    NULL
};

const char *const xpc_action_names[] = {
    [XPC_CONTINUE] = "continue",
    [XPC_STOP_AND_COPY] = "stop-and-copy",
    [XPC_ABORT] = "abort",
    NULL
};

const char *const xpc_reason_names[] = {
    [XPC_REASON_CONVERGING] = "converging",
    [XPC_REASON_WITHIN_LIMIT] = "within-limit",
    [XPC_REASON_THRESHOLD] = "threshold",
    [XPC_REASON_DURATION] = "duration",
    [XPC_REASON_ITERATIONS] = "iterations",
    [XPC_REASON_STALLED] = "stalled",
    [XPC_REASON_OVER_MAXIMUM] = "over-maximum",
    [XPC_REASON_STOCK] = "stock",
    [XPC_REASON_CANCELLED] = "cancelled",
    [XPC_REASON_OVERRUN] = "overrun",
    [XPC_REASON_NO_ANSWER] = "no-answer",
    [XPC_REASON_PAUSED] = "paused",
    [XPC_REASON_LOG_LOST] = "log-lost",
    [XPC_REASON_TOOLSTACK] = "toolstack",
    [XPC_REASON_LULL] = "lull",
    [XPC_REASON_NOTIFY] = "notify",
    [XPC_REASON_NO_GUARD] = "no-guard",
    NULL
};

const char *const xpc_outcome_names[] = {
    [XPC_OUTCOME_UNKNOWN] = "unknown",
    [XPC_OUTCOME_REFUSED] = "refused",
    [XPC_OUTCOME_ABORTED] = "aborted",
    [XPC_OUTCOME_INTERRUPTED] = "interrupted",
    [XPC_OUTCOME_FAILED] = "failed",
    [XPC_OUTCOME_SENT] = "sent",
    [XPC_OUTCOME_MIGRATED] = "migrated",
    NULL
};
