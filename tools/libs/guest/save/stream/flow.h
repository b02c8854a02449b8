/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has been written to the stream: bytes and pages, and how long the link
 * took for them.
 */
#ifndef SAVE_STREAM_FLOW_H
#define SAVE_STREAM_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "channels/out.h"
#include "save/context.h"
#include "save/stream/parse.h"
#include "save/stream/zero.h"

struct save_flow {
    struct save_context *ctx;
    struct save_stream stream;
    const struct save_zero *zero;           /* counts elided pages */
    /* Page data of this iteration, and the time that the link took for it. */
    uint64_t bytes, ns;
    uint64_t wrote_ns;          /* the end of the last write; 0: none yet */
    bool link_busy;             /* before the write under way */
    uint64_t bitmap_begun_ns;   /* when the bitmap was asked for; 0: its first
                                 * page, if any, has been found */
    uint64_t bitmap_ns;         /* between the two, last time; 0: never */
};

/* len bytes starting in iov have been written. */
void save_flow_wrote(struct save_flow *f, const struct iovec *iov, int iovcnt,
                     size_t len);

/* Zero pages, len bytes of them, have been written as a run. */
void save_flow_wrote_zeros(struct save_flow *f, size_t len);

/* A write begins: the iteration's time starts with its first. */
void save_flow_begin(struct save_flow *f);

/* All that was written has left the host by now. */
void save_flow_drained(struct save_flow *f);

/* A new iteration: nothing has flowed in it yet. */
void save_flow_reset(struct save_flow *f);

/* The bitmap is asked for; its first page, or none, has been found. */
void save_flow_bitmap_begins(struct save_flow *f);
void save_flow_bitmap_ends(struct save_flow *f);

/* What has been written in all. */
void save_flow_counts(const struct save_flow *f, struct channel_count *count_r);

#endif
