/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/iov.h"
#include "base/rate_limiter.h"
#include "save/interpose.h"
#include "save/stream/sink_fd.h"
#include "save/watchdog.h"

/* The kernel takes no more in one call. */
#define IOV_MAX_NR 1024
/* How often a held-up write asks the gate again. */
#define NAP_NS (50 * XPC_MS)

struct sink_fd {
    struct save_sink sink;
    struct rate_limiter limiter;
};

/* One call. The watchdog may interrupt it: that is EINTR. */
static ssize_t write_once(struct save_sink *sink, const struct iovec *iov,
                          int iovcnt)
{
    struct save_watchdog *watchdog = sink->gate->switchover->watchdog;
    ssize_t n;

    save_flow_begin(sink->flow);
    save_watchdog_writes(watchdog, true);
    n = interpose_real_writev(sink->flow->ctx->io_fd, iov, iovcnt);
    save_watchdog_writes(watchdog, false);
    if (n > 0)
        save_flow_wrote(sink->flow, iov, iovcnt, n);
    return n;
}

/* Writes at most `most` bytes in one call. iov is unchanged afterwards. */
static ssize_t write_piece(struct save_sink *sink, struct iovec *iov,
                           int iovcnt, size_t most)
{
    size_t len = 0, over;
    ssize_t n;
    int nr = 0;

    while (nr < iovcnt && nr < IOV_MAX_NR && len < most)
        len += iov[nr++].iov_len;
    over = len > most ? len - most : 0;
    iov[nr - 1].iov_len -= over;
    n = write_once(sink, iov, nr);
    iov[nr - 1].iov_len += over;
    return n;
}

static void nap(uint64_t ns)
{
    struct timespec ts = { .tv_nsec = ns < NAP_NS ? ns : NAP_NS };

    nanosleep(&ts, NULL);
}

static int sink_fd_write(struct save_sink *sink, struct iovec *iov, int iovcnt)
{
    struct rate_limiter *l = &((struct sink_fd *)sink)->limiter;
    uint64_t wait;
    ssize_t n;

    iov_advance(&iov, &iovcnt, 0);
    while (iovcnt) {
        if (!save_gate_may_write(sink->gate, save_stream_pages_next(
                                     &sink->flow->stream, iov)))
            return -1;
        rate_limiter_set(l, save_gate_rate(sink->gate), clock_now_ns());
        wait = rate_limiter_wait_ns(l, clock_now_ns());
        if (wait) {
            nap(wait);
            continue;
        }
        n = write_piece(sink, iov, iovcnt, rate_limiter_piece(l));
        if (n <= 0 && (!n || errno != EINTR))
            return -1;
        if (n > 0) {
            rate_limiter_take(l, n, clock_now_ns());
            iov_advance(&iov, &iovcnt, n);
        }
    }
    return 0;
}

/* Of a socket, or of a pipe; a file is never busy. */
static bool sink_fd_busy(struct save_sink *sink)
{
    int fd = sink->flow->ctx->io_fd, left = 0;

    if (ioctl(fd, SIOCOUTQ, &left) && ioctl(fd, FIONREAD, &left))
        return false;
    return left > 0;
}

static void sink_fd_close(struct save_sink *sink)
{
    free(sink);
}

static const struct save_sink_ops sink_fd_ops = {
    .write = sink_fd_write,
    .busy  = sink_fd_busy,
    .close = sink_fd_close,
};

struct save_sink *save_sink_fd_open(struct save_gate *gate,
                                    struct save_flow *flow)
{
    struct sink_fd *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->sink = (struct save_sink){
        .ops = &sink_fd_ops, .gate = gate, .flow = flow,
    };
    return &s->sink;
}
