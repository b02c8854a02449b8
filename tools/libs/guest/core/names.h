/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of enum values for options, messages and JSON, indexed by value. Each
 * table is terminated by NULL.
 */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

extern const char *const xpc_policy_names[];
extern const char *const xpc_on_timeout_names[];
extern const char *const xpc_early_abort_names[], *const xpc_strict_names[];
extern const char *const xpc_device_model_names[];
extern const char *const xpc_zero_pages_names[];
extern const char *const xpc_skip_dirty_names[];
extern const char *const xpc_lulls_names[];
extern const char *const xpc_switchover_names[];
extern const char *const xpc_compress_names[];
extern const char *const xpc_action_names[];
extern const char *const xpc_reason_names[];
extern const char *const xpc_outcome_names[];

#endif
