/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The save plug-in under control, through xenstore.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "support/fake_save.h"

/*
 * How fast /dev/null is must not matter: no margin for a link that varies, and
 * the time to wait for a lull.
 */
#define PLAIN(more) "{\"bandwidth-bytes-per-s\":12500000," \
                    "\"confidence-percent\":50," more "}"
#define PARAMS(more) PLAIN("\"duration-ms\":36000000," more)

/* To /dev/null, by a clock that stands still but for what is sent. */
static int save(const char *params, int (*script)(void),
                struct xpc_report *r)
{
    int fd = open("/dev/null", O_WRONLY), rc;

    fake_clock_stop();
    rc = save_to(fd, params, script, r);
    fake_clock_run();
    close(fd);
    return rc;
}

static struct xpc_active active(void)
{
    struct xpc_active a = { 0 };
    char err[XPC_ERR_LEN];

    assert_int_equal(xen_store_read((struct xs_handle *)&store, 7, "active",
                                    &xpc_active_type, &a, err), 0);
    return a;
}

/* ---- other parameters -------------------------------------------------- */

static int script_raise(void)
{
    unsigned int writes = store.writes;

    assert_int_equal(active().pid, getpid());
    assert_int_equal(active().params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    /* The iteration, twice: what is as it was is no change. */
    assert_int_equal(store.writes, writes + 2);
    store_set(PRECOPY "current", PARAMS("\"downtime-ms\":3600000"));
    assert_int_equal(active().params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(iterate(1), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(active().params.downtime_ns, 3600 * XPC_S);
    assert_null(store_get(PRECOPY "refused"));
    return w.cb->suspend(NULL) ? 0 : failed(EIO);
}

static void torture_save_control_a_change_counts_from_the_next_decision(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300,\"once\":true"),
                          script_raise, &r), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    assert_int_equal(r.params.downtime_ns, 3600 * XPC_S);
    assert_int_equal(r.decision.reason, XPC_REASON_WITHIN_LIMIT);
    /* It was for this one migration, whatever the new text says. */
    assert_null(store_get(PRECOPY "params"));
    xpc_report_dispose(&r);

    assert_int_equal(save(PARAMS("\"downtime-ms\":300"), script_raise, &r),
                     0);
    assert_non_null(store_get(PRECOPY "params"));
    xpc_report_dispose(&r);
}

static const char *bad_text;

static int script_bad(void)
{
    struct xpc_params now;
    char err[XPC_ERR_LEN];

    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", bad_text);
    store.conflicts = 1;
    assert_int_equal(iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_non_null(store_get(PRECOPY "refused"));
    assert_null(strchr(store_get(PRECOPY "refused"), '\n'));
    assert_string_not_equal(store_get(PRECOPY "current"), bad_text);
    xpc_params_init(&now);
    assert_int_equal(xen_store_read((struct xs_handle *)&store, 7, "current",
                                    &xpc_params_type, &now, err), 0);
    assert_int_equal(now.downtime_ns, 299 * XPC_MS);
    assert_true(now.once);
    assert_int_equal(active().params.downtime_ns, 299 * XPC_MS);
    /* What was written back is no change: it stays refused. */
    assert_int_equal(iterate(2), XGS_POLICY_CONTINUE_PRECOPY);
    assert_non_null(store_get(PRECOPY "refused"));
    store_set(PRECOPY "current", PARAMS("\"downtime-ms\":3600000"));
    assert_int_equal(iterate(3), XGS_POLICY_STOP_AND_COPY);
    assert_null(store_get(PRECOPY "refused"));
    return w.cb->suspend(NULL) ? 0 : failed(EIO);
}

static void torture_save_control_a_bad_change_is_refused(void **state)
{
    static const struct { const char *text, *why; } bad[] = {
        { "nonsense", "JSON" },
        { "{\"downtime-ms\":5000,\"colour\":1}", "colour" },
        { "{\"downtime-ms\":5000,\"max-downtime-ms\":4000}", "maximum" },
        { "{\"downtime-ms\":50}", "switchover alone" },
        { "{\"policy\":\"stock\"}", "policy can't be changed" },
    };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bad_text = bad[i].text;
        assert_int_equal(save(PARAMS("\"downtime-ms\":299,\"once\":true"),
                              script_bad, &r), 0);
        if (!strstr(w.log, bad[i].why))
            fail_msg("%s: %s", bad_text, w.log);
        /* One line, for all of that migration. */
        assert_ptr_equal(strchr(w.log, '\n'), w.log + strlen(w.log) - 1);
        xpc_report_dispose(&r);
    }
}

static void ask_for_an_hour(void)
{
    store_set(PRECOPY "current", PARAMS("\"downtime-ms\":3600000"));
}

/* What was asked for in the very moment is not overwritten. */
static int script_meanwhile(void)
{
    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", "nonsense");
    store.on_transaction = ask_for_an_hour;
    assert_int_equal(iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_null(store.on_transaction);
    assert_int_equal(iterate(2), XGS_POLICY_STOP_AND_COPY);
    return w.cb->suspend(NULL) ? 0 : failed(EIO);
}

static void torture_save_control_a_later_change_wins(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"), script_meanwhile,
                          &r), 0);
    assert_int_equal(r.params.downtime_ns, 3600 * XPC_S);
    xpc_report_dispose(&r);
}

