/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "base/iov.h"
#include "base/rate_limiter.h"
#include "base/thread.h"
#include "channels/choose.h"
#include "channels/frame.h"
#include "channels/out.h"

#define PIECES_PER_CHANNEL 3

#define RUNS_ROOM (CHANNEL_RUNS_MAX * CHANNEL_RUN_SIZE)

/* The contents of a frame. */
struct piece {
    struct piece *next;
    uint64_t sequence;
    size_t len;                     /* of its data */
    unsigned int nr_runs;
    size_t zeros;                   /* sum of the runs */
    struct channel_run run[CHANNEL_RUNS_MAX];
    struct channel_count count;     /* sent with it */
    /* The data begins at RUNS_ROOM; the runs are put before it. */
    uint8_t bytes[RUNS_ROOM + CHANNEL_FRAME_MAX];
};

struct channel {
    struct channel_out *out;
    int fd;
    pthread_t thread;
    struct channel_frame frame;
    /* By method; NULL: not used yet. */
    struct channel_compressor *compressor[XPC_COMPRESS_USES_MAX];
};

struct channel_out {
    uint8_t token[CHANNEL_TOKEN];
    pthread_mutex_t lock;
    pthread_cond_t work;            /* wakes the threads */
    pthread_cond_t news;            /* wakes the caller */
    struct piece *pieces;           /* all pieces */
    struct piece *free;
    struct piece *queue, **queue_end;
    struct piece *filling;          /* being filled by the caller, or NULL */
    struct channel_count marked, left;
    struct channel_choice choice;
    uint64_t wire_bytes, sequence;
    unsigned int under_way;         /* pieces queued or being sent */
    pthread_mutex_t paying;         /* protects bucket; held while writing
                                     * under a limit */
    struct rate_limiter bucket;
    uint64_t rate;                  /* its last one; the caller's */
    int error;                      /* errno; ECANCELED: stopped */
    bool quit;
    int stop_fd;                    /* readable: send no more */
    unsigned int nr;                /* channels with a thread */
    unsigned int nr_channels;
    struct channel channel[CHANNELS_MAX];
};

/* ---- sending a frame ----------------------------------------------------- */

/* Called with the lock held. Keeps the first error and stops sending. */
static void fail(struct channel_out *out, int errnoval)
{
    if (out->error)
        return;
    out->error = errnoval;
    eventfd_write(out->stop_fd, 1);
    pthread_cond_signal(&out->news);
}

/*
 * Blocks until the channel is writable, or for wait_ns if that is not 0.
 * Returns 0, or -1 to stop.
 */
static int wait_ready(struct channel *c, uint64_t wait_ns)
{
    struct pollfd fds[2] = {
        { .fd = c->out->stop_fd, .events = POLLIN },
        { .fd = wait_ns ? -1 : c->fd, .events = POLLOUT },
    };
    /* 50 ms at most, as the limit may change. */
    int ms = wait_ns / XPC_MS < 50 ? wait_ns / XPC_MS + 1 : 50;

    if (poll(fds, 2, wait_ns ? ms : -1) < 0 && errno != EINTR)
        return -1;
    return fds[0].revents ? -1 : 0;
}

/* Writes up to the first len bytes of iov. Returns like writev(). */
static ssize_t write_some(int fd, const struct iovec *iov, int nr, size_t len)
{
    struct iovec part[2];
    int i;

    for (i = 0; i < nr && len; i++) {
        part[i] = iov[i];
        if (part[i].iov_len > len)
            part[i].iov_len = len;
        len -= part[i].iov_len;
    }
    return writev(fd, part, i);
}

/*
 * Token bucket for all channels: each write takes its length in tokens. Tokens
 * are not taken in advance, because several channels that were held up could
 * then exceed the rate when they continue. Under a limit, channels write one
 * after the other; as the descriptors are non-blocking, none holds up another.
 * Returns like writev(), or 0 with the time to wait first in *wait_r.
 */
static ssize_t write_limited(struct channel *c, const struct iovec *iov, int nr,
                             size_t len, uint64_t *wait_r)
{
    struct channel_out *out = c->out;
    struct rate_limiter *b = &out->bucket;
    size_t piece;
    ssize_t n = 0;

    pthread_mutex_lock(&out->paying);
    if (!b->rate) {
        pthread_mutex_unlock(&out->paying);
        *wait_r = 0;
        return write_some(c->fd, iov, nr, len);
    }
    *wait_r = rate_limiter_wait_ns(b, clock_now_ns());
    if (!*wait_r) {
        piece = rate_limiter_piece(b);
        n = write_some(c->fd, iov, nr, len < piece ? len : piece);
        if (n > 0)
            rate_limiter_take(b, n, clock_now_ns());
    }
    pthread_mutex_unlock(&out->paying);
    return n;
}

