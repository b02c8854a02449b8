/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/handover.h"
#include "save/session.h"

/* What ends a wait that is not the channels' doing is looked for as often. */
#define LOOK_NS (5 * XPC_MS)

_Static_assert((int)XPC_COMPRESS_ZSTD == (int)CHANNEL_ZSTD &&
               (int)XPC_COMPRESS_LZ4 == (int)CHANNEL_LZ4,
               "the parameter is what is on the wire");

struct save_channels {
    struct channel_out *out;
    int lend_fd;
    unsigned int nr;
    int fd[CHANNELS_MAX];
    int error;
};

/* ---- borrowed ------------------------------------------------------------ */

/* Of "7,8,9". Returns 0 or -1. */
static int parse(const char *s, struct save_channels *c)
{
    long fd[1 + CHANNELS_MAX];
    unsigned int nr = 0;
    char *end;

    do {
        if (nr == 1 + CHANNELS_MAX)
            return -1;
        fd[nr] = strtol(s, &end, 10);
        if (end == s || fd[nr] < 0 || fcntl(fd[nr], F_GETFD) < 0)
            return -1;
        nr++;
        s = end + 1;
    } while (*end == ',');
    if (*end || nr < 2)
        return -1;
    c->lend_fd = fd[0];
    c->nr = nr - 1;
    for (unsigned int i = 0; i < c->nr; i++)
        c->fd[i] = fd[i + 1];
    return 0;
}

/* 0, or -1 with errno. */
static int say(const struct save_channels *c, int word, uint64_t sequence)
{
    struct channel_handover m = { .word = word, .sequence = sequence };

    return send(c->lend_fd, &m, sizeof(m), MSG_NOSIGNAL) == sizeof(m) ? 0 : -1;
}

/* What was written before has to leave first, however long that takes. */
static int borrow(struct save_ctx *ctx, struct save_channels *c,
                  struct channel_handover *m)
{
    struct pollfd fd = { .fd = c->lend_fd, .events = POLLIN };
    int r;

    if (say(c, CHANNEL_ASK, 0))
        return -1;
    do {
        r = poll(&fd, 1, LOOK_NS / XPC_MS);
        if (save_stopped(ctx)) {
            errno = ECANCELED;
            return -1;
        }
    } while (!r || (r < 0 && errno == EINTR));
    errno = EPIPE;
    return recv(c->lend_fd, m, sizeof(*m), 0) == sizeof(*m) &&
           m->word == CHANNEL_LEND ? 0 : -1;
}

static int start_out(struct save_ctx *ctx, struct save_channels *c,
                     const struct channel_handover *m)
{
    const struct xpc_params *p = &ctx->params;
    struct channel_out_how how = {
        .fds = c->fd, .nr = c->nr, .token = m->token, .codec = p->compress,
        .level = p->compress_level ? p->compress_level : 1,
        .sequence = m->sequence,
    };

    c->out = channel_out_start(&how);
    return c->out ? 0 : -1;
}

/* NULL: none were lent. */
static const char *lent(void)
{
    const char *env = getenv(CHANNEL_HANDOVER_ENV);

    return env && *env ? env : NULL;
}

void save_channels_settle(struct xpc_params *p)
{
    if (p->zero_pages == XPC_ZERO_PAGES_AUTO && !lent())
        p->zero_pages = XPC_ZERO_PAGES_SEND;
}

int save_channels_start(struct save_ctx *ctx, char *err, size_t len)
{
    const char *env = lent();
    struct save_channels *c;
    struct channel_handover m;

    if (!env) {
        if (!xpc_params_over_channels(&ctx->params))
            return 0;
        snprintf(err, len, "channels and compression are for xl migrate, "
                 "which opens them: leave them out");
        return -1;
    }
    c = calloc(1, sizeof(*c));
    if (!c || parse(env, c)) {
        snprintf(err, len, "can't make out "CHANNEL_HANDOVER_ENV"=%.60s", env);
        free(c);
        return -1;
    }
    if (borrow(ctx, c, &m) || start_out(ctx, c, &m)) {
        snprintf(err, len, "can't use the channels: %s", strerror(errno));
        free(c);
        return 1;
    }
    ctx->channels = c;
    ctx->report.channels = c->nr;
    return 0;
}

int save_channels_give_back(struct save_ctx *ctx)
{
    struct save_channels *c = ctx->channels;

    if (!c)
        return 0;
    if (save_channels_drain(ctx) ||
        say(c, CHANNEL_BACK, channel_out_sequence(c->out)))
        return -1;
    return 0;
}

void save_channels_stop(struct save_ctx *ctx)
{
    if (!ctx->channels)
        return;
    channel_out_stop(ctx->channels->out);
    free(ctx->channels);
    ctx->channels = NULL;
}

/* ---- used ---------------------------------------------------------------- */

