/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the figures of a report show, each in one sentence. */
#ifndef XL_REPORT_XL_FINDINGS_H
#define XL_REPORT_XL_FINDINGS_H

#include <xenprecopy/xenprecopy.h>

#include "migrate/xl_downtime.h"

#define FINDING_LEN 256

/*
 * These write to buf and return it. All but the last need an iteration or
 * more.
 */
const char *finding_predicted(const struct xpc_report *r,
                              char buf[FINDING_LEN]);
const char *finding_left(const struct xpc_report *r, char buf[FINDING_LEN]);
const char *finding_bandwidth(const struct xpc_report *r,
                              char buf[FINDING_LEN]);
const char *finding_dirty(const struct xpc_report *r, char buf[FINDING_LEN]);
/* nr is 1 or more. */
const char *finding_downtime(const struct xpc_report *r,
                             const struct downtime_part *parts, size_t nr,
                             char buf[FINDING_LEN]);

/* Bytes per second in an iteration; 0: it took no time. */
double iteration_rate(const struct xpc_iteration *it);

#endif
