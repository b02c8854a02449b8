/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tracking operations of a process source; see struct xpc_source_ops. */
#ifndef SOURCES_PROCESS_TRACK_H
#define SOURCES_PROCESS_TRACK_H

#include <xenprecopy/source.h>

int process_track(struct xpc_source *src);
int process_count(struct xpc_source *src, uint64_t *pages_r);
int process_read(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                 void *opaque);
int process_untrack(struct xpc_source *src);

#endif