/* Writes both elements of iov completely. Returns 0 or an errno value. */
static int write_all(struct channel *c, struct iovec *iov)
{
    size_t len = iov[0].iov_len + iov[1].iov_len;
    uint64_t wait = 0;
    ssize_t n;
    int nr = 2;

    while (len) {
        if (wait_ready(c, wait))
            return ECANCELED;
        n = write_limited(c, iov, nr, len, &wait);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return errno;
        if (n > 0) {
            len -= n;
            iov_advance(&iov, &nr, n);
        }
    }
    return 0;
}

/* NULL: uncompressed, also if out of memory. */
static struct channel_compressor *find_compressor(struct channel *c,
                                                  size_t method)
{
    const struct xpc_compress_use *u = &c->out->choice.choice.use[method];

    if (u->compress != XPC_COMPRESS_OFF && !c->compressor[method])
        c->compressor[method] = channel_compressor_open(u->compress,
                                                        u->level);
    return c->compressor[method];
}

/* Stores the processor's time, and all the time that it took. */
static void make_frame(struct channel *c, struct piece *p, size_t method,
                       struct iovec iov_r[2], uint64_t *cpu_ns_r,
                       uint64_t *wall_ns_r)
{
    size_t runs_len = p->nr_runs * CHANNEL_RUN_SIZE;
    uint8_t *from = p->bytes + RUNS_ROOM - runs_len;
    uint64_t cpu = thread_cpu_ns(), begun = clock_now_ns();

    for (unsigned int i = 0; i < p->nr_runs; i++)
        channel_run_put(from + i * CHANNEL_RUN_SIZE, &p->run[i]);
    channel_frame_make(&c->frame, CHANNEL_DATA, p->sequence, from,
                       runs_len + p->len, p->nr_runs,
                       find_compressor(c, method), c->out->token, iov_r);
    *cpu_ns_r = thread_cpu_ns() - cpu;
    *wall_ns_r = clock_now_ns() - begun;
}

/* Returns 0 or an errno value. */
static int send_piece(struct channel *c, struct piece *p, size_t method)
{
    struct channel_out *out = c->out;
    struct iovec iov[2];
    uint64_t cpu_ns, wall_ns;

    make_frame(c, p, method, iov, &cpu_ns, &wall_ns);
    pthread_mutex_lock(&out->lock);
    xpc_compress_auto_learn(&out->choice.choice, method,
                            c->frame.head.raw_len,
                            CHANNEL_HEAD_SIZE + c->frame.head.wire_len,
                            cpu_ns, wall_ns);
    channel_choice_begin_write(&out->choice);
    pthread_mutex_unlock(&out->lock);
    return write_all(c, iov);
}

/* Called with the lock held. Counts a piece that was sent. */
static void count_sent(struct channel *c, const struct piece *p)
{
    struct channel_out *out = c->out;

    out->left.bytes += p->count.bytes;
    out->left.pages += p->count.pages;
    out->left.page_bytes += p->count.page_bytes;
    out->left.zero_pages += p->count.zero_pages;
    out->wire_bytes += CHANNEL_HEAD_SIZE + c->frame.head.wire_len;
    channel_choice_end_write(&out->choice, out->wire_bytes);
}

/* Called with the lock held. Removes the first piece of the queue. */
static struct piece *take_piece(struct channel_out *out)
{
    struct piece *p = out->queue;

    out->queue = p->next;
    if (!out->queue)
        out->queue_end = &out->queue;
    return p;
}

static void *sender(void *arg)
{
    struct channel *c = arg;
    struct channel_out *out = c->out;
    struct piece *p;
    size_t method;
    int r;

    pthread_mutex_lock(&out->lock);
    while (!out->quit && !out->error) {
        if (!out->queue) {
            pthread_cond_wait(&out->work, &out->lock);
            continue;
        }
        p = take_piece(out);
        method = xpc_compress_auto_pick(&out->choice.choice);
        pthread_mutex_unlock(&out->lock);
        r = send_piece(c, p, method);
        pthread_mutex_lock(&out->lock);
        if (r)
            fail(out, r);
        else
            count_sent(c, p);
        p->next = out->free;
        out->free = p;
        out->under_way--;
        pthread_cond_signal(&out->news);
    }
    pthread_mutex_unlock(&out->lock);
    return NULL;
}

/* ---- accepting data ------------------------------------------------------ */

/* Called with the lock held. Queues the piece that is being filled. */
static void queue_piece(struct channel_out *out)
{
    struct piece *p = out->filling;

    out->filling = NULL;
    p->next = NULL;
    p->sequence = out->sequence++;
    *out->queue_end = p;
    out->queue_end = &p->next;
    out->under_way++;
    pthread_cond_signal(&out->work);
}