static int script_removed(void)
{
    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", NULL);
    assert_int_equal(iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_null(store_get(PRECOPY "current"));
    assert_null(store_get(PRECOPY "refused"));
    assert_int_equal(active().params.downtime_ns, 300 * XPC_MS);
    return failed(EIO);
}

static void torture_save_control_removed_parameters_change_nothing(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"), script_removed, &r),
                     -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    assert_int_equal(r.params.downtime_ns, 300 * XPC_MS);
    assert_string_equal(w.log, "");
    xpc_report_dispose(&r);
}

static int script_deadline(void)
{
    uint64_t begun;

    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    begun = session()->ctx.engine.start_ns;
    assert_int_equal(session()->gate.deadline_ns, 0);
    store_set(PRECOPY "current", PLAIN("\"duration-ms\":3600000"));
    assert_int_equal(iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(session()->gate.deadline_ns, begun + 3600 * XPC_S);
    store_set(PRECOPY "current", PLAIN("\"duration-ms\":7200000"));
    assert_int_equal(iterate(2), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(session()->gate.deadline_ns, begun + 7200 * XPC_S);
    store_set(PRECOPY "current", PLAIN("\"duration-ms\":7200000,\"on-timeout\":"
                                       "\"suspend\",\"max-downtime-ms\":400"));
    assert_int_equal(iterate(3), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(session()->gate.deadline_ns, 0);
    return failed(EIO);
}

static void torture_save_control_the_deadline_follows(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PLAIN("\"downtime-ms\":300"), script_deadline,
                          &r), -1);
    xpc_report_dispose(&r);
}

/* ---- a cancel ---------------------------------------------------------- */

static void assert_cancelled(const struct xpc_report *r)
{
    assert_int_equal(r->outcome, XPC_OUTCOME_INTERRUPTED);
    assert_string_equal(r->reason, "cancelled");
    assert_non_null(strstr(r->text, "cancelled"));
    assert_int_equal(r->decision.action, XPC_ABORT);
    assert_int_equal(r->decision.reason, XPC_REASON_CANCELLED);
    assert_false(w.asked_to_suspend);
    assert_non_null(strstr(w.log, "keeps running here"));
}

static int script_cancel_at_the_end(void)
{
    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "cancel", "");
    assert_int_equal(iterate(1), XGS_POLICY_ABORT);
    return failed(ECANCELED);
}

static void torture_save_control_cancel_at_an_iterations_end(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"),
                          script_cancel_at_the_end, &r), -1);
    assert_cancelled(&r);
    assert_int_equal(r.nr_iterations, 2);
    xpc_report_dispose(&r);
}

