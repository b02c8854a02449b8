/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the channels of the sending end know together about compression, to
 * choose how to send the next frame. All calls need the caller's lock.
 */
#ifndef CHANNELS_CHOOSE_H
#define CHANNELS_CHOOSE_H

#include "core/compress_auto.h"

struct channel_choice {
    struct xpc_compress_auto choice;
    unsigned int writing;           /* channels that are writing now */
    uint64_t since_ns;              /* one of them has been writing since */
    uint64_t writing_ns;            /* time in which any was writing */
};

/* compress: an enum xpc_compress; nr: the number of channels. */
void channel_choice_init(struct channel_choice *c, int compress, int level,
                         uint64_t stated_bytes_per_s, unsigned int nr);

/* A channel begins to write a frame. */
void channel_choice_begin_write(struct channel_choice *c);
/* It has ended; wire_bytes were written so far by all channels. */
void channel_choice_end_write(struct channel_choice *c, uint64_t wire_bytes);

#endif
