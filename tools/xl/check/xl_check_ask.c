/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "channels/frame.h"
#include "check/xl_check_ask.h"
#include "check/xl_check_question.h"
#include "common/xl_common.h"
#include "migrate/xl_channels_relay.h"
#include "migrate/xl_protocol.h"

static int send_question(struct sender *s, const struct question *q)
{
    uint8_t *bytes = malloc(QUESTION_SIZE_MAX);
    struct channel_frame f = { 0 };
    struct iovec iov[2];
    int r = -1;

    if (bytes) {
        channel_frame_make(&f, CHANNEL_QUESTION, s->channels->sequence++,
                           bytes, question_put(bytes, q), 0, NULL,
                           s->channels->token, iov);
        r = sender_write(s, s->t.send_fd, iov[0].iov_base, iov[0].iov_len,
                         "question") ||
            sender_write(s, s->t.send_fd, iov[1].iov_base, iov[1].iov_len,
                         "question") ? -1 : 0;
    }
    free(bytes);
    return r;
}

/* Returns NULL, or what is wrong; "" if it was said. */
static const char *read_reply(struct sender *s, const struct question *q,
                              struct reply *r, uint8_t *bytes)
{
    uint8_t head[REPLY_HEAD_SIZE];
    size_t len;

    if (sender_read(s, s->t.recv_fd, head, sizeof(head), "reply"))
        return "";
    len = reply_head_get(head);
    if (!len)
        return "it is none";
    if (sender_read(s, s->t.recv_fd, bytes, len, "reply"))
        return "";
    return reply_get(r, q, head, bytes, len, s->channels->token);
}

int check_ask(struct sender *s, const struct question *q, struct reply *r)
{
    uint8_t *bytes = malloc(REPLY_SIZE_MAX);
    const char *why = "out of memory";

    s->answer_deadline_ns = clock_now_ns() + CHECK_REPLY_NS;
    if (bytes)
        why = send_question(s, q) ? "" : read_reply(s, q, r, bytes);
    free(bytes);
    if (why && !s->interrupted) {
        if (clock_now_ns() >= s->answer_deadline_ns)
            fprintf(stderr, SENDER "the receiver has not replied within "
                    "30 s\n");
        else if (*why)
            fprintf(stderr, SENDER "the receiver's reply is refused: %s\n",
                    why);
    }
    s->answer_deadline_ns = 0;
    return why ? -1 : 0;
}

/* Appends a reason to the line *to, which is replaced. */
static void add_reason(char **to, const char *host, const char *text)
{
    char *old = *to;

    *to = old ? xl_asprintf("%s; %s", old, text) :
                xl_asprintf("%s: %s", host, text);
    free(old);
}

char *check_target(struct sender *s, const char *host, bool needs)
{
    struct question *q;
    struct reply *r;
    char *why = NULL;

    if (!s->channels || !s->channels->questions)
        return NULL;
    q = calloc(1, sizeof(*q));
    r = calloc(1, sizeof(*r));
    if (!q || !r) {
        why = xl_asprintf("out of memory");
        goto out;
    }
    if (needs)
        check_ask_needs(q, s->ctx, s->domid, s->name_there, s->config);
    if (s->progress->params.notify_ns && s->name_there)
        question_add(q, QUESTION_NOTIFY, s->name_there);
    if (q->nr && check_ask(s, q, r)) {
        add_reason(&why, host, "the receiver did not say whether the guest "
                   "can run there: look at its messages, or give --no-check");
        goto out;
    }
    for (unsigned int i = 0; i < r->nr; i++) {
        if (r->item[i].status == REPLY_WRONG)
            add_reason(&why, host, r->item[i].text);
        s->channels->tells_guest |= r->item[i].kind == QUESTION_NOTIFY &&
                                    r->item[i].status == REPLY_OK;
    }

 out:
    free(q);
    free(r);
    return why;
}