static int script_cancelled_before(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };

    assert_int_equal(w.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(send_some(), -1);
    return failed(ECANCELED);
}

/* Between the toolstack's part and the plug-in's. */
static void torture_save_control_cancel_before_the_first_iteration(
    void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "cancel", "");
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"),
                          script_cancelled_before, &r), -1);
    assert_cancelled(&r);
    xpc_report_dispose(&r);
}

static int script_cancel_within(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };
    struct iovec iov = { .iov_base = "x", .iov_len = 1 };
    unsigned int reads;

    /* Before the first iteration nothing is looked for. */
    reads = store.reads;
    assert_int_equal(send_some(), 0);
    assert_int_equal(store.reads, reads);
    assert_int_equal(w.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(send_some(), 0);
    /* A cancel was looked for only just before. */
    reads = store.reads;
    store_set(PRECOPY "cancel", "");
    assert_int_equal(send_some(), 0);
    assert_int_equal(store.reads, reads);
    /* Now it is time to. */
    fake_clock_advance(XPC_S / 4);
    errno = 0;
    assert_int_equal(send_some(), -1);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(store.reads, reads + 1);
    /* And nothing goes out afterwards. */
    assert_int_equal(writev(w.io_fd, &iov, 1), -1);
    assert_int_equal(store.reads, reads + 1);
    return failed(ECANCELED);
}

static void torture_save_control_cancel_within_an_iteration(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300,\"once\":true"),
                          script_cancel_within, &r), -1);
    assert_cancelled(&r);
    assert_int_equal(r.nr_iterations, 0);
    assert_null(store_get(PRECOPY "params"));
    xpc_report_dispose(&r);
}

/* Stock's rule stops as an iteration begins, and that is the last chance. */
static int script_cancel_stock(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };

    for (s.iteration = 0; s.iteration < 5; s.iteration++)
        assert_int_equal(iterate(s.iteration), s.iteration < 4 ?
                         XGS_POLICY_CONTINUE_PRECOPY :
                         XGS_POLICY_STOP_AND_COPY);
    return 0;
}

static int script_cancel_before_suspend(void)
{
    struct precopy_stats s = { .dirty_count = 10 };

    assert_int_equal(w.cb->precopy_policy(s, NULL),
                     XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(send_some(), 0);
    store_set(PRECOPY "cancel", "");
    assert_int_equal(w.cb->suspend(NULL), 0);
    return failed(ECANCELED);
}

static void torture_save_control_cancel_in_the_last_moment(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save("{\"policy\":\"stock\"}", script_cancel_stock, &r),
                     0);
    xpc_report_dispose(&r);
    assert_int_equal(save("{\"policy\":\"stock\"}",
                          script_cancel_before_suspend, &r), -1);
    assert_cancelled(&r);
    xpc_report_dispose(&r);
}

/* The toolstack, which has seen the cancel, does not suspend the guest. */
static int script_cancel_while_suspending(void)
{
    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    /* A cancel was looked for only just before. */
    store_set(PRECOPY "cancel", "");
    return failed(EINTR);
}

static void torture_save_control_cancel_while_the_guest_suspends(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"),
                          script_cancel_while_suspending, &r), -1);
    assert_cancelled(&r);
    xpc_report_dispose(&r);
}

/* ---- an exit ------------------------------------------------------------- */

