/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real clock, for sources that live in real time. */
#ifndef SOURCES_CLOCK_H
#define SOURCES_CLOCK_H

#include <stdint.h>

#include <xenprecopy/source.h>

/* CLOCK_MONOTONIC, in ns. Both fit struct xpc_source_ops. */
uint64_t source_clock_now(struct xpc_source *src);
int source_clock_wait(struct xpc_source *src, uint64_t until_ns);

#endif
