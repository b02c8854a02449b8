/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sink that is the stream's own descriptor. */
#ifndef SAVE_STREAM_SINK_FD_H
#define SAVE_STREAM_SINK_FD_H

#include "save/stream/sink.h"

/* Returns NULL when out of memory. */
struct save_sink *save_sink_fd_open(struct save_gate *gate,
                                    struct save_flow *flow);

#endif
