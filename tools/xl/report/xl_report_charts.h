/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The charts of a report. Each has its finding as its label. */
#ifndef XL_REPORT_XL_REPORT_CHARTS_H
#define XL_REPORT_XL_REPORT_CHARTS_H

#include <stdio.h>

#include <xenprecopy/xenprecopy.h>

#include "migrate/xl_downtime.h"

/* These need an iteration or more. */
void chart_predicted(FILE *f, const struct xpc_report *r, const char *label);
void chart_left(FILE *f, const struct xpc_report *r, const char *label);
void chart_bandwidth(FILE *f, const struct xpc_report *r, const char *label);
void chart_dirty(FILE *f, const struct xpc_report *r, const char *label);
/* One bar for each part, under the one before it. */
void chart_downtime(FILE *f, const struct downtime_part *parts, size_t nr,
                    const char *label);

#endif
