/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XEN_LOGDIRTY_H
#define XEN_LOGDIRTY_H

#include <stdint.h>

/*
 * Switches off log-dirty of a domain after its save has ended, in whatever way.
 * It is not an error if it is off already, if the domain is gone, or if another
 * save is running, which then uses it. Returns 0, or -1 with errno.
 */
int xen_logdirty_off(uint32_t domid);

#endif
