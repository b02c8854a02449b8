/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stock receiver, run as a child: it restores the guest. */
#ifndef XL_RECEIVE_XL_RECEIVE_STOCK_H
#define XL_RECEIVE_XL_RECEIVE_STOCK_H

#include <sys/types.h>

struct stock {
    pid_t pid;                  /* 0: none */
    int in, out;                /* its standard input and output; -1: closed */
};

/*
 * Starts it with this program's arguments and reads its banner. Returns 0, or
 * -1 after an error message.
 */
int stock_start(struct stock *s);
/*
 * Copies its output to our standard output until its end, or until watch_fd
 * (-1: none) is readable. Returns 1 for watch_fd, 0 for the end, or -1.
 */
int stock_copy_output(const struct stock *s, int watch_fd);
/* Waits for it to exit. Returns its exit status, 128 + N after signal N. */
int stock_end(struct stock *s);

#endif
