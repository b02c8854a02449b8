/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sending end: what is put in leaves in frames, a thread a channel, each
 * taking the next frame when it is free.
 *
 * What is put in is copied: its memory is the caller's again at once. So much
 * is on its way at most as three frames a channel hold. Everything here is for
 * one thread, and nothing blocks but channel_out_wait().
 */
#ifndef CHANNELS_OUT_H
#define CHANNELS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <stdint.h>

/* What of the stream has left, as the caller counts. */
struct channel_count {
    uint64_t bytes, pages, page_bytes, zero_pages;
};

struct channel_out;

struct channel_out_how {
    const int *fds;             /* they become non-blocking */
    unsigned int nr;
    const uint8_t *token;
    int codec, level;           /* enum channel_codec */
    uint64_t sequence;          /* of the first frame */
};

/* NULL with errno. */
struct channel_out *channel_out_start(const struct channel_out_how *how);
/* Breaks off what has not left. NULL is allowed. */
void channel_out_stop(struct channel_out *out);

/*
 * Takes up to len bytes. Returns how many, 0 if there is no room, or -1 with
 * errno: it has failed, or was broken off.
 */
ssize_t channel_out_put(struct channel_out *out, const void *p, size_t len);

/* The same of len zero bytes, which are sent as a run. */
ssize_t channel_out_put_zeros(struct channel_out *out, size_t len);

/* With what was put in so far, so much was put in. */
void channel_out_mark(struct channel_out *out,
                      const struct channel_count *total);

/* What was put in leaves, even if it does not fill a frame. */
void channel_out_flush(struct channel_out *out);

/* Has all of it left? -1: it has failed. */
int channel_out_left(struct channel_out *out);

/* Is a whole frame still to be sent? */
bool channel_out_busy(struct channel_out *out);

/* Waits for room, or for something to have left, but not beyond until_ns. */
void channel_out_wait(struct channel_out *out, uint64_t until_ns);

/* All channels together: so many bytes a second at most; 0: no limit. */
void channel_out_rate(struct channel_out *out, uint64_t bytes_per_s);

/* From now on nothing leaves; within milliseconds, even what has begun to. */
void channel_out_break(struct channel_out *out);

/* What has left, in whole frames, and the bytes that were written for it. */
void channel_out_counts(struct channel_out *out, struct channel_count *count_r,
                        uint64_t *wire_bytes_r);

/* The number that the next frame would have. */
uint64_t channel_out_sequence(const struct channel_out *out);

#endif
