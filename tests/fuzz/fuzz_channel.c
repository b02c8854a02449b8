/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the receiving end of channels. Whatever it reads, it passes on the
 * contents of the frames in the order of their numbers, each once, without
 * gaps; and nothing after the end but the permission to start.
 *
 * The first byte of a file says how many channels there are, whether frames
 * may be compressed, and what the rest is: the bytes of the first channel; or
 * frames of a real migration (cut-channels), each after the number of its
 * channel; or frames as struct spec and a payload, which begins with runs of
 * zeros. The checksums of the latter two are set, as they would not be found
 * by chance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channels/frame.h"
#include "support/fuzz.h"

#define NR_MAX 4
#define SEQUENCES 256

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";

struct spec {
    uint8_t channel, kind, codec, sequence;
    uint16_t raw_len, wire_len;
    uint16_t nr_runs;
};
/* In spec.channel. */
#define SPEC_PACK 0x80          /* the payload is compressed for it */
#define SPEC_SPOIL 0x40         /* the checksum is wrong */

/* The bytes of a channel, and how many of them were read. */
static struct line {
    uint8_t *p;
    size_t len, at;
} line[NR_MAX];

static struct {
    struct channel_order order;
    struct channel_frame *frame;
    bool compressed, spoilt, closed[NR_MAX];
    bool data;                  /* some was passed on */
    uint64_t passed_on;         /* frames */
    /* Valid frames by number: how many there are, and the first one's hash. */
    unsigned int made[SEQUENCES];
    uint64_t sum[SEQUENCES];
} t;

#define SUM_BEGIN 14695981039346656037u
#define SUM_PRIME 1099511628211u

/* Continues a checksum with len bytes. */
static uint64_t sum(uint64_t s, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        s = (s ^ p[i]) * SUM_PRIME;
    return s;
}

/* The same with len zeros, which may be millions. */
static uint64_t sum_zeros(uint64_t s, uint64_t len)
{
    for (uint64_t factor = SUM_PRIME; len; len >>= 1, factor *= factor)
        s *= len & 1 ? factor : 1;
    return s;
}

static bool is_zero(const uint8_t *p, size_t len)
{
    return !p[0] && !memcmp(p, p + 1, len - 1);
}

/* The checksum of what a receiver writes for it, computed independently. */
static uint64_t written_sum(const uint8_t *p, size_t len, unsigned int nr_runs)
{
    const uint8_t *data = p + nr_runs * 8;
    uint64_t s = SUM_BEGIN, zeros = 0;
    uint32_t run[2], at = 0;

    if (nr_runs > CHANNEL_RUNS_MAX || nr_runs * 8 > len)
        return 0;
    len -= nr_runs * 8;
    for (unsigned int i = 0; i < nr_runs; i++) {
        memcpy(run, p + i * 8, sizeof(run));
        zeros += run[1];
        if (run[0] < at || run[0] > len || zeros > CHANNEL_ZEROS_MAX)
            return 0;
        s = sum_zeros(sum(s, data + at, run[0] - at), run[1]);
        at = run[0];
    }
    return sum(s, data + at, len - at);
}

/* ---- input --------------------------------------------------------------- */

static void append(struct line *l, const void *p, size_t len)
{
    l->p = realloc(l->p, l->len + len + 1);
    memcpy(l->p + l->len, p, len);
    l->len += len;
}

/* A frame as a source makes it. */
static void make_packed(struct line *l, const struct spec *s, const uint8_t *p,
                        size_t len)
{
    static struct channel_compressor *compressor[CHANNEL_CODECS];
    static struct channel_frame f;
    struct channel_compressor **q = &compressor[s->codec % CHANNEL_CODECS];
    struct iovec iov[2];

    if (!*q)
        *q = channel_compressor_open(s->codec % CHANNEL_CODECS, 1);
    if (!f.raw)
        channel_frame_init(&f, true);
    channel_frame_make(&f, s->kind, s->sequence, p, len, s->nr_runs, *q, token,
                       iov);
    append(l, iov[0].iov_base, iov[0].iov_len);
    append(l, iov[1].iov_base, iov[1].iov_len);
    if (!t.made[s->sequence]++)
        t.sum[s->sequence] = written_sum(p, len, s->nr_runs);
}

/* An invalid frame. */
static void make_odd(struct line *l, const struct spec *s, const uint8_t *p,
                     size_t len)
{
    struct channel_head h = {
        .kind = s->kind, .codec = s->codec, .sequence = s->sequence,
        .nr_runs = s->nr_runs, .raw_len = s->raw_len * 5u, .wire_len = len,
    };
    uint8_t head[CHANNEL_HEAD_SIZE];

    channel_head_put(head, &h, token, p);
    if (s->channel & SPEC_SPOIL)
        head[24]++;
    append(l, head, sizeof(head));
    append(l, p, len);
    t.spoilt = true;
}

static void make_frames(const uint8_t *p, size_t size)
{
    struct spec s;
    size_t len;

    while (size >= sizeof(s)) {
        memcpy(&s, p, sizeof(s));
        p += sizeof(s);
        size -= sizeof(s);
        len = s.wire_len < size ? s.wire_len : size;
        if (s.channel & SPEC_PACK)
            make_packed(&line[s.channel % t.order.nr], &s, p, len);
        else
            make_odd(&line[s.channel % t.order.nr], &s, p, len);
        p += len;
        size -= len;
    }
}

