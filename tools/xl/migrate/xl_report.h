/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of a migration as text. */
#ifndef XL_MIGRATE_XL_REPORT_H
#define XL_MIGRATE_XL_REPORT_H

#include <stdio.h>

#include <xenprecopy/xenprecopy.h>

/* The report's reason when the guard waits for the guest to suspend. */
#define XL_REASON_SUSPEND_PENDING "suspend-pending"

/* What became of the guest, in words. */
const char *report_outcome(const struct xpc_report *report);

/* name: the domain's. */
void report_print(FILE *out, const char *name,
                  const struct xpc_report *report);

#endif
