/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of migrations: one file per target, from which the switchover
 * overhead of the next migration to it is learned.
 *
 *   libxl_precopy_history h;
 *   libxl_domain_precopy_guest(ctx, domid, &guest);
 *   libxl_precopy_history_init(&h);
 *   if (!libxl_precopy_history_read(NULL, "host2", &h, err))
 *       xpc_history_prior(&h, &guest, time(NULL), &params.learned);
 *   ... libxl_domain_live_migrate(), the report completed ...
 *   libxl_precopy_history_add(NULL, "host2", &report, start, "web1", err);
 *   libxl_precopy_history_dispose(&h);
 *
 * Only the caller knows the target, and when the target reported that the
 * guest runs. So before _add it has to set the report's outcome,
 * actual_downtime_ns, stream_end_ns, target_ready_ns, go_ns and
 * target_started_ns. A report without the times is stored, but nothing is
 * learned from it. Xen is not needed.
 *
 * Files are JSON (version, target, migrations: see xenprecopy/history.h) with
 * at most XPC_HISTORY_MAX migrations each. They are replaced as a whole, so
 * readers see the old or the new file, and the old one stays if a writer dies.
 * Writers wait for each other.
 */
#ifndef LIBXL_PRECOPY_HISTORY_H
#define LIBXL_PRECOPY_HISTORY_H

#include <time.h>

#include <libxl_precopy.h>

#include <xenprecopy/lessons.h>

/* The default directory, and the environment variable that overrides it. */
#define LIBXL_PRECOPY_HISTORY_DIR "/var/lib/xen-precopy/history"
#define LIBXL_PRECOPY_HISTORY_ENV "XEN_PRECOPY_HISTORY"

/* The members are described in xenprecopy/history.h. */
typedef struct xpc_history libxl_precopy_history;

/* Call _init before use and _dispose after it; both may be repeated. */
void libxl_precopy_history_init(libxl_precopy_history *h);
void libxl_precopy_history_dispose(libxl_precopy_history *h);
/* Returns a malloc()ed string. */
char *libxl_precopy_history_to_json(libxl_ctx *ctx,
                                    const libxl_precopy_history *h);

/*
 * In the following functions dir NULL is the default directory, and target is
 * as given to xl migrate. Targets are compared in lower case and, if they
 * contain no blank, without the part before an "@": root@Host2 is host2.
 * Errors are libxl's, with one line of text in err, which is empty if there is
 * nothing to tell.
 */

/*
 * Reads the history of a target into *h_r, which must be initialised and is
 * unchanged on errors. ERROR_NOTFOUND: there is none (err is empty).
 * ERROR_INVAL: the file is damaged or of another version. Else ERROR_NOMEM or
 * ERROR_FAIL.
 */
int libxl_precopy_history_read(const char *dir, const char *target,
                               libxl_precopy_history *h_r,
                               char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Adds a migration of a domain (its name, or NULL) that began at start.
 * Creates the directory if needed. A damaged file is renamed to end in .bad;
 * then err has a line although 0 is returned. ERROR_FAIL: the file can't be
 * written, or another program kept it locked for half a minute.
 */
int libxl_precopy_history_add(const char *dir, const char *target,
                              const libxl_precopy_report *report,
                              time_t start, const char *domain,
                              char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Stores when the target's receiver was found to be a stock one; 0: that it is
 * not one. Errors are as for libxl_precopy_history_add().
 */
int libxl_precopy_history_receiver(const char *dir, const char *target,
                                   time_t stock,
                                   char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Stores that an evacuation to this target, among others, ended at now and took
 * `pace` times as long as was forecast. The same.
 */
int libxl_precopy_history_evacuated(const char *dir, const char *target,
                                    double pace, time_t now,
                                    char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Reads the histories of all targets, sorted by name, into an array of *nr_r
 * to be freed by _list_free. Files that can't be read are left out, and err
 * has a line about the first of them.
 */
int libxl_precopy_history_list(const char *dir,
                               libxl_precopy_history **list_r, size_t *nr_r,
                               char err[LIBXL_PRECOPY_ERR_LEN]);
void libxl_precopy_history_list_free(libxl_precopy_history *list, size_t nr);

#endif
