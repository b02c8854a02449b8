/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recorded traces (trace/trace.h, docs/trace-format.md) as a source, and
 * recordings of a source.
 */
#ifndef SOURCES_TRACE_H
#define SOURCES_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include <xenprecopy/source.h>

/*
 * A trace as a guest: it lives by its own clock, which moves when one waits,
 * and starts at start_ns into the trace. Within an interval pages are written
 * evenly, in an order by their hash. Past the end: ESRCH. NULL: errno, and
 * one line in err.
 */
struct xpc_source *xpc_source_trace(const char *path, uint64_t start_ns,
                                    char err[XPC_ERR_LEN]);

struct trace_recording {
    uint64_t interval_ns, duration_ns;
    uint64_t zero_pages;        /* at the start */
    /* Asked between intervals, with the time recorded; true: stop here. */
    bool (*stop)(void *opaque, uint64_t done_ns);
    void *opaque;
};

/*
 * Records a source. Returns 0, also when stopped early (the trace ends
 * there), or -1 with errno and one line in err; then path is gone. The source
 * is untracked either way.
 */
int xpc_source_record(struct xpc_source *src,
                      const struct trace_recording *how, const char *path,
                      char err[XPC_ERR_LEN]);

#endif
