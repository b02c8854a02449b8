/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the stream is sent: the descriptor that libxl has opened, or channels.
 *
 * A sink asks the gate before each write, keeps its rate limit, and reports
 * what it has written to the flow.
 */
#ifndef SAVE_STREAM_SINK_H
#define SAVE_STREAM_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "channels/out.h"
#include "save/stream/flow.h"
#include "save/stream/gate.h"
#include "save/stream/pages.h"

struct save_sink;

struct save_sink_ops {
    /*
     * Writes all of iov, which may be used up. Returns 0, or -1 with errno: it
     * has failed, or the gate is closed.
     */
    int (*write)(struct save_sink *sink, struct iovec *iov, int iovcnt);
    /* The same for pieces; zero pages go as runs. NULL: there are no runs. */
    int (*write_pieces)(struct save_sink *sink, const struct save_piece *piece,
                        size_t nr);
    /* Is anything that was written still on its way out of this host? */
    bool (*busy)(struct save_sink *sink);
    /*
     * Waits until everything that was written has left, so that counts and
     * times are true. Returns 0, or -1 with errno. NULL: nothing to wait for.
     */
    int (*drain)(struct save_sink *sink);
    /*
     * Replaces what was written by what has really left, and tells how many
     * bytes were sent for it. NULL: they are the same.
     */
    void (*counts)(struct save_sink *sink, struct channel_count *count,
                   uint64_t *wire_bytes);
    /* Fills in how it was compressed. NULL: it was not. */
    void (*report)(struct save_sink *sink, struct xpc_report *report);
    /* The save has succeeded. Returns 0, or -1 with errno. May be NULL. */
    int (*finish)(struct save_sink *sink);
    /* Frees the sink. */
    void (*close)(struct save_sink *sink);
};

/* The part that all sinks have; each puts it first in its own. */
struct save_sink {
    const struct save_sink_ops *ops;
    struct save_gate *gate;
    struct save_flow *flow;
    int error;                  /* the first errno of a failed write; 0: none */
};

static inline int save_sink_drain(struct save_sink *sink)
{
    return sink->ops->drain ? sink->ops->drain(sink) : 0;
}

static inline int save_sink_finish(struct save_sink *sink)
{
    return sink->ops->finish ? sink->ops->finish(sink) : 0;
}

static inline void save_sink_counts(struct save_sink *sink,
                                    struct channel_count *count,
                                    uint64_t *wire_bytes)
{
    if (sink->ops->counts)
        sink->ops->counts(sink, count, wire_bytes);
}

static inline void save_sink_report(struct save_sink *sink,
                                    struct xpc_report *report)
{
    if (sink->ops->report)
        sink->ops->report(sink, report);
}

#endif
