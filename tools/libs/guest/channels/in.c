/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/iov.h"
#include "base/thread.h"
#include "channels/frame.h"
#include "channels/in.h"

/* Elements of a frame to write in one call. */
#define PIECES_AT_ONCE 64

struct channel {
    struct channel_in *in;
    unsigned int index;
    int fd;
    pthread_t thread;
    pthread_cond_t turn;
    struct channel_frame frame;
};

struct channel_in {
    uint8_t token[CHANNEL_TOKEN];
    int out_fd, done_fd;
    int stop_fd;                /* readable: stop */
    const char *(*question)(void *opaque, const uint8_t *data, size_t len);
    void (*stood)(void *opaque, uint64_t ns);
    void *opaque;
    pthread_mutex_t lock;
    struct channel_order order;
    bool stop;
    bool asked;                 /* a question has come */
    bool writing;               /* a thread writes, without the lock */
    char error[160];            /* "": none */
    unsigned int nr;            /* channels with a thread */
    struct channel channel[CHANNELS_MAX];
};

/* ---- the end ------------------------------------------------------------ */

/*
 * Called with the lock held. Does not close the descriptor while a thread is
 * writing to it. Signals done_fd first, so that whoever waits for both sees it
 * before the reader of out_fd reacts.
 */
static void close_out(struct channel_in *in)
{
    if (!in->stop || in->writing || in->out_fd < 0)
        return;
    eventfd_write(in->done_fd, 1);
    close(in->out_fd);
    in->out_fd = -1;
}

/* Called with the lock held. Stops all threads. */
static void stop(struct channel_in *in)
{
    if (in->stop)
        return;
    in->stop = true;
    eventfd_write(in->stop_fd, 1);
    close_out(in);
    for (unsigned int i = 0; i < in->order.nr; i++)
        pthread_cond_signal(&in->channel[i].turn);
}

/* Called with the lock held. Keeps the first error and stops. Returns -1. */
static int fail(struct channel *c, const char *why)
{
    struct channel_in *in = c->in;

    if (!in->stop)
        snprintf(in->error, sizeof(in->error), "channel %u: %s", c->index,
                 why);
    stop(in);
    return -1;
}

static int fail_frame(struct channel *c, const char *why)
{
    char text[120];

    snprintf(text, sizeof(text), "a frame %s", why);
    return fail(c, text);
}

static int fail_question(struct channel *c, const char *why)
{
    char text[120];

    snprintf(text, sizeof(text), "a question: %s", why);
    return fail(c, text);
}

/* ---- reading and writing ------------------------------------------------- */

/* Blocks until fd is ready. Returns 0, or -1 to stop. */
static int wait_ready(struct channel_in *in, int fd, short events)
{
    struct pollfd fds[2] = {
        { .fd = in->stop_fd, .events = POLLIN },
        { .fd = fd, .events = events },
    };

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (fds[0].revents)
            return -1;
        if (fds[1].revents)
            return 0;
    }
}

static int read_some(void *opaque, void *to, size_t len)
{
    struct channel *c = opaque;
    size_t have = 0;
    ssize_t n;

    while (have < len) {
        if (wait_ready(c->in, c->fd, POLLIN))
            return -1;
        n = read(c->fd, (char *)to + have, len - have);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return have ? -1 : 1;
        have += n;
    }
    return 0;
}

static int write_pieces(struct channel_in *in, struct iovec *iov, int nr)
{
    ssize_t n;

    while (nr) {
        if (wait_ready(in, in->out_fd, POLLOUT))
            return -1;
        n = writev(in->out_fd, iov, nr);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return -1;
        iov_advance(&iov, &nr, n);
    }
    return 0;
}

/*
 * Writes zero pages in full: the guest must not depend on what the target's
 * memory held before.
 */
static int write_frame(struct channel_in *in, const struct channel_frame *f)
{
    struct channel_walk walk = { 0 };
    struct iovec iov[PIECES_AT_ONCE];
    int nr;

    while ((nr = channel_frame_walk(f, &walk, iov, PIECES_AT_ONCE))) {
        if (write_pieces(in, iov, nr))
            return -1;
    }
    return 0;
}

/* Returns NULL, or a fault. Called without the lock. */
static const char *handle_frame(struct channel_in *in,
                                const struct channel_frame *f)
{
    switch (f->head.kind) {
    case CHANNEL_QUESTION:
        return in->question ? in->question(in->opaque, f->data, f->data_len) :
                              "none are answered here";
    case CHANNEL_FILL:
        return NULL;
    case CHANNEL_STOOD:
        if (in->stood)
            in->stood(in->opaque, channel_stood_get(f->data));
        return NULL;
    default:
        return write_frame(in, f) ? "the stock receiver takes no more" : NULL;
    }
}

/* ---- frames in order ----------------------------------------------------- */

/*
 * Blocks until the frame is the next one. Called with the lock held, which is
 * released while waiting. Returns 0, or -1 to stop.
 */
static int wait_turn(struct channel *c)
{
    struct channel_in *in = c->in;
    const char *why = channel_order_take(&in->order, c->index,
                                         &c->frame.head);

    if (why)
        return fail_frame(c, why);
    while (!in->stop && !in->order.ended &&
           !channel_order_turn(&in->order, c->index))
        pthread_cond_wait(&c->turn, &in->lock);
    if (in->order.ended && c->frame.head.kind != CHANNEL_GO &&
        c->frame.head.kind != CHANNEL_STOOD)
        return fail_frame(c, "comes after the end");
    return in->stop ? -1 : 0;
}

