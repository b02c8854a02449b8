/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Communication between the toolstack and the plug-in through xenstore. All
 * nodes are under /libxl/<domid>, where only the toolstack may write: a guest
 * can neither see nor change them. Objects are JSON, one value per node.
 *
 *   /libxl/<domid>/precopy/params         an administrator's parameters for
 *                                         all migrations of the domain. If
 *                                         missing, stock's decisions. Never
 *                                         written by this package
 *                         /once/<pid>     in place of params, for the one save
 *                                         that the toolstack with this pid is
 *                                         about to start; "": none. The save
 *                                         helper removes it after reading it
 *                         /once/<pid>/started  when that toolstack was started
 *                                         (process_start())
 *                         /current        the parameters of the running
 *                                         migration. A change takes effect at
 *                                         the next decision
 *                         /active         a migration with a policy is
 *                                         running, with these parameters. A
 *                                         helper that was killed leaves it
 *                                         behind: check its pid
 *                         /progress       the last iteration
 *                         /iteration/<n>  each iteration (the last
 *                                         XEN_STORE_ITERATIONS are kept)
 *                         /refused        why the last change of current was
 *                                         refused: a line of text. Removed by
 *                                         the next valid change
 *                         /report         the report without its iterations
 *                         /cancel         written by a user: stop precopy
 *                         /overdue        the guest does not suspend and the
 *                                         toolstack must abort: with strict,
 *                                         or "paused"
 *                         /dm-log         the device model's log is on, see
 *                                         xen/dm_log.h
 *                         /cap            the guest is slowed down, see
 *                                         xen/cap.h
 *                         /waiting        written by xl: the process with
 *                                         this pid, started then, will migrate
 *                                         the domain at that time (--within).
 *                                         Removed by a user: not to
 *                         /taking-back    written by xl: the migration has
 *                                         failed, and the process with this
 *                                         pid, started then, waits for the
 *                                         guest to suspend, to resume it
 *
 * A value in xenstore is at most 4 KiB.
 */
#ifndef XEN_STORE_H
#define XEN_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenstore.h>

#include <xenprecopy/json.h>
#include <xenprecopy/xenprecopy.h>

#define XEN_STORE_ITERATIONS 128
#define XEN_STORE_PATH_LEN 96
#define XEN_STORE_VALUE_MAX 4096
/*
 * How often a transaction on nodes that the guest may write is tried: it could
 * make all of them fail.
 */
#define XEN_STORE_TRIES 100

/* "/libxl/<domid>/precopy" or, with leaf, "/libxl/<domid>/precopy/<leaf>". */
const char *xen_store_path(char buf[XEN_STORE_PATH_LEN], uint32_t domid,
                           const char *leaf);

/*
 * Writes obj as one line of JSON to a leaf. Returns 0, or -1 with errno (E2BIG:
 * larger than XEN_STORE_VALUE_MAX).
 */
int xen_store_write(struct xs_handle *xs, uint32_t domid, const char *leaf,
                    const struct xpc_type *type, const void *obj);

/*
 * One try of a transaction. Returns 1 to commit it, or 0, or -1 with errno, to
 * drop it.
 */
typedef int xen_store_step_fn(struct xs_handle *xs, xs_transaction_t t,
                              uint32_t domid, void *opaque);
/*
 * Calls step() in a transaction, again if somebody else has interfered, at most
 * XEN_STORE_TRIES times. Returns what it has returned last, or -1 with errno if
 * the transaction could not be committed.
 */
int xen_store_transact(struct xs_handle *xs, uint32_t domid,
                       xen_store_step_fn *step, void *opaque);

/*
 * Reads a leaf into obj, in a transaction or with XBT_NULL. Returns 0, or -1
 * with errno (ENOENT: there is no such leaf) and one line in err.
 */
int xen_store_read(struct xs_handle *xs, xs_transaction_t t, uint32_t domid,
                   const char *leaf, const struct xpc_type *type, void *obj,
                   char err[XPC_ERR_LEN]);

/*
 * Writes the report without its iterations. What would not fit is shortened or
 * left out: texts, and how it was compressed. Returns like xen_store_write().
 */
int xen_store_write_report(struct xs_handle *xs, uint32_t domid,
                           const struct xpc_report *report);

/* Reads the report with its iterations. Returns like xen_store_read(). */
int xen_store_read_report(struct xs_handle *xs, uint32_t domid,
                          struct xpc_report *report, char err[XPC_ERR_LEN]);

/*
 * Does the domain have a PCI device passed through? Xen then refuses log-dirty
 * with EINVAL, as it does if log-dirty is on already.
 */
bool xen_store_has_pci(struct xs_handle *xs, uint32_t domid);

/*
 * Removes a leaf, or all if leaf is NULL. A missing one is no error. Returns 0,
 * or -1 with errno.
 */
int xen_store_remove(struct xs_handle *xs, uint32_t domid, const char *leaf);
/* The same for a leaf, and then for what is empty without it. */
int xen_store_remove_tidily(struct xs_handle *xs, uint32_t domid,
                            const char *leaf);

/*
 * Removes what the plug-in has published about a migration: everything except
 * the parameters, active and cancel. Returns 0, or -1 if something could not be
 * removed.
 */
int xen_store_forget(struct xs_handle *xs, uint32_t domid);

/*
 * Writes the parameters for the next save that this process starts (NULL: none,
 * stock's decisions). Returns like xen_store_write().
 */
int xen_store_write_once(struct xs_handle *xs, uint32_t domid,
                         const struct xpc_params *params);

/*
 * Reads and removes what process pid has written with xen_store_write_once().
 * Returns 1 with the parameters in *params_r, 0 if it has written that there
 * are none, or -1 with errno (ENOENT: it has written nothing) and one line in
 * err.
 */
int xen_store_take_once(struct xs_handle *xs, uint32_t domid, pid_t pid,
                        struct xpc_params *params_r, char err[XPC_ERR_LEN]);

/*
 * Removes what this process and processes that have ended have written with
 * xen_store_write_once(). Returns 0, or -1 if something could not be removed.
 */
int xen_store_forget_once(struct xs_handle *xs, uint32_t domid);

/*
 * Removes everything of a migration except params. Returns 0, or -1 if
 * something could not be removed.
 */
int xen_store_clear(struct xs_handle *xs, uint32_t domid);

#endif
