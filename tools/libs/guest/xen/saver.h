/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxl's save helpers, found by their command lines in /proc. Every save of
 * a libxl toolstack has one; those of stock's hold no lock (xen/lock.h).
 */
#ifndef XEN_SAVER_H
#define XEN_SAVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenprecopy/json.h>

/* Is this process a save helper at work on the domain? */
bool xen_saver_is(pid_t pid, uint32_t domid);

/*
 * A save helper at work on the domain other than this process, or 0. Reads
 * the command lines of all processes: some microseconds for each.
 */
pid_t xen_saver_find(uint32_t domid);

/* Is there none? Returns 0, or -1 with EBUSY and one line in err. */
int xen_saver_check(uint32_t domid, char err[XPC_ERR_LEN]);

/*
 * As libxl itself does, makes the save end without touching its caller: its
 * stream can't be written any more. Returns 0, or -1 with errno.
 */
int xen_saver_stop(pid_t pid);

#endif
