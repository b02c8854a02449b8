/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire format of a migration over several connections. Both ends are ours.
 * The receiver shows the stock banner, and then the source speaks first:
 *
 *   every connection   hello ->     <- answer
 *   connection 0       questions -> <- replies (channels/question.h)
 *   then, any of them  frames ->
 *   connection 0                    <- the stock receiver's messages, unchanged
 *
 * A frame contains a piece of what a stock receiver reads. Frames are numbered
 * across all connections, and their contents are written in that order, so that
 * nothing is ever overtaken. The last frame of the stream is marked. Only after
 * it, the frame with the permission to start the guest may follow, over
 * connection 0. All numbers are little-endian.
 */
#ifndef CHANNELS_WIRE_H
#define CHANNELS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 2: zero pages are runs. Receivers of version 1 refuse the hello. */
#define CHANNEL_VERSION 2
#define CHANNELS_MAX 16
#define CHANNEL_TOKEN 16

enum channel_codec {
    CHANNEL_PLAIN,
    CHANNEL_ZSTD,
    CHANNEL_LZ4,
    CHANNEL_CODECS,
};

/* ---- hello ------------------------------------------------------------- */

/* To a stock receiver, this is a complete header of an unknown kind. */
#define CHANNEL_HELLO_SIZE 64
#define CHANNEL_HELLO_MAGIC 32

struct channel_hello {
    uint8_t token[CHANNEL_TOKEN];   /* random, of this migration */
    uint32_t nr, index;             /* number of connections, and of this one */
    uint32_t codec;                 /* enum channel_codec: CHANNEL_PLAIN, or
                                     * frames of any kind may come */
};

/* Are these CHANNEL_HELLO_MAGIC bytes the beginning of a hello? */
bool channel_hello_is(const void *begin);
void channel_hello_put(uint8_t to[CHANNEL_HELLO_SIZE],
                       const struct channel_hello *h);
/* Returns NULL, or the fault as a string constant. */
const char *channel_hello_get(struct channel_hello *h,
                              const uint8_t from[CHANNEL_HELLO_SIZE]);

/* Constant-time comparison. */
bool channel_token_same(const uint8_t *a, const uint8_t *b);

/* The answer, the same for every connection. */
#define CHANNEL_ANSWER_SIZE 24
void channel_answer_put(uint8_t to[CHANNEL_ANSWER_SIZE]);
bool channel_answer_is(const uint8_t from[CHANNEL_ANSWER_SIZE]);
/* Does this receiver know CHANNEL_QUESTION and CHANNEL_FILL? */
bool channel_answer_takes_questions(const uint8_t from[CHANNEL_ANSWER_SIZE]);

/* ---- frames ------------------------------------------------------------ */

/*
 * The largest contents of a frame. A receiver holds at most twice as much per
 * connection. It is small enough to spread the pages of the last round.
 */
#define CHANNEL_FRAME_MAX (256u << 10)
#define CHANNEL_HEAD_SIZE 32

/*
 * Zero pages are not sent; a run stands for them. The contents of a
 * CHANNEL_DATA frame begin with its runs. Each run inserts len zero bytes, at
 * least 1, after the first `after` bytes of the data that follows the runs.
 * `after` is strictly increasing, so runs cannot overlap.
 *
 * All runs of a frame together insert at most CHANNEL_ZEROS_MAX bytes.
 */
#define CHANNEL_RUN_SIZE 8
#define CHANNEL_RUNS_MAX 64
#define CHANNEL_ZEROS_MAX (4u << 20)

struct channel_run {
    uint32_t after, len;
};

void channel_run_put(uint8_t to[CHANNEL_RUN_SIZE],
                     const struct channel_run *run);
void channel_run_get(struct channel_run *run,
                     const uint8_t from[CHANNEL_RUN_SIZE]);

/* A receiver takes at most so many bytes of CHANNEL_FILL. */
#define CHANNEL_FILL_MAX (256u << 20)

enum channel_kind {
    CHANNEL_DATA,
    CHANNEL_END,                /* end of the stream; empty */
    CHANNEL_GO,                 /* the permission to start */
    /* Before the stream, over connection 0, to receivers that know them: */
    CHANNEL_QUESTION,           /* channels/question.h */
    CHANNEL_FILL,               /* dropped: measures the link */
    /* After CHANNEL_GO, to the same receivers: */
    CHANNEL_STOOD,              /* how long the guest stood still, in ns: 8
                                 * bytes */
    CHANNEL_KINDS,
};

struct channel_head {
    uint64_t sequence;          /* from 0, across all connections */
    uint8_t kind, codec;        /* enum channel_kind, enum channel_codec */
    uint16_t nr_runs;           /* at the beginning of the contents */
    uint32_t raw_len, wire_len; /* of the contents, and after compression */
    uint64_t check;             /* checksum of head, payload and token */
};

/* Encodes a head, and sets h->check. payload has h->wire_len bytes. */
void channel_head_put(uint8_t to[CHANNEL_HEAD_SIZE], struct channel_head *h,
                      const uint8_t *token, const void *payload);
/*
 * Decodes and checks a head, before the payload is read. Returns NULL, or the
 * fault as a string constant.
 */
const char *channel_head_get(struct channel_head *h,
                             const uint8_t from[CHANNEL_HEAD_SIZE]);
/* Does the checksum match, in the migration with this token? */
bool channel_head_matches(const uint8_t head[CHANNEL_HEAD_SIZE],
                          const struct channel_head *h, const uint8_t *token,
                          const void *payload);

/* The contents of CHANNEL_STOOD. */
#define CHANNEL_STOOD_SIZE 8
void channel_stood_put(uint8_t to[CHANNEL_STOOD_SIZE], uint64_t ns);
uint64_t channel_stood_get(const uint8_t from[CHANNEL_STOOD_SIZE]);

#endif
