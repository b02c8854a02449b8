/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender whose libxl only takes notes.
 */
#ifndef TESTS_SUPPORT_FAKE_SENDER_H
#define TESTS_SUPPORT_FAKE_SENDER_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "migrate/xl_migrate_options.h"
#include "migrate/xl_sender.h"
#include "support/receiver_says.h"
#include "support/torture.h"

static struct {
    struct sender s;
    struct progress progress;
    struct xpc_report report;
    char did[256];              /* the operations, in order */
    const char *ended_before;   /* what check_guest() finds the guest did */
    const char *ended;          /* and take_back() */
    enum late_suspend late;             /* what take_back() comes to */
    int save_rc, rename_rc, take_back_rc, destroy_rc;
} w;

static inline void note(const char *what)
{
    if (*w.did)
        strcat(w.did, " ");
    strcat(w.did, what);
}

static inline void op_check_guest(struct sender *s)
{
    s->ended = w.ended_before;
}

static inline int op_rename(struct sender *s, const char *from, const char *to)
{
    note(strstr(to, "--migratedaway") ? "away" : "back");
    assert_string_equal(strlen(from) < strlen(to) ? from : to, s->name);
    return w.rename_rc;
}

static inline int op_take_back(struct sender *s)
{
    assert_false(s->told_to_go);
    note("resume");
    s->ended = w.ended;
    s->late = w.late;
    s->late_ns = clock_now_ns();
    return w.take_back_rc;
}

static inline int op_destroy(struct sender *s)
{
    assert_true(s->told_to_go || s->orphaned);
    note("destroy");
    return w.destroy_rc;
}

/* save() and read_report() are the test's. */
static inline void sender_setup(int (*save)(struct sender *),
                                int (*read_report)(struct sender *))
{
    static struct sender_ops ops;

    ops = (struct sender_ops){
        .check_guest    = op_check_guest,
        .save           = save,
        .read_report    = read_report,
        .rename         = op_rename,
        .take_back      = op_take_back,
        .destroy        = op_destroy,
    };
    memset(&w, 0, sizeof(w));
    xpc_report_init(&w.report);
    xpc_params_init(&w.progress.params);
    w.s = (struct sender){
        .ops = &ops,
        .t = TRANSPORT_INIT,
        .name = "g1",
        .config = "{}",
        .interrupt_fd = interrupt_open(),
        .progress = &w.progress,
        .report = &w.report,
        .domid = 7,
        .lock_fd = -1,
        .guard = GUARD_INIT,
    };
    assert_true(w.s.interrupt_fd >= 0);
}

static inline void sender_teardown(void)
{
    while (interrupt_take(w.s.interrupt_fd)) {}
    close(w.s.interrupt_fd);
    xpc_report_dispose(&w.report);
}

#endif
