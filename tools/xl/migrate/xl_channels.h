/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding out whether the receiver has channels, and opening them.
 */
#ifndef XL_MIGRATE_XL_CHANNELS_H
#define XL_MIGRATE_XL_CHANNELS_H

#include <stdbool.h>

#include "migrate/xl_migrate_options.h"
#include "migrate/xl_sender_io.h"

/*
 * Whether to ask the receiver for channels. They are needed for more than one
 * connection, for compression, and for XPC_ZERO_PAGES_AUTO; asking costs one
 * more connection if the receiver is a stock one. So it is not asked if no
 * option needs channels and it is known to be stock, or the user gave the
 * transport, which may serve one connection only.
 */
bool channels_wanted(const struct migrate_options *o, bool known_stock);

/* Sets the parameters for a plain connection: zero pages are sent in full. */
void channels_settle_plain(struct sender *s);

/*
 * Starts s->t and greets the receiver, for s->progress->params.channels
 * connections. Returns 0 with s->channels set, 1 if the receiver has none
 * (s->channels is set, too), or -1 if it has failed or was interrupted.
 */
int channels_greet(struct sender *s, char *command);

/*
 * Starts s->t, and as many further transports as the parameters ask for, and
 * greets the receiver. On success s->channels and s->greeted are set. If the
 * receiver is a stock one, s->stock_receiver is set instead, s->t is a new
 * plain connection, and the parameters are changed to match, with a message.
 * host is for messages. Returns 0, or -1 if it has failed or was interrupted.
 */
int channels_connect(struct sender *s, char *command, const char *host);

#endif
