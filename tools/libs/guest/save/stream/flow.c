/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plug-in in front of the stream: what libxenguest writes, and what of it
 * leaves, when.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/iov.h"
#include "save/session.h"

typedef ssize_t writev_fn(int, const struct iovec *, int);
typedef ssize_t write_fn(int, const void *, size_t);

/* Xen takes no more in a call, nor does the kernel. */
#define IOV_AT_ONCE 1024
/* What holds the stream up is looked for as often as this. */
#define NAP_NS (50 * XPC_MS)

struct save_ctx *save_active;
/*
 * Its stream, -1: none. Other threads, which write to descriptors of their
 * own, look at this and at nothing else of the save.
 */
static atomic_int stream_fd = -1;

void save_activate(struct save_ctx *ctx)
{
    save_active = ctx;
    atomic_store_explicit(&stream_fd, ctx ? ctx->io_fd : -1,
                          memory_order_relaxed);
}

static bool is_stream(int fd)
{
    return fd >= 0 &&
           fd == atomic_load_explicit(&stream_fd, memory_order_relaxed);
}

/* What the plug-in's own writev() stands in front of. */
static ssize_t real_writev(int fd, const struct iovec *iov, int iovcnt)
{
    static _Atomic(void *) found;

    return ((writev_fn *)save_next(&found, "writev"))(fd, iov, iovcnt);
}

bool save_may_write(struct save_ctx *ctx, bool pages)
{
    uint64_t now = clock_now_ns();
    bool may = true;

    if (!ctx->live) {
        may = !save_strict_broken(ctx, pages);
    } else if (ctx->deadline_ns && now >= ctx->deadline_ns) {
        ctx->out_of_time = true;
        may = false;
    } else if (save_control_cancelled(ctx, now)) {
        may = false;
    }
    if (!may)
        errno = ECANCELED;
    return may;
}

/* One call. The watchdog may break it off: that is EINTR. */
static ssize_t write_once(struct save_ctx *ctx, const struct iovec *iov,
                          int iovcnt)
{
    ssize_t n;

    if (!ctx->wrote_ns)
        ctx->wrote_ns = clock_now_ns();      /* an iteration's first */
    save_watchdog_writes(ctx->watchdog, true);
    n = real_writev(ctx->io_fd, iov, iovcnt);
    save_watchdog_writes(ctx->watchdog, false);
    if (n > 0)
        save_wrote(ctx, iov, iovcnt, n);
    return n;
}

/* At most so much of it in one call: what is over goes back afterwards. */
static ssize_t write_piece(struct save_ctx *ctx, struct iovec *iov,
                           int iovcnt, size_t most)
{
    size_t len = 0, over;
    ssize_t n;
    int nr = 0;

    while (nr < iovcnt && nr < IOV_AT_ONCE && len < most)
        len += iov[nr++].iov_len;
    over = len > most ? len - most : 0;
    iov[nr - 1].iov_len -= over;
    n = write_once(ctx, iov, nr);
    iov[nr - 1].iov_len += over;
    return n;
}

uint64_t save_cap(const struct save_ctx *ctx)
{
    return ctx->report.suspend_asked_ns ?
           xpc_params_switchover_cap(&ctx->params) :
           ctx->params.max_bytes_per_s;
}

static void nap(uint64_t ns)
{
    struct timespec ts = { .tv_nsec = ns < NAP_NS ? ns : NAP_NS };

    nanosleep(&ts, NULL);
}

/* All of it, which is used up. Returns 0, or -1: it may not, or it can't. */
static int write_all(struct save_ctx *ctx, struct iovec *iov, int iovcnt)
{
    struct rate_limiter *b = &ctx->bucket;
    uint64_t wait;
    ssize_t n;

    iov_advance(&iov, &iovcnt, 0);
    while (iovcnt) {
        if (!save_may_write(ctx, save_stream_pages_next(&ctx->stream, iov)))
            return -1;
        rate_limiter_set(b, save_cap(ctx), clock_now_ns());
        wait = rate_limiter_wait_ns(b, clock_now_ns());
        if (wait) {
            nap(wait);
            continue;
        }
        n = write_piece(ctx, iov, iovcnt, rate_limiter_piece(b));
        if (n <= 0 && (!n || errno != EINTR))
            return -1;
        if (n > 0) {
            rate_limiter_take(b, n, clock_now_ns());
            iov_advance(&iov, &iovcnt, n);
        }
    }
    return 0;
}

/* Is anything of what was written still on its way here? */
static bool link_is_busy(const struct save_ctx *ctx)
{
    int left = 0;

    if (ctx->channels)
        return save_channels_busy(ctx->channels);
    /* Of a socket, or of a pipe; a file is always done. */
    if (ioctl(ctx->io_fd, SIOCOUTQ, &left) &&
        ioctl(ctx->io_fd, FIONREAD, &left))
        return false;
    return left > 0;
}

/*
 * Zero pages over channels: what the receiver writes for them is what was to be
 * written here.
 */
static ssize_t write_pieces(struct save_ctx *ctx, const struct iovec *iov,
                            int iovcnt)
{
    const struct save_piece *piece;
    size_t nr = save_pages_cut(ctx->pages, &ctx->stream, iov, iovcnt, &piece);

    ctx->link_busy = link_is_busy(ctx);
    return save_channels_write_pieces(ctx, piece, nr) ? -1 :
           (ssize_t)save_pages_taken(ctx->pages);
}

/* Of the first copy: those which elide would have left out. */
static void count_zero_pages(struct save_ctx *ctx, const struct iovec *iov,
                             int iovcnt)
{
    const struct save_piece *piece;

    if (!ctx->pages || !ctx->live || ctx->engine.state.iterations)
        return;
    save_pages_cut(ctx->pages, &ctx->stream, iov, iovcnt, &piece);
    ctx->report.zero_pages_in_full += save_pages_zero(ctx->pages);
}

/*
 * What is written is not always what was to be written (save/stream/zero.h),
 * so the whole of it must have left before its length can be reported.
 */
static ssize_t write_stream(struct save_ctx *ctx, const struct iovec *iov,
                            int iovcnt)
{
    size_t n;
    int r;

    save_bitmap_ends(ctx);
    if (ctx->pages && ctx->channels)
        return write_pieces(ctx, iov, iovcnt);
    count_zero_pages(ctx, iov, iovcnt);
    n = save_zero_rewrite(ctx->zero, &ctx->stream, iov, iovcnt);
    ctx->link_busy = link_is_busy(ctx);
    /* Nothing is left of it: a hole. */
    if (!ctx->zero->nr_out && !ctx->link_busy && ctx->wrote_ns)
        ctx->wrote_ns = clock_now_ns();
    r = ctx->channels ?
        save_channels_write(ctx, ctx->zero->out, ctx->zero->nr_out) :
        write_all(ctx, ctx->zero->out, ctx->zero->nr_out);
    return r ? -1 : (ssize_t)n;
}

ssize_t writev(int fd, const struct iovec *iov, int iovcnt)
{
    return is_stream(fd) ? write_stream(save_active, iov, iovcnt) :
                           real_writev(fd, iov, iovcnt);
}

ssize_t write(int fd, const void *buf, size_t len)
{
    static _Atomic(void *) found;
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };

    if (is_stream(fd))
        return write_stream(save_active, &iov, 1);
    return ((write_fn *)save_next(&found, "write"))(fd, buf, len);
}
