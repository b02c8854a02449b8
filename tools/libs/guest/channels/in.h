/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The receiving end: a thread a channel reads frames, and writes what they
 * carry when it is their turn, zero pages in full. Each holds one frame at
 * most, and zeros take no memory.
 */
#ifndef CHANNELS_IN_H
#define CHANNELS_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel_in;

/*
 * From fds[0] to fds[nr - 1], to out_fd, which becomes non-blocking and is
 * closed when all has come, or when something is wrong. compressed: frames may
 * be. NULL with errno. fds are the caller's.
 */
struct channel_in *channel_in_start(const int *fds, unsigned int nr,
                                    const uint8_t *token, bool compressed,
                                    int out_fd);

/* Readable when out_fd is closed, and before its reader can know. */
int channel_in_done_fd(const struct channel_in *in);

/* What was wrong: one line, or NULL; at its end, for good. */
const char *channel_in_error(struct channel_in *in);

/* Stops if need be, and frees. NULL is allowed. */
void channel_in_stop(struct channel_in *in);

#endif
