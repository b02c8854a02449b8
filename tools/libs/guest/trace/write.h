/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing dirty traces. */
#ifndef TRACE_WRITE_H
#define TRACE_WRITE_H

#include "trace/trace.h"

struct xpc_trace_sink {
    /* Appends len bytes. Returns 0, or -1 with errno. */
    int (*write)(void *ctx, const void *buf, size_t len);
    void *ctx;
};

struct xpc_trace_writer;

/*
 * Starts a trace and writes its header; total_pages, intervals and duration_ns
 * of info are ignored. Returns NULL with errno on failure.
 */
struct xpc_trace_writer *
xpc_trace_writer_open(const struct xpc_trace_sink *sink,
                      const struct xpc_trace_info *info);

/*
 * Adds the interval from the last one's end to end_ns. Runs that touch are
 * merged. Returns 0, or -1 with errno: EINVAL when end_ns or the runs don't
 * ascend, E2BIG when there are too many runs, or the sink's error. After an
 * error the writer can only be closed.
 */
int xpc_trace_write(struct xpc_trace_writer *w, uint64_t end_ns,
                    const struct xpc_trace_run *runs, size_t nr_runs);

/*
 * Completes the trace; readers refuse it otherwise. total_pages: all pages of
 * the source, dirtied or not. Returns as xpc_trace_write() does.
 */
int xpc_trace_finish(struct xpc_trace_writer *w, uint64_t total_pages);

/* Frees the writer, finished or not. */
void xpc_trace_writer_close(struct xpc_trace_writer *w);

#endif
