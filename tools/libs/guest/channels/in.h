/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The receiving end. One thread per channel reads frames and writes their
 * contents in order, with zero pages in full. Each thread holds at most one
 * frame, and zeros take no memory.
 */
#ifndef CHANNELS_IN_H
#define CHANNELS_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel_in;

struct channel_in_how {
    const int *fds;             /* the caller's */
    unsigned int nr;
    const uint8_t *token;
    bool compressed;            /* frames may be compressed */
    /*
     * Becomes non-blocking and is closed at the end of the stream or after an
     * error.
     */
    int out_fd;
    /*
     * Called by a thread with the contents of a question, before the stream.
     * Returns NULL, or a fault as a string constant, which ends the migration.
     * NULL: there are no questions.
     */
    const char *(*question)(void *opaque, const uint8_t *data, size_t len);
    /*
     * Called by a thread with how long the guest stood still, once it runs.
     * May be NULL.
     */
    void (*stood)(void *opaque, uint64_t ns);
    void *opaque;
};

/* Starts receiving. Returns NULL with errno on failure. */
struct channel_in *channel_in_start(const struct channel_in_how *how);

/* Becomes readable just before out_fd is closed. */
int channel_in_done_fd(const struct channel_in *in);

/* Has anything of the stream been written? */
bool channel_in_begun(struct channel_in *in);

/* The error in one line, or NULL. Final once done_fd is readable. */
const char *channel_in_error(struct channel_in *in);

/* Stops the threads if necessary, and frees. in may be NULL. */
void channel_in_stop(struct channel_in *in);

#endif