static int script_exits(void)
{
    struct xpc_report r;
    char err[XPC_ERR_LEN];

    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(w.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    w.at_exit();
    assert_null(interpose_owner());
    assert_true(w.log_dirty_off);
    xpc_report_init(&r);
    assert_int_equal(xen_store_read_report((struct xs_handle *)&store, 7, &r,
                                           err), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    xpc_report_dispose(&r);
    assert_null(store_get(PRECOPY "active"));
    /* A second time, after the save: nothing is left to be done. */
    w.log_dirty_off = false;
    w.at_exit();
    assert_false(w.log_dirty_off);
    return failed(EPIPE);
}

static void torture_save_control_an_exit_in_the_save_cleans_up(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"), script_exits, &r),
                     -1);
    assert_non_null(w.at_exit);
    w.at_exit();
    assert_false(w.log_dirty_off);
    xpc_report_dispose(&r);
}

/* ---- the rest ---------------------------------------------------------- */

static int script_begins(void)
{
    assert_null(store_get(PRECOPY "refused"));
    assert_null(store_get(PRECOPY "progress"));
    assert_null(store_get(PRECOPY "report"));
    assert_null(store_get(PRECOPY "overdue"));
    assert_null(store_get(PRECOPY "iteration/9"));
    return failed(EIO);
}

static void torture_save_control_begins_with_nothing_told(void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "refused", "long ago");
    store_set(PRECOPY "progress", "{\"iteration\":9}");
    store_set(PRECOPY "report", "{\"version\":1}");
    store_set(PRECOPY "overdue", "1");
    store_set(PRECOPY "iteration", "");
    store_set(PRECOPY "iteration/9", "{\"iteration\":9}");
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"),
                          script_begins, &r), -1);
    xpc_report_dispose(&r);
}

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

/* ---- the guest ----------------------------------------------------------- */

static struct xpc_params seen;

static int script_look(void)
{
    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    seen = session()->ctx.params;
    return failed(EIO);
}

/* Whoever has set the parameters, and whatever they say of the guest. */
static void torture_save_control_the_guest_is_asked_for(void **state)
{
    static const struct {
        const char *type, *qemu;
        int device_model;
    } t[] = {
        { "hvm", NULL, XPC_DEVICE_MODEL_YES },
        { "hvm", "running", XPC_DEVICE_MODEL_YES },
        { "pvh", NULL, XPC_DEVICE_MODEL_NO },
        { "pv", NULL, XPC_DEVICE_MODEL_NO },
        { "pvh", "running", XPC_DEVICE_MODEL_YES },
        { "new", NULL, XPC_DEVICE_MODEL_UNKNOWN },
        { NULL, NULL, XPC_DEVICE_MODEL_UNKNOWN },
    };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        store_reset();
        store_set("/libxl/7/device/vif", "");
        store_set("/libxl/7/device/vif/0", "");
        store_set("/libxl/7/device/vif/1", "");
        store_set("/libxl/7/device/vbd", "");
        store_set("/libxl/7/device/vbd/51712", "");
        store_set("/local/domain/0/device-model/7/state", t[i].qemu);
        guest_type = t[i].type;
        assert_int_equal(save(PARAMS("\"downtime-ms\":9000,"
                                     "\"device-model\":\"no\""),
                              script_look, &r), -1);
        guest_type = "pvh";
        assert_int_equal(seen.guest.device_model, t[i].device_model);
        assert_int_equal(seen.guest.devices, 3);
        assert_int_equal(seen.guest.vifs, 2);
        assert_int_equal(seen.guest.disks, 1);
        assert_int_equal(seen.guest.vcpus, 2);
        assert_int_equal(seen.guest.id,
                         xpc_guest_id((uint8_t[16]){ 1, 2, 3 }));
        assert_int_equal(seen.guest.pfns, GPFNS);
        assert_int_equal(r.params.guest.device_model, t[i].device_model);
        xpc_report_dispose(&r);
    }
}

/* ---- the working set --------------------------------------------------- */

/* As libxenguest reads and cleans the bitmap, with pages from..to - 1 dirty. */
static void read_bitmap(unsigned int from, unsigned int to)
{
    static uint64_t bitmap[GPFNS / 64];
    xc_hypercall_buffer_t given = { .hbuf = bitmap };
    DECLARE_HYPERCALL_BUFFER_SHADOW(uint64_t, passed_on, &given);
    xc_shadow_op_stats_t stats;

    memset(bitmap, 0, sizeof(bitmap));
    for (unsigned int i = from; i < to; i++)
        bitmap[i / 64] |= UINT64_C(1) << i % 64;
    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         HYPERCALL_BUFFER(passed_on), GPFNS,
                                         0, &stats), GPFNS);
    (void)passed_on;
}

