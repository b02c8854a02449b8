/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration over several connections, as it is on the wire. Both ends are
 * ours; the source speaks first, once the receiver has shown the banner that
 * a stock one shows too:
 *
 *   every connection   hello ->     <- answer
 *   then, any of them  frames ->
 *   connection 0                    <- what the stock receiver says, as it is
 *
 * A frame carries a piece of what a stock receiver reads. They are numbered
 * through all connections, and what they carry is put together by number: so
 * nothing is ever overtaken. The last frame of the stream says so, and only
 * then may the one with the permission to start the guest follow, over
 * connection 0.
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

/* A stock receiver finds in it a whole header, of a kind it does not know. */
#define CHANNEL_HELLO_SIZE 64
#define CHANNEL_HELLO_MAGIC 32

struct channel_hello {
    uint8_t token[CHANNEL_TOKEN];   /* of this migration, by chance */
    uint32_t nr, index;             /* connections, and which this is */
    uint32_t codec;                 /* frames may come like that */
};

/* Does a stream that begins with these CHANNEL_HELLO_MAGIC bytes say hello? */
bool channel_hello_is(const void *begin);
void channel_hello_put(uint8_t to[CHANNEL_HELLO_SIZE],
                       const struct channel_hello *h);
/* Returns NULL, or what is wrong with it. */
const char *channel_hello_get(struct channel_hello *h,
                              const uint8_t from[CHANNEL_HELLO_SIZE]);

/* In a time that does not tell where they differ. */
bool channel_token_same(const uint8_t *a, const uint8_t *b);

/* The answer, the same for every connection. */
#define CHANNEL_ANSWER_SIZE 24
void channel_answer_put(uint8_t to[CHANNEL_ANSWER_SIZE]);
bool channel_answer_is(const uint8_t from[CHANNEL_ANSWER_SIZE]);

/* ---- frames ------------------------------------------------------------ */

/*
 * No frame carries more, so a receiver holds two such pieces a connection at
 * most. It is also small enough for the pages of a last round to be spread.
 */
#define CHANNEL_FRAME_MAX (256u << 10)
#define CHANNEL_HEAD_SIZE 32

/*
 * Zero pages are in no frame: a run stands for them. What a CHANNEL_DATA frame
 * carries begins with its runs; each inserts len zero bytes after so many of
 * the bytes that follow the runs. They are in growing order, so they can't
 * overlap. A run can't insert nothing.
 *
 * All runs of a frame together insert no more than CHANNEL_ZEROS_MAX.
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

enum channel_kind {
    CHANNEL_DATA,
    CHANNEL_END,                /* of the stream; carries nothing */
    CHANNEL_GO,                 /* carries the permission to start */
    CHANNEL_KINDS,
};

struct channel_head {
    uint64_t sequence;          /* from 0, through all connections */
    uint8_t kind, codec;
    uint16_t nr_runs;           /* that what it carries begins with */
    uint32_t raw_len, wire_len; /* what it carries, and how long that is here */
    uint64_t check;             /* of head, payload and token */
};

/* Also sets h->check. payload: h->wire_len bytes. */
void channel_head_put(uint8_t to[CHANNEL_HEAD_SIZE], struct channel_head *h,
                      const uint8_t *token, const void *payload);
/* Returns NULL, or what is wrong with it, before the payload is there. */
const char *channel_head_get(struct channel_head *h,
                             const uint8_t from[CHANNEL_HEAD_SIZE]);
/* Are head and payload as they were sent, in the migration of that token? */
bool channel_head_matches(const uint8_t head[CHANNEL_HEAD_SIZE],
                          const struct channel_head *h, const uint8_t *token,
                          const void *payload);

#endif
