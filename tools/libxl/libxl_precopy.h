/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxlprecopy: live migration with a downtime limit, for libxl toolstacks.
 *
 *   libxl_precopy_params params;
 *   libxl_precopy_params_init(&params);
 *   params.downtime_ns = 300 * 1000000ull;
 *   rc = libxl_domain_live_migrate(ctx, domid, fd, 0, &params, NULL);
 *   libxl_domain_precopy_report(ctx, domid, &report);
 *
 * It works with a stock libxl: the parameters are passed through xenstore to a
 * plug-in that runs in libxl's save helper. A complete program is
 * docs/live-migrate-example.c.
 */
#ifndef LIBXL_PRECOPY_H
#define LIBXL_PRECOPY_H

#include <libxl.h>

#include <xenprecopy/xenprecopy.h>

/*
 * The members are described in xenprecopy/xenprecopy.h. Call _init before use
 * and _dispose after it; both may be called repeatedly. _to_json returns a
 * malloc()ed string. _from_json returns ERROR_INVAL if the document is not
 * valid, and then changes nothing. ctx is not used and may be NULL.
 */
typedef struct xpc_params libxl_precopy_params;
typedef struct xpc_report libxl_precopy_report;
typedef struct xpc_iteration libxl_precopy_iteration;
typedef struct xpc_active libxl_precopy_active;
typedef struct xpc_guest libxl_precopy_guest;

void libxl_precopy_params_init(libxl_precopy_params *p);
void libxl_precopy_params_dispose(libxl_precopy_params *p);
char *libxl_precopy_params_to_json(libxl_ctx *ctx,
                                   const libxl_precopy_params *p);
int libxl_precopy_params_from_json(libxl_ctx *ctx, libxl_precopy_params *p,
                                   const char *s);

void libxl_precopy_report_init(libxl_precopy_report *p);
void libxl_precopy_report_dispose(libxl_precopy_report *p);
char *libxl_precopy_report_to_json(libxl_ctx *ctx,
                                   const libxl_precopy_report *p);
int libxl_precopy_report_from_json(libxl_ctx *ctx, libxl_precopy_report *p,
                                   const char *s);

/*
 * Why the calling thread's last _from_json function of this library failed:
 * one line, or "" if it succeeded. Valid until the next such call.
 */
const char *libxl_precopy_json_error(void);

/*
 * Checks, without touching the guest, everything that can be checked before a
 * migration with these parameters: that they make sense; that the domain
 * exists, can be migrated live, is not paused, and is not being migrated,
 * saved or measured; that xenstore can be written; and that the save helper
 * that libxl will run loads the plug-in, by running it. A helper that is not
 * ours (LIBXL_SAVE_HELPER) is accepted if the parameters ask for nothing but
 * what stock does.
 *
 * Returns 0, or one of these errors with one line of text in err: ERROR_INVAL,
 * ERROR_DOMAIN_NOTFOUND, ERROR_FEATURE_REMOVED (a PV guest on a Xen without
 * shadow paging), ERROR_LOCK_FAIL (it is being migrated, saved or measured;
 * err names the process), ERROR_FAIL.
 */
