/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CLOCK_MONOTONIC as the clock of a source; see struct xpc_source_ops. */
#ifndef SOURCES_CLOCK_H
#define SOURCES_CLOCK_H

#include <stdint.h>

#include <xenprecopy/source.h>

uint64_t source_clock_now(struct xpc_source *src);
int source_clock_wait(struct xpc_source *src, uint64_t until_ns);

#endif
