/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of a migration as a JSON file (--report). */
#ifndef XL_MIGRATE_XL_REPORT_FILE_H
#define XL_MIGRATE_XL_REPORT_FILE_H

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#include "common/xl_output.h"

/*
 * Opens the file, so that a path that can't be written is found before the
 * migration. path NULL: no report is wanted. Returns 0, or -1 with one line in
 * err.
 */
int report_file_open(struct xl_output *o, const char *path,
                     char err[XPC_ERR_LEN]);
/*
 * Writes the report and closes the file; report NULL: leaves the file as it
 * was. Returns 0, or -1 after an error message on stderr.
 */
int report_file_close(struct xl_output *o,
                      const struct xpc_report *report);

#endif
