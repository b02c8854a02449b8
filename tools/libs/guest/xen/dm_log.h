/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device model of an HVM guest logs what it writes to the guest's memory
 * while the guest is saved. libxl switches that on and off, for the save
 * helper: a helper that is killed, or leaves before its end, leaves it on.
 */
#ifndef XEN_DM_LOG_H
#define XEN_DM_LOG_H

#include <stdint.h>

/*
 * Switches it off, as libxl does, by a QMP command. For a device model whose
 * log is known to be on: QEMU since 6.2 aborts, and the guest with it, when
 * it is told to stop a log that is off. Blocks for seconds at most. Returns 0,
 * or -1 with errno; EPROTO: QEMU has refused.
 */
int xen_dm_log_off(uint32_t domid);

/* The same by the QMP socket's path. */
int xen_dm_log_off_at(const char *path);

#endif