static bool is_empty(const struct piece *p)
{
    return !p || (!p->len && !p->nr_runs);
}

static size_t room_for_data(const struct piece *p)
{
    return p ? CHANNEL_FRAME_MAX - p->len - p->nr_runs * CHANNEL_RUN_SIZE : 0;
}

/* Do the contents end with zeros? More zeros then extend the same run. */
static bool ends_with_run(const struct piece *p)
{
    return p->nr_runs && p->run[p->nr_runs - 1].after == p->len;
}

static size_t room_for_zeros(const struct piece *p)
{
    if (!p || (!ends_with_run(p) && (p->nr_runs == CHANNEL_RUNS_MAX ||
                                     room_for_data(p) < CHANNEL_RUN_SIZE)))
        return 0;
    return CHANNEL_ZEROS_MAX - p->zeros;
}

/*
 * Queues the current piece and returns a new one, or NULL with errno, which is
 * 0 if none is free at the moment. A full piece is not queued before, because
 * channel_out_mark() may still add to its counts.
 */
static struct piece *next_piece(struct channel_out *out)
{
    pthread_mutex_lock(&out->lock);
    if (out->filling)
        queue_piece(out);
    if (out->free && !out->error) {
        out->filling = out->free;
        out->free = out->free->next;
        out->filling->len = out->filling->nr_runs = out->filling->zeros = 0;
        out->filling->count = (struct channel_count){ 0 };
    }
    errno = out->error;
    pthread_mutex_unlock(&out->lock);
    return out->filling;
}

ssize_t channel_out_put(struct channel_out *out, const void *p, size_t len)
{
    struct piece *to = out->filling;
    size_t room = room_for_data(to);

    if (!room) {
        to = next_piece(out);
        room = room_for_data(to);
    }
    if (!to)
        return errno ? -1 : 0;
    if (len > room)
        len = room;
    memcpy(to->bytes + RUNS_ROOM + to->len, p, len);
    to->len += len;
    return len;
}

ssize_t channel_out_put_zeros(struct channel_out *out, size_t len)
{
    struct piece *to = out->filling;
    size_t room = room_for_zeros(to);

    if (!room) {
        to = next_piece(out);
        room = room_for_zeros(to);
    }
    if (!to)
        return errno ? -1 : 0;
    if (len > room)
        len = room;
    if (!ends_with_run(to))
        to->run[to->nr_runs++] = (struct channel_run){ .after = to->len };
    to->run[to->nr_runs - 1].len += len;
    to->zeros += len;
    return len;
}

void channel_out_mark(struct channel_out *out,
                      const struct channel_count *total)
{
    struct channel_count *c = out->filling ? &out->filling->count : NULL;

    if (!c)
        return;
    c->bytes += total->bytes - out->marked.bytes;
    c->pages += total->pages - out->marked.pages;
    c->page_bytes += total->page_bytes - out->marked.page_bytes;
    c->zero_pages += total->zero_pages - out->marked.zero_pages;
    out->marked = *total;
}

void channel_out_flush(struct channel_out *out)
{
    pthread_mutex_lock(&out->lock);
    if (!is_empty(out->filling))
        queue_piece(out);
    pthread_mutex_unlock(&out->lock);
}

int channel_out_left(struct channel_out *out)
{
    int r;

    pthread_mutex_lock(&out->lock);
    errno = out->error;
    r = out->error ? -1 : !out->under_way && is_empty(out->filling);
    pthread_mutex_unlock(&out->lock);
    return r;
}

bool channel_out_busy(struct channel_out *out)
{
    bool busy;

    pthread_mutex_lock(&out->lock);
    busy = out->under_way;
    pthread_mutex_unlock(&out->lock);
    return busy;
}

/*
 * Fails if a channel is closed. A channel that was closed while it has nothing
 * to write would go unnoticed, although the receiver may be waiting for a frame
 * that was lost with it.
 */
static void check_channels(struct channel_out *out)
{
    struct pollfd fds[CHANNELS_MAX];

    for (unsigned int i = 0; i < out->nr_channels; i++)
        fds[i] = (struct pollfd){ .fd = out->channel[i].fd };
    if (poll(fds, out->nr_channels, 0) < 1)
        return;
    pthread_mutex_lock(&out->lock);
    fail(out, EPIPE);
    pthread_mutex_unlock(&out->lock);
}

void channel_out_wait(struct channel_out *out, uint64_t until_ns)
{
    unsigned int before;
    bool stalls;

    pthread_mutex_lock(&out->lock);
    before = out->under_way;
    while (before && out->under_way == before && !out->error &&
           clock_now_ns() < until_ns)
        cond_wait_until(&out->news, &out->lock, until_ns);
    stalls = before && out->under_way == before;
    pthread_mutex_unlock(&out->lock);
    if (stalls)
        check_channels(out);
}

