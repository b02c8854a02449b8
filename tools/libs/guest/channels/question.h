/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a source asks a receiver before the stream, and the reply. A question is
 * the contents of a CHANNEL_QUESTION frame; the reply comes back over the same
 * connection. Either is a list of items: the reply has one for each of the
 * question's, in the same order.
 *
 * New kinds of items can be added without a new version: a receiver replies
 * REPLY_UNKNOWN to those that it does not know. Neither end trusts the other:
 * both have fixed limits, and whatever exceeds them is refused as a whole.
 */
#ifndef CHANNELS_QUESTION_H
#define CHANNELS_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channels/wire.h"

#define QUESTION_VERSION 1
#define QUESTION_ITEMS_MAX 128
#define QUESTION_VALUE_MAX 1024     /* with its NUL in memory */
#define QUESTION_SIZE_MAX (QUESTION_ITEMS_MAX * (4 + QUESTION_VALUE_MAX) + 8)
_Static_assert(QUESTION_SIZE_MAX <= CHANNEL_FRAME_MAX, "fits into a frame");

/* On the wire. Values are text without control characters. */
enum question_kind {
    QUESTION_SOURCE = 1,        /* "BOOT-ID DOMID": who asks. First, if there
                                 * is one. Number: 1 if it is this host */
    QUESTION_NAME,              /* NAME: is it free? */
    QUESTION_INCOMING,          /* NAME: is there no NAME--incoming? */
    QUESTION_AWAY,              /* NAME: is there no NAME--migratedaway? */
    QUESTION_MEMORY,            /* KiB: is there as much? Number: KiB that can
                                 * be had */
    QUESTION_DISK,              /* absolute path: is it there? */
    QUESTION_BRIDGE,            /* name: is it there? */
    QUESTION_SCRIPT,            /* path: can the hotplug script be run? */
    QUESTION_DEVICE_MODEL,      /* path or "": is there a device model? */
    QUESTION_XEN,               /* "4.17": is this Xen no older? Text: its
                                 * version */
    QUESTION_CPU,               /* hexadecimal words, see xl_check_cpu.h: has
                                 * a guest here these features? */
    QUESTION_CLOCK,             /* "". Number: ns since the epoch */
    QUESTION_NOTIFY,            /* NAME: will the guest be told how long it
                                 * stood still (CHANNEL_STOOD)? */
    QUESTION_KINDS,
};

struct question_item {
    unsigned int kind;          /* enum question_kind, or unknown here */
    char value[QUESTION_VALUE_MAX];
};

struct question {
    unsigned int nr;
    struct question_item item[QUESTION_ITEMS_MAX];
};

/*
 * Adds an item. Returns false, and adds none, if there are too many or the
 * value is too long or contains control characters.
 */
bool question_add(struct question *q, unsigned int kind, const char *value);

/* Encodes it. Returns the length. */
size_t question_put(uint8_t to[QUESTION_SIZE_MAX], const struct question *q);
/* Returns NULL, or the fault as a string constant. */
const char *question_get(struct question *q, const uint8_t *from, size_t len);

/* ---- replies ------------------------------------------------------------- */

#define REPLY_TEXT_MAX 240          /* with its NUL in memory */
#define REPLY_SIZE_MAX (QUESTION_ITEMS_MAX * (14 + REPLY_TEXT_MAX) + 8)

enum reply_status {
    REPLY_OK,
    REPLY_WRONG,                /* text: what is wrong, and what to do */
    REPLY_UNKNOWN,              /* it can't be said; text: why */
    REPLY_STATUSES,
};

struct reply_item {
    unsigned int kind;          /* of the question's item */
    enum reply_status status;
    uint64_t number;            /* 0: none */
    char text[REPLY_TEXT_MAX];
};

struct reply {
    unsigned int nr;
    struct reply_item item[QUESTION_ITEMS_MAX];
};

/* A reply is preceded by a head: its length and a checksum. */
#define REPLY_HEAD_SIZE 16

/* Encodes head and reply. Returns their length. */
size_t reply_put(uint8_t to[REPLY_HEAD_SIZE + REPLY_SIZE_MAX],
                 const struct reply *r, const uint8_t *token);
/* Returns the length of what follows, or 0 if this is no head of a reply. */
size_t reply_head_get(const uint8_t from[REPLY_HEAD_SIZE]);
/*
 * Decodes the len bytes that follow the head, as a reply to q. Control
 * characters in texts are replaced. Returns NULL, or the fault.
 */
const char *reply_get(struct reply *r, const struct question *q,
                      const uint8_t head[REPLY_HEAD_SIZE], const uint8_t *from,
                      size_t len, const uint8_t *token);

#endif
