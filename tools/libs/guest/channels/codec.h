/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compression of what a frame carries, each frame for itself.
 */
#ifndef CHANNELS_CODEC_H
#define CHANNELS_CODEC_H

#include <stddef.h>

#include "channels/wire.h"

/* One way, for one thread: what it needs is kept from frame to frame. */
struct channel_squeeze;

/*
 * codec: enum channel_codec. The level is the library's; for lz4 up to 2 is
 * the fast one. NULL: out of memory.
 */
struct channel_squeeze *channel_squeeze_open(int codec, int level);
void channel_squeeze_close(struct channel_squeeze *s);  /* NULL is allowed */
int channel_squeeze_codec(const struct channel_squeeze *s);

/* Up to room bytes. Returns how many, 0 when it does not fit in there. */
size_t channel_squeeze(struct channel_squeeze *s, const void *from, size_t len,
                       void *to, size_t room);

/* Are these len bytes, compressed, exactly room? Then they are in to. */
bool channel_unsqueeze(int codec, const void *from, size_t len, void *to,
                       size_t room);

#endif