void channel_out_rate(struct channel_out *out, uint64_t bytes_per_s)
{
    pthread_mutex_lock(&out->paying);
    rate_limiter_set(&out->bucket, bytes_per_s, clock_now_ns());
    pthread_mutex_unlock(&out->paying);
    if (bytes_per_s == out->rate)
        return;
    out->rate = bytes_per_s;
    pthread_mutex_lock(&out->lock);
    xpc_compress_auto_cap(&out->choice.choice, bytes_per_s);
    pthread_mutex_unlock(&out->lock);
}

void channel_out_renew(struct channel_out *out, bool settle)
{
    pthread_mutex_lock(&out->lock);
    xpc_compress_auto_renew(&out->choice.choice);
    out->choice.choice.settled = settle;
    pthread_mutex_unlock(&out->lock);
}

void channel_out_choice(struct channel_out *out,
                        struct xpc_compress_auto *choice)
{
    pthread_mutex_lock(&out->lock);
    *choice = out->choice.choice;
    pthread_mutex_unlock(&out->lock);
}

void channel_out_break(struct channel_out *out)
{
    pthread_mutex_lock(&out->lock);
    fail(out, ECANCELED);
    pthread_mutex_unlock(&out->lock);
}

void channel_out_counts(struct channel_out *out, struct channel_count *count_r,
                        uint64_t *wire_bytes_r)
{
    pthread_mutex_lock(&out->lock);
    *count_r = out->left;
    *wire_bytes_r = out->wire_bytes;
    pthread_mutex_unlock(&out->lock);
}

uint64_t channel_out_sequence(const struct channel_out *out)
{
    return out->sequence;
}

/* ---- start and stop ------------------------------------------------------ */

static void free_all(struct channel_out *out)
{
    for (unsigned int i = 0; i < out->nr_channels; i++) {
        channel_frame_dispose(&out->channel[i].frame);
        for (size_t k = 0; k < XPC_COMPRESS_USES_MAX; k++)
            channel_compressor_close(out->channel[i].compressor[k]);
    }
    pthread_cond_destroy(&out->work);
    pthread_cond_destroy(&out->news);
    pthread_mutex_destroy(&out->lock);
    pthread_mutex_destroy(&out->paying);
    if (out->stop_fd >= 0)
        close(out->stop_fd);
    free(out->pieces);
    free(out);
}

static bool init_channel(struct channel_out *out, int fd,
                         const struct channel_out_how *how)
{
    struct channel *c = &out->channel[out->nr_channels++];
    int flags = fcntl(fd, F_GETFL);

    *c = (struct channel){ .out = out, .fd = fd };
    return channel_frame_init(&c->frame, how->codec) &&
           !fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static bool init(struct channel_out *out, const struct channel_out_how *how)
{
    size_t nr = (size_t)how->nr * PIECES_PER_CHANNEL;

    memcpy(out->token, how->token, sizeof(out->token));
    pthread_mutex_init(&out->lock, NULL);
    pthread_mutex_init(&out->paying, NULL);
    pthread_cond_init(&out->work, NULL);
    cond_init(&out->news);
    out->queue_end = &out->queue;
    out->sequence = how->sequence;
    channel_choice_init(&out->choice, how->codec, how->level,
                        how->link_bytes_per_s, how->nr);
    out->stop_fd = eventfd(0, EFD_CLOEXEC);
    out->pieces = malloc(nr * sizeof(out->pieces[0]));
    if (out->stop_fd < 0 || !out->pieces)
        return false;
    for (size_t i = 0; i < nr; i++) {
        out->pieces[i].next = out->free;
        out->free = &out->pieces[i];
    }
    for (unsigned int i = 0; i < how->nr; i++) {
        if (!init_channel(out, how->fds[i], how))
            return false;
    }
    return true;
}

struct channel_out *channel_out_start(const struct channel_out_how *how)
{
    struct channel_out *out = calloc(1, sizeof(*out));
    int r = 0;

    if (!out)
        return NULL;
    if (!init(out, how)) {
        r = errno;
        free_all(out);
        errno = r;
        return NULL;
    }
    while (out->nr < how->nr && !r) {
        struct channel *c = &out->channel[out->nr];

        r = thread_start(&c->thread, sender, c);
        out->nr += !r;
    }
    if (!r)
        return out;
    channel_out_stop(out);
    errno = r;
    return NULL;
}

void channel_out_stop(struct channel_out *out)
{
    if (!out)
        return;
    pthread_mutex_lock(&out->lock);
    out->quit = true;
    fail(out, ECANCELED);
    pthread_cond_broadcast(&out->work);
    pthread_mutex_unlock(&out->lock);
    for (unsigned int i = 0; i < out->nr; i++)
        pthread_join(out->channel[i].thread, NULL);
    free_all(out);
}
