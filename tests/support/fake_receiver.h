/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of a receiver, for a sender (fake_sender.h). What the receiver
 * says is written in advance: it fits into the buffer of a socket.
 */
#ifndef TESTS_SUPPORT_FAKE_RECEIVER_H
#define TESTS_SUPPORT_FAKE_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/fake_sender.h"

extern struct fake_receiver {
    int in, out;                /* the receiver's ends; -1: closed */
    int guard;                  /* reads what the guard is told */
    int save_signal;            /* raised by save() */
    int outcome;                /* what the plug-in reports; -1: nothing */
    bool hang_up;               /* the receiver closes its input in save() */
    uint64_t strict_ns;         /* the maximum downtime; 0: not strict */
} receiver;

/* For cmocka. */
int receiver_setup(void **state);
int receiver_teardown(void **state);

void receiver_says(const void *msg, size_t len);
/* Everything that it says before go. */
void receiver_says_ready(void);
/* What it says after go. status 0: the guest runs on the target. */
void receiver_says_result(char status);
/* The receiver closes its output. */
void receiver_hangs_up(void);
/*
 * Replaces its output by a pipe, where the sender can distinguish the end from
 * data.
 */
void receiver_use_pipe(void);

/* Reads what the sender has sent. Returns the number of bytes. */
size_t receiver_read(char *buf, size_t len);
/* Reads until go has arrived; for a child that acts as the receiver. */
void receiver_wait_for_go(void);
/* Reads what was sent. Was go among it? */
bool receiver_got_go(void);

/* Runs the sender and checks its exit status, outcome and operations. */
void expect_run(int status, int outcome, const char *did);
/* Checks the letters that the guard was sent (xl_guard.h). */
void expect_guard_told(const char *letters);

#endif
