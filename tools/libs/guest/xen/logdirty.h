/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XEN_LOGDIRTY_H
#define XEN_LOGDIRTY_H

#include <stdint.h>

/*
 * Switches off the log of a domain's writes that a save has left on. For a
 * domain whose save has ended, however it did. Off already, the domain gone, or
 * another save under way, whose log it is now: no error. Returns 0, or -1 with
 * errno.
 */
int xen_logdirty_off(uint32_t domid);

#endif
