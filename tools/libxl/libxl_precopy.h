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
 * It works on a stock libxl: the parameters travel in xenstore to a plug-in
 * that runs in libxl's own save helper. A complete program is
 * docs/live-migrate-example.c.
 */
#ifndef LIBXL_PRECOPY_H
#define LIBXL_PRECOPY_H

#include <libxl.h>

#include <xenprecopy/xenprecopy.h>

/*
 * xenprecopy/xenprecopy.h describes the members. Both are plain structures:
 * call _init before use and _dispose after it, each as often as you like. The
 * strings that _to_json returns are malloc()ed. _from_json returns ERROR_INVAL
 * if the document does not fit, and then changes nothing. ctx is not used and
 * may be NULL.
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
 * Why the calling thread's last _from_json failed, of whatever type of this
 * library: one line, "" if it did not. It is valid until the next one.
 */
const char *libxl_precopy_json_error(void);

/*
 * Checks, without touching the guest, all that can be checked before a
 * migration with these parameters: that they make sense, that the domain
 * exists, can be migrated live and is not paused, that nobody is migrating,
 * saving or measuring it, that xenstore can be written, and that the save
 * helper that libxl will run loads the plug-in, for which it is run once. A
 * helper that is not ours (LIBXL_SAVE_HELPER) will do if the parameters ask
 * for nothing that stock does not do. Returns 0, or ERROR_INVAL,
 * ERROR_DOMAIN_NOTFOUND, ERROR_FEATURE_REMOVED (a PV guest on a Xen without
 * shadow paging), ERROR_LOCK_FAIL (somebody is: err names the process),
 * ERROR_FAIL, with one line for people in err.
 */
#define LIBXL_PRECOPY_ERR_LEN 256
int libxl_domain_live_migrate_check(libxl_ctx *ctx, uint32_t domid,
                                    const libxl_precopy_params *params,
                                    char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * libxl_domain_suspend() with a policy. fd, flags (LIBXL_SUSPEND_LIVE is
 * implied), ao_how and what is returned are as for libxl_domain_suspend().
 * params NULL, or with policy stock: stock's decisions. They hold for this one
 * migration; an administrator's in xenstore don't count for it, and stay.
 *
 * ERROR_LOCK_FAIL: the domain is being migrated, saved or measured, as _check
 * says; nothing has been changed. Whoever saves a domain holds its lock, in
 * /run/xen-precopy: the save helper takes it. It is refused there when it is
 * held by then: the call fails as libxl does for a save that failed, with the
 * line in libxl's log.
 *
 * Before anything is written to fd the save helper is tried, as by _check:
 * ERROR_FAIL if it would not keep to the parameters.
 *
 * A policy that aborts makes libxl return ERROR_GUEST_TIMEDOUT and log "domain
 * did not respond to suspend request", which is false: ask
 * libxl_domain_precopy_report() before you tell anybody. When it succeeds the
 * guest is suspended, as after libxl_domain_suspend(), and it is the caller's
 * to destroy or resume. When it fails the guest is to be resumed if the
 * report's suspended_ns is set: with params->strict an abort may come after
 * the suspend. Keeping the clock from then to the target's start is the
 * caller's too, and so is to abort a call whose guest does not suspend (the
 * leaf "overdue"): see STRICT in the man page; tools/xl/migrate/xl_sender.c
 * and xl_take_back.c do it.
 *
 * More than one channel, and compression, are refused by the save helper
 * (report: refused), unless somebody lends it the channels, as our xl does.
 * _check does not tell.
 *
 * Sets LIBXL_SAVE_HELPER in the environment unless it is set already, which is
 * not safe while other threads use the environment: a threaded toolstack sets
 * it at its start, to libxl_precopy_save_helper().
 */
int libxl_domain_live_migrate(libxl_ctx *ctx, uint32_t domid, int fd,
                              int flags, const libxl_precopy_params *params,
                              const libxl_asyncop_how *ao_how);

/* The plug-in's helper, for LIBXL_SAVE_HELPER. A static string. */
const char *libxl_precopy_save_helper(void);

/*
 * The report of the domain's last migration. Before the domain is destroyed:
 * libxl removes it with the domain. outcome tells an abort by policy from a
 * failure; "sent" means that all is written and the guest suspended.
 * ERROR_NOTFOUND: there is none.
 */
int libxl_domain_precopy_report(libxl_ctx *ctx, uint32_t domid,
                                libxl_precopy_report *report_r);

/*
 * What a switchover's overhead depends on, of this domain: for
 * xpc_history_prior(). What can't be found out is unknown. ERROR_FAIL:
 * xenstore can't be reached.
 */
int libxl_domain_precopy_guest(libxl_ctx *ctx, uint32_t domid,
                               libxl_precopy_guest *guest_r);

/*
 * The last finished iteration of a migration under way, and the xenstore path
 * to watch for it (96 bytes are enough). ERROR_NOTFOUND: none yet.
 */
int libxl_domain_precopy_progress(libxl_ctx *ctx, uint32_t domid,
                                  libxl_precopy_iteration *it_r);
void libxl_domain_precopy_path(uint32_t domid, char *buf, size_t len);

/*
 * Is a migration of the domain with a policy (stock's is one) under way?
 * 0: *active_r says since when, and by which parameters its next decision is
 * taken as things are. ERROR_NOTFOUND: there is none, or its save helper was
 * killed. It counts from the save helper's start to the end of its stream:
 * afterwards the guest is suspended and the toolstack hands it over.
 */
int libxl_domain_precopy_active(libxl_ctx *ctx, uint32_t domid,
                                libxl_precopy_active *active_r);

/*
 * The parameters of a migration under way: those asked for last, which count
 * from the end of the iteration under way on. Nothing to dispose of.
 * ERROR_NOTFOUND: none is under way.
 */
int libxl_domain_precopy_get(libxl_ctx *ctx, uint32_t domid,
                             libxl_precopy_params *params_r);

/*
 * Other parameters for the migration under way, all of them, but for once,
 * guest and learned, which it keeps. ERROR_NOTFOUND: none is under way.
 * ERROR_INVAL: they make no sense, can't be met, or have another policy,
 * zero_pages, channels, compress or compress_level than those in force; _check
 * tells why in one line, and changes nothing. The save helper checks once more
 * when it takes them in: see _refused.
 */
int libxl_domain_precopy_set(libxl_ctx *ctx, uint32_t domid,
                             const libxl_precopy_params *params);
int libxl_domain_precopy_set_check(libxl_ctx *ctx, uint32_t domid,
                                   const libxl_precopy_params *params,
                                   char err[LIBXL_PRECOPY_ERR_LEN]);

/*
 * Why the last change of the parameters was refused by the save helper, which
 * then keeps to the old ones: a malloc()ed line. ERROR_NOTFOUND: it was not.
 */
int libxl_domain_precopy_refused(libxl_ctx *ctx, uint32_t domid,
                                 char **why_r);

/*
 * Asks the migration under way to end, the guest running on. It does so
 * within a second, unless the guest is about to be suspended already, or the
 * link takes nothing: wait until there is none active, and look at the report
 * and the domain. ERROR_NOTFOUND: none is under way.
 */
int libxl_domain_precopy_cancel(libxl_ctx *ctx, uint32_t domid);

/*
 * Removes what a migration of the domain has left in xenstore, progress and
 * report. An administrator's parameters for it, "params", stay.
 */
int libxl_domain_precopy_clear(libxl_ctx *ctx, uint32_t domid);

#endif
