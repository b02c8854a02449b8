/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * While an HVM guest is saved, its device model logs its own writes to the
 * guest's memory. libxl switches this log on and off on behalf of the save
 * helper. A helper that is killed or exits early leaves it on.
 */
#ifndef XEN_DM_LOG_H
#define XEN_DM_LOG_H

#include <stdint.h>

/*
 * Switches the log off with a QMP command, like libxl. Only call it if the log
 * is known to be on: QEMU 6.2 and later abort, and the guest with it, when told
 * to stop a log that is off. Blocks for at most some seconds. Returns 0, or -1
 * with errno; EPROTO if QEMU refused.
 */
int xen_dm_log_off(uint32_t domid);

/* The same for the QMP socket at this path. */
int xen_dm_log_off_at(const char *path);

#endif
