/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes what the two ends ask and reply before a migration. What is accepted
 * is within the limits, is text, and is the same after it was encoded again.
 *
 * The first byte of a file says what the rest is: a question (even), or a reply
 * to the question of as many items as the byte says (odd), whose checksum is
 * set, as it would not be found by chance.
 */
#include <string.h>

#include <xxhash.h>

#include "channels/question.h"
#include "support/fuzz.h"

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";

static void require_text(const char *s, size_t room)
{
    fuzz_require(strnlen(s, room) < room, "a text has an end");
    for (; *s; s++)
        fuzz_require((unsigned char)*s >= ' ' && *s != 127, "it is plain");
}

static void try_question(const uint8_t *data, size_t size)
{
    static uint8_t bytes[QUESTION_SIZE_MAX];
    static struct question q, again;
    size_t len;

    if (question_get(&q, data, size))
        return;
    fuzz_require(q.nr <= QUESTION_ITEMS_MAX, "there are not too many items");
    for (unsigned int i = 0; i < q.nr; i++)
        require_text(q.item[i].value, sizeof(q.item[i].value));
    len = question_put(bytes, &q);
    fuzz_require(len <= sizeof(bytes), "it has room");
    fuzz_require(!question_get(&again, bytes, len), "it is accepted again");
    fuzz_require(again.nr == q.nr, "with all items");
}

static void set_checksum(uint8_t *head, const uint8_t *p, size_t len)
{
    uint64_t sum = XXH3_64bits_withSeed(p, len,
                                        XXH3_64bits(token, sizeof(token)));

    memcpy(head + 8, &sum, sizeof(sum));
}

static void try_reply(const uint8_t *data, size_t size, unsigned int nr)
{
    static uint8_t bytes[REPLY_HEAD_SIZE + REPLY_SIZE_MAX];
    uint8_t head[REPLY_HEAD_SIZE] = { 0 };
    static struct reply r, again;
    static struct question q;
    size_t len;

    q.nr = 0;
    while (q.nr < nr)
        question_add(&q, 1 + q.nr % QUESTION_KINDS, "");
    if (size >= REPLY_HEAD_SIZE)
        fuzz_require(reply_head_get(data) <= REPLY_SIZE_MAX, "it has a bound");
    set_checksum(head, data, size);
    if (reply_get(&r, &q, head, data, size, token))
        return;
    fuzz_require(r.nr == q.nr, "it replies to everything");
    for (unsigned int i = 0; i < r.nr; i++) {
        fuzz_require(r.item[i].kind == q.item[i].kind, "in order");
        fuzz_require(r.item[i].status < REPLY_STATUSES, "with a status");
        require_text(r.item[i].text, sizeof(r.item[i].text));
    }
    len = reply_put(bytes, &r, token);
    fuzz_require(reply_head_get(bytes) == len - REPLY_HEAD_SIZE, "it has room");
    fuzz_require(!reply_get(&again, &q, bytes, bytes + REPLY_HEAD_SIZE,
                            len - REPLY_HEAD_SIZE, token),
                 "it is accepted again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] % 2)
        try_reply(data + 1, size - 1, data[0] / 2);
    else
        try_question(data + 1, size - 1);
    return 0;
}
