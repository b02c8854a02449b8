/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The toolstack opens the channels, and its part of the stream comes first and
 * last. In between it lends them to the save helper, which inherits their
 * descriptors: who has the turn is said over a socket (SOCK_SEQPACKET), one of
 * these at a time.
 *
 *   helper:     CHANNEL_ASK          all that was written before it was
 *   toolstack:  CHANNEL_LEND         started has left
 *   helper:     CHANNEL_BACK         all of its own has
 *
 * A helper that does not know of it writes to its stream, as ever.
 */
#ifndef CHANNELS_HANDOVER_H
#define CHANNELS_HANDOVER_H

#include "channels/wire.h"

/* The helper's end of the socket, and the channels: "7,8,9,10". */
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

/* The value of CHANNEL_HANDOVER_ENV, or NULL: no channels are handed over. */
const char *channel_handover_env(void);

#endif
