/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenprecopy/xenprecopy.h>

#include "sources/record.h"
#include "trace/write.h"

/*
 * A guest's pfns have holes and a trace's don't. So pfns are renumbered in
 * pieces of 2 MiB, in the order of the first write to each piece, which keeps
 * neighbouring pages together.
 */
#define PIECE 512u
#define NO_PIECE UINT32_MAX

struct recorder {
    struct xpc_source *src;
    struct xpc_trace_writer *w;
    FILE *f;
    char *tmp;                  /* what f is, beside the file that it is to
                                 * replace; NULL: that file itself */
    struct xpc_trace_run *run;  /* of the current interval */
    size_t nr, room;
    uint32_t *piece;            /* new number of a piece, or NO_PIECE */
    size_t nr_pieces;           /* length of the array */
    uint32_t pieces;            /* numbers given so far */
    bool no_memory;
};

static int write_file(void *ctx, const void *buf, size_t len)
{
    return fwrite(buf, 1, len, ctx) == len ? 0 : -1;
}

static bool grow_pieces(struct recorder *r, size_t nr)
{
    uint32_t *p = realloc(r->piece, nr * sizeof(*p));

    if (!p)
        return false;
    for (size_t i = r->nr_pieces; i < nr; i++)
        p[i] = NO_PIECE;
    r->piece = p;
    r->nr_pieces = nr;
    return true;
}

/* Adds a run of pages that lies in one piece. */
static void add_part(struct recorder *r, uint64_t pfn, uint64_t nr)
{
    size_t i = pfn / PIECE;

    if (i >= r->nr_pieces && !grow_pieces(r, i + i / 4 + 1024)) {
        r->no_memory = true;
        return;
    }
    if (r->piece[i] == NO_PIECE)
        r->piece[i] = r->pieces++;
    if (r->nr == r->room) {
        size_t room = r->room * 2 + 1024;
        void *p = realloc(r->run, room * sizeof(*r->run));

        if (!p) {
            r->no_memory = true;
            return;
        }
        r->run = p;
        r->room = room;
    }
    pfn = (uint64_t)r->piece[i] * PIECE + pfn % PIECE;
    r->run[r->nr++] = (struct xpc_trace_run){ pfn, nr };
}

static void add_run(void *opaque, uint64_t pfn, uint64_t nr)
{
    while (nr) {
        uint64_t part = PIECE - pfn % PIECE;

        if (part > nr)
            part = nr;
        add_part(opaque, pfn, part);
        pfn += part;
        nr -= part;
    }
}

