/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds libxl's save helpers by their command lines in /proc. Every save of a
 * libxl toolstack has one. Those of stock toolstacks take no lock (xen/lock.h).
 */
#ifndef XEN_SAVER_H
#define XEN_SAVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenprecopy/json.h>

/* Our helper is a program in the folder of the plug-in, ... */
#define XEN_SAVER_PLUGIN "libxenprecopy-save.so"
/* ... and sets this for the stock helper, once it knows that the plug-in is
 * loaded there. */
#define XEN_SAVER_ENV "XEN_PRECOPY_TAKES_LOCK"

/*
 * Is this process a save helper that is saving the domain? Returns 1, 0, or -1
 * with errno if that can't be told.
 */
int xen_saver_is(pid_t pid, uint32_t domid);

/*
 * Returns the pid of a save helper that is saving the domain, other than this
 * process, 0 if there is none, or -1 with errno if that can't be told. Reads
 * the command lines of all processes, which takes some microseconds each.
 */
pid_t xen_saver_find(uint32_t domid);

/*
 * The same, of those without the plug-in. A helper that has it takes the lock
 * before it touches anything: to who holds the lock, it is no danger.
 */
pid_t xen_saver_find_stock(uint32_t domid);

/*
 * Returns 0 if there is none, or -1 with one line in err and errno: EBUSY, or
 * another if that can't be told.
 */
int xen_saver_check(uint32_t domid, char err[XPC_ERR_LEN]);

/*
 * Ends a save with SIGTERM, like libxl itself. The save fails; its toolstack is
 * not affected. Returns 0, or -1 with errno.
 */
int xen_saver_stop(pid_t pid);

#endif
