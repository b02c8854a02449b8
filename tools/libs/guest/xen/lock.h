/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One lock per domain, held by whoever saves the domain or uses Xen's log of
 * its writes (log-dirty). Log-dirty has no owner in Xen: a second user takes
 * dirty bits away from the first, which then hands over stale memory.
 *
 * The lock is a flock() on /run/xen-precopy/<domid>.lock (see xen/run.h). It
 * is held until every copy of its descriptor is closed, whether made by dup(),
 * fork() or exec(), so it ends with its holders however they die. The text in
 * the file only tells people who that is. The files of dead holders are
 * removed when the next lock is taken or released.
 */
#ifndef XEN_LOCK_H
#define XEN_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/json.h>

/* The descriptor of a lock that children are to inherit, as a number. */
#define XEN_LOCK_ENV "XEN_PRECOPY_LOCK"

/*
 * Takes the lock. doing: what for, as in "xl migrate". Does not wait. Returns
 * a descriptor (close-on-exec) for xen_lock_release(), or -1 with one line in
 * err and errno: EBUSY, somebody holds it and err names the process; else it
 * could not be taken, and the caller must not go on without it.
 */
int xen_lock_take(uint32_t domid, const char *doing, char err[XPC_ERR_LEN]);

/* Would xen_lock_take() do now? Returns 0, or -1 as it does. */
int xen_lock_check(uint32_t domid, char err[XPC_ERR_LEN]);

/*
 * Another descriptor (close-on-exec) of the lock that XEN_PRECOPY_LOCK names,
 * or -1: there is none, or what it names is not this domain's lock, held.
 */
int xen_lock_inherited(uint32_t domid);

/*
 * Are programs started from now on to inherit the lock? Changes the
 * environment, so it is for programs with one thread.
 */
void xen_lock_pass_on(int fd, bool on);

/* Puts this process in the place of the one that the file names. */
void xen_lock_sign(int fd, const char *doing);

/*
 * Closes the descriptor; -1 is ignored. The lock ends with its last
 * descriptor, which another process may have.
 */
void xen_lock_release(int fd);

#endif
