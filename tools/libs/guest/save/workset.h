/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's writable working set, from the bitmaps that libxenguest reads
 * anyway: looking at them costs no hypercall.
 *
 * Without it (out of memory: nr_pfns is 0) the policy does not know whether
 * the guest writes to the same pages again.
 */
#ifndef SAVE_WORKSET_H
#define SAVE_WORKSET_H

#include <xenctrl.h>

#include <xenprecopy/workset.h>

/* To be called before log-dirty is on. xpc_workset_dispose() frees w. */
void save_workset_start(struct xpc_workset *w, xc_interface *xch,
                        uint32_t domid);

/* A bitmap of so many pages was read and cleaned while the guest runs. */
void save_workset_read(struct xpc_workset *w, xc_hypercall_buffer_t *bitmap,
                       unsigned long pages);

void save_workset_get(const struct xpc_workset *w,
                      struct xpc_working_set *set_r);

#endif
