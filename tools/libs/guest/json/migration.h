/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON forms of what a migration is told and tells, for xpc_to_json() and
 * xpc_from_json(). Times are milliseconds in parameters and microseconds in
 * reports, as their keys say.
 */
#ifndef JSON_MIGRATION_H
#define JSON_MIGRATION_H

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#include "core/names.h"

extern const struct xpc_type xpc_params_type;
extern const struct xpc_type xpc_decision_type;
extern const struct xpc_type xpc_iteration_type;
extern const struct xpc_type xpc_active_type;
/* The same report with and without its array of iterations. */
extern const struct xpc_type xpc_report_type;
extern const struct xpc_type xpc_report_head_type;

/* Are they the same when written as JSON? Not if there is no memory for it. */
bool xpc_params_same(const struct xpc_params *a, const struct xpc_params *b);

/* Do they ask for anything that stock does not do? */
bool xpc_params_ask(const struct xpc_params *p);

#endif
