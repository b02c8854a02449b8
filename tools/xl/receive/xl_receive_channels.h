/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-receive from a source that uses channels. */
#ifndef XL_RECEIVE_XL_RECEIVE_CHANNELS_H
#define XL_RECEIVE_XL_RECEIVE_CHANNELS_H

#include <stdint.h>

/*
 * Receives a migration over standard input and output, or joins one.
 * hello: the CHANNEL_HELLO_SIZE bytes with which the source began. Returns the
 * exit status.
 */
int receive_channels(const uint8_t *hello);

#endif