/* Frames as they were sent, with numbers and lengths that may be changed. */
static void make_sent(const uint8_t *p, size_t size)
{
    uint8_t head[CHANNEL_HEAD_SIZE];
    struct channel_head h;
    unsigned int to;

    while (size > CHANNEL_HEAD_SIZE) {
        to = *p++ % t.order.nr;
        channel_head_get(&h, p);
        p += CHANNEL_HEAD_SIZE;
        size -= 1 + CHANNEL_HEAD_SIZE;
        if (h.wire_len > size)
            h.wire_len = size;
        channel_head_put(head, &h, token, p);
        append(&line[to], head, sizeof(head));
        append(&line[to], p, h.wire_len);
        p += h.wire_len;
        size -= h.wire_len;
    }
    t.spoilt = true;
}

/* ---- receiving ----------------------------------------------------------- */

static int read_line(void *opaque, void *to, size_t len)
{
    struct line *l = opaque;

    fuzz_require(len <= CHANNEL_FRAME_MAX,
                 "no more than a frame is asked for");
    if (l->at == l->len)
        return 1;
    if (len > l->len - l->at)
        return -1;
    memcpy(to, l->p + l->at, len);
    l->at += len;
    return 0;
}

/* Writes a frame as a receiver does. Of invalid frames, only the length. */
static void write_out(const struct channel_frame *f, uint64_t *len_r,
                      uint64_t *sum_r)
{
    struct channel_walk walk = { 0 };
    struct iovec iov[3];
    int nr;

    *len_r = 0;
    *sum_r = SUM_BEGIN;
    while ((nr = channel_frame_walk(f, &walk, iov, 3))) {
        for (int i = 0; i < nr; i++) {
            fuzz_require(iov[i].iov_len, "no piece is empty");
            *len_r += iov[i].iov_len;
            if (t.spoilt)
                continue;
            *sum_r = is_zero(iov[i].iov_base, iov[i].iov_len) ?
                     sum_zeros(*sum_r, iov[i].iov_len) :
                     sum(*sum_r, iov[i].iov_base, iov[i].iov_len);
        }
    }
}

static void pass_on(unsigned int i)
{
    const struct channel_head *h = &t.frame[i].head;
    bool stood = h->kind == CHANNEL_STOOD;
    uint64_t len, s;

    fuzz_require(h->sequence == t.passed_on++,
                 "none is left out, or comes twice");
    fuzz_require(!t.order.gone || (!t.order.stood && stood),
                 "one thing may follow the permission");
    fuzz_require(t.order.ended == (h->kind == CHANNEL_GO || stood),
                 "they come at the end");
    fuzz_require(h->raw_len <= CHANNEL_FRAME_MAX, "it is not too large");
    fuzz_require(h->kind <= CHANNEL_GO || stood ||
                 (!i && !t.data && !t.order.ended),
                 "questions come before the stream, over the first channel");
    t.data |= h->kind == CHANNEL_DATA;
    write_out(&t.frame[i], &len, &s);
    fuzz_require(len <= CHANNEL_FRAME_MAX + CHANNEL_ZEROS_MAX,
                 "what is written for it has a bound");
    if (!t.spoilt && h->sequence < SEQUENCES &&
        t.made[h->sequence] == 1)
        fuzz_require(s == t.sum[h->sequence], "it is what was sent");
    channel_order_done(&t.order, i, h);
}

/* Passes on the frames that are next, like channels/in.c. false: it is over. */
static bool pass_all(void)
{
    for (unsigned int i = 0; i < t.order.nr; i++) {
        if (!t.order.of[i].held)
            continue;
        if (t.order.ended && t.frame[i].head.kind != CHANNEL_GO &&
            t.frame[i].head.kind != CHANNEL_STOOD)
            return false;
        if (channel_order_turn(&t.order, i)) {
            pass_on(i);
            i = -1;
        }
    }
    return true;
}

/* Reads the next frame of a channel. false: it is over. */
static bool take(unsigned int i)
{
    const char *why = NULL;
    int r = channel_frame_read(&t.frame[i], token, read_line, &line[i], &why);

    fuzz_require((r < 0) == (why != NULL), "what is wrong is said");
    t.closed[i] = r > 0;
    if (r)
        return r > 0 && t.order.ended && i;
    if (t.frame[i].head.codec && !t.compressed)
        fuzz_require(false, "it unpacks only what it was told of");
    return !channel_order_take(&t.order, i, &t.frame[i].head) && pass_all();
}

static void receive(void)
{
    bool go_on = true;

    while (go_on) {
        go_on = false;
        for (unsigned int i = 0; i < t.order.nr; i++) {
            if (t.order.of[i].held || t.closed[i])
                continue;
            if (!take(i))
                return;
            go_on = true;
        }
    }
}

/* Kept between inputs, as it takes time to allocate. */
static struct channel_frame *frames(bool compressed)
{
    static struct channel_frame kept[2][NR_MAX];

    for (int i = 0; i < NR_MAX && !kept[compressed][i].raw; i++)
        channel_frame_init(&kept[compressed][i], compressed);
    return kept[compressed];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel_hello hello;

    if (!size)
        return 0;
    memset(&t, 0, sizeof(t));
    t.order.nr = 1 + data[0] % NR_MAX;
    t.compressed = data[0] & 0x10;
    t.frame = frames(t.compressed);
    if (data[0] & 0x20) {
        append(&line[0], data + 1, size - 1);
        t.spoilt = true;
    } else if (data[0] & 0x40) {
        make_sent(data + 1, size - 1);
    } else {
        make_frames(data + 1, size - 1);
    }
    receive();
    if (size > CHANNEL_HELLO_SIZE && !channel_hello_get(&hello, data + 1))
        fuzz_require(hello.nr && hello.nr <= CHANNELS_MAX &&
                     hello.index < hello.nr, "a hello makes sense");
    for (int i = 0; i < NR_MAX; i++) {
        free(line[i].p);
        line[i] = (struct line){ 0 };
    }
    return 0;
}
