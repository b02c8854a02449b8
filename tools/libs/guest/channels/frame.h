/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encoding and decoding of frames, and their order. */
#ifndef CHANNELS_FRAME_H
#define CHANNELS_FRAME_H

#include <sys/uio.h>

#include "channels/codec.h"
#include "channels/wire.h"

struct channel_frame {
    struct channel_head head;
    uint8_t bytes[CHANNEL_HEAD_SIZE];
    uint8_t *wire;              /* compressed: CHANNEL_FRAME_MAX bytes */
    uint8_t *raw;
    const uint8_t *data;        /* the contents after the runs */
    size_t data_len;
    struct channel_run run[CHANNEL_RUNS_MAX];   /* head.nr_runs of them */
};

/*
 * Allocates the buffers of a frame; compressed: also for compressed contents.
 * Returns false if out of memory. channel_frame_dispose() must be called in
 * both cases, and may be called if f is all 0.
 */
bool channel_frame_init(struct channel_frame *f, bool compressed);
void channel_frame_dispose(struct channel_frame *f);

/*
 * Encodes a frame of this kind (enum channel_kind) with len bytes of data, at
 * most CHANNEL_FRAME_MAX. data begins with nr_runs runs, encoded by
 * channel_run_put(). It is compressed with s unless s is NULL or that does not
 * make it shorter. iov_r points to data or into f.
 */
void channel_frame_make(struct channel_frame *f, int kind, uint64_t sequence,
                        const void *data, size_t len, unsigned int nr_runs,
                        struct channel_compressor *s, const uint8_t *token,
                        struct iovec iov_r[2]);

/* Reads exactly len bytes. Returns 0, 1 at the end, or -1 if there are less. */
typedef int channel_read_fn(void *opaque, void *to, size_t len);

/*
 * Reads and checks the next frame, and no further. Returns 0, 1 if the
 * connection ended between two frames, or -1 with the fault in *why_r, a string
 * constant that completes "a frame ...".
 */
int channel_frame_read(struct channel_frame *f, const uint8_t *token,
                       channel_read_fn *read, void *opaque,
                       const char **why_r);

/*
 * Iterates over what the receiver has to write for a frame, including zeros.
 * *w must be all 0 initially. Fills in up to nr elements of iov_r and returns
 * how many, 0 at the end. They point into f, and to a shared buffer of zeros.
 */
struct channel_walk {
    unsigned int run;           /* the next run */
    size_t at;                  /* offset in f->data */
    uint32_t zeros;             /* still to write of the previous run */
};

int channel_frame_walk(const struct channel_frame *f, struct channel_walk *w,
                       struct iovec *iov_r, int nr);

/* ---- order --------------------------------------------------------------- */

/* The order of frames at the receiver. All 0 except nr initially. */
struct channel_order {
    unsigned int nr;            /* channels */
    uint64_t next;              /* the next sequence number to write */
    bool begun;                 /* CHANNEL_DATA was written */
    bool ended, gone, stood;    /* CHANNEL_END, CHANNEL_GO was written;
                                 * CHANNEL_STOOD was handled */
    uint64_t filled;            /* bytes of CHANNEL_FILL */
    struct {
        bool any, held;
        uint64_t last;          /* last sequence number; if held, waiting */
    } of[CHANNELS_MAX];
};

/*
 * Records that a frame has arrived over a channel, which now holds it. Returns
 * NULL, or its fault as in channel_frame_read().
 */
const char *channel_order_take(struct channel_order *o, unsigned int channel,
                               const struct channel_head *h);

/* Is the frame that this channel holds the next one? */
static inline bool channel_order_turn(const struct channel_order *o,
                                      unsigned int channel)
{
    return o->of[channel].held && o->of[channel].last == o->next;
}

/* Records that the frame that this channel held was written. */
void channel_order_done(struct channel_order *o, unsigned int channel,
                        const struct channel_head *h);

#endif
