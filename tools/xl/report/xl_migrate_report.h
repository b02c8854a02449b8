/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-report. */
#ifndef XL_REPORT_XL_MIGRATE_REPORT_H
#define XL_REPORT_XL_MIGRATE_REPORT_H

#include "common/xl_common.h"

extern const struct xl_usage migrate_report_usage;

/* Returns the exit status. */
int cmd_migrate_report(int argc, char **argv);

#endif
