/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing of whole messages by xl migrate-receive. */
#ifndef XL_RECEIVE_XL_RECEIVE_IO_H
#define XL_RECEIVE_XL_RECEIVE_IO_H

#include <stddef.h>
#include <stdint.h>

/* Time for each step before the stream begins. */
#define RECEIVE_TIMEOUT_MS 30000

/*
 * Waits until fd is readable. Returns 0, or -1 with errno, ETIMEDOUT at
 * deadline_ns (clock_now_ns(); 0: none).
 */
int receive_wait(int fd, uint64_t deadline_ns);

/*
 * Reads len bytes. Returns 0, or -1 with errno; EPIPE is the end of the file.
 * deadline_ns as for receive_wait().
 */
int receive_read(int fd, void *to, size_t len, uint64_t deadline_ns);

/* Writes len bytes, also to a non-blocking fd. Returns 0, or -1 with errno. */
int receive_write(int fd, const void *data, size_t len);

#endif
