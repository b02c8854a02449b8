/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last report of each domain, in the folder "reports" of the directory of
 * the history. dir and err are as in libxl_precopy_history.h. Xen is not
 * needed.
 */
#ifndef LIBXL_PRECOPY_REPORTS_H
#define LIBXL_PRECOPY_REPORTS_H

#include <libxl_precopy.h>

/* At most this many are kept; the oldest is removed first. */
#define LIBXL_PRECOPY_REPORTS_MAX 64

/*
 * Keeps a report, whose domain, target and start_s should be set. Errors are as
 * for libxl_precopy_history_add().
 */
int libxl_precopy_report_keep(const char *dir,
                              const libxl_precopy_report *report,
                              char err[LIBXL_PRECOPY_ERR_LEN]);
/*
 * Reads the last report of a domain, or for NULL the one that was kept last,
 * into *report_r, which must be initialised and is unchanged on errors.
 * ERROR_NOTFOUND: there is none (err is empty).
 */
int libxl_precopy_report_last(const char *dir, const char *domain,
                              libxl_precopy_report *report_r,
                              char err[LIBXL_PRECOPY_ERR_LEN]);

#endif
