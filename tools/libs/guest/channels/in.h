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

/*
 * Starts receiving from fds[0] to fds[nr - 1], which remain the caller's, and
 * writing to out_fd. out_fd becomes non-blocking and is closed at the end of
 * the stream or after an error. compressed: frames may be compressed. Returns
 * NULL with errno on failure.
 */
struct channel_in *channel_in_start(const int *fds, unsigned int nr,
                                    const uint8_t *token, bool compressed,
                                    int out_fd);

/* Becomes readable just before out_fd is closed. */
int channel_in_done_fd(const struct channel_in *in);

/* The error in one line, or NULL. Final once done_fd is readable. */
const char *channel_in_error(struct channel_in *in);

/* Stops the threads if necessary, and frees. in may be NULL. */
void channel_in_stop(struct channel_in *in);

#endif
