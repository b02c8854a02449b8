/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON forms of parameters, progress and reports, for xpc_to_json() and
 * xpc_from_json(). Times are milliseconds in parameters and microseconds in
 * reports, as the keys say.
 */
#ifndef JSON_MIGRATION_H
#define JSON_MIGRATION_H

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#include "core/names.h"

extern const struct xpc_type xpc_params_type;
extern const struct xpc_type xpc_iteration_type;
extern const struct xpc_type xpc_active_type;
/* A report with, and without (head), its array of iterations. */
extern const struct xpc_type xpc_report_type;
extern const struct xpc_type xpc_report_head_type;

/* Do both have the same JSON? Returns false if out of memory. */
bool xpc_params_same(const struct xpc_params *a, const struct xpc_params *b);

/* Do the parameters request anything that stock Xen does not do? */
bool xpc_params_ask(const struct xpc_params *p);

#endif
