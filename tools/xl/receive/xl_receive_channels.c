/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "channels/in.h"
#include "migrate/xl_protocol.h"
#include "receive/xl_receive_channels.h"
#include "receive/xl_receive_io.h"
#include "receive/xl_receive_meet.h"
#include "receive/xl_receive_stock.h"

struct receiver {
    struct channel_hello hello;
    struct meeting meeting;
    struct stock stock;
    int in[CHANNELS_MAX], keeper[CHANNELS_MAX];     /* -1: not connected */
};

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

/* Receives the stream and what follows it. Returns the exit status. */
static int receive_stream(struct receiver *r)
{
    struct channel_in *in = channel_in_start(r->in, r->hello.nr,
                                             r->hello.token, r->hello.codec,
                                             r->stock.in);
    const char *error = NULL;
    int status;

    if (!in) {
        fprintf(stderr, RECEIVER "can't receive: %s\n", strerror(errno));
        close(r->stock.in);
        stock_end(&r->stock);
        return EXIT_FAILURE;
    }
    if (stock_copy_output(&r->stock, channel_in_done_fd(in)) > 0) {
        error = channel_in_error(in);
        if (error)
            fprintf(stderr, RECEIVER "%s\n", error);
        stock_copy_output(&r->stock, -1);
    }
    status = stock_end(&r->stock);
    if (error && !status)
        status = EXIT_FAILURE;
    channel_in_stop(in);
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
