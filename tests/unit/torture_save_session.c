/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole save: how it begins and ends, and what it knows about the guest.
 */
#include <errno.h>
#include <string.h>

#include "json/migration.h"
#include "save/interpose.h"
#include "support/fake_save.h"
#include "support/torture.h"
#include "xen/store.h"

/*
 * The speed of /dev/null must not matter: the confidence leaves no margin for a
 * link that varies, and the duration is long enough to wait for a lull.
 */
#define PARAMS(more) "{\"bandwidth-bytes-per-s\":12500000," \
                     "\"confidence-percent\":50," \
                     "\"duration-ms\":36000000," more "}"

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

/* ---- entry and exit ------------------------------------------------------ */

static int script_exits(void)
{
    struct xpc_report r;
    char err[XPC_ERR_LEN];

    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(env.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    env.at_exit();
    assert_null(interpose_owner());
    assert_true(env.log_dirty_off);
    xpc_report_init(&r);
    assert_int_equal(xen_store_read_report((struct xs_handle *)&store, 7, &r,
                                           err), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    xpc_report_dispose(&r);
    assert_null(store_get(PRECOPY "active"));
    /* After the save there is nothing to do. */
    env.log_dirty_off = false;
    env.at_exit();
    assert_false(env.log_dirty_off);
    return loop_fail(EPIPE);
}

static void torture_save_session_cleans_up_at_exit(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_exits, &r),
                     -1);
    assert_non_null(env.at_exit);
    env.at_exit();
    assert_false(env.log_dirty_off);
    xpc_report_dispose(&r);
}

static int script_begins(void)
{
    assert_null(store_get(PRECOPY "refused"));
    assert_null(store_get(PRECOPY "progress"));
    assert_null(store_get(PRECOPY "report"));
    assert_null(store_get(PRECOPY "overdue"));
    assert_null(store_get(PRECOPY "iteration/9"));
    return loop_fail(EIO);
}

static void torture_save_session_removes_the_nodes_of_earlier_saves(
    void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "refused", "long ago");
    store_set(PRECOPY "progress", "{\"iteration\":9}");
    store_set(PRECOPY "report", "{\"version\":1}");
    store_set(PRECOPY "overdue", "1");
    store_set(PRECOPY "iteration", "");
    store_set(PRECOPY "iteration/9", "{\"iteration\":9}");
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_begins, &r), -1);
    xpc_report_dispose(&r);
}

static int script_grows(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.grown_pages = 3072;
    return loop_fail(EPIPE);
}

static int script_does_not_grow(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    return loop_fail(EPIPE);
}

/* A stock target fails when a guest is ballooned up, and does not say why. */
static void torture_save_session_says_that_the_guest_has_grown(void **state)
{
    static const char grown[] = "failed: while copying the running guest: "
        "Broken pipe; the guest's memory has grown by 12.0 MiB meanwhile";
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_grows, &r), -1);
    assert_int_equal(strncmp(r.text, grown, strlen(grown)), 0);
    xpc_report_dispose(&r);
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_does_not_grow, &r), -1);
    assert_string_equal(r.text, "failed: while copying the running guest: "
                        "Broken pipe");
    xpc_report_dispose(&r);
}

/* ---- the guest ----------------------------------------------------------- */

static struct xpc_params seen;

static int script_look(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    seen = session()->ctx.params;
    return loop_fail(EIO);
}

/* Whatever the parameters say about the guest. */
static void torture_save_session_reads_the_guests_kind(void **state)
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
        assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":9000,"
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

/* ---- the working set ----------------------------------------------------- */

/*
 * Reads and cleans the bitmap as libxenguest does. Pages from to to - 1 are
 * dirty.
 */
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
                                         HYPERCALL_BUFFER(passed_on),
                                         GPFNS, 0, &stats),
                     GPFNS);
    (void)passed_on;
}

static int script_workset(void)
{
    const struct xpc_working_set *known =
        &session()->last.decision.working_set;

    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    read_bitmap(0, 400);
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    /* One bitmap does not show which pages are dirtied again. */
    assert_int_equal(known->pages, 0);
    read_bitmap(300, 500);
    assert_int_equal(loop_iterate(2), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(known->pages, 500);
    assert_int_equal(known->repeat_percent, 50);
    assert_int_equal(known->new_percent, 50);
    read_bitmap(0, 100);
    assert_int_equal(loop_iterate(3), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(known->pages, 500);
    assert_int_equal(known->repeat_percent, 0);
    assert_int_equal(known->new_percent, 0);
    assert_int_equal(env.cb->suspend(NULL), 1);
    /* Nothing is learned from a suspended guest. */
    read_bitmap(600, 700);
    assert_int_equal(session()->workset.intervals, 3);
    return 0;
}

static void torture_save_session_measures_the_working_set(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_workset, &r),
                     0);
    assert_int_equal(r.decision.working_set.pages, 500);
    xpc_report_dispose(&r);
}

/* ---- the device model's log ---------------------------------------------- */

