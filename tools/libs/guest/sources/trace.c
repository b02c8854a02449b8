/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include <xenprecopy/error.h>
#include <xenprecopy/measure.h>

#include "sources/trace.h"
#include "trace/read.h"

/* Its bitmap takes 512 MiB. */
#define REPLAY_PFNS_MAX (UINT64_C(1) << 32)

struct source_trace {
    struct xpc_source src;
    FILE *f;
    struct xpc_trace *trace;
    uint64_t now_ns;            /* since the trace's start */
    struct xpc_trace_interval at;   /* the interval that now_ns is in */
    bool have;                  /* at is valid */
    bool ended;                 /* there are no more intervals */
    uint64_t done_ns;           /* at has been replayed up to here */
    bool tracking;
    uint64_t *dirty, nr_dirty;
};

/* When a page is written in its interval: a hash spread evenly over 0 to 1. */
static double write_moment(uint64_t pfn, uint64_t interval_ns)
{
    return (XXH64(&pfn, sizeof(pfn), interval_ns) >> 11) * 0x1p-53;
}

static void set_dirty(struct source_trace *s, uint64_t pfn)
{
    uint64_t bit = UINT64_C(1) << pfn % 64;

    s->nr_dirty += !(s->dirty[pfn / 64] & bit);
    s->dirty[pfn / 64] |= bit;
}

/* Replays the current interval from done_ns to until_ns. */
static void replay_part(struct source_trace *s, uint64_t until_ns)
{
    double length = s->at.end_ns - s->at.start_ns;
    double from = (s->done_ns - s->at.start_ns) / length;
    double to = (until_ns - s->at.start_ns) / length;

    for (size_t i = 0; s->tracking && i < s->at.nr_runs; i++) {
        const struct xpc_trace_run *r = &s->at.runs[i];

        for (uint64_t pfn = r->first; pfn < r->first + r->nr; pfn++) {
            double m = write_moment(pfn, s->at.start_ns);

            if (m >= from && m < to)
                set_dirty(s, pfn);
        }
    }
    s->done_ns = until_ns;
}

/* Replays up to now_ns. */
static int replay(struct source_trace *s)
{
    uint64_t end = xpc_trace_info(s->trace)->duration_ns;
    char err[XPC_TRACE_ERR_LEN];

    while (!s->ended) {
        int r;

        if (s->have) {
            bool over = s->at.end_ns <= s->now_ns;

            replay_part(s, over ? s->at.end_ns : s->now_ns);
            if (!over)
                return 0;
            s->have = false;
        }
        r = xpc_trace_next(s->trace, &s->at, err);
        if (r < 0)
            return xpc_source_fail(&s->src, EBADMSG, "%s: %s", s->src.name,
                                   err);
        s->ended = !r;
        s->have = r;
        s->done_ns = s->at.start_ns;
    }
    if (s->now_ns > end)
        return xpc_source_fail(&s->src, ESRCH, "%s: the trace ends after "
                               "%.3f s", s->src.name, end / 1e9);
    return 0;
}

static void clear_dirty(struct source_trace *s)
{
    memset(s->dirty, 0, (s->src.nr_pfns + 63) / 64 * sizeof(*s->dirty));
    s->nr_dirty = 0;
}

static int trace_track(struct xpc_source *src)
{
    struct source_trace *s = (struct source_trace *)src;

    if (replay(s))
        return -1;
    clear_dirty(s);
    s->tracking = true;
    return 0;
}

static int trace_count(struct xpc_source *src, uint64_t *pages_r)
{
    struct source_trace *s = (struct source_trace *)src;

    if (replay(s))
        return -1;
    *pages_r = s->nr_dirty;
    return 0;
}

static int trace_read(struct xpc_source *src, bool clean, xpc_run_fn *fn,
                      void *opaque)
{
    struct source_trace *s = (struct source_trace *)src;
    uint64_t words = (src->nr_pfns + 63) / 64;

    if (replay(s))
        return -1;
    for (uint64_t w = 0; w < words; w++) {
        for (uint64_t v = s->dirty[w]; v; v &= v - 1)
            fn(opaque, w * 64 + __builtin_ctzll(v), 1);
    }
    if (clean)
        clear_dirty(s);
    return 0;
}

