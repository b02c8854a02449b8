/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sink that is channels, which the toolstack hands over for the duration
 * of the save (channels/handover.h).
 */
#ifndef SAVE_STREAM_SINK_CHANNELS_H
#define SAVE_STREAM_SINK_CHANNELS_H

#include "save/stream/sink.h"

/*
 * Takes over the channels that env (channel_handover_env()) names. Returns 0
 * and the sink; or, with one line in err, -1: env is wrong, or 1: it failed,
 * and another attempt may succeed. Blocks until everything that the toolstack
 * wrote has left, or save_is_stopped().
 */
int save_sink_channels_open(struct save_sink **sink_r, const char *env,
                            struct save_gate *gate, struct save_flow *flow,
                            char *err, size_t len);

#endif
