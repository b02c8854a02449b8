/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens the connections of a migration over channels, before the guest is
 * touched. The source greets the receiver where stock would send its header; a
 * stock receiver takes that for an unknown stream and exits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/wire.h"
#include "migrate/xl_channels.h"
#include "migrate/xl_channels_relay.h"
#include "migrate/xl_protocol.h"

/* Default time for the receiver to answer. */
#define ANSWER_NS (30 * XPC_S)
/*
 * Connections that may be starting at the same time. sshd (MaxStartups) drops
 * some when more than ten are not authenticated yet.
 */
#define STARTING_MAX 8

/* ---- one connection ------------------------------------------------------ */

/*
 * Without a time limit for the first connection: a user may have to type a
 * password.
 */
static int read_banner(struct sender *s, struct transport *t)
{
    return sender_expect(s, t->recv_fd, MIGRATE_BANNER,
                         strlen(MIGRATE_BANNER), "banner");
}

/* Sends hello and reads the answer. Returns 0, or -1 without a message. */
static int greet_receiver(struct sender *s, struct transport *t,
                          unsigned int index)
{
    uint8_t hello[CHANNEL_HELLO_SIZE], answer[CHANNEL_ANSWER_SIZE];
    struct channel_hello h = {
        .nr = s->channels->nr, .index = index,
    };
    enum xpc_compress compress = s->progress->params.compress;
    uint64_t saved_ns = s->answer_deadline_ns;
    int r;

    /* Any compression allows all of them, frame by frame. */
    h.codec = compress == XPC_COMPRESS_AUTO ? CHANNEL_ZSTD : (int)compress;
    memcpy(h.token, s->channels->token, sizeof(h.token));
    channel_hello_put(hello, &h);
    if (!saved_ns)
        s->answer_deadline_ns = clock_now_ns() + ANSWER_NS;
    r = sender_write(s, t->send_fd, hello, sizeof(hello), NULL) ||
        sender_read(s, t->recv_fd, answer, sizeof(answer), NULL) ||
        !channel_answer_is(answer);
    s->answer_deadline_ns = saved_ns;
    if (!r && !index)
        s->channels->questions = channel_answer_takes_questions(answer);
    return r ? -1 : 0;
}

static int start_transport(struct transport *t, char *command)
{
    if (!transport_start(t, command)) {
        transport_close_spare(t);
        return 0;
    }
    fprintf(stderr, SENDER "can't start the transport: %s\n", strerror(errno));
    return -1;
}

/* ---- all of them --------------------------------------------------------- */

/*
 * Time for all further connections together, from the first answer on, which
 * is when the receiver's own time limit begins.
 */
static uint64_t further_ns(const struct sender *s)
{
    return s->further_ms ? s->further_ms * XPC_MS : ANSWER_NS;
}

static int start_further(struct sender *s, unsigned int i, char *command)
{
    struct channels *c = s->channels;

    if (start_transport(&c->further[i], command))
        return -1;
    s->t.further = c->further;
    s->t.nr_further = i + 1;
    return 0;
}

static int meet_further(struct sender *s, unsigned int i)
{
    struct transport *t = &s->channels->further[i];
    bool came = !read_banner(s, t);
    char a[XPC_UNIT_LEN];

    if (came && !greet_receiver(s, t, i + 1))
        return 0;
    if (s->interrupted)
        return -1;
    if (clock_now_ns() >= s->answer_deadline_ns)
        fprintf(stderr, SENDER "channel %u has not come within %s\n", i + 1,
                xpc_format_time(a, further_ns(s)));
    else if (came)
        fprintf(stderr, SENDER "channel %u was not accepted: do all "
                "connections lead to the same host?\n", i + 1);
    return -1;
}

/* Starts them in parallel and greets one after the other. */
static int connect_further(struct sender *s, char *command)
{
    unsigned int nr = s->channels->nr - 1;

    for (unsigned int i = 0; i < nr + STARTING_MAX; i++) {
        if (i >= STARTING_MAX && meet_further(s, i - STARTING_MAX))
            return -1;
        if (i < nr && start_further(s, i, command))
            return -1;
    }
    return 0;
}

static struct channels *new_channels(unsigned int nr)
{
    struct channels *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->nr = nr;
    c->fd = c->pipe_fd = c->handover_fd = c->helper_fd = -1;
    c->stop_fd = c->done_fd = -1;
    c->further = calloc(nr, sizeof(*c->further));
    for (unsigned int i = 0; c->further && i < nr; i++)
        c->further[i] = (struct transport)TRANSPORT_INIT;
    if (c->further && getrandom(c->token, sizeof(c->token), 0) ==
                      sizeof(c->token))
        return c;
    free(c->further);
    free(c);
    return NULL;
}

bool channels_wanted(const struct migrate_options *o, bool known_stock)
{
    if (xpc_params_over_channels(&o->params))
        return true;
    return o->params.zero_pages == XPC_ZERO_PAGES_AUTO &&
           (o->asks_receiver || (!o->own_transport && !known_stock));
}

void channels_settle_plain(struct sender *s)
{
    struct xpc_params *p = &s->progress->params;

    if (p->zero_pages != XPC_ZERO_PAGES_AUTO)
        return;
    p->zero_pages = XPC_ZERO_PAGES_SEND;
    s->report->params = *p;
    s->count_zero_pages = true;
}

/* Starts anew with one plain connection. */
static int start_plain(struct sender *s, char *command, const char *host)
{
    struct xpc_params *p = &s->progress->params;

    progress_break(s->progress);
    fprintf(stderr, SENDER "the receiver at %s %s: going on with one plain "
            "connection\n", host, xpc_params_over_channels(p) ?
            "has no channels" :
            "is a stock one, whose error here is expected");
    transport_drop(&s->t, 1);
    channels_free(s);
    p->channels = 1;
    p->compress = XPC_COMPRESS_OFF;
    p->compress_level = 0;
    s->report->params = *p;
    channels_settle_plain(s);
    s->stock_receiver = true;
    if (!transport_start(&s->t, command))
        return 0;
    fprintf(stderr, SENDER "can't start the transport: %s\n", strerror(errno));
    return -1;
}

int channels_greet(struct sender *s, char *command)
{
    s->channels = new_channels(s->progress->params.channels);
    if (!s->channels) {
        fprintf(stderr, SENDER "can't open channels: %s\n", strerror(errno));
        return -1;
    }
    if (start_transport(&s->t, command) || read_banner(s, &s->t))
        return -1;
    if (greet_receiver(s, &s->t, 0))
        return s->interrupted ? -1 : 1;
    s->greeted = true;
    return 0;
}

int channels_connect(struct sender *s, char *command, const char *host)
{
    int r = channels_greet(s, command);

    if (r)
        return r < 0 ? -1 : start_plain(s, command, host);
    s->answer_deadline_ns = clock_now_ns() + further_ns(s);
    r = connect_further(s, command);
    s->answer_deadline_ns = 0;
    return r;
}
