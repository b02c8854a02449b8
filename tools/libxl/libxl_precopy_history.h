/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of migrations: a file for each target, from which the next
 * migration to it learns its switchover overhead.
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
 * Only the caller knows the target, and when it said that the guest runs
 * there: before _add, the report must have its outcome, its
 * actual_downtime_ns, and the times stream_end_ns, target_ready_ns, go_ns and
 * target_started_ns. Without the times it is kept but nothing is learned from
 * it. Nothing of Xen is needed.
 *
 * Files are JSON (version, target, migrations: see xenprecopy/history.h) with
 * at most XPC_HISTORY_MAX migrations each. They are replaced as a whole: a
 * reader sees the old one or the new one, a writer that dies leaves the old
 * one, and several writers wait for each other.
 */
#ifndef LIBXL_PRECOPY_HISTORY_H
#define LIBXL_PRECOPY_HISTORY_H

#include <time.h>

#include <libxl_precopy.h>

#include <xenprecopy/history.h>

/* Where the files are when dir is NULL, unless the environment says. */
#define LIBXL_PRECOPY_HISTORY_DIR "/var/lib/xen-precopy/history"
#define LIBXL_PRECOPY_HISTORY_ENV "XEN_PRECOPY_HISTORY"

/* The members are described in xenprecopy/history.h. */
typedef struct xpc_history libxl_precopy_history;

/* _init before use, _dispose after, each as often as you like. */
void libxl_precopy_history_init(libxl_precopy_history *h);
void libxl_precopy_history_dispose(libxl_precopy_history *h);
/* malloc()ed. */
char *libxl_precopy_history_to_json(libxl_ctx *ctx,
                                    const libxl_precopy_history *h);

/*
 * All of the following take the target as xl migrate does. Two targets are
 * the same when they are in lower case and, if they have no blank, without
 * what is before an "@" (root@Host2 is host2). Errors are libxl's, with one
 * line for people in err, which is empty when there is nothing to say.
 */

/*
 * Reads what is known of a target into *h_r, which must be initialised.
 * ERROR_NOTFOUND: nothing (not for people: err is empty). ERROR_INVAL: the
 * file is damaged or of another version; it is left as it is. Else
 * ERROR_NOMEM, ERROR_FAIL. *h_r is unchanged on errors.
 */
int libxl_precopy_history_read(const char *dir, const char *target,
                               libxl_precopy_history *h_r,
                               char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Adds a migration that began at start, of a domain (its name, or NULL). The
 * directory is made if it is not there. A damaged file is renamed to end in
 * .bad, which err then says, though 0 is returned. ERROR_FAIL: it can't be
 * written, or another program kept it locked for half a minute.
 */
int libxl_precopy_history_add(const char *dir, const char *target,
                              const libxl_precopy_report *report,
                              time_t start, const char *domain,
                              char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Keeps that the target's receiver was found to be a stock one at that time;
 * 0: that it isn't one. Errors are as libxl_precopy_history_add()'s.
 */
int libxl_precopy_history_receiver(const char *dir, const char *target,
                                   time_t stock,
                                   char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * All targets, by name: an array of *nr_r, for _list_free. Files that can't
 * be read are left out, and err tells of the first of them.
 */
int libxl_precopy_history_list(const char *dir,
                               libxl_precopy_history **list_r, size_t *nr_r,
                               char err[LIBXL_PRECOPY_ERR_LEN]);
void libxl_precopy_history_list_free(libxl_precopy_history *list, size_t nr);

#endif
