/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plug-in over channels: what leaves goes to those that the toolstack
 * lends (channels/handover.h), instead of the stream's own descriptor.
 */
#ifndef SAVE_STREAM_SINK_CHANNELS_H
#define SAVE_STREAM_SINK_CHANNELS_H

#include <sys/uio.h>

#include "channels/out.h"

struct save_ctx;
struct save_channels;           /* NULL: there are none */
struct save_piece;
struct xpc_params;

/*
 * Takes those that were lent, if any. Returns 0, or with a line in err -1: what
 * is asked for can't be; or 1: it has failed.
 */
int save_channels_start(struct save_ctx *ctx, char *err, size_t len);

/* XPC_ZERO_PAGES_AUTO without channels is XPC_ZERO_PAGES_SEND. */
void save_channels_settle(struct xpc_params *p);

/* Returns 0 when all of it has been taken, or -1 with errno. */
int save_channels_write(struct save_ctx *ctx, const struct iovec *iov,
                        int iovcnt);

/* The same of pieces, of which zero pages are sent as runs. */
int save_channels_write_pieces(struct save_ctx *ctx,
                               const struct save_piece *piece, size_t nr);

/*
 * Until all has left that was written, so that what is counted and how long it
 * took is true: before every decision, and before the guest is suspended. 0,
 * or -1 with errno. Does nothing without channels.
 */
int save_channels_drain(struct save_ctx *ctx);

/* The stream has ended well: the channels go back. 0, or -1 with errno. */
int save_channels_give_back(struct save_ctx *ctx);

/* Is anything under way that was written? */
bool save_channels_busy(const struct save_channels *c);

/* Puts what has really left in the place of what was written. */
void save_channels_counts(struct save_ctx *ctx, struct channel_count *count);

/* What the first error was (errno), 0: none. */
int save_channels_error(const struct save_ctx *ctx);

void save_channels_stop(struct save_ctx *ctx);

#endif
