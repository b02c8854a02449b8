/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of a source to xl migrate-receive (fake_stock.h), without
 * the source.
 */
#ifndef TESTS_SUPPORT_FAKE_CONNECTIONS_H
#define TESTS_SUPPORT_FAKE_CONNECTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "channels/frame.h"
#include "support/fake_stock.h"

/* The connections of one migration. */
#define NR 3

/* The tokens of the migration, and of another one. */
extern const uint8_t token[CHANNEL_TOKEN], other_token[CHANNEL_TOKEN];

/* For cmocka: a stock xl that keeps what it reads; nothing may be left. */
int connections_setup(void **state);
int connections_teardown(void **state);

/* Writes all of it, or until the receiver closes. */
void connection_write(struct receiving *r, const void *p, size_t len);

/* Says that this is connection index of nr of the migration with a token. */
void connection_hello(struct receiving *r, const uint8_t *of,
                      unsigned int nr, unsigned int index);
/* Starts a receiver, reads its banner, and says hello. */
struct receiving connection_open(const uint8_t *of, unsigned int nr,
                                 unsigned int index);
/* Open all NR connections, and end them. status 0: the first one succeeds. */
void connections_open(struct receiving r[NR]);
void connections_end(struct receiving r[NR], int status);

/* Send a frame, of the migration or of one with another token. */
void frame(struct receiving *r, int kind, uint64_t sequence, const void *p,
           size_t len);
void frame_of(const uint8_t *of, struct receiving *r, int kind,
              uint64_t sequence, const void *p, size_t len);

/* Fail unless the receiver sends this next, or closes. */
void expect_banner(struct receiving *r);
void expect_answer(struct receiving *r);
void expect_end(struct receiving *r);

#endif
