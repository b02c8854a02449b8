/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender of domain 7, "g1", whose libxl only records what it is asked to do.
 */
#ifndef TESTS_SUPPORT_FAKE_SENDER_H
#define TESTS_SUPPORT_FAKE_SENDER_H

#include "migrate/xl_migrate_options.h"
#include "migrate/xl_sender.h"
#include "support/stock_messages.h"

/* The sender, what it refers to, and what the operations return and do. */
extern struct fake_sender {
    struct sender s;
    struct progress progress;
    struct xpc_report report;
    char did[256];              /* the operations, in order */
    const char *ended_before;   /* how check_guest() finds the guest ended */
    const char *ended;          /* likewise take_back() */
    enum late_suspend late;     /* the result of take_back() */
    int save_rc, rename_rc, take_back_rc, destroy_rc;
} sending;

/* Appends the name of an operation to sending.did. */
void sending_record(const char *operation);

/* Initialises sending. save() and read_report() are the caller's. */
void sending_setup(int (*save)(struct sender *),
                   int (*read_report)(struct sender *));
void sending_teardown(void);

#endif