static void wake_next(struct channel_in *in)
{
    for (unsigned int i = 0; i < in->order.nr; i++) {
        if (channel_order_turn(&in->order, i) || in->order.ended)
            pthread_cond_signal(&in->channel[i].turn);
    }
}

/*
 * Handles the frame when it is the next one. Called with the lock held. Returns
 * 0, or -1 to read no more from this channel.
 */
static int deliver(struct channel *c)
{
    struct channel_in *in = c->in;
    const char *why;

    if (wait_turn(c))
        return -1;
    /* Before the reply: the source may close the connections at once. */
    in->asked |= c->frame.head.kind == CHANNEL_QUESTION;
    /* No other thread writes: this frame is the next one. */
    in->writing = true;
    pthread_mutex_unlock(&in->lock);
    why = handle_frame(in, &c->frame);
    pthread_mutex_lock(&in->lock);
    in->writing = false;
    close_out(in);
    if (why)
        return c->frame.head.kind == CHANNEL_QUESTION ?
               fail_question(c, why) : fail(c, why);
    channel_order_done(&in->order, c->index, &c->frame.head);
    wake_next(in);
    return 0;
}

/*
 * A channel was closed. After the end of the stream, only the first one could
 * still send anything. A source may ask and then begin no stream.
 */
static void handle_close(struct channel *c)
{
    const struct channel_order *o = &c->in->order;
    bool only_asked = c->in->asked && !o->begun;

    if (!o->ended && !only_asked)
        fail(c, "it was closed in the middle of the stream");
    else if (!o->ended || !c->index)
        stop(c->in);
}

static void *receive(void *arg)
{
    struct channel *c = arg;
    struct channel_in *in = c->in;
    const char *why;
    int r = 0;

    pthread_mutex_lock(&in->lock);
    while (!in->stop && !r) {
        pthread_mutex_unlock(&in->lock);
        r = channel_frame_read(&c->frame, in->token, read_some, c, &why);
        pthread_mutex_lock(&in->lock);
        if (r > 0)
            handle_close(c);
        else
            r = r ? fail_frame(c, why) : deliver(c);
    }
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

/* ---- start and stop ------------------------------------------------------ */

static void free_all(struct channel_in *in)
{
    for (unsigned int i = 0; i < in->order.nr; i++) {
        channel_frame_dispose(&in->channel[i].frame);
        pthread_cond_destroy(&in->channel[i].turn);
    }
    pthread_mutex_destroy(&in->lock);
    if (in->stop_fd >= 0)
        close(in->stop_fd);
    if (in->done_fd >= 0)
        close(in->done_fd);
    free(in);
}

/* Initialises all channels, before any thread is started. */
static bool init_channels(struct channel_in *in, const int *fds,
                          unsigned int nr, bool compressed)
{
    bool ok = true;

    in->order.nr = nr;
    for (unsigned int i = 0; i < nr; i++) {
        struct channel *c = &in->channel[i];

        *c = (struct channel){ .in = in, .index = i, .fd = fds[i] };
        pthread_cond_init(&c->turn, NULL);
        ok &= channel_frame_init(&c->frame, compressed);
    }
    return ok;
}

static int start_threads(struct channel_in *in)
{
    int r = 0;

    while (in->nr < in->order.nr && !r) {
        struct channel *c = &in->channel[in->nr];

        r = thread_start(&c->thread, receive, c);
        in->nr += !r;
    }
    return r;
}

struct channel_in *channel_in_start(const struct channel_in_how *how)
{
    struct channel_in *in = calloc(1, sizeof(*in));
    int r;

    if (!in)
        return NULL;
    memcpy(in->token, how->token, sizeof(in->token));
    pthread_mutex_init(&in->lock, NULL);
    in->out_fd = how->out_fd;
    in->question = how->question;
    in->stood = how->stood;
    in->opaque = how->opaque;
    in->stop_fd = eventfd(0, EFD_CLOEXEC);
    in->done_fd = eventfd(0, EFD_CLOEXEC);
    if (!init_channels(in, how->fds, how->nr, how->compressed) ||
        in->stop_fd < 0 || in->done_fd < 0 ||
        fcntl(how->out_fd, F_SETFL, O_NONBLOCK | O_WRONLY)) {
        free_all(in);
        errno = ENOMEM;
        return NULL;
    }
    r = start_threads(in);
    if (!r)
        return in;
    channel_in_stop(in);
    errno = r;
    return NULL;
}

int channel_in_done_fd(const struct channel_in *in)
{
    return in->done_fd;
}

bool channel_in_begun(struct channel_in *in)
{
    bool begun;

    pthread_mutex_lock(&in->lock);
    begun = in->order.begun;
    pthread_mutex_unlock(&in->lock);
    return begun;
}

/* The text is written once, so it can be read without the lock. */
const char *channel_in_error(struct channel_in *in)
{
    bool any;

    pthread_mutex_lock(&in->lock);
    any = *in->error;
    pthread_mutex_unlock(&in->lock);
    return any ? in->error : NULL;
}

void channel_in_stop(struct channel_in *in)
{
    if (!in)
        return;
    pthread_mutex_lock(&in->lock);
    stop(in);
    pthread_mutex_unlock(&in->lock);
    for (unsigned int i = 0; i < in->nr; i++)
        pthread_join(in->channel[i].thread, NULL);
    free_all(in);
}
