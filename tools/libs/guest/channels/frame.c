/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "channels/frame.h"

bool channel_frame_init(struct channel_frame *f, bool compressed)
{
    *f = (struct channel_frame){ .raw = malloc(CHANNEL_FRAME_MAX) };
    if (compressed)
        f->wire = malloc(CHANNEL_FRAME_MAX);
    return f->raw && (f->wire || !compressed);
}

void channel_frame_dispose(struct channel_frame *f)
{
    free(f->wire);
    free(f->raw);
    *f = (struct channel_frame){ 0 };
}

void channel_frame_make(struct channel_frame *f, int kind, uint64_t sequence,
                        const void *data, size_t len, unsigned int nr_runs,
                        struct channel_compressor *s, const uint8_t *token,
                        struct iovec iov_r[2])
{
    /* Only use the compressed form if it is shorter. */
    size_t n = s && f->wire && len > 1 ?
               channel_compress(s, data, len, f->wire, len - 1) : 0;

    f->head = (struct channel_head){
        .kind = kind, .sequence = sequence, .nr_runs = nr_runs, .raw_len = len,
        .wire_len = n ? n : len,
        .codec = n ? channel_compressor_codec(s) : CHANNEL_PLAIN,
    };
    f->data = n ? f->wire : data;
    channel_head_put(f->bytes, &f->head, token, f->data);
    iov_r[0] = (struct iovec){ f->bytes, sizeof(f->bytes) };
    iov_r[1] = (struct iovec){ (void *)f->data, f->head.wire_len };
}

static const char *unpack(struct channel_frame *f)
{
    f->data = f->raw;
    if (f->head.codec == CHANNEL_PLAIN)
        return NULL;
    return channel_decompress(f->head.codec, f->wire, f->head.wire_len, f->raw,
                              f->head.raw_len) ? NULL :
           "does not unpack to what it is to carry";
}

/* Splits f->data into the runs and the data. Returns a fault, or NULL. */
static const char *take_runs(struct channel_frame *f)
{
    size_t runs_len = f->head.nr_runs * CHANNEL_RUN_SIZE;
    uint64_t zeros = 0;

    f->data_len = f->head.raw_len - runs_len;
    for (unsigned int i = 0; i < f->head.nr_runs; i++) {
        struct channel_run *run = &f->run[i];

        channel_run_get(run, f->data + i * CHANNEL_RUN_SIZE);
        if (!run->len || run->after > f->data_len ||
            (i && run->after <= run[-1].after))
            return "has a run of zeros that makes no sense";
        zeros += run->len;
    }
    f->data += runs_len;
    return zeros > CHANNEL_ZEROS_MAX ? "stands for too many zeros" : NULL;
}

int channel_frame_read(struct channel_frame *f, const uint8_t *token,
                       channel_read_fn *read, void *opaque,
                       const char **why_r)
{
    uint8_t *payload;
    int r = read(opaque, f->bytes, sizeof(f->bytes));

    if (r > 0)
        return 1;
    *why_r = r ? "ends in its middle" : channel_head_get(&f->head, f->bytes);
    if (*why_r)
        return -1;
    payload = f->head.codec == CHANNEL_PLAIN ? f->raw : f->wire;
    if (!payload)
        *why_r = "is compressed, which was not said before";
    else if (f->head.wire_len && read(opaque, payload, f->head.wire_len))
        *why_r = "ends in its middle";
    else if (!channel_head_matches(f->bytes, &f->head, token, payload))
        *why_r = "is damaged, or of another migration";
    else
        *why_r = unpack(f);
    if (!*why_r)
        *why_r = take_runs(f);
    return *why_r ? -1 : 0;
}

int channel_frame_walk(const struct channel_frame *f, struct channel_walk *w,
                       struct iovec *iov, int nr)
{
    static uint8_t zeros[64 << 10];
    int n = 0;

    while (n < nr) {
        bool more = w->run < f->head.nr_runs;
        size_t end = more ? f->run[w->run].after : f->data_len, len;

        if (w->zeros) {
            len = w->zeros < sizeof(zeros) ? w->zeros : sizeof(zeros);
            iov[n++] = (struct iovec){ zeros, len };
            w->zeros -= len;
        } else if (w->at < end) {
            iov[n++] = (struct iovec){ (void *)(f->data + w->at),
                                       end - w->at };
            w->at = end;
        } else if (more) {
            w->zeros = f->run[w->run++].len;
        } else {
            break;
        }
    }
    return n;
}

/* ---- order --------------------------------------------------------------- */

/*
 * Does every channel hold a frame, none of which is the next? The next one can
 * then never arrive.
 */
static bool is_missing(const struct channel_order *o)
{
    for (unsigned int i = 0; i < o->nr; i++) {
        if (!o->of[i].held || o->of[i].last == o->next)
            return false;
    }
    return true;
}

static bool is_held_elsewhere(const struct channel_order *o,
                              unsigned int channel, uint64_t sequence)
{
    for (unsigned int i = 0; i < o->nr; i++) {
        if (i != channel && o->of[i].held && o->of[i].last == sequence)
            return true;
    }
    return false;
}

/* Does it belong before the stream? */
static bool is_preliminary(const struct channel_head *h)
{
    return h->kind == CHANNEL_QUESTION || h->kind == CHANNEL_FILL;
}

/* Is this frame not allowed now, before or after the end of the stream? */
static bool is_misplaced(const struct channel_order *o, unsigned int channel,
                         const struct channel_head *h)
{
    if (is_preliminary(h))
        return channel || o->begun || o->ended || h->sequence != o->next ||
               (h->kind == CHANNEL_FILL &&
                o->filled + h->raw_len > CHANNEL_FILL_MAX);
    if (!o->ended)
        return h->kind == CHANNEL_GO || h->kind == CHANNEL_STOOD;
    return o->stood || channel || h->sequence != o->next ||
           h->kind != (o->gone ? CHANNEL_STOOD : CHANNEL_GO);
}

const char *channel_order_take(struct channel_order *o, unsigned int channel,
                               const struct channel_head *h)
{
    if (h->sequence < o->next || is_held_elsewhere(o, channel, h->sequence))
        return "has come before";
    if (o->of[channel].any && h->sequence <= o->of[channel].last)
        return "is out of order";
    if (is_misplaced(o, channel, h))
        return "is not what may come now";
    o->of[channel].any = o->of[channel].held = true;
    o->of[channel].last = h->sequence;
    if (is_missing(o))
        return "leaves one out";
    return NULL;
}

void channel_order_done(struct channel_order *o, unsigned int channel,
                        const struct channel_head *h)
{
    o->of[channel].held = false;
    o->next++;
    o->begun |= h->kind == CHANNEL_DATA;
    o->filled += h->kind == CHANNEL_FILL ? h->raw_len : 0;
    o->ended |= h->kind == CHANNEL_END;
    o->gone |= h->kind == CHANNEL_GO;
    o->stood |= h->kind == CHANNEL_STOOD;
}
