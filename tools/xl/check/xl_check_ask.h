/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking a receiver before the stream. */
#ifndef XL_CHECK_XL_CHECK_ASK_H
#define XL_CHECK_XL_CHECK_ASK_H

#include "channels/question.h"
#include "migrate/xl_sender_io.h"

/* For a target whose storage is slow to say that it is not there. */
#define CHECK_REPLY_NS (30 * UINT64_C(1000000000))

/*
 * Sends a question over the first connection, whose receiver must take them
 * (s->channels->questions), and waits for the reply. Returns 0, or -1 after an
 * error message; a signal has been handled then.
 */
int check_ask(struct sender *s, const struct question *q, struct reply *r);

/*
 * Asks what the guest needs of the target, unless needs is false; and with the
 * parameter notify, whether it will tell the guest. Returns NULL if nothing is
 * wrong or the receiver can't be asked, else a malloc()ed line with what is,
 * which is no reason if s->interrupted is set. host is for messages.
 */
char *check_target(struct sender *s, const char *host, bool needs);

#endif
