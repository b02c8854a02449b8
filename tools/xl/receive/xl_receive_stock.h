/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stock receiver, run as a child: it restores the guest. */
#ifndef XL_RECEIVE_XL_RECEIVE_STOCK_H
#define XL_RECEIVE_XL_RECEIVE_STOCK_H

#include <stdbool.h>
#include <sys/types.h>

struct stock {
    pid_t pid;                  /* 0: none */
    bool killed;                /* by stock_kill() */
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
/*
 * Ends it before it has read anything: it would complain about a missing
 * stream. stock_end() then returns 0.
 */
void stock_kill(struct stock *s);
/* Waits for it to exit. Returns its exit status, 128 + N after signal N. */
int stock_end(struct stock *s);

#endif
