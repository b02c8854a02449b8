/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate-receive: what its files share. What it says to people begins as
 * the stock one's words do.
 */
#ifndef XL_RECEIVE_XL_RECEIVE_H
#define XL_RECEIVE_XL_RECEIVE_H

#include "channels/wire.h"
#include "common/xl.h"

#define RECEIVE_SAY "migration target: "
/* How long anything may take that comes before the stream. */
#define RECEIVE_PATIENCE_MS 30000

/* ---- reading and writing: xl_receive.c --------------------------------- */

/*
 * Reads len bytes. Returns 0, or -1 with errno; the end of the file is EPIPE.
 * deadline_ns, by clock_now_ns(), limits the wait for the first byte; 0: none.
 */
int receive_read(int fd, void *to, size_t len, uint64_t deadline_ns);
int receive_write(int fd, const void *p, size_t len);

/* ---- the stock receiver behind us: xl_receive_stock.c ------------------ */

struct stock {
    pid_t pid;
    int in, out;                /* what it reads, and says; -1: closed */
};

/*
 * Starts it with our own arguments, and takes its banner. 0, or -1 and says
 * why.
 */
int stock_start(struct stock *s);
/*
 * Passes on what it says until it has nothing more to say, or until watch_fd
 * (-1: none) is readable. Returns 1 for that, 0, or -1.
 */
int stock_speaks(const struct stock *s, int watch_fd);
/* Its exit status, when it has come to its end. */
int stock_end(struct stock *s);

/* ---- where the connections meet: xl_receive_meet.c --------------------- */

/*
 * The first connection's process is the one that receives. The others give it
 * their connections over a socket in a directory that is root's alone.
 */
struct meeting {
    int fd;
    char path[100];
    /* Who has come, and has yet to say who it is. */
    int waiting[CHANNELS_MAX];
    unsigned int nr_waiting;
};

/* 0, or -1 and says why. Also takes away what dead ones have left. */
int meeting_open(struct meeting *m, const uint8_t *token);
/* Nobody else can come. */
void meeting_close(struct meeting *m);

/* Another connection: its descriptors, and who keeps it open. */
struct arrival {
    struct channel_hello hello;
    int in, out, keeper;
};

/*
 * The next one, whose token is the first one's. 0, or -1 and says why; others
 * are turned away. It ends when standard input does.
 */
int meeting_wait(struct meeting *m, const struct channel_hello *first,
                 struct arrival *arrival_r, uint64_t deadline_ns);

/* Goes there with standard input and output, and stays. An exit status. */
int meeting_join(const uint8_t *hello, const uint8_t *token);

/* ---- several connections: xl_receive_channels.c ------------------------ */

/* hello: CHANNEL_HELLO_SIZE bytes, of the connection that we have. */
int receive_channels(const uint8_t *hello);

#endif
