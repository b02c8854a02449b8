/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/handover.h"
#include "save/stream/sink_channels.h"

/* How often a wait for the channels checks whether it must end. */
#define LOOK_NS (5 * XPC_MS)

_Static_assert((int)XPC_COMPRESS_ZSTD == (int)CHANNEL_ZSTD &&
               (int)XPC_COMPRESS_LZ4 == (int)CHANNEL_LZ4 &&
               (int)XPC_COMPRESS_AUTO >= (int)CHANNEL_CODECS,
               "the parameter is what is on the wire");

struct sink_channels {
    struct save_sink sink;
    struct channel_out *out;
    bool settled;               /* the guest is suspended */
    int handover_fd;
    unsigned int nr;
    int fd[CHANNELS_MAX];
};

/* ---- the handover -------------------------------------------------------- */

/* Parses "7,8,9". Returns 0 or -1. */
static int parse_fds(const char *s, struct sink_channels *c)
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
    c->handover_fd = fd[0];
    c->nr = nr - 1;
    for (unsigned int i = 0; i < c->nr; i++)
        c->fd[i] = fd[i + 1];
    return 0;
}

/* 0, or -1 with errno. */
static int send_word(const struct sink_channels *c, int word,
                     uint64_t sequence)
{
    struct channel_handover m = { .word = word, .sequence = sequence };
    ssize_t n = send(c->handover_fd, &m, sizeof(m), MSG_NOSIGNAL);

    return n == sizeof(m) ? 0 : -1;
}

/* Blocks until what the toolstack has written before has left. */
static int take_over(struct sink_channels *c, struct channel_handover *m)
{
    struct pollfd fd = { .fd = c->handover_fd, .events = POLLIN };
    int r;

    if (send_word(c, CHANNEL_ASK, 0))
        return -1;
    do {
        r = poll(&fd, 1, LOOK_NS / XPC_MS);
        if (save_is_stopped(c->sink.flow->ctx)) {
            errno = ECANCELED;
            return -1;
        }
    } while (!r || (r < 0 && errno == EINTR));
    errno = EPIPE;
    return recv(c->handover_fd, m, sizeof(*m), 0) == sizeof(*m) &&
           m->word == CHANNEL_LEND ? 0 : -1;
}

static int start_out(struct sink_channels *c, const struct channel_handover *m)
{
    const struct xpc_params *p = &c->sink.flow->ctx->params;
    struct channel_out_how how = {
        .fds = c->fd, .nr = c->nr, .token = m->token, .codec = p->compress,
        .level = p->compress_level ? p->compress_level : 1,
        .link_bytes_per_s = p->bandwidth_bytes_per_s,
        .sequence = m->sequence,
    };

    c->out = channel_out_start(&how);
    return c->out ? 0 : -1;
}

/* ---- writing ------------------------------------------------------------- */

static struct sink_channels *of(struct save_sink *sink)
{
    return (struct sink_channels *)sink;
}

static int failed(struct sink_channels *c)
{
    if (!c->sink.error)
        c->sink.error = errno;
    return -1;
}

/* Asks the gate. If it is closed, what is being sent is broken off. */
static bool may_go_on(struct sink_channels *c, bool pages)
{
    struct save_gate *gate = c->sink.gate;

    if (save_gate_may_write(gate, pages) && !save_is_stopped(gate->ctx)) {
        channel_out_rate(c->out, save_gate_rate(gate));
        return true;
    }
    channel_out_break(c->out);
    errno = ECANCELED;
    return false;
}

static int sink_channels_drain(struct save_sink *sink)
{
    struct sink_channels *c = of(sink);
    int r;

    channel_out_flush(c->out);
    channel_out_renew(c->out, c->settled);
    while (!(r = channel_out_left(c->out))) {
        if (!may_go_on(c, sink->flow->stream.in_pages))
            return failed(c);
        channel_out_wait(c->out, clock_now_ns() + LOOK_NS);
    }
    if (r < 0)
        return failed(c);
    save_flow_drained(sink->flow);
    return 0;
}

/* Counts what was put into the channels, which is ahead of what has left. */
static void count_put(struct sink_channels *c, const struct iovec *iov,
                      size_t len, bool zero)
{
    struct channel_count total;

    if (zero)
        save_flow_wrote_zeros(c->sink.flow, len);
    else
        save_flow_wrote(c->sink.flow, iov, 1, len);
    save_flow_counts(c->sink.flow, &total);
    channel_out_mark(c->out, &total);
}

/* zero: iov is zero pages. */
static int put(struct sink_channels *c, struct iovec iov, bool zero)
{
    struct save_flow *flow = c->sink.flow;
    ssize_t n;

    while (iov.iov_len) {
        if (!may_go_on(c, save_stream_pages_next(&flow->stream, &iov)))
            return failed(c);
        n = zero ? channel_out_put_zeros(c->out, iov.iov_len) :
                   channel_out_put(c->out, iov.iov_base, iov.iov_len);
        if (n < 0)
            return failed(c);
        if (n) {
            count_put(c, &iov, n, zero);
        } else {
            /* No room: what was put in before is on its way. */
            flow->link_busy = true;
            channel_out_wait(c->out, clock_now_ns() + LOOK_NS);
        }
        iov.iov_base = (char *)iov.iov_base + n;
        iov.iov_len -= n;
    }
    return 0;
}

