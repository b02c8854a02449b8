/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "base/iov.h"
#include "save/skip.h"
#include "save/stream/writer.h"

/* As runs, which the receiver writes out in full. */
static ssize_t write_pieces(struct save_writer *w, const struct iovec *iov,
                            int iovcnt)
{
    const struct save_piece *piece;
    size_t nr = save_pages_cut(w->pages, &w->flow->stream, iov, iovcnt,
                               &piece);

    w->flow->link_busy = w->sink->ops->busy(w->sink);
    return w->sink->ops->write_pieces(w->sink, piece, nr) ? -1 :
           (ssize_t)save_pages_taken(w->pages);
}

/*
 * During the first copy, counts the zero pages that are sent in full although
 * they would have been sent as runs over channels.
 */
static void count_zero_pages(struct save_writer *w, const struct iovec *iov,
                             int iovcnt)
{
    struct save_context *ctx = w->flow->ctx;
    const struct save_piece *piece;

    if (!w->pages || !ctx->live || ctx->engine.state.iterations)
        return;
    save_pages_cut(w->pages, &w->flow->stream, iov, iovcnt, &piece);
    ctx->report.zero_pages_in_full += save_pages_zero(w->pages);
}

/* Before a write. Nothing is left of what was to be written: a hole. */
static void look_at_link(struct save_writer *w, bool hole)
{
    struct save_flow *flow = w->flow;

    flow->link_busy = w->sink->ops->busy(w->sink);
    if (hole && !flow->link_busy && flow->wrote_ns)
        flow->wrote_ns = clock_now_ns();
}

static ssize_t write_some(struct save_writer *w, const struct iovec *iov,
                          int iovcnt)
{
    size_t n;

    if (w->pages && w->sink->ops->write_pieces)
        return write_pieces(w, iov, iovcnt);
    count_zero_pages(w, iov, iovcnt);
    n = save_zero_rewrite(w->zero, &w->flow->stream, iov, iovcnt);
    look_at_link(w, !w->zero->out.nr);
    /* The length of iov may only be returned once all of it has been sent. */
    return w->sink->ops->write(w->sink, w->zero->out.iov,
                               w->zero->out.nr) ? -1 : (ssize_t)n;
}

ssize_t save_writer_write(struct save_writer *w, const struct iovec *iov,
                          int iovcnt)
{
    struct save_out *out = &w->skip->out;
    struct iovec *left = out->iov;
    size_t n;

    save_flow_bitmap_ends(w->flow);
    n = save_skip_rewrite(w->skip, &w->flow->stream, iov, iovcnt);
    if (!n)
        return write_some(w, iov, iovcnt);
    if (!out->nr)
        look_at_link(w, true);
    while (out->nr) {
        ssize_t wrote = write_some(w, left, out->nr);

        if (wrote < 0)
            return -1;
        iov_advance(&left, &out->nr, wrote);
    }
    return n;
}