static int script_workset(void)
{
    const struct xpc_working_set *known =
        &session()->last.decision.working_set;

    assert_int_equal(iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    read_bitmap(0, 400);
    assert_int_equal(iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    /* One tells nothing of what comes again. */
    assert_int_equal(known->pages, 0);
    read_bitmap(300, 500);
    assert_int_equal(iterate(2), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(known->pages, 500);
    assert_int_equal(known->repeat_percent, 50);
    assert_int_equal(known->new_percent, 50);
    read_bitmap(0, 100);
    assert_int_equal(iterate(3), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(known->pages, 500);
    assert_int_equal(known->repeat_percent, 0);
    assert_int_equal(known->new_percent, 0);
    assert_int_equal(w.cb->suspend(NULL), 1);
    /* Of a guest that stands still nothing is to be learned. */
    read_bitmap(600, 700);
    assert_int_equal(session()->workset.intervals, 3);
    return 0;
}

static void torture_save_control_the_bitmaps_tell_the_working_set(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save(PARAMS("\"downtime-ms\":300"), script_workset, &r),
                     0);
    assert_int_equal(r.decision.working_set.pages, 500);
    xpc_report_dispose(&r);
}

/* ---- the device model's log ---------------------------------------------- */

static int script_dm_log(void)
{
    assert_int_equal(w.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    assert_true(w.dm_log);
    assert_non_null(store_get(PRECOPY "dm-log"));
    assert_int_equal(w.cb->switch_qemu_logdirty(7, 0, NULL), 0);
    assert_false(w.dm_log);
    assert_null(store_get(PRECOPY "dm-log"));
    return failed(EPIPE);
}

/* A helper that leaves in the midst of it. */
static int script_dm_log_left_on(void)
{
    assert_int_equal(w.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    save_dm_log_end(&session()->dm_log);
    assert_false(w.dm_log);
    assert_null(store_get(PRECOPY "dm-log"));
    return failed(EPIPE);
}

/* QEMU dies of being told to stop a log that is not on. */
static int script_dm_log_of_pvh(void)
{
    assert_int_equal(w.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    assert_null(store_get(PRECOPY "dm-log"));
    save_dm_log_end(&session()->dm_log);
    assert_true(w.dm_log);
    return failed(EPIPE);
}

static void torture_save_control_knows_the_device_models_log(void **state)
{
    static int (*const scripts[])(void) = {
        script_dm_log, script_dm_log_left_on, script_dm_log_of_pvh,
    };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        guest_type = i < 2 ? "hvm" : "pvh";
        assert_int_equal(save(PARAMS("\"downtime-ms\":300"), scripts[i],
                              &r), -1);
        xpc_report_dispose(&r);
    }
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_save_control_a_change_counts_from_the_next_decision),
        TEST(torture_save_control_a_bad_change_is_refused),
        TEST(torture_save_control_a_later_change_wins),
        TEST(torture_save_control_removed_parameters_change_nothing),
        TEST(torture_save_control_the_deadline_follows),
        TEST(torture_save_control_cancel_at_an_iterations_end),
        TEST(torture_save_control_cancel_before_the_first_iteration),
        TEST(torture_save_control_cancel_within_an_iteration),
        TEST(torture_save_control_cancel_in_the_last_moment),
        TEST(torture_save_control_cancel_while_the_guest_suspends),
        TEST(torture_save_control_an_exit_in_the_save_cleans_up),
        TEST(torture_save_control_begins_with_nothing_told),
        TEST(torture_save_control_the_guest_is_asked_for),
        TEST(torture_save_control_the_bitmaps_tell_the_working_set),
        TEST(torture_save_control_knows_the_device_models_log),
    };

    return torture_run(argc, argv, tests);
}
