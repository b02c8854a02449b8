/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON form of the public structures, for xpc_to_json() and
 * xpc_from_json(). Times are milliseconds in parameters and microseconds in
 * reports, as their keys say.
 */
#ifndef XPC_TYPES_H
#define XPC_TYPES_H

#include "xpc_json.h"

extern const struct xpc_type xpc_params_type;
extern const struct xpc_type xpc_decision_type;
extern const struct xpc_type xpc_iteration_type;
extern const struct xpc_type xpc_active_type;
/* The same report with and without its array of iterations. */
extern const struct xpc_type xpc_report_type;
extern const struct xpc_type xpc_report_head_type;

/* The names that enum values have in JSON; each ends with NULL. */
extern const char *const xpc_policy_names[];
extern const char *const xpc_on_timeout_names[];
extern const char *const xpc_early_abort_names[], *const xpc_strict_names[];
extern const char *const xpc_device_model_names[];
extern const char *const xpc_zero_pages_names[];
extern const char *const xpc_switchover_names[];
extern const char *const xpc_compress_names[];
extern const char *const xpc_action_names[];
extern const char *const xpc_reason_names[];
extern const char *const xpc_outcome_names[];

/* Are they the same when written as JSON? Not if there is no memory for it. */
bool xpc_params_same(const struct xpc_params *a, const struct xpc_params *b);

/* Do they ask for anything that stock does not do? */
bool xpc_params_ask(const struct xpc_params *p);

#endif
