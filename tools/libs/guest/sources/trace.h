/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A recorded trace (trace/trace.h, docs/trace-format.md) as a source. */
#ifndef SOURCES_TRACE_H
#define SOURCES_TRACE_H

#include <stdint.h>

#include <xenprecopy/source.h>

/*
 * Opens a trace as a source, to be freed by its close(). Its clock moves only
 * in wait() and starts at start_ns into the trace. The writes of an interval
 * are spread evenly over it, in an order that a hash of the page determines.
 * Past the end operations fail with ESRCH. Returns NULL with errno and one
 * line in err on failure.
 */
struct xpc_source *xpc_source_trace(const char *path, uint64_t start_ns,
                                    char err[XPC_ERR_LEN]);

#endif