/*
 * With the guest suspended, its pages written and its state next, the
 * switchover needs the time at which the pages have left.
 */
static bool pages_end(const struct save_flow *f, const struct iovec *iov)
{
    const struct save_stream *s = &f->stream;

    return !f->ctx->live && f->ctx->report.final_bitmap_ns && s->in_pages &&
           !s->skip && !s->have && !save_stream_pages_next(s, iov);
}

/* The END record must have left before libxenguest is told so. */
static bool has_ended(const struct save_stream *s)
{
    return s->type == SAVE_RECORD_END && !s->skip && !s->have;
}

static int begin_write(struct save_sink *sink, const struct iovec *iov)
{
    struct sink_channels *c = of(sink);

    if (!c->settled && sink->flow->ctx->report.suspended_ns) {
        c->settled = true;
        channel_out_renew(c->out, true);
    }
    save_flow_begin(sink->flow);
    return pages_end(sink->flow, iov) ? sink_channels_drain(sink) : 0;
}

static int end_write(struct save_sink *sink)
{
    return has_ended(&sink->flow->stream) ? sink_channels_drain(sink) : 0;
}

static int sink_channels_write(struct save_sink *sink, struct iovec *iov,
                               int iovcnt)
{
    if (iovcnt && begin_write(sink, iov))
        return -1;
    for (int i = 0; i < iovcnt; i++) {
        if (put(of(sink), iov[i], false))
            return -1;
    }
    return end_write(sink);
}

static int sink_channels_write_pieces(struct save_sink *sink,
                                      const struct save_piece *piece,
                                      size_t nr)
{
    struct iovec iov;

    for (size_t i = 0; i < nr; i++) {
        iov = (struct iovec){ (void *)piece[i].p, piece[i].len };
        if ((!i && begin_write(sink, &iov)) ||
            put(of(sink), iov, piece[i].zero))
            return -1;
    }
    return end_write(sink);
}

static bool sink_channels_busy(struct save_sink *sink)
{
    return channel_out_busy(of(sink)->out);
}

static void sink_channels_counts(struct save_sink *sink,
                                 struct channel_count *count,
                                 uint64_t *wire_bytes)
{
    channel_out_counts(of(sink)->out, count, wire_bytes);
}

static void sink_channels_report(struct save_sink *sink,
                                 struct xpc_report *r)
{
    struct xpc_compress_auto a;
    double link;

    channel_out_choice(of(sink)->out, &a);
    link = xpc_compress_auto_link(&a);
    r->link_bytes_per_s = isfinite(link) ? link : 0;
    r->processors = a.processors;
    free(r->compress);
    r->compress = calloc(a.nr, sizeof(*r->compress));
    r->nr_compress = 0;
    for (size_t i = 0; r->compress && i < a.nr; i++) {
        if (a.use[i].frames)
            r->compress[r->nr_compress++] = a.use[i];
    }
}

/* Returns the channels to the toolstack. */
static int sink_channels_finish(struct save_sink *sink)
{
    struct sink_channels *c = of(sink);

    return sink_channels_drain(sink) ||
           send_word(c, CHANNEL_BACK, channel_out_sequence(c->out)) ? -1 : 0;
}

static void sink_channels_close(struct save_sink *sink)
{
    channel_out_stop(of(sink)->out);
    free(sink);
}

static const struct save_sink_ops sink_channels_ops = {
    .write        = sink_channels_write,
    .write_pieces = sink_channels_write_pieces,
    .busy         = sink_channels_busy,
    .drain        = sink_channels_drain,
    .counts       = sink_channels_counts,
    .report       = sink_channels_report,
    .finish       = sink_channels_finish,
    .close        = sink_channels_close,
};

int save_sink_channels_open(struct save_sink **sink_r, const char *env,
                            struct save_gate *gate, struct save_flow *flow,
                            char *err, size_t len)
{
    struct sink_channels *c = calloc(1, sizeof(*c));
    struct channel_handover m;

    if (!c || parse_fds(env, c)) {
        snprintf(err, len, "can't make out "CHANNEL_HANDOVER_ENV"=%.60s", env);
        free(c);
        return -1;
    }
    c->sink = (struct save_sink){
        .ops = &sink_channels_ops, .gate = gate, .flow = flow,
    };
    if (take_over(c, &m) || start_out(c, &m)) {
        snprintf(err, len, "can't use the channels: %s", strerror(errno));
        free(c);
        return 1;
    }
    flow->ctx->report.channels = c->nr;
    *sink_r = &c->sink;
    return 0;
}
