/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dirty traces: which pages of a guest or a program got dirty in which
 * interval. docs/trace-format.md describes the bytes.
 *
 * Pure: the bytes come and go through callbacks, so that files, memory and
 * pipes are the caller's business. A reader trusts nothing that it reads:
 * whatever the bytes are, it yields either what a writer wrote or an error
 * with the offset.
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
/* More pages (4 PiB of them) are taken for damage. */
#define XPC_TRACE_PAGES_MAX (UINT64_C(1) << 40)

struct xpc_trace_info {
    uint32_t page_size;         /* a power of two, 512 bytes to 1 GiB */
    uint64_t interval_ns;       /* as asked; the true ones are in the trace */
    uint64_t zero_pages;        /* at the start, or XPC_TRACE_UNKNOWN */
    char source[XPC_TRACE_SOURCE_LEN];  /* UTF-8, for people */
    /* Known when a trace is complete: a writer takes them at its end. */
    uint64_t total_pages;
    uint64_t intervals, duration_ns;
};

/* Pages first to first + nr - 1. */
struct xpc_trace_run {
    uint64_t first, nr;
};

/*
 * The distinct pages dirtied in (start_ns, end_ns] since the trace's start;
 * runs ascend and don't touch.
 */
struct xpc_trace_interval {
    uint64_t start_ns, end_ns;
    const struct xpc_trace_run *runs;   /* the reader's, till its next call */
    size_t nr_runs;
    uint64_t pages;
};

/* ---- reading ------------------------------------------------------- */

struct xpc_trace_source {
    /* Reads exactly len bytes at offset. Returns 0, or -1. */
    int (*read)(void *ctx, uint64_t offset, void *buf, size_t len);
    void *ctx;
    uint64_t size;
};

struct xpc_trace;

/*
 * Reads header, index and end marker. Returns NULL with one line in err when
 * they are damaged or the end is missing. The blocks between are checked as
 * they are reached.
 */
struct xpc_trace *xpc_trace_open(const struct xpc_trace_source *source,
                                 char err[XPC_TRACE_ERR_LEN]);
void xpc_trace_close(struct xpc_trace *t);

const struct xpc_trace_info *xpc_trace_info(const struct xpc_trace *t);

/* The next interval: 1, 0 at the end, -1 with one line in err. */
int xpc_trace_next(struct xpc_trace *t, struct xpc_trace_interval *interval_r,
                   char err[XPC_TRACE_ERR_LEN]);

/*
 * The next interval will be the one with t_ns in (start_ns, end_ns]; 0 is
 * the first. Returns 1, 0 when t_ns is past the end, -1 with a line in err.
 */
int xpc_trace_seek(struct xpc_trace *t, uint64_t t_ns,
                   char err[XPC_TRACE_ERR_LEN]);

/* ---- writing ------------------------------------------------------- */

struct xpc_trace_sink {
    /* Appends len bytes. Returns 0, or -1 with errno. */
    int (*write)(void *ctx, const void *buf, size_t len);
    void *ctx;
};

struct xpc_trace_writer;

/*
 * Writes the header. total_pages, intervals and duration_ns of info are not
 * looked at. Returns NULL with errno.
 */
struct xpc_trace_writer *
xpc_trace_writer_open(const struct xpc_trace_sink *sink,
                      const struct xpc_trace_info *info);

/*
 * Adds the interval from the last one's end to end_ns. Runs that touch are
 * merged. Returns 0, or -1 with errno: EINVAL when end_ns or the runs don't
 * ascend, E2BIG when there are too many runs, or the sink's. After an error
 * nothing more is taken.
 */
int xpc_trace_write(struct xpc_trace_writer *w, uint64_t end_ns,
                    const struct xpc_trace_run *runs, size_t nr_runs);

/*
 * Completes the trace: without this it is not one. total_pages: how many
 * there are, dirtied or not. Returns as xpc_trace_write() does.
 */
int xpc_trace_finish(struct xpc_trace_writer *w, uint64_t total_pages);

/* Frees the writer, finished or not. */
void xpc_trace_writer_close(struct xpc_trace_writer *w);

#endif
