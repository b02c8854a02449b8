/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the connections of one migration find each other on the target.
 *
 * The process of the first connection receives the migration. It listens on a
 * socket in a directory that only root can access; the processes of the
 * further connections pass it their standard input and output.
 */
#ifndef XL_RECEIVE_XL_RECEIVE_MEET_H
#define XL_RECEIVE_XL_RECEIVE_MEET_H

#include <stdint.h>

#include "channels/wire.h"

struct meeting {
    int fd;                         /* listens; -1: closed */
    char path[100];
    /* Processes that have connected and have not sent their hello yet. */
    int waiting[CHANNELS_MAX];
    unsigned int nr_waiting;
};

/*
 * Opens the socket that the token names, and removes sockets that dead
 * receivers have left. Returns 0, or -1 after an error message.
 */
int meeting_open(struct meeting *m, const uint8_t *token);
/* Accepts no more connections. May be called repeatedly. */
void meeting_close(struct meeting *m);

/* A further connection: its input and output, owned by the caller. */
struct arrival {
    struct channel_hello hello;
    int in, out;
    int keeper;                     /* its process exits when this is closed */
};

/*
 * Waits for the next connection with the token of first; others are closed.
 * Returns 0, or -1 after an error message: deadline_ns (clock_now_ns()) has
 * passed, or standard input has ended.
 */
int meeting_wait(struct meeting *m, const struct channel_hello *first,
                 struct arrival *arrival_r, uint64_t deadline_ns);

/*
 * Passes standard input and output, and the hello read from them, to the
 * migration that the token names, and stays until that has ended. Returns an
 * exit status.
 */
int meeting_join(const uint8_t *hello, const uint8_t *token);

#endif
