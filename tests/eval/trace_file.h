/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces in files: the callbacks of trace/read.h and trace/write.h. */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include <stdio.h>

#include "trace/read.h"
#include "trace/write.h"

/* f stays the caller's. */
struct xpc_trace_sink trace_sink(FILE *f);
/* Returns 0, or -1 with errno if f is not a regular file. */
int trace_source(FILE *f, struct xpc_trace_source *source_r);

/* Opens a trace by its path; closes it with trace_close(). */
struct trace_file {
    FILE *f;
    struct xpc_trace *t;
};
int trace_open(struct trace_file *tf, const char *path,
               char err[XPC_TRACE_ERR_LEN]);
void trace_close(struct trace_file *tf);

#endif
