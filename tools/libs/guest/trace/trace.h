/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dirty traces: which pages of a guest or a program were dirtied in which
 * interval. The format is described in docs/trace-format.md.
 *
 * They are read and written through callbacks, so that the caller decides
 * whether they are in files, memory or pipes.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XPC_TRACE_VERSION 1
#define XPC_TRACE_SOURCE_LEN 256
#define XPC_TRACE_ERR_LEN 160
#define XPC_TRACE_UNKNOWN UINT64_MAX
/* A trace with more pages (4 PiB) is considered damaged. */
#define XPC_TRACE_PAGES_MAX (UINT64_C(1) << 40)

struct xpc_trace_info {
    uint32_t page_size;         /* a power of two, 512 bytes to 1 GiB */
    uint64_t interval_ns;       /* requested; intervals have their own times */
    uint64_t zero_pages;        /* at the start, or XPC_TRACE_UNKNOWN */
    char source[XPC_TRACE_SOURCE_LEN];  /* UTF-8, for people */
    /* Set by the writer when it finishes the trace. */
    uint64_t total_pages;
    uint64_t intervals, duration_ns;
};

/* Pages first to first + nr - 1. */
struct xpc_trace_run {
    uint64_t first, nr;
};

/*
 * The distinct pages dirtied in (start_ns, end_ns] since the trace's start;
 * runs are in increasing order and not adjacent.
 */
struct xpc_trace_interval {
    uint64_t start_ns, end_ns;
    const struct xpc_trace_run *runs;   /* valid until the next call */
    size_t nr_runs;
    uint64_t pages;
};

#endif