static int trace_untrack(struct xpc_source *src)
{
    ((struct source_trace *)src)->tracking = false;
    return 0;
}

static void trace_drop(struct xpc_source *src)
{
    (void)src;
}

static uint64_t trace_now(struct xpc_source *src)
{
    return ((struct source_trace *)src)->now_ns;
}

static int trace_wait(struct xpc_source *src, uint64_t until_ns)
{
    struct source_trace *s = (struct source_trace *)src;

    if (s->now_ns < until_ns)
        s->now_ns = until_ns;
    return 0;
}

static void trace_close(struct xpc_source *src)
{
    struct source_trace *s = (struct source_trace *)src;

    xpc_trace_close(s->trace);
    if (s->f)
        fclose(s->f);
    free(s->dirty);
    free(s);
}

static const struct xpc_source_ops trace_ops = {
    .kind    = XPC_SOURCE_TRACE,
    .drop    = trace_drop,
    .track   = trace_track,
    .count   = trace_count,
    .read    = trace_read,
    .untrack = trace_untrack,
    .now     = trace_now,
    .wait    = trace_wait,
    .close   = trace_close,
};

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

static int open_trace(struct source_trace *s, const char *path)
{
    struct xpc_trace_source in = { .read = read_file };
    char err[XPC_TRACE_ERR_LEN];
    struct stat st;

    s->f = fopen(path, "rbe");
    if (!s->f || fstat(fileno(s->f), &st))
        return xpc_source_fail(&s->src, errno, "%.150s: %s", path,
                               strerror(errno));
    if (!S_ISREG(st.st_mode))
        return xpc_source_fail(&s->src, EINVAL, "%.150s: is no regular "
                               "file",
                               path);
    in.ctx = s->f;
    in.size = st.st_size;
    s->trace = xpc_trace_open(&in, err);
    if (!s->trace)
        return xpc_source_fail(&s->src, EBADMSG, "%.150s: %s", path,
                               err);
    return 0;
}

static int start_at(struct source_trace *s, uint64_t start_ns)
{
    const struct xpc_trace_info *info = xpc_trace_info(s->trace);
    char err[XPC_TRACE_ERR_LEN];

    snprintf(s->src.name, sizeof(s->src.name), "%.63s", info->source);
    xpc_plain_line(s->src.name);
    if (info->total_pages > REPLAY_PFNS_MAX || info->page_size != 4096)
        return xpc_source_fail(&s->src, EFBIG, "%s: %"PRIu64" pages of %u "
                               "bytes can't be replayed", s->src.name,
                               info->total_pages, info->page_size);
    s->src.nr_pfns = s->src.total_pages = info->total_pages;
    if (info->zero_pages <= info->total_pages)
        s->src.zero_pages = info->zero_pages;
    s->dirty = calloc(info->total_pages / 64 + 1, sizeof(*s->dirty));
    if (!s->dirty)
        return xpc_source_fail(&s->src, ENOMEM, "out of memory");
    s->now_ns = start_ns;
    s->src.end_ns = info->duration_ns;
    if (xpc_trace_seek(s->trace, start_ns, err) < 0)
        return xpc_source_fail(&s->src, EBADMSG, "%s: %s", s->src.name, err);
    return 0;
}

struct xpc_source *xpc_source_trace(const char *path, uint64_t start_ns,
                                    char err[XPC_ERR_LEN])
{
    struct source_trace *s = calloc(1, sizeof(*s));
    int code;

    if (!s) {
        snprintf(err, XPC_ERR_LEN, "out of memory");
        return NULL;
    }
    s->src.ops = &trace_ops;
    if (!open_trace(s, path) && !start_at(s, start_ns))
        return &s->src;
    code = errno;
    snprintf(err, XPC_ERR_LEN, "%s", s->src.err);
    trace_close(&s->src);
    errno = code;
    return NULL;
}
