/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A migration over several connections (fake_sender.h), to processes of our
 * own xl migrate-receive in front of a stock xl that is a script
 * (fake_stock.h). libxl writes some data itself before and after its save
 * helper, which borrows the channels in between.
 */
#ifndef TESTS_SUPPORT_FAKE_MIGRATION_H
#define TESTS_SUPPORT_FAKE_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "support/fake_sender.h"
#include "support/fake_stock.h"

/* What the helper writes, in bytes; and all that the stock xl receives. */
#define MIGRATION_HELPER_BYTES (6 << 20)
extern const size_t migration_bytes;

extern struct fake_migration {
    char command[1000];         /* the transport, run for each connection */
    bool plain;                 /* the helper does not use channels */
    bool late;                  /* the save begins after a channel has ended */
    int half;                   /* the helper writes only that much; 0: all */
    /* Called when connected; returns why to refuse, malloc()ed, or NULL. */
    char *(*check)(struct sender *s);
    void (*then)(struct sender *s);     /* called after the last write */
    unsigned int lent;          /* the number of channels that were lent */
    bool forgotten;             /* the helper's request was not answered */
    char said[8192];            /* messages of the last migration */
    unsigned int open_files;    /* before the migration */
} migration;

/* The path of this program, once migration_main() was called. */
extern char migration_self[200];

/*
 * For the start of main(): never returns in a process that is the other end
 * of a connection.
 */
void migration_main(int argc, char **argv);

/*
 * For cmocka: over four channels, to a stock xl that fails. Afterwards no
 * process, descriptor or file may be left.
 */
int migration_setup(void **state);
int migration_teardown(void **state);

/* The stock xl receives everything and starts the guest. */
void migration_stock_accepts(void);
/* One of the further connections leads through a link (fake_link.h). */
void migration_link_can_fail(void);

/* Connects and runs the sender. Returns the exit status of xl. */
int migration_run(void);

/* Fail unless the stock xl has received everything and go, or not go. */
void expect_all_received(void);
void expect_no_go(void);

#endif
