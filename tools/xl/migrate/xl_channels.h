/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate over several connections: the source's side.
 */
#ifndef XL_MIGRATE_XL_CHANNELS_H
#define XL_MIGRATE_XL_CHANNELS_H

#include <pthread.h>

#include "channels/wire.h"
#include "migrate/xl_migrate.h"

/*
 * Is the receiver to be asked for channels? They are needed for more than one
 * of them, for compression, and for XPC_ZERO_PAGES_AUTO; asking costs a stock
 * receiver a connection. So where nothing was stated that needs ours, one that
 * is known to be stock is not asked, and one at the end of a user's transport,
 * which may serve one connection alone, neither.
 */
bool channels_wanted(const struct migrate_options *o, bool known_stock);

/* Without channels, zero pages are sent in full. */
void channels_settle_plain(struct sender *s);

/*
 * Starts the transport of s->t, as often as its parameters ask for channels,
 * and makes the receiver's acquaintance: s->channels, and s->greeted. If that
 * is a stock one: s->stock_receiver, and one plain connection, which it says,
 * and the parameters then say so too. host is for people. Returns 0, or -1:
 * failed, or interrupted.
 */
int channels_connect(struct sender *s, char *rune, const char *host);

/* ---- the stream: xl_channels_relay.c ----------------------------------- */

/*
 * From now on what is written to s->t.send_fd goes through the channels, and
 * they are there to be borrowed (channels/handover.h). 0, or -1 and says why.
 */
int channels_begin(struct sender *s);

/* Do children that are started now inherit them? */
void channels_inherit(struct sender *s, bool children_too);

/* The stream is whole: waits until all of it has left. 0 or -1. */
int channels_finish(struct sender *s);

/* Says so if it broke before that. */
void channels_explain(struct sender *s);

/* The permission to start. 0 or -1, as sender_write(). */
int channels_go(struct sender *s, const void *go, size_t len);

/* Closes our ends: the receiver goes no further. */
void channels_close(struct sender *s);

/* After the first connection's end: that of the others. */
void channels_free(struct sender *s);

/* ---- for both ---------------------------------------------------------- */

struct channels {
    uint8_t token[CHANNEL_TOKEN];
    unsigned int nr;
    struct transport *further;      /* nr - 1 */
    int fd;                         /* the first connection's; -1: closed */
    /* The relay, from channels_begin() on. */
    bool running;
    pthread_t thread;
    uint64_t sequence;              /* of the next frame */
    int pipe_fd;                    /* what is to go over the channels */
    int lend_fd, borrow_fd;         /* our end, the save helper's */
    int stop_fd, done_fd;
    bool ok;                        /* all of it has left */
    int error;                      /* if not: errno */
};

#endif
