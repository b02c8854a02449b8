/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sending end. Data is sent in frames by one thread per channel, each
 * taking the next frame when it is free.
 *
 * Data is copied, so the caller can reuse its memory at once. At most three
 * frames per channel are buffered. All functions must be called by the same
 * thread, and only channel_out_wait() blocks.
 */
#ifndef CHANNELS_OUT_H
#define CHANNELS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <stdint.h>

#include "core/compress_auto.h"

/* How much of the stream was sent, as counted by the caller. */
struct channel_count {
    uint64_t bytes, pages, page_bytes, zero_pages;
};

struct channel_out;

struct channel_out_how {
    const int *fds;             /* the caller's; become non-blocking */
    unsigned int nr;
    const uint8_t *token;
    int codec, level;           /* enum channel_codec, or
                                 * XPC_COMPRESS_AUTO: chosen for each frame */
    uint64_t link_bytes_per_s;  /* what is known of the link, for that; 0:
                                 * nothing */
    uint64_t sequence;          /* of the first frame */
};

/* Returns NULL with errno on failure. */
struct channel_out *channel_out_start(const struct channel_out_how *how);
/* Discards what was not sent, and frees. out may be NULL. */
void channel_out_stop(struct channel_out *out);

/*
 * Accepts up to len bytes. Returns how many, 0 if there is no room, or -1 with
 * errno if sending has failed (ECANCELED after channel_out_break()).
 */
ssize_t channel_out_put(struct channel_out *out, const void *p, size_t len);

/* The same for len zero bytes, which are sent as a run. */
ssize_t channel_out_put_zeros(struct channel_out *out, size_t len);

/*
 * Sets the counts for everything accepted so far. They appear in
 * channel_out_counts() when it was sent.
 */
void channel_out_mark(struct channel_out *out,
                      const struct channel_count *total);

/* Sends what was accepted, even if it does not fill a frame. */
void channel_out_flush(struct channel_out *out);

/* Was everything sent? 1, 0, or -1 with errno if sending has failed. */
int channel_out_left(struct channel_out *out);

/* Is any frame queued or being sent? */
bool channel_out_busy(struct channel_out *out);

/*
 * Blocks until a frame was sent, an error, or until_ns. Returns at once if no
 * frame is queued or being sent.
 */
void channel_out_wait(struct channel_out *out, uint64_t until_ns);

/* Limits the rate of all channels together; 0: no limit. */
void channel_out_rate(struct channel_out *out, uint64_t bytes_per_s);

/* Pages of another kind come next, or the last ones (settle). */
void channel_out_renew(struct channel_out *out, bool settle);

/* What was sent with which method, and what is known of the link. */
void channel_out_choice(struct channel_out *out,
                        struct xpc_compress_auto *choice_r);

/* Stops sending within milliseconds, even in the middle of a frame. */
void channel_out_break(struct channel_out *out);

/* What was sent, in whole frames, and the bytes written for it. */
void channel_out_counts(struct channel_out *out, struct channel_count *count_r,
                        uint64_t *wire_bytes_r);

/* The sequence number of the next frame. */
uint64_t channel_out_sequence(const struct channel_out *out);

#endif
