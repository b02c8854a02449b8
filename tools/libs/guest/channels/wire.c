/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <xxhash.h>

#include "channels/bytes.h"
#include "channels/wire.h"

static const char hello_magic[CHANNEL_HELLO_MAGIC] =
    "xen-precopy channels, hello\n \0 \r";
static const char answer_magic[8] = "xpc-chn\n";
#define FRAME_MAGIC 0x46637078u         /* "xpcF" */

/* ---- hello: magic, version, number, index, codec, token ------------------ */

bool channel_hello_is(const void *begin)
{
    return !memcmp(begin, hello_magic, sizeof(hello_magic));
}

void channel_hello_put(uint8_t to[CHANNEL_HELLO_SIZE],
                       const struct channel_hello *h)
{
    memcpy(to, hello_magic, sizeof(hello_magic));
    put32(to + 32, CHANNEL_VERSION);
    put32(to + 36, h->nr);
    put32(to + 40, h->index);
    put32(to + 44, h->codec);
    memcpy(to + 48, h->token, sizeof(h->token));
}

const char *channel_hello_get(struct channel_hello *h,
                              const uint8_t from[CHANNEL_HELLO_SIZE])
{
    if (!channel_hello_is(from))
        return "no hello";
    if (get32(from + 32) != CHANNEL_VERSION)
        return "a version of the channels that is not known here";
    h->nr = get32(from + 36);
    h->index = get32(from + 40);
    h->codec = get32(from + 44);
    memcpy(h->token, from + 48, sizeof(h->token));
    if (!h->nr || h->nr > CHANNELS_MAX)
        return "more channels than there can be";
    if (h->index >= h->nr)
        return "a channel beyond the last";
    if (h->codec >= CHANNEL_CODECS)
        return "a compression that is not known here";
    return NULL;
}

bool channel_token_same(const uint8_t *a, const uint8_t *b)
{
    volatile uint8_t differ = 0;

    for (size_t i = 0; i < CHANNEL_TOKEN; i++)
        differ |= a[i] ^ b[i];
    return !differ;
}

/*
 * In the codecs of an answer: questions are answered. Sources that know none
 * ignore the bit.
 */
#define ANSWERS_QUESTIONS (1u << 31)

/* Magic, version, and the limits of this receiver. */
void channel_answer_put(uint8_t to[CHANNEL_ANSWER_SIZE])
{
    memcpy(to, answer_magic, sizeof(answer_magic));
    put32(to + 8, CHANNEL_VERSION);
    put32(to + 12, CHANNELS_MAX);
    put32(to + 16, CHANNEL_FRAME_MAX);
    put32(to + 20, ((1u << CHANNEL_CODECS) - 1) | ANSWERS_QUESTIONS);
}

/* A receiver of another build may have higher limits, but not lower ones. */
bool channel_answer_is(const uint8_t from[CHANNEL_ANSWER_SIZE])
{
    uint32_t codecs = (1u << CHANNEL_CODECS) - 1;

    return !memcmp(from, answer_magic, sizeof(answer_magic)) &&
           get32(from + 8) == CHANNEL_VERSION &&
           get32(from + 12) >= CHANNELS_MAX &&
           get32(from + 16) >= CHANNEL_FRAME_MAX &&
           (get32(from + 20) & codecs) == codecs;
}

bool channel_answer_takes_questions(const uint8_t from[CHANNEL_ANSWER_SIZE])
{
    return get32(from + 20) & ANSWERS_QUESTIONS;
}

/* ---- a frame's head: magic, kind, codec, runs, sequence, lengths, check -- */

#define CHECKED 24              /* length of the head before the checksum */

static uint64_t checksum(const uint8_t *head, size_t len,
                         const uint8_t *token, const void *payload)
{
    uint8_t seed[CHECKED + CHANNEL_TOKEN];

    memcpy(seed, head, CHECKED);
    memcpy(seed + CHECKED, token, CHANNEL_TOKEN);
    return XXH3_64bits_withSeed(payload, len,
                                XXH3_64bits(seed, sizeof(seed)));
}

void channel_head_put(uint8_t to[CHANNEL_HEAD_SIZE], struct channel_head *h,
                      const uint8_t *token, const void *payload)
{
    put32(to, FRAME_MAGIC);
    to[4] = h->kind;
    to[5] = h->codec;
    put16(to + 6, h->nr_runs);
    put64(to + 8, h->sequence);
    put32(to + 16, h->raw_len);
    put32(to + 20, h->wire_len);
    h->check = checksum(to, h->wire_len, token, payload);
    put64(to + CHECKED, h->check);
}

const char *channel_head_get(struct channel_head *h,
                             const uint8_t from[CHANNEL_HEAD_SIZE])
{
    *h = (struct channel_head){
        .kind = from[4], .codec = from[5], .nr_runs = get16(from + 6),
        .sequence = get64(from + 8),
        .raw_len = get32(from + 16), .wire_len = get32(from + 20),
        .check = get64(from + CHECKED),
    };
    if (get32(from) != FRAME_MAGIC)
        return "is none";
    if (h->kind >= CHANNEL_KINDS || h->codec >= CHANNEL_CODECS)
        return "is of an unknown kind";
    if (h->raw_len > CHANNEL_FRAME_MAX)
        return "is too large";
    /* Contents that do not get smaller are sent uncompressed. */
    if (h->codec == CHANNEL_PLAIN ? h->wire_len != h->raw_len :
        h->wire_len >= h->raw_len)
        return "is longer than what it carries";
    if (!h->raw_len != (h->kind == CHANNEL_END) ||
        (h->kind == CHANNEL_STOOD && h->raw_len != CHANNEL_STOOD_SIZE) ||
        (h->nr_runs && h->kind != CHANNEL_DATA))
        return "carries what its kind does not";
    if (h->nr_runs > CHANNEL_RUNS_MAX ||
        h->nr_runs * CHANNEL_RUN_SIZE > h->raw_len)
        return "has too many runs of zeros";
    return NULL;
}

bool channel_head_matches(const uint8_t head[CHANNEL_HEAD_SIZE],
                          const struct channel_head *h, const uint8_t *token,
                          const void *payload)
{
    return h->check == checksum(head, h->wire_len, token, payload);
}

void channel_run_put(uint8_t to[CHANNEL_RUN_SIZE],
                     const struct channel_run *run)
{
    put32(to, run->after);
    put32(to + 4, run->len);
}

void channel_run_get(struct channel_run *run,
                     const uint8_t from[CHANNEL_RUN_SIZE])
{
    run->after = get32(from);
    run->len = get32(from + 4);
}

void channel_stood_put(uint8_t to[CHANNEL_STOOD_SIZE], uint64_t ns)
{
    put64(to, ns);
}

uint64_t channel_stood_get(const uint8_t from[CHANNEL_STOOD_SIZE])
{
    return get64(from);
}
