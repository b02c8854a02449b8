/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
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

ssize_t save_writer_write(struct save_writer *w, const struct iovec *iov,
                          int iovcnt)
{
    struct save_flow *flow = w->flow;
    size_t n;

    save_flow_bitmap_ends(flow);
    if (w->pages && w->sink->ops->write_pieces)
        return write_pieces(w, iov, iovcnt);
    count_zero_pages(w, iov, iovcnt);
    n = save_zero_rewrite(w->zero, &flow->stream, iov, iovcnt);
    flow->link_busy = w->sink->ops->busy(w->sink);
    /* Everything was elided: a hole. */
    if (!w->zero->out.nr && !flow->link_busy && flow->wrote_ns)
        flow->wrote_ns = clock_now_ns();
    /* The length of iov may only be returned once all of it has been sent. */
    return w->sink->ops->write(w->sink, w->zero->out.iov, w->zero->out.nr) ? -1 :
           (ssize_t)n;
}
