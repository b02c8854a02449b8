/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which receiver is it? Found out before the guest is touched, by what a stock
 * one takes for a stream that it does not know; then the other connections.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "channel_wire.h"
#include "xl_channels.h"
#include "xpc_types.h"

/* How long a receiver may take to answer. */
#define PATIENCE_NS (30 * UINT64_C(1000000000))

/* ---- one connection ------------------------------------------------------ */

/* There may be a user who has to give a password: as long as it takes. */
static int take_banner(struct sender *s, struct transport *t)
{
    return sender_expect(s, t->recv_fd, MIGRATE_BANNER,
                         strlen(MIGRATE_BANNER), "banner");
}

/* Says hello. 0: it was answered; what is wrong is not said. */
static int greet(struct sender *s, struct transport *t, unsigned int index)
{
    uint8_t hello[CHANNEL_HELLO_SIZE], answer[CHANNEL_ANSWER_SIZE];
    struct channel_hello h = {
        .nr = s->channels->nr, .index = index,
        .codec = s->progress->params.compress,
    };
    int r;

    memcpy(h.token, s->channels->token, sizeof(h.token));
    channel_hello_put(hello, &h);
    s->patience_ns = xl_now_ns() + PATIENCE_NS;
    r = sender_write(s, t->send_fd, hello, sizeof(hello), NULL) ||
        sender_read(s, t->recv_fd, answer, sizeof(answer), NULL) ||
        !channel_answer_is(answer);
    s->patience_ns = 0;
    return r ? -1 : 0;
}

static int start(struct transport *t, char *rune)
{
    if (!transport_start(t, rune)) {
        transport_let_go(t);
        return 0;
    }
    fprintf(stderr, SAY "can't start the transport: %s\n", strerror(errno));
    return -1;
}

/* ---- all of them --------------------------------------------------------- */

/* They come up side by side, and are greeted one after the other. */
static int connect_further(struct sender *s, char *rune)
{
    struct channels *c = s->channels;
    unsigned int i;

    for (i = 0; i + 1 < c->nr; i++) {
        if (start(&c->further[i], rune))
            return -1;
        s->t.further = c->further;
        s->t.nr_further = i + 1;
    }
    for (i = 0; i + 1 < c->nr; i++) {
        if (take_banner(s, &c->further[i]))
            return -1;
        if (!greet(s, &c->further[i], i + 1))
            continue;
        if (!s->interrupted)
            fprintf(stderr, SAY "channel %u was not accepted: do all "
                    "connections lead to the same host?\n", i + 1);
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
    c->fd = c->pipe_fd = c->lend_fd = c->borrow_fd = -1;
    c->stop_fd = c->done_fd = -1;
    c->further = calloc(nr, sizeof(*c->further));
    if (c->further && getrandom(c->token, sizeof(c->token), 0) ==
                      sizeof(c->token))
        return c;
    free(c->further);
    free(c);
    return NULL;
}

/* As if none had been asked for. */
static int go_plain(struct sender *s, char *rune, const char *host)
{
    struct xpc_params *p = &s->progress->params;

    progress_break(s->progress);
    fprintf(stderr, SAY "the receiver at %s has no channels: going on with "
            "one plain connection\n", host);
    transport_drop(&s->t);
    channels_free(s);
    p->channels = 1;
    p->compress = XPC_COMPRESS_OFF;
    p->compress_level = 0;
    s->report->params = *p;
    if (!transport_start(&s->t, rune))
        return 0;
    fprintf(stderr, SAY "can't start the transport: %s\n", strerror(errno));
    return -1;
}

int channels_connect(struct sender *s, char *rune, const char *host)
{
    s->channels = new_channels(s->progress->params.channels);
    if (!s->channels) {
        fprintf(stderr, SAY "can't open channels: %s\n", strerror(errno));
        return -1;
    }
    if (start(&s->t, rune) || take_banner(s, &s->t))
        return -1;
    if (greet(s, &s->t, 0))
        return s->interrupted ? -1 : go_plain(s, rune, host);
    s->greeted = true;
    return connect_further(s, rune);
}
