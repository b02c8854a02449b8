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

/* Environment variable with the descriptor of a lock to inherit. */
#define XEN_LOCK_ENV "XEN_PRECOPY_LOCK"

/*
 * Takes the lock, without waiting. doing is the purpose, such as "xl migrate".
 * Returns a descriptor (close-on-exec) for xen_lock_release(), or -1 with errno
 * and one line in err. EBUSY: the lock is held, and err names the process. With
 * any other error, too, the caller must not continue without the lock.
 */
int xen_lock_take(uint32_t domid, const char *doing, char err[XPC_ERR_LEN]);

/* Would xen_lock_take() succeed now? Returns 0, or -1 like it. */
int xen_lock_check(uint32_t domid, char err[XPC_ERR_LEN]);

/*
 * Returns a new descriptor (close-on-exec) of the lock that XEN_LOCK_ENV names,
 * or -1 if there is none, or if it is not this domain's lock, held.
 */
int xen_lock_inherited(uint32_t domid);

/*
 * Sets whether programs that are started later inherit the lock. Changes the
 * environment, so only for programs with a single thread.
 */
void xen_lock_pass_on(int fd, bool on);

/* Writes this process into the file, as the holder of the lock. */
void xen_lock_sign(int fd, const char *doing);

/*
 * Closes the descriptor; -1 is ignored. The lock is released when its last
 * descriptor is closed, which another process may have.
 */
void xen_lock_release(int fd);

#endif
