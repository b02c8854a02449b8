/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "channels/in.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive_channels.h"
#include "receive/xl_receive_check.h"
#include "receive/xl_receive_host.h"
#include "receive/xl_receive_io.h"
#include "receive/xl_receive_meet.h"
#include "receive/xl_receive_stock.h"

struct receiver {
    struct channel_hello hello;
    struct meeting meeting;
    struct stock stock;
    int in[CHANNELS_MAX], keeper[CHANNELS_MAX];     /* -1: not connected */
    /* For questions, which a thread answers. */
    struct receive_host host;
    struct check_asked asked;
    unsigned int nr_asked;
    int hold_fd;                    /* of the stock receiver's input: so that
                                     * it does not see an end */
};

/* A check of a target asks a few questions. */
#define QUESTIONS_MAX 64

static int send_answer(int fd)
{
    uint8_t bytes[CHANNEL_ANSWER_SIZE];

    channel_answer_put(bytes);
    if (!receive_write(fd, bytes, sizeof(bytes)))
        return 0;
    fprintf(stderr, RECEIVER "can't answer: %s\n", strerror(errno));
    return -1;
}

/* Adds a connection. One with the token but the wrong data is fatal. */
static int add_connection(struct receiver *r, struct arrival *a)
{
    unsigned int i = a->hello.index;

    if (a->hello.nr != r->hello.nr || a->hello.codec != r->hello.codec ||
        r->in[i] >= 0) {
        fprintf(stderr, RECEIVER "connection %u is none of ours, or has "
                "come before\n", i);
        close(a->out);
        close(a->in);
        close(a->keeper);
        return -1;
    }
    r->in[i] = a->in;
    r->keeper[i] = a->keeper;
    i = send_answer(a->out);
    close(a->out);
    return i;
}

/* Waits for all further connections. */
static int wait_for_connections(struct receiver *r)
{
    uint64_t deadline_ns = clock_now_ns() +
                           RECEIVE_TIMEOUT_MS * UINT64_C(1000000);
    struct arrival a;

    for (unsigned int n = 1; n < r->hello.nr; n++) {
        if (meeting_wait(&r->meeting, &r->hello, &a, deadline_ns))
            return -1;
        if (n + 1 == r->hello.nr)
            meeting_close(&r->meeting);
        if (add_connection(r, &a))
            return -1;
    }
    return 0;
}

/* The stock receiver says nothing yet, so this is all that is written. */
static const char *answer_question(void *opaque, const uint8_t *data,
                                   size_t len)
{
    struct receiver *r = opaque;
    struct question *q = calloc(1, sizeof(*q));
    struct reply *reply = calloc(1, sizeof(*reply));
    uint8_t *bytes = malloc(REPLY_HEAD_SIZE + REPLY_SIZE_MAX);
    const char *why = !q || !reply || !bytes ? "out of memory" :
                      r->nr_asked++ == QUESTIONS_MAX ? "it is one too many" :
                      question_get(q, data, len);

    if (!why) {
        check_reply(reply, q, receive_host_open(&r->host), &r->asked);
        len = reply_put(bytes, reply, r->hello.token);
        if (receive_write(STDOUT_FILENO, bytes, len))
            why = "the reply can't be sent";
    }
    free(bytes);
    free(reply);
    free(q);
    return why;
}

/* The guest runs here. */
static void tell_guest(void *opaque, uint64_t ns)
{
    struct receiver *r = opaque;

    if (*r->asked.notify)
        receive_host_notify(&r->host, r->asked.notify, ns);
}

/*
 * Time for the source to say how long the guest stood still, once it runs. It
 * says so at once, and then destroys its copy and ends the connection.
 */
#define STOOD_MS 10000

static void wait_for_source(const struct receiver *r, struct channel_in *in)
{
    struct pollfd fd = { .fd = channel_in_done_fd(in), .events = POLLIN };

    if (channel_in_begun(in) && *r->asked.notify)
        poll(&fd, 1, STOOD_MS);
}

/*
 * Passes on what the stock receiver says, until its end. If the source has
 * asked something and then gone, that one is ended without a word.
 */
static const char *pass_stream(struct receiver *r, struct channel_in *in)
{
    const char *error = NULL;

    if (stock_copy_output(&r->stock, channel_in_done_fd(in)) > 0) {
        error = channel_in_error(in);
        if (error)
            fprintf(stderr, RECEIVER "%s\n", error);
        if (!error && !channel_in_begun(in))
            stock_kill(&r->stock);
        close(r->hold_fd);
        r->hold_fd = -1;
        stock_copy_output(&r->stock, -1);
    }
    if (r->hold_fd >= 0)
        close(r->hold_fd);
    return error;
}

/* Receives the stream and what follows it. Returns the exit status. */
static int receive_stream(struct receiver *r)
{
    const struct channel_in_how how = {
        .fds = r->in, .nr = r->hello.nr, .token = r->hello.token,
        .compressed = r->hello.codec, .out_fd = r->stock.in,
        .question = answer_question, .stood = tell_guest, .opaque = r,
    };
    struct channel_in *in;
    const char *error;
    int status;

    r->hold_fd = fcntl(r->stock.in, F_DUPFD_CLOEXEC, 3);
    in = channel_in_start(&how);
    if (!in) {
        fprintf(stderr, RECEIVER "can't receive: %s\n", strerror(errno));
        close(r->stock.in);
        close(r->hold_fd);
        stock_end(&r->stock);
        return EXIT_FAILURE;
    }
    error = pass_stream(r, in);
    status = stock_end(&r->stock);
    if (!status && !error)
        wait_for_source(r, in);
    if (error && !status)
        status = EXIT_FAILURE;
    channel_in_stop(in);
    receive_host_close(&r->host);
    return status;
}

static int receive_first(struct receiver *r)
{
    int status;

    if (r->hello.nr > 1 && meeting_open(&r->meeting, r->hello.token))
        return EXIT_FAILURE;
    if (stock_start(&r->stock)) {
        meeting_close(&r->meeting);
        return EXIT_FAILURE;
    }
    r->in[0] = STDIN_FILENO;
    if (send_answer(STDOUT_FILENO) || wait_for_connections(r)) {
        meeting_close(&r->meeting);
        close(r->stock.in);
        stock_copy_output(&r->stock, -1);
        status = stock_end(&r->stock);
        return status ? status : EXIT_FAILURE;
    }
    return receive_stream(r);
}

int receive_channels(const uint8_t *hello)
{
    struct receiver r = { .meeting.fd = -1 };
    const char *why = channel_hello_get(&r.hello, hello);

    if (why) {
        fprintf(stderr, RECEIVER "refused: %s\n", why);
        return EXIT_FAILURE;
    }
    if (r.hello.index)
        return meeting_join(hello, r.hello.token);
    for (int i = 0; i < CHANNELS_MAX; i++)
        r.in[i] = r.keeper[i] = -1;
    return receive_first(&r);
}
