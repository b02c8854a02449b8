/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between what libxenguest writes to the stream and the sink: here pages that
 * are dirty again are left out, and zero pages are found, and elided or marked.
 */
#ifndef SAVE_STREAM_WRITER_H
#define SAVE_STREAM_WRITER_H

#include "save/stream/sink.h"

struct save_skip;

struct save_writer {
    struct save_flow *flow;
    struct save_skip *skip;     /* leaves out pages that are dirty again */
    struct save_sink *sink;
    struct save_zero *zero;     /* elides zero pages, or passes everything on */
    struct save_pages *pages;   /* finds zero pages; NULL: not to be looked
                                 * for */
};

/*
 * Writes what iov holds, or what stands for it. Returns how many of its bytes
 * have been dealt with, at least one if there is any, or -1 with errno.
 */
ssize_t save_writer_write(struct save_writer *w, const struct iovec *iov,
                          int iovcnt);

#endif