static int compare_first(const void *a, const void *b)
{
    const struct xpc_trace_run *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

/* Ends the current interval and writes it. *now_r: time since start. */
static int write_interval(struct recorder *r, uint64_t start, uint64_t *now_r,
                          char err[XPC_ERR_LEN])
{
    r->nr = 0;
    if (r->src->ops->read(r->src, true, add_run, r)) {
        snprintf(err, XPC_ERR_LEN, "%s", r->src->err);
        return -1;
    }
    if (r->no_memory) {
        snprintf(err, XPC_ERR_LEN, "out of memory");
        errno = ENOMEM;
        return -1;
    }
    if (r->nr)
        qsort(r->run, r->nr, sizeof(*r->run), compare_first);
    *now_r = r->src->ops->now(r->src) - start;
    if (xpc_trace_write(r->w, *now_r, r->run, r->nr)) {
        snprintf(err, XPC_ERR_LEN, "the trace can't be written: %s",
                 strerror(errno));
        return -1;
    }
    return 0;
}

static int record_intervals(struct recorder *r,
                            const struct trace_recording *how,
                            char err[XPC_ERR_LEN])
{
    const struct xpc_source_ops *ops = r->src->ops;
    uint64_t start, now = 0, next = how->interval_ns;
    struct xpc_source_state state;

    if (ops->track(r->src))
        goto source;
    start = ops->now(r->src);
    while (now < how->duration_ns) {
        if (how->stop && how->stop(how->opaque, now))
            break;
        if (next > how->duration_ns)
            next = how->duration_ns;
        if (ops->wait(r->src, start + next)) {
            if (errno == EINTR)
                continue;
            goto source;
        }
        if (write_interval(r, start, &now, err))
            return -1;
        if (ops->check && ops->check(r->src, &state))
            goto source;
        /* Skip intervals that have passed meanwhile. */
        while (next <= now)
            next += how->interval_ns;
    }
    return 0;

 source:
    snprintf(err, XPC_ERR_LEN, "%s", r->src->err);
    return -1;
}

static int fail_file(const char *path, char err[XPC_ERR_LEN])
{
    int code = errno;

    snprintf(err, XPC_ERR_LEN, "%.150s: %s", path, strerror(code));
    errno = code;
    return -1;
}

/* Devices, pipes and links are written to, not replaced. */
static int open_file(struct recorder *r, const char *path)
{
    bool there;
    struct stat st;
    int fd;

    there = !lstat(path, &st);
    if (!there || S_ISREG(st.st_mode)) {
        if (asprintf(&r->tmp, "%s~", path) < 0) {
            r->tmp = NULL;
            return -1;
        }
    }
    fd = open(r->tmp ? r->tmp : path, O_WRONLY | O_CREAT | O_TRUNC |
              O_CLOEXEC | (r->tmp ? O_NOFOLLOW : 0), 0666);
    r->f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!r->f && fd >= 0)
        close(fd);
    return r->f ? 0 : -1;
}

static int create_trace(struct recorder *r, const struct trace_recording *how,
                        const char *path, char err[XPC_ERR_LEN])
{
    struct xpc_trace_sink sink = { .write = write_file };
    struct xpc_trace_info info = {
        .page_size = XPC_PAGE_SIZE, .interval_ns = how->interval_ns,
        .zero_pages = how->zero_pages,
    };

    snprintf(info.source, sizeof(info.source), "%s", r->src->name);
    if (!open_file(r, path)) {
        sink.ctx = r->f;
        r->w = xpc_trace_writer_open(&sink, &info);
    }
    return r->w ? 0 : fail_file(path, err);
}

static int finish_trace(struct recorder *r, uint64_t populated,
                        const char *path, char err[XPC_ERR_LEN])
{
    uint64_t written = (uint64_t)r->pieces * PIECE;

    if (!xpc_trace_finish(r->w, written > populated ? written : populated) &&
        !fflush(r->f))
        return 0;
    return fail_file(path, err);
}

/* What could not be written whole leaves what was there before. */
static int close_file(struct recorder *r, bool ok, const char *path,
                      char err[XPC_ERR_LEN])
{
    bool opened = r->f;
    int rc = 0;

    if (opened && fclose(r->f) && ok)
        rc = fail_file(path, err);
    if (ok && !rc && r->tmp && rename(r->tmp, path))
        rc = fail_file(path, err);
    if ((!ok || rc) && opened && r->tmp)
        unlink(r->tmp);
    free(r->tmp);
    return rc;
}

int xpc_source_record(struct xpc_source *src,
                      const struct trace_recording *how, const char *path,
                      char err[XPC_ERR_LEN])
{
    struct recorder r = { .src = src };
    int rc, code;

    if (!src->ops->track || !src->ops->read) {
        snprintf(err, XPC_ERR_LEN, "%s: its writes can't be tracked",
                 src->name);
        errno = EOPNOTSUPP;
        return -1;
    }
    rc = create_trace(&r, how, path, err);
    code = errno;
    if (!rc) {
        rc = record_intervals(&r, how, err);
        code = errno;
        src->ops->untrack(src);
    }
    if (!rc) {
        rc = finish_trace(&r, src->total_pages, path, err);
        code = errno;
    }
    xpc_trace_writer_close(r.w);
    if (close_file(&r, !rc, path, err)) {
        rc = -1;
        code = errno;
    }
    free(r.run);
    free(r.piece);
    errno = code;
    return rc;
}
