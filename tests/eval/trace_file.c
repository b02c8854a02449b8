/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace_file.h"

static int write_file(void *ctx, const void *buf, size_t len)
{
    return fwrite(buf, 1, len, ctx) == len ? 0 : -1;
}

struct xpc_trace_sink trace_sink(FILE *f)
{
    return (struct xpc_trace_sink){ .write = write_file, .ctx = f };
}

static int read_file(void *ctx, uint64_t offset, void *buf, size_t len)
{
    ssize_t n;

    for (; len; buf = (char *)buf + n, len -= n, offset += n) {
        n = pread(fileno(ctx), buf, len, offset);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0)
            return -1;
    }
    return 0;
}

int trace_source(FILE *f, struct xpc_trace_source *source)
{
    struct stat st;

    if (fstat(fileno(f), &st))
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = ESPIPE;
        return -1;
    }
    *source = (struct xpc_trace_source){ .read = read_file, .ctx = f,
                                         .size = st.st_size };
    return 0;
}

int trace_open(struct trace_file *tf, const char *path,
               char err[XPC_TRACE_ERR_LEN])
{
    struct xpc_trace_source source;

    tf->t = NULL;
    tf->f = fopen(path, "rb");
    if (!tf->f || trace_source(tf->f, &source)) {
        snprintf(err, XPC_TRACE_ERR_LEN, "%s", strerror(errno));
        trace_close(tf);
        return -1;
    }
    tf->t = xpc_trace_open(&source, err);
    if (!tf->t) {
        trace_close(tf);
        return -1;
    }
    return 0;
}

void trace_close(struct trace_file *tf)
{
    xpc_trace_close(tf->t);
    if (tf->f)
        fclose(tf->f);
    tf->t = NULL;
    tf->f = NULL;
}
