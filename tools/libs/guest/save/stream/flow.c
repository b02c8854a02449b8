/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "save/stream/flow.h"

void save_flow_bitmap_begins(struct save_flow *f)
{
    f->bitmap_begun_ns = clock_now_ns();
}

void save_flow_bitmap_ends(struct save_flow *f)
{
    if (!f->bitmap_begun_ns)
        return;
    f->bitmap_ns = clock_now_ns() - f->bitmap_begun_ns;
    f->bitmap_begun_ns = 0;
    if (f->ctx->report.suspended_ns)
        f->ctx->report.bitmap_ns = f->bitmap_ns;
}

void save_flow_reset(struct save_flow *f)
{
    f->bytes = f->ns = f->wrote_ns = 0;
}

void save_flow_begin(struct save_flow *f)
{
    if (!f->wrote_ns)
        f->wrote_ns = clock_now_ns();
}

void save_flow_counts(const struct save_flow *f, struct channel_count *count)
{
    *count = (struct channel_count){
        .bytes = f->stream.bytes,
        .pages = f->stream.pages,
        .page_bytes = f->stream.page_bytes,
        .zero_pages = f->zero->pages + f->stream.zero_pages,
    };
}

/* Is the stream in the middle of a record with page data? */
static bool within_pages(const struct save_stream *s)
{
    return s->skip && s->in_pages && s->record_pages;
}

/*
 * The time since the last write counts as the link's if the link carried len
 * bytes of page data meanwhile, or was busy with earlier data. A guest may have
 * long stretches without page data; the time to scan them does not count once
 * the link has nothing left to carry.
 */
static void count_time(struct save_flow *f, size_t len)
{
    uint64_t now = clock_now_ns();

    if (f->wrote_ns) {
        f->bytes += len;
        if (len || (f->link_busy && f->bytes))
            f->ns += now - f->wrote_ns;
    }
    f->wrote_ns = now;
}

void save_flow_wrote_zeros(struct save_flow *f, size_t len)
{
    save_stream_zeros(&f->stream, len);
    count_time(f, 0);
    if (f->ctx->report.final_bitmap_ns)
        f->ctx->report.pages_sent_ns = save_since_start_ns(f->ctx);
}

void save_flow_wrote(struct save_flow *f, const struct iovec *iov, int iovcnt,
                     size_t len)
{
    uint64_t before = f->stream.page_bytes, pages = f->stream.pages;
    bool within = within_pages(&f->stream), data;

    save_stream_written(&f->stream, iov, iovcnt, len);
    data = f->stream.pages > pages || within || within_pages(&f->stream);
    count_time(f, data ? len : 0);
    /* Pages come first in the switchover: keep the time of the last one. */
    if (f->ctx->report.final_bitmap_ns &&
        (f->stream.page_bytes > before || f->stream.in_pages))
        f->ctx->report.pages_sent_ns = save_since_start_ns(f->ctx);
}

/*
 * Over channels, what was written is ahead of what has left. The caller has
 * waited for the rest to leave, and that wait is the link's time, too.
 */
void save_flow_drained(struct save_flow *f)
{
    uint64_t now = clock_now_ns();

    if (f->bytes && f->wrote_ns) {
        f->ns += now - f->wrote_ns;
        f->wrote_ns = now;
    }
    if (f->ctx->report.final_bitmap_ns && f->stream.in_pages)
        f->ctx->report.pages_sent_ns = save_since_start_ns(f->ctx);
}
