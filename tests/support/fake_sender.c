/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/xl_interrupt.h"
#include "support/fake_sender.h"
#include "support/torture.h"

struct fake_sender sending;

void sending_record(const char *operation)
{
    if (*sending.did)
        strcat(sending.did, " ");
    strcat(sending.did, operation);
}

static void op_check_guest(struct sender *s)
{
    s->ended = sending.ended_before;
}

static int op_rename(struct sender *s, const char *from, const char *to)
{
    sending_record(strstr(to, "--migratedaway") ? "away" : "back");
    assert_string_equal(strlen(from) < strlen(to) ? from : to, s->name);
    return sending.rename_rc;
}

static int op_take_back(struct sender *s)
{
    assert_false(s->told_to_go);
    sending_record("resume");
    s->ended = sending.ended;
    s->late = sending.late;
    s->late_ns = clock_now_ns();
    return sending.take_back_rc;
}

static int op_destroy(struct sender *s)
{
    assert_true(s->told_to_go || s->orphaned);
    sending_record("destroy");
    return sending.destroy_rc;
}

void sending_setup(int (*save)(struct sender *),
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
    memset(&sending, 0, sizeof(sending));
    xpc_report_init(&sending.report);
    xpc_params_init(&sending.progress.params);
    sending.s = (struct sender){
        .ops = &ops,
        .t = TRANSPORT_INIT,
        .name = "g1",
        .name_there = "g1",
        .config = "{}",
        .interrupt_fd = interrupt_open(),
        .progress = &sending.progress,
        .report = &sending.report,
        .domid = 7,
        .lock_fd = -1,
        .turn_fd = -1,
        .guard = GUARD_INIT,
    };
    assert_true(sending.s.interrupt_fd >= 0);
}

void sending_teardown(void)
{
    while (interrupt_take(sending.s.interrupt_fd)) {}
    close(sending.s.interrupt_fd);
    xpc_report_dispose(&sending.report);
}
