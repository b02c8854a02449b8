/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stock xl that receives, which is a script, and processes of our own xl
 * migrate-receive in front of it.
 */
#ifndef TESTS_SUPPORT_FAKE_STOCK_H
#define TESTS_SUPPORT_FAKE_STOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "support/stock_messages.h"

/* Something that takes longer than this will never happen. */
#define TIMEOUT_MS 20000

extern struct fake_stock {
    char dir[64];               /* has all the other paths */
    char script[96];            /* the stock xl */
    char got[96];               /* for the script, $GOT: what it has read */
    char run[96];               /* where connections meet */
    char said[96];              /* messages of the receiving processes */
} stock;

/*
 * Makes the directory and the environment that lets our xl use them, and
 * removes the directory.
 */
void stock_setup(void);
void stock_teardown(void);

/* Writes the script. sh is what it does after the banner. */
void stock_does(const char *sh);

/*
 * Reads the file $GOT<suffix>. Returns its contents with a NUL behind, for the
 * caller to free.
 */
char *stock_file(const char *suffix, size_t *len_r);

/* The number of files in a directory; 0: it does not exist. */
unsigned int count_files(const char *dir);

/* One connection's xl migrate-receive, and our ends of it; -1: closed. */
struct receiving {
    pid_t pid;
    int to, from;
};

struct receiving receiving_start(void);
/* Likewise. Its input is the socket or pipe in, both ends of which it takes. */
struct receiving receiving_start_by(int in[2]);
/* Closes our ends. Returns the exit status. */
int receiving_end(struct receiving *r);

/* Reads what it sends, and fails unless it is this. */
void expect_sent(struct receiving *r, const void *what, size_t len);
/* Fails unless one of the processes has printed line on standard error. */
void expect_message(const char *line);

#endif
