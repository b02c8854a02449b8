/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handing the channels over between the toolstack and the save helper. The
 * toolstack opens the channels, and writes the first and the last part of the
 * stream. In between it lends them to the save helper, which inherits their
 * descriptors. These messages are exchanged over a socket (SOCK_SEQPACKET):
 *
 *   helper:     CHANNEL_ASK     asks for the channels
 *   toolstack:  CHANNEL_LEND    everything that it wrote before was sent
 *   helper:     CHANNEL_BACK    everything that the helper wrote was sent
 *
 * A helper without support for this writes to its stream as usual.
 */
#ifndef CHANNELS_HANDOVER_H
#define CHANNELS_HANDOVER_H

#include "channels/wire.h"

/*
 * Environment variable: the helper's descriptor of the socket, and those of the
 * channels, "7,8,9,10".
 */
#define CHANNEL_HANDOVER_ENV "XEN_PRECOPY_CHANNELS"

enum {
    CHANNEL_ASK = 'a',
    CHANNEL_LEND = 'l',
    CHANNEL_BACK = 'b',
};

struct channel_handover {
    uint32_t word;
    uint64_t sequence;              /* of the next frame */
    uint8_t token[CHANNEL_TOKEN];   /* with CHANNEL_LEND */
};

/* The value of CHANNEL_HANDOVER_ENV; NULL if there are no channels. */
const char *channel_handover_env(void);

#endif
