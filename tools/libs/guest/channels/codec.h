/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compression of frames, each independent of the others. */
#ifndef CHANNELS_CODEC_H
#define CHANNELS_CODEC_H

#include <stddef.h>

#include "channels/wire.h"

/* A compressor with its buffers, to be used by one thread. */
struct channel_compressor;

/*
 * codec is an enum channel_codec, level that of the library. For lz4, levels up
 * to 2 select the fast compressor. Returns NULL if out of memory.
 */
struct channel_compressor *channel_compressor_open(int codec, int level);
/* s may be NULL. */
void channel_compressor_close(struct channel_compressor *s);
int channel_compressor_codec(const struct channel_compressor *s);

/* Compresses into at most room bytes. Returns how many, 0 if too many. */
size_t channel_compress(struct channel_compressor *s, const void *from,
                        size_t len, void *to, size_t room);

/*
 * Decompresses len bytes, which must yield exactly room bytes. Returns whether
 * they did.
 */
bool channel_decompress(int codec, const void *from, size_t len, void *to,
                        size_t room);

#endif
