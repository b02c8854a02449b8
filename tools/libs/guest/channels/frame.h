/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One frame: made of what it is to carry, and read back, checked.
 */
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
    const uint8_t *data;        /* what it carries, without its runs... */
    size_t data_len;
    struct channel_run run[CHANNEL_RUNS_MAX];   /* ... head.nr_runs of them */
};

/*
 * With room for what is received, or for what is compressed. False: out of
 * memory. Dispose in both cases; all 0 is fine, too.
 */
bool channel_frame_init(struct channel_frame *f, bool compressed);
void channel_frame_dispose(struct channel_frame *f);

/*
 * The frame that carries data, len bytes of at most CHANNEL_FRAME_MAX, in its
 * two pieces; s NULL: as they are. They point to data, or into f. nr_runs: data
 * begins with so many runs, as channel_run_put() has them.
 */
void channel_frame_make(struct channel_frame *f, int kind, uint64_t sequence,
                        const void *data, size_t len, unsigned int nr_runs,
                        struct channel_squeeze *s, const uint8_t *token,
                        struct iovec iov_r[2]);

/* Reads len bytes: 0; or 1: there is nothing; or -1: there is less. */
typedef int channel_read_fn(void *opaque, void *to, size_t len);

/*
 * Reads the next one. Returns 0; 1 when it has ended, between two frames; or
 * -1 and what is wrong with it. Not more is read than belongs to it.
 */
int channel_frame_read(struct channel_frame *f, const uint8_t *token,
                       channel_read_fn *read, void *opaque,
                       const char **why_r);

/*
 * What the receiver is to write for a frame that was read, zeros and all, nr
 * pieces at a time: fills iov_r and returns how many, 0 at the end. *w is all
 * 0 at first. The pieces point into f, and to zeros that are there once.
 */
struct channel_walk {
    unsigned int run;           /* the next one */
    size_t at;                  /* in f->data */
    uint32_t zeros;             /* left of the run before */
};

int channel_frame_walk(const struct channel_frame *f, struct channel_walk *w,
                       struct iovec *iov_r, int nr);

/* ---- in which order ------------------------------------------------------ */

/* What is known of the frames until now; all 0 but nr at first. */
struct channel_order {
    unsigned int nr;            /* channels */
    uint64_t next;              /* the number whose turn it is */
    bool ended, gone;           /* CHANNEL_END's and CHANNEL_GO's was */
    struct {
        bool any, held;
        uint64_t last;          /* and it is held, until its turn */
    } of[CHANNELS_MAX];
};

/*
 * This one has come over that channel: it is held. Returns NULL, or what is
 * wrong with it.
 */
const char *channel_order_take(struct channel_order *o, unsigned int channel,
                               const struct channel_head *h);

/* Is it the turn of the one that this channel holds? */
static inline bool channel_order_turn(const struct channel_order *o,
                                      unsigned int channel)
{
    return o->of[channel].held && o->of[channel].last == o->next;
}

/* It was, and is done with. */
void channel_order_done(struct channel_order *o, unsigned int channel,
                        const struct channel_head *h);

#endif
