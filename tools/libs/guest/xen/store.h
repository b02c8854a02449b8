/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the toolstack and the plug-in tell each other, through xenstore. All
 * of it is under /libxl/<domid>, where only the toolstack may write: a guest
 * can neither see nor change it.
 *
 *   /libxl/<domid>/precopy/params         an administrator's parameters for
 *                                         every migration of the domain: one
 *                                         JSON value. Not there: stock's
 *                                         decisions. Nothing here writes it
 *                         /once/<pid>     in place of params, for the one save
 *                                         that the toolstack of that pid is
 *                                         about to start; "": none. The save
 *                                         helper removes it when it has read
 *                                         it
 *                         /current        the parameters of the migration
 *                                         under way. A change counts from its
 *                                         next decision on
 *                         /active         a migration with a policy is under
 *                                         way, by these parameters: one JSON
 *                                         value. A helper that was killed
 *                                         leaves it behind: see its pid
 *                         /progress       the last iteration: one JSON value
 *                         /iteration/<n>  each iteration (the last
 *                                         XEN_STORE_ITERATIONS are kept)
 *                         /refused        why the last change of current was
 *                                         refused: a line of text. The next
 *                                         good change removes it
 *                         /report         the report without its iterations
 *                         /cancel         written by a user: stop precopy
 *                         /overdue        the guest does not suspend, the
 *                                         toolstack is to abort: with strict,
 *                                         or "paused"
 *                         /dm-log         the log of the device model is on,
 *                                         see xen/dm_log.h
 *                         /taking-back    written by xl: the migration has
 *                                         failed, and the process of this
 *                                         number waits for the guest to
 *                                         suspend, to resume it
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

/* "/libxl/<domid>/precopy" or, with leaf, "/libxl/<domid>/precopy/<leaf>". */
const char *xen_store_path(char buf[XEN_STORE_PATH_LEN], uint32_t domid,
                           const char *leaf);

/*
 * What libxl's part of xenstore, where no guest can write, tells of a guest.
 * What it doesn't tell is unknown.
 */
void xen_store_guest(struct xs_handle *xs, uint32_t domid,
                     struct xpc_guest *guest_r);

/*
 * Writes obj as one line of JSON to a leaf. Returns 0, or -1 with errno
 * (E2BIG: over what xenstore takes).
 */
int xen_store_write(struct xs_handle *xs, uint32_t domid, const char *leaf,
                    const struct xpc_type *type, const void *obj);

/*
 * Reads a leaf into obj. Returns 0, or -1 with errno ENOENT when the leaf is
 * not there, else with one line in err.
 */
int xen_store_read(struct xs_handle *xs, uint32_t domid, const char *leaf,
                   const struct xpc_type *type, void *obj,
                   char err[XPC_ERR_LEN]);

/* Reads the report with its iterations. Returns as xen_store_read() does. */
int xen_store_read_report(struct xs_handle *xs, uint32_t domid,
                          struct xpc_report *report, char err[XPC_ERR_LEN]);

/*
 * Has the domain a PCI device passed through to it? Then Xen refuses to log
 * its writes, with EINVAL, as it does where they are logged already.
 */
bool xen_store_has_pci(struct xs_handle *xs, uint32_t domid);

/* Removes a leaf, or with NULL all of them. A missing one is no error. */
int xen_store_remove(struct xs_handle *xs, uint32_t domid, const char *leaf);

/*
 * Removes what the plug-in has told of a migration: all but the parameters,
 * active, which says that there is one, and cancel, which is a user's word to
 * it. Returns 0, or -1 when something could not be removed.
 */
int xen_store_forget(struct xs_handle *xs, uint32_t domid);

/*
 * The parameters for the next save that this process starts (NULL: none,
 * stock's decisions). Returns as xen_store_write() does.
 */
int xen_store_write_once(struct xs_handle *xs, uint32_t domid,
                         const struct xpc_params *params);

/*
 * Reads and removes what the process has written by the above. Returns 1 with
 * the parameters in *params_r, 0 when there are to be none, or -1 with errno,
 * ENOENT when it has written nothing, and one line in err.
 */
int xen_store_take_once(struct xs_handle *xs, uint32_t domid, pid_t pid,
                        struct xpc_params *params_r, char err[XPC_ERR_LEN]);

/* Removes what this process has written by it, and those that are no more. */
int xen_store_forget_once(struct xs_handle *xs, uint32_t domid);

/*
 * Removes all that a migration leaves, but params. Returns 0, or -1 when
 * something could not be removed.
 */
int xen_store_clear(struct xs_handle *xs, uint32_t domid);

#endif
