/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include <xxhash.h>

#include <xenprecopy/error.h>

#include "channels/bytes.h"
#include "channels/question.h"

#define REPLY_MAGIC 0x51637078u         /* "xpcQ" */

/*
 * Question: version, number of items; each: kind, length, value.
 * Reply: the same; each: kind, status, length, number, text.
 */
#define LIST_HEAD 4
#define ITEM_HEAD 4
#define REPLY_ITEM_HEAD 14

static bool is_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] < ' ' || s[i] == 127)
            return false;
    }
    return true;
}

/* A list's head: its version and number of items. Returns NULL, or a fault. */
static const char *get_list(const uint8_t *from, size_t len,
                            unsigned int *nr_r)
{
    if (len < LIST_HEAD)
        return "it is too short";
    if (get16(from) != QUESTION_VERSION)
        return "its version is not known here";
    *nr_r = get16(from + 2);
    return *nr_r > QUESTION_ITEMS_MAX ? "it has too many items" : NULL;
}

bool question_add(struct question *q, unsigned int kind, const char *value)
{
    size_t len = strlen(value);

    if (q->nr == QUESTION_ITEMS_MAX || len >= QUESTION_VALUE_MAX ||
        !is_plain(value, len))
        return false;
    q->item[q->nr].kind = kind;
    memcpy(q->item[q->nr++].value, value, len + 1);
    return true;
}

size_t question_put(uint8_t to[QUESTION_SIZE_MAX], const struct question *q)
{
    uint8_t *p = to + LIST_HEAD;

    put16(to, QUESTION_VERSION);
    put16(to + 2, q->nr);
    for (unsigned int i = 0; i < q->nr; i++) {
        size_t len = strlen(q->item[i].value);

        put16(p, q->item[i].kind);
        put16(p + 2, len);
        memcpy(p + ITEM_HEAD, q->item[i].value, len);
        p += ITEM_HEAD + len;
    }
    return p - to;
}

const char *question_get(struct question *q, const uint8_t *from, size_t len)
{
    const uint8_t *p = from + LIST_HEAD, *end = from + len;
    const char *why = get_list(from, len, &q->nr);

    for (unsigned int i = 0; !why && i < q->nr; i++) {
        struct question_item *item = &q->item[i];
        size_t n = end - p >= ITEM_HEAD ? get16(p + 2) : 0;

        if (end - p < ITEM_HEAD || (size_t)(end - p) - ITEM_HEAD < n)
            return "it is too short";
        if (n >= sizeof(item->value) ||
            !is_plain((const char *)p + ITEM_HEAD, n))
            return "it has a value that is none";
        item->kind = get16(p);
        memcpy(item->value, p + ITEM_HEAD, n);
        item->value[n] = 0;
        p += ITEM_HEAD + n;
    }
    return why ? why : p != end ? "it is too long" : NULL;
}

/* ---- replies ------------------------------------------------------------- */

static uint64_t checksum(const void *p, size_t len, const uint8_t *token)
{
    return XXH3_64bits_withSeed(p, len, XXH3_64bits(token, CHANNEL_TOKEN));
}

size_t reply_put(uint8_t to[REPLY_HEAD_SIZE + REPLY_SIZE_MAX],
                 const struct reply *r, const uint8_t *token)
{
    uint8_t *list = to + REPLY_HEAD_SIZE, *p = list + LIST_HEAD;

    put16(list, QUESTION_VERSION);
    put16(list + 2, r->nr);
    for (unsigned int i = 0; i < r->nr; i++) {
        const struct reply_item *item = &r->item[i];
        size_t len = strnlen(item->text, sizeof(item->text) - 1);

        put16(p, item->kind);
        put16(p + 2, item->status);
        put16(p + 4, len);
        put64(p + 6, item->number);
        memcpy(p + REPLY_ITEM_HEAD, item->text, len);
        p += REPLY_ITEM_HEAD + len;
    }
    put32(to, REPLY_MAGIC);
    put32(to + 4, p - list);
    put64(to + 8, checksum(list, p - list, token));
    return p - to;
}

size_t reply_head_get(const uint8_t from[REPLY_HEAD_SIZE])
{
    uint32_t len = get32(from + 4);

    return get32(from) == REPLY_MAGIC && len <= REPLY_SIZE_MAX ? len : 0;
}

static void take_text(char *to, const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from[i] ? from[i] : '?';
    to[len] = 0;
    xpc_plain_line(to);
}

const char *reply_get(struct reply *r, const struct question *q,
                      const uint8_t head[REPLY_HEAD_SIZE], const uint8_t *from,
                      size_t len, const uint8_t *token)
{
    const uint8_t *p = from + LIST_HEAD, *end = from + len;
    const char *why = get_list(from, len, &r->nr);

    if (get64(head + 8) != checksum(from, len, token))
        return "it is damaged, or of another migration";
    if (!why && r->nr != q->nr)
        why = "it replies to something else";
    for (unsigned int i = 0; !why && i < r->nr; i++) {
        struct reply_item *item = &r->item[i];
        size_t n = end - p >= REPLY_ITEM_HEAD ? get16(p + 4) : 0;

        if (end - p < REPLY_ITEM_HEAD ||
            (size_t)(end - p) - REPLY_ITEM_HEAD < n)
            return "it is too short";
        item->kind = get16(p);
        item->status = get16(p + 2);
        item->number = get64(p + 6);
        if (item->kind != q->item[i].kind)
            return "it replies to something else";
        if (item->status >= REPLY_STATUSES || n >= sizeof(item->text))
            return "it has an item that is none";
        take_text(item->text, p + REPLY_ITEM_HEAD, n);
        p += REPLY_ITEM_HEAD + n;
    }
    return why ? why : p != end ? "it is too long" : NULL;
}