static int failed(struct save_channels *c)
{
    if (!c->error)
        c->error = errno;
    return -1;
}

/* May it go on? What has begun to leave is broken off if not. */
static bool may_go_on(struct save_ctx *ctx, bool pages)
{
    if (save_may_write(ctx, pages) && !save_stopped(ctx)) {
        channel_out_rate(ctx->channels->out, save_cap(ctx));
        return true;
    }
    channel_out_break(ctx->channels->out);
    errno = ECANCELED;
    return false;
}

int save_channels_drain(struct save_ctx *ctx)
{
    struct save_channels *c = ctx->channels;
    int r;

    if (!c)
        return 0;
    channel_out_flush(c->out);
    while (!(r = channel_out_left(c->out))) {
        if (!may_go_on(ctx, ctx->stream.in_pages))
            return failed(c);
        channel_out_wait(c->out, clock_now_ns() + LOOK_NS);
    }
    if (r < 0)
        return failed(c);
    save_flowed(ctx);
    return 0;
}

/* As the stream is counted: it is ahead of what has left. */
static void count(struct save_ctx *ctx, const struct iovec *iov, size_t len,
                  bool zero)
{
    struct channel_count total;

    if (zero)
        save_wrote_zeros(ctx, len);
    else
        save_wrote(ctx, iov, 1, len);
    total = (struct channel_count){
        .bytes = ctx->stream.bytes, .pages = ctx->stream.pages,
        .page_bytes = ctx->stream.page_bytes,
        .zero_pages = save_zero_pages(ctx),
    };
    channel_out_mark(ctx->channels->out, &total);
}

/* zero: they are zero pages. */
static int put(struct save_ctx *ctx, struct iovec iov, bool zero)
{
    struct save_channels *c = ctx->channels;
    ssize_t n;

    while (iov.iov_len) {
        if (!may_go_on(ctx, save_stream_pages_next(&ctx->stream, &iov)))
            return failed(c);
        n = zero ? channel_out_put_zeros(c->out, iov.iov_len) :
                   channel_out_put(c->out, iov.iov_base, iov.iov_len);
        if (n < 0)
            return failed(c);
        if (n) {
            count(ctx, &iov, n, zero);
        } else {
            /* What there was no room behind is on its way meanwhile. */
            ctx->link_busy = true;
            channel_out_wait(c->out, clock_now_ns() + LOOK_NS);
        }
        iov.iov_base = (char *)iov.iov_base + n;
        iov.iov_len -= n;
    }
    return 0;
}

/*
 * The guest stands still, its pages are written, and its state is next: the
 * clock of the switchover wants to know when the pages have left.
 */
static bool pages_end(const struct save_ctx *ctx, const struct iovec *iov)
{
    const struct save_stream *s = &ctx->stream;

    return !ctx->live && ctx->report.final_bitmap_ns && s->in_pages &&
           !s->skip && !s->have && !save_stream_pages_next(s, iov);
}

/* Is that the stream's end, which has to have left when it is told? */
static bool has_ended(const struct save_stream *s)
{
    return s->type == SAVE_RECORD_END && !s->skip && !s->have;
}

static int write_begins(struct save_ctx *ctx, const struct iovec *iov)
{
    if (!ctx->wrote_ns)
        ctx->wrote_ns = clock_now_ns();      /* an iteration's first */
    return pages_end(ctx, iov) ? save_channels_drain(ctx) : 0;
}

static int write_ended(struct save_ctx *ctx)
{
    return has_ended(&ctx->stream) ? save_channels_drain(ctx) : 0;
}

int save_channels_write(struct save_ctx *ctx, const struct iovec *iov,
                        int iovcnt)
{
    if (iovcnt && write_begins(ctx, iov))
        return -1;
    for (int i = 0; i < iovcnt; i++) {
        if (put(ctx, iov[i], false))
            return -1;
    }
    return write_ended(ctx);
}

int save_channels_write_pieces(struct save_ctx *ctx,
                               const struct save_piece *piece, size_t nr)
{
    struct iovec iov;

    for (size_t i = 0; i < nr; i++) {
        iov = (struct iovec){ (void *)piece[i].p, piece[i].len };
        if ((!i && write_begins(ctx, &iov)) || put(ctx, iov, piece[i].zero))
            return -1;
    }
    return write_ended(ctx);
}

bool save_channels_busy(const struct save_channels *c)
{
    return channel_out_busy(c->out);
}

/* ---- told ---------------------------------------------------------------- */

void save_channels_counts(struct save_ctx *ctx, struct channel_count *count)
{
    if (ctx->channels)
        channel_out_counts(ctx->channels->out, count,
                           &ctx->report.wire_bytes);
}

int save_channels_error(const struct save_ctx *ctx)
{
    return ctx->channels ? ctx->channels->error : 0;
}