static int script_dm_log(void)
{
    assert_int_equal(env.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    assert_true(env.dm_log);
    assert_non_null(store_get(PRECOPY "dm-log"));
    assert_int_equal(env.cb->switch_qemu_logdirty(7, 0, NULL), 0);
    assert_false(env.dm_log);
    assert_null(store_get(PRECOPY "dm-log"));
    return loop_fail(EPIPE);
}

/* The save ends while the log is on. */
static int script_dm_log_left_on(void)
{
    assert_int_equal(env.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    save_dm_log_end(&session()->dm_log);
    assert_false(env.dm_log);
    assert_null(store_get(PRECOPY "dm-log"));
    return loop_fail(EPIPE);
}

/* QEMU dies if it is told to stop a log that is not on. */
static int script_dm_log_of_pvh(void)
{
    assert_int_equal(env.cb->switch_qemu_logdirty(7, 1, NULL), 0);
    assert_null(store_get(PRECOPY "dm-log"));
    save_dm_log_end(&session()->dm_log);
    assert_true(env.dm_log);
    return loop_fail(EPIPE);
}

static void torture_save_session_keeps_track_of_the_device_models_log(
    void **state)
{
    static int (*const scripts[])(void) = {
        script_dm_log, script_dm_log_left_on, script_dm_log_of_pvh,
    };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        guest_type = i < 2 ? "hvm" : "pvh";
        assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                           scripts[i], &r),
                         -1);
        xpc_report_dispose(&r);
    }
}

/* ---- the guard ----------------------------------------------------------- */

static int script_suspends(void)
{
    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    return 0;
}

static int script_breaks(void)
{
    script_suspends();
    return loop_fail(EPIPE);
}

static int not_suspended(void *data)
{
    (void)data;
    return 0;
}

/* libxl has asked the guest in vain. */
static int script_is_ignored(void)
{
    struct save_callbacks libxl = *session()->ctx.stock;

    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    libxl.suspend = not_suspended;
    session()->ctx.stock = &libxl;
    assert_int_equal(env.cb->suspend(NULL), 0);
    return loop_fail(ECANCELED);
}

static int script_aborts(void)
{
    return loop_fail(EIO);
}

#define GUARDED PARAMS("\"downtime-ms\":300")

static void torture_save_session_tells_the_guard(void **state)
{
    static const struct {
        const char *params;
        int (*script)(void);
        const char *guard;
    } t[] = {
        { GUARDED, script_suspends, "started asked suspended done" },
        { GUARDED, script_breaks, "started asked suspended failed" },
        { GUARDED, script_is_ignored, "started asked failed" },
        { GUARDED, script_aborts, "started failed" },
        /* Our toolstacks look after their guests themselves. */
        { "once " GUARDED, script_breaks, "" },
    };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        fake_save_to_null(t[i].params, t[i].script, &r);
        assert_string_equal(env.guard, t[i].guard);
        xpc_report_dispose(&r);
        store_reset();
    }
}

static void torture_save_session_refuses_without_its_guard(void **state)
{
    struct xpc_report r;

    (void)state;
    no_guard = true;
    assert_int_equal(fake_save_to_null(GUARDED, script_begins, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_string_equal(r.text, "it has no guard");
    xpc_report_dispose(&r);
    no_guard = false;
}

/* It has not been asked when suspend() fails. */
static int script_tries_to_suspend(void)
{
    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    return env.cb->suspend(NULL) ? 0 : loop_fail(ECANCELED);
}

/* libvirt would leave the guest suspended if the switchover failed. */
static void torture_save_session_needs_its_guard_to_suspend(void **state)
{
    struct xpc_report r;

    (void)state;
    guard_killed = true;
    assert_int_equal(fake_save_to_null(GUARDED, script_tries_to_suspend, &r),
                     -1);
    guard_killed = false;
    assert_false(env.asked_to_suspend);
    assert_string_equal(env.guard, "started failed");
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "no-guard");
    assert_non_null(strstr(r.text, "was it killed?"));
    xpc_report_dispose(&r);
}

/* Toolstacks that are not ours may not show their log. */
static void torture_save_session_logs_to_the_system(void **state)
{
    struct xpc_report r;

    (void)state;
    fake_save_to_null(GUARDED, script_breaks, &r);
    assert_string_equal(env.syslog, "precopy: Domain 7: failed: while copying "
                        "the suspended guest: Broken pipe; the guest is to be "
                        "resumed here\n");
    assert_string_equal(env.log, env.syslog);
    xpc_report_dispose(&r);
    fake_save_to_null("once " GUARDED, script_breaks, &r);
    assert_string_equal(env.syslog, "");
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_save_session_cleans_up_at_exit),
        TEST(torture_save_session_removes_the_nodes_of_earlier_saves),
        TEST(torture_save_session_says_that_the_guest_has_grown),
        TEST(torture_save_session_reads_the_guests_kind),
        TEST(torture_save_session_measures_the_working_set),
        TEST(torture_save_session_keeps_track_of_the_device_models_log),
        TEST(torture_save_session_tells_the_guard),
        TEST(torture_save_session_refuses_without_its_guard),
        TEST(torture_save_session_needs_its_guard_to_suspend),
        TEST(torture_save_session_logs_to_the_system),
    };

    return torture_run(argc, argv, tests);
}