#define LIBXL_PRECOPY_ERR_LEN 256
int libxl_domain_live_migrate_check(libxl_ctx *ctx, uint32_t domid,
                                    const libxl_precopy_params *params,
                                    char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * libxl_domain_suspend() with a policy. fd, flags (LIBXL_SUSPEND_LIVE is
 * implied), ao_how and the return value are as for libxl_domain_suspend().
 * With params NULL, or the policy stock, decisions are stock's. The parameters
 * are for this migration only; an administrator's parameters in xenstore and in
 * precopy.conf are ignored and kept.
 *
 * Returns ERROR_LOCK_FAIL if the domain is being migrated, saved or measured,
 * as for _check; nothing has been changed then. The save helper holds the
 * domain's lock, in /run/xen-precopy, during the save. If the lock is taken by
 * another process before the helper starts, the helper refuses: the call fails
 * as libxl does for a save that failed, with the reason in libxl's log.
 *
 * Returns ERROR_FAIL before anything is written to fd if the save helper would
 * not keep to the parameters, as for _check.
 *
 * When the policy aborts, libxl returns ERROR_GUEST_TIMEDOUT and logs "domain
 * did not respond to suspend request", which is false. Read
 * libxl_domain_precopy_report() before you report an error.
 *
 * On success the guest is suspended, as after libxl_domain_suspend(), and the
 * caller has to destroy or resume it. On failure the caller has to resume it
 * if the report's suspended_ns is set: with params->strict an abort may come
 * after the suspend. With strict the caller also has to watch the time from
 * the suspend to the target's start, and to abort the call if the guest does
 * not suspend (node "overdue"); see STRICT in the man page, and
 * tools/xl/migrate/xl_sender.c and xl_take_back.c.
 *
 * The save helper refuses (outcome refused) more than one channel and
 * compression unless it is given channels, as our xl does. _check does not
 * find this.
 *
 * Sets LIBXL_SAVE_HELPER in the environment if it is not set. This is not safe
 * while other threads use the environment, so a threaded toolstack should set
 * it to libxl_precopy_save_helper() when it starts.
 */
int libxl_domain_live_migrate(libxl_ctx *ctx, uint32_t domid, int fd,
                              int flags, const libxl_precopy_params *params,
                              const libxl_asyncop_how *ao_how);

/* The path of our save helper, for LIBXL_SAVE_HELPER. A static string. */
const char *libxl_precopy_save_helper(void);

/*
 * Reads the report of the domain's last migration; ERROR_NOTFOUND: there is
 * none. Call it before the domain is destroyed: libxl removes the report with
 * it. outcome tells an abort by the policy from a failure; "sent" means that
 * the whole stream was written and the guest is suspended.
 */
int libxl_domain_precopy_report(libxl_ctx *ctx, uint32_t domid,
                                libxl_precopy_report *report_r);

/*
 * Reads those properties of the domain that its switchover overhead depends
 * on, for xpc_history_prior(). What can't be read is set to unknown.
 * ERROR_FAIL: xenstore or Xen can't be reached.
 */
int libxl_domain_precopy_guest(libxl_ctx *ctx, uint32_t domid,
                               libxl_precopy_guest *guest_r);

/*
 * _progress reads the last finished iteration of a migration under way;
 * ERROR_NOTFOUND: none yet. _path formats the xenstore path to watch for it
 * into buf, for which 96 bytes are enough.
 */
int libxl_domain_precopy_progress(libxl_ctx *ctx, uint32_t domid,
                                  libxl_precopy_iteration *it_r);
void libxl_domain_precopy_path(uint32_t domid, char *buf, size_t len);

/*
 * Whether a migration of the domain with a policy (stock's is one) is under
 * way. Returns 0 with its start and the parameters in force in *active_r, or
 * ERROR_NOTFOUND if there is none or its save helper was killed. A migration
 * is under way from the save helper's start to the end of its stream; after
 * that the guest is suspended and the toolstack hands it over.
 */
int libxl_domain_precopy_active(libxl_ctx *ctx, uint32_t domid,
                                libxl_precopy_active *active_r);

/*
 * Reads the parameters last set for a migration under way, which are in force
 * from the end of the current iteration on. *params_r need not be disposed of.
 * ERROR_NOTFOUND: no migration is under way.
 */
int libxl_domain_precopy_get(libxl_ctx *ctx, uint32_t domid,
                             libxl_precopy_params *params_r);

/*
 * Replaces the parameters of the migration under way, except once, guest and
 * learned, which it keeps. ERROR_NOTFOUND: no migration is under way.
 * ERROR_INVAL: they make no sense, can't be met, or differ from those in force
 * in policy, zero_pages, channels, compress or compress_level. _set_check only
 * checks, and puts the reason in err as one line. The save helper checks again
 * when it reads them: see _refused.
 */
int libxl_domain_precopy_set(libxl_ctx *ctx, uint32_t domid,
                             const libxl_precopy_params *params);
int libxl_domain_precopy_set_check(libxl_ctx *ctx, uint32_t domid,
                                   const libxl_precopy_params *params,
                                   char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Reads why the save helper refused the last change of the parameters, and
 * kept the old ones: a malloc()ed line. ERROR_NOTFOUND: it did not.
 */
int libxl_domain_precopy_refused(libxl_ctx *ctx, uint32_t domid,
                                 char **why_r);

/*
 * Asks the migration under way to end, with the guest running on. It ends
 * within a second, unless the guest is already about to be suspended, or
 * nothing can be sent. Wait until no migration is active, then check the
 * report and the domain. ERROR_NOTFOUND: no migration is under way.
 */
int libxl_domain_precopy_cancel(libxl_ctx *ctx, uint32_t domid);

/*
 * Removes the progress and report of the domain's last migration from
 * xenstore. An administrator's parameters ("params") are kept.
 */
int libxl_domain_precopy_clear(libxl_ctx *ctx, uint32_t domid);

#endif
