/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading dirty traces. Nothing that is read is trusted: for any input, the
 * reader returns what a writer wrote, or an error with the offset.
 */
#ifndef TRACE_READ_H
#define TRACE_READ_H

#include "trace/trace.h"

struct xpc_trace_source {
    /* Reads exactly len bytes at offset. Returns 0, or -1. */
    int (*read)(void *ctx, uint64_t offset, void *buf, size_t len);
    void *ctx;
    uint64_t size;
};

struct xpc_trace;

/*
 * Opens a trace and checks header, index and end marker; the blocks between are
 * checked when they are read. Returns NULL with one line in err if the trace is
 * damaged or incomplete.
 */
struct xpc_trace *xpc_trace_open(const struct xpc_trace_source *source,
                                 char err[XPC_TRACE_ERR_LEN]);
void xpc_trace_close(struct xpc_trace *t);

const struct xpc_trace_info *xpc_trace_info(const struct xpc_trace *t);

/*
 * Reads the next interval, whose runs are valid until the next call. Returns 1,
 * 0 at the end, or -1 with one line in err.
 */
int xpc_trace_next(struct xpc_trace *t, struct xpc_trace_interval *interval_r,
                   char err[XPC_TRACE_ERR_LEN]);

/*
 * Makes the interval with t_ns in (start_ns, end_ns] the next one; 0 stands
 * for the first. Returns 1, 0 when t_ns is past the end, or -1 with one line in
 * err.
 */
int xpc_trace_seek(struct xpc_trace *t, uint64_t t_ns,
                   char err[XPC_TRACE_ERR_LEN]);

#endif
