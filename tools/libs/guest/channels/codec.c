/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include <lz4.h>
#include <lz4hc.h>
#include <zstd.h>

#include "channels/codec.h"

struct channel_compressor {
    int codec, level;
    void *state;                /* lz4's, or zstd's context */
};

/* Lower levels use the fast compressor. */
#define LZ4_HC_FROM 3

static void *open_state(const struct channel_compressor *s)
{
    if (s->codec == CHANNEL_ZSTD)
        return ZSTD_createCCtx();
    return malloc(s->level < LZ4_HC_FROM ? LZ4_sizeofState() :
                                           LZ4_sizeofStateHC());
}

struct channel_compressor *channel_compressor_open(int codec, int level)
{
    struct channel_compressor *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->codec = codec;
    s->level = level;
    if (codec == CHANNEL_PLAIN)
        return s;
    s->state = open_state(s);
    if (s->state)
        return s;
    free(s);
    return NULL;
}

void channel_compressor_close(struct channel_compressor *s)
{
    if (!s)
        return;
    if (s->codec == CHANNEL_ZSTD)
        ZSTD_freeCCtx(s->state);
    else
        free(s->state);
    free(s);
}

int channel_compressor_codec(const struct channel_compressor *s)
{
    return s->codec;
}

size_t channel_compress(struct channel_compressor *s, const void *from,
                        size_t len, void *to, size_t room)
{
    size_t n;
    int r;

    switch (s->codec) {
    case CHANNEL_ZSTD:
        n = ZSTD_compressCCtx(s->state, to, room, from, len, s->level);
        return ZSTD_isError(n) ? 0 : n;
    case CHANNEL_LZ4:
        r = s->level < LZ4_HC_FROM ?
            LZ4_compress_fast_extState(s->state, from, to, len, room, 1) :
            LZ4_compress_HC_extStateHC(s->state, from, to, len, room,
                                       s->level);
        return r > 0 ? r : 0;
    default:
        return 0;
    }
}

bool channel_decompress(int codec, const void *from, size_t len, void *to,
                        size_t room)
{
    switch (codec) {
    case CHANNEL_ZSTD:
        return ZSTD_decompress(to, room, from, len) == room;
    case CHANNEL_LZ4:
        return LZ4_decompress_safe(from, to, len, room) == (int)room;
    default:
        return false;
    }
}
