/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's end of a migration over several connections while the stream
 * is sent: a thread, the relay, puts what xl and libxl write on the channels,
 * and hands them over to the save helper for what that sends.
 */
#ifndef XL_MIGRATE_XL_CHANNELS_RELAY_H
#define XL_MIGRATE_XL_CHANNELS_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channels/wire.h"
#include "migrate/xl_sender_io.h"

struct channels {
    uint8_t token[CHANNEL_TOKEN];
    unsigned int nr;
    struct transport *further;      /* nr - 1 of them */
    int fd;                         /* sending end of the first connection;
                                     * -1: closed */
    bool questions;                 /* the receiver takes them */
    bool tells_guest;               /* and wants to know how long the guest
                                     * stood still */
    uint64_t sequence;              /* of the next frame */
    /* From channels_begin() on; descriptors are -1 when closed. */
    bool running;                   /* the thread is to be joined */
    pthread_t thread;
    int pipe_fd;                    /* what is to go over the channels */
    int handover_fd, helper_fd;     /* socket pair: our end, and the save
                                     * helper's */
    int stop_fd, done_fd;           /* eventfds */
    bool ok;                        /* the stream was sent to its end */
    int error;                      /* errno if not */
};

/*
 * Starts the relay: what is written to s->t.send_fd goes over the channels,
 * and a save helper may borrow them (channels/handover.h). Returns 0, or -1
 * after an error message.
 */
int channels_begin(struct sender *s);

/* Whether children started from now on inherit the channels. */
void channels_set_inherit(struct sender *s, bool inherit);

/*
 * Call it when the stream is complete. Waits until all of it has been sent.
 * Returns 0, or -1 after an error message.
 */
int channels_finish(struct sender *s);

/* Prints an error message if the relay has failed. */
void channels_explain(struct sender *s);

/* Sends the permission to start. Returns as sender_write(). */
int channels_send_go(struct sender *s, const void *go, size_t len);

/*
 * Tells the receiver how long the guest stood still, which runs there now. No
 * error matters any more.
 */
void channels_send_stood(struct sender *s, uint64_t ns);

/* Stops the relay and closes our ends, which ends the receiver's stream. */
void channels_close(struct sender *s);

/*
 * Ends the further connections, and frees s->channels. Call it when the first
 * connection has ended.
 */
void channels_free(struct sender *s);

#endif
