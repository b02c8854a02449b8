/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of the parameters and cancellation during a save, through xenstore.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "json/migration.h"
#include "save/control.h"
#include "support/fake_save.h"
#include "support/torture.h"
#include "xen/store.h"

/*
 * The speed of /dev/null must not matter: the confidence leaves no margin for a
 * link that varies, and the duration is long enough to wait for a lull.
 */
#define PLAIN(more) "{\"bandwidth-bytes-per-s\":12500000," \
                    "\"confidence-percent\":50," more "}"
#define PARAMS(more) PLAIN("\"duration-ms\":36000000," more)

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

static struct xpc_active active(void)
{
    struct xpc_active a = { 0 };
    char err[XPC_ERR_LEN];

    assert_int_equal(xen_store_read((struct xs_handle *)&store, XBT_NULL, 7,
                                    "active", &xpc_active_type, &a, err), 0);
    return a;
}

/* ---- other parameters ---------------------------------------------------- */

static void torture_save_control_a_cap_applies_within_an_iteration(
    void **state)
{
    struct save_context ctx = { .xs = (struct xs_handle *)&store, .domid = 7 };
    struct save_control c = { .ctx = &ctx };

    (void)state;
    xpc_params_init(&ctx.params);
    ctx.params.max_bytes_per_s = 1000000;
    save_control_begin(&c);
    assert_int_equal(save_control_cap(&c), 1000000);
    store_set(PRECOPY "current",
              PARAMS("\"max-bandwidth-bytes-per-s\":5000"));
    assert_int_equal(save_control_cap(&c), 1000000);
    assert_false(save_control_cancelled(&c, XPC_S));
    assert_int_equal(save_control_cap(&c), 5000);
    /* Other parameters, and what the report says, change at the decision. */
    assert_int_equal(ctx.params.max_bytes_per_s, 1000000);
    store_set(PRECOPY "current",
              PARAMS("\"max-bandwidth-bytes-per-s\":null"));
    assert_false(save_control_cancelled(&c, XPC_S + 200 * XPC_MS));
    assert_int_equal(save_control_cap(&c), 5000);
    assert_false(save_control_cancelled(&c, 2 * XPC_S));
    assert_int_equal(save_control_cap(&c), 0);
    store_set(PRECOPY "current", "{}}");
    assert_false(save_control_cancelled(&c, 3 * XPC_S));
    assert_int_equal(save_control_cap(&c), 1000000);
    assert_false(save_control_read(&c));
    assert_non_null(store_get(PRECOPY "refused"));
    save_control_end(&c);
}

static int script_raise(void)
{
    unsigned int writes = store.writes;

    assert_int_equal(active().pid, getpid());
    assert_int_equal(active().params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    /* The iteration, in two nodes. The parameters have not changed. */
    assert_int_equal(store.writes, writes + 2);
    store_set(PRECOPY "current", PARAMS("\"downtime-ms\":3600000"));
    assert_int_equal(active().params.downtime_ns, 300 * XPC_MS);
    assert_int_equal(loop_iterate(1), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(active().params.downtime_ns, 3600 * XPC_S);
    assert_null(store_get(PRECOPY "refused"));
    return env.cb->suspend(NULL) ? 0 : loop_fail(EIO);
}

static void torture_save_control_a_change_applies_from_the_next_decision(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(
        fake_save_to_null(PARAMS("\"downtime-ms\":300,\"once\":true"),
                          script_raise, &r),
        0);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    assert_int_equal(r.params.downtime_ns, 3600 * XPC_S);
    assert_int_equal(r.decision.reason, XPC_REASON_WITHIN_LIMIT);
    /* The parameters were for this migration only; a change keeps that. */
    assert_null(store_get(PRECOPY "params"));
    xpc_report_dispose(&r);

    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_raise, &r),
                     0);
    assert_non_null(store_get(PRECOPY "params"));
    xpc_report_dispose(&r);
}

static const char *bad_text;

static int script_bad(void)
{
    struct xpc_params now;
    char err[XPC_ERR_LEN];

    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", bad_text);
    store.conflicts = 1;
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_non_null(store_get(PRECOPY "refused"));
    assert_null(strchr(store_get(PRECOPY "refused"), '\n'));
    assert_string_not_equal(store_get(PRECOPY "current"), bad_text);
    xpc_params_init(&now);
    assert_int_equal(xen_store_read((struct xs_handle *)&store, XBT_NULL, 7,
                                    "current", &xpc_params_type, &now, err),
                                    0);
    assert_int_equal(now.downtime_ns, 299 * XPC_MS);
    assert_true(now.once);
    assert_int_equal(active().params.downtime_ns, 299 * XPC_MS);
    /* The plug-in has written the old values back: that is no change. */
    assert_int_equal(loop_iterate(2), XGS_POLICY_CONTINUE_PRECOPY);
    assert_non_null(store_get(PRECOPY "refused"));
    store_set(PRECOPY "current", PARAMS("\"downtime-ms\":3600000"));
    assert_int_equal(loop_iterate(3), XGS_POLICY_STOP_AND_COPY);
    assert_null(store_get(PRECOPY "refused"));
    return env.cb->suspend(NULL) ? 0 : loop_fail(EIO);
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
        assert_int_equal(
            fake_save_to_null(PARAMS("\"downtime-ms\":299,\"once\":true"),
                              script_bad, &r),
            0);
        if (!strstr(env.log, bad[i].why))
            fail_msg("%s: %s", bad_text, env.log);
        /* One line in the whole migration. */
        assert_ptr_equal(strchr(env.log, '\n'), env.log + strlen(env.log) - 1);
        xpc_report_dispose(&r);
    }
}

static void ask_for_an_hour(void)
{
    store_set(PRECOPY "current", PARAMS("\"downtime-ms\":3600000"));
}

/* A change that comes while the old values are written back is kept. */
static int script_meanwhile(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", "nonsense");
    store.on_transaction = ask_for_an_hour;
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_null(store.on_transaction);
    assert_int_equal(loop_iterate(2), XGS_POLICY_STOP_AND_COPY);
    return env.cb->suspend(NULL) ? 0 : loop_fail(EIO);
}

static void torture_save_control_a_later_change_wins(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_meanwhile, &r),
                     0);
    assert_int_equal(r.params.downtime_ns, 3600 * XPC_S);
    xpc_report_dispose(&r);
}

static int script_removed(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", NULL);
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_null(store_get(PRECOPY "current"));
    assert_null(store_get(PRECOPY "refused"));
    assert_int_equal(active().params.downtime_ns, 300 * XPC_MS);
    return loop_fail(EIO);
}

static void torture_save_control_removed_parameters_change_nothing(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_removed, &r),
                     -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    assert_int_equal(r.params.downtime_ns, 300 * XPC_MS);
    assert_null(strstr(env.log, "parameters"));
    xpc_report_dispose(&r);
}

static int script_deadline(void)
{
    uint64_t begun;

    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    begun = session()->ctx.engine.start_ns;
    assert_int_equal(session()->gate.deadline_ns, 0);
    store_set(PRECOPY "current", PLAIN("\"duration-ms\":3600000"));
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(session()->gate.deadline_ns, begun + 3600 * XPC_S);
    store_set(PRECOPY "current", PLAIN("\"duration-ms\":7200000"));
    assert_int_equal(loop_iterate(2), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(session()->gate.deadline_ns, begun + 7200 * XPC_S);
    store_set(PRECOPY "current", PLAIN("\"duration-ms\":7200000,\"on-timeout\":"
                                       "\"suspend\",\"max-downtime-ms\":400"));
    assert_int_equal(loop_iterate(3), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(session()->gate.deadline_ns, 0);
    return loop_fail(EIO);
}

static void torture_save_control_a_change_moves_the_deadline(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PLAIN("\"downtime-ms\":300"),
                                       script_deadline, &r),
                     -1);
    xpc_report_dispose(&r);
}

/* ---- a cancel ------------------------------------------------------------ */

static void assert_cancelled(const struct xpc_report *r)
{
    assert_int_equal(r->outcome, XPC_OUTCOME_INTERRUPTED);
    assert_string_equal(r->reason, "cancelled");
    assert_non_null(strstr(r->text, "cancelled"));
    assert_int_equal(r->decision.action, XPC_ABORT);
    assert_int_equal(r->decision.reason, XPC_REASON_CANCELLED);
    assert_false(env.asked_to_suspend);
    assert_non_null(strstr(env.log, "keeps running here"));
}

static int script_cancel_at_the_end(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "cancel", "");
    assert_int_equal(loop_iterate(1), XGS_POLICY_ABORT);
    return loop_fail(ECANCELED);
}

static void torture_save_control_cancel_at_an_iterations_end(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_cancel_at_the_end, &r), -1);
    assert_cancelled(&r);
    assert_int_equal(r.nr_iterations, 2);
    xpc_report_dispose(&r);
}

static int script_cancelled_before(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };

    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(loop_send_some(), -1);
    return loop_fail(ECANCELED);
}

/* It was requested before the plug-in began. */
static void torture_save_control_cancel_before_the_first_iteration(
    void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "cancel", "");
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_cancelled_before, &r), -1);
    assert_cancelled(&r);
    xpc_report_dispose(&r);
}

static int script_goes_on(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    return loop_fail(EIO);
}

/* The helper of an earlier migration was killed after its cancel. */
static void torture_save_control_an_earlier_cancel_does_not_count(
    void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "active", "{\"pid\":1}");
    store_set(PRECOPY "cancel", "");
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_goes_on, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    xpc_report_dispose(&r);
}

static int script_cancel_within(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };
    struct iovec iov = { .iov_base = "x", .iov_len = 1 };
    unsigned int reads;

    /* Before the first iteration, xenstore is not read. */
    reads = store.reads;
    assert_int_equal(loop_send_some(), 0);
    assert_int_equal(store.reads, reads);
    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(loop_send_some(), 0);
    /* xenstore was read a moment ago. */
    reads = store.reads;
    store_set(PRECOPY "cancel", "");
    assert_int_equal(loop_send_some(), 0);
    assert_int_equal(store.reads, reads);
    /* Now it is read again. */
    fake_clock_advance(XPC_S / 4);
    errno = 0;
    assert_int_equal(loop_send_some(), -1);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(store.reads, reads + 1);
    /* After that, nothing is sent. */
    assert_int_equal(writev(env.io_fd, &iov, 1), -1);
    assert_int_equal(store.reads, reads + 1);
    return loop_fail(ECANCELED);
}

static void torture_save_control_cancel_within_an_iteration(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(
        fake_save_to_null(PARAMS("\"downtime-ms\":300,\"once\":true"),
                          script_cancel_within, &r),
        -1);
    assert_cancelled(&r);
    assert_int_equal(r.nr_iterations, 0);
    assert_null(store_get(PRECOPY "params"));
    xpc_report_dispose(&r);
}

/* Stock's rule decides when an iteration begins: the last opportunity. */
static int script_cancel_stock(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };

    for (s.iteration = 0; s.iteration < 5; s.iteration++)
        assert_int_equal(loop_iterate(s.iteration), s.iteration < 4 ?
                         XGS_POLICY_CONTINUE_PRECOPY :
                         XGS_POLICY_STOP_AND_COPY);
    return 0;
}

static int script_cancel_before_suspend(void)
{
    struct precopy_stats s = { .dirty_count = 10 };

    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(loop_send_some(), 0);
    store_set(PRECOPY "cancel", "");
    assert_int_equal(env.cb->suspend(NULL), 0);
    return loop_fail(ECANCELED);
}

static void torture_save_control_cancel_at_the_last_moment(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{\"policy\":\"stock\"}",
                                       script_cancel_stock, &r),
                     0);
    xpc_report_dispose(&r);
    assert_int_equal(fake_save_to_null("{\"policy\":\"stock\"}",
                                       script_cancel_before_suspend, &r), -1);
    assert_cancelled(&r);
    xpc_report_dispose(&r);
}

/* The toolstack has seen the request and does not suspend the guest. */
static int script_cancel_while_suspending(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    /* xenstore was read a moment ago. */
    store_set(PRECOPY "cancel", "");
    return loop_fail(EINTR);
}

static void torture_save_control_cancel_while_the_guest_suspends(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS("\"downtime-ms\":300"),
                                       script_cancel_while_suspending, &r), -1);
    assert_cancelled(&r);
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_save_control_a_cap_applies_within_an_iteration),
        TEST(torture_save_control_a_change_applies_from_the_next_decision),
        TEST(torture_save_control_a_bad_change_is_refused),
        TEST(torture_save_control_a_later_change_wins),
        TEST(torture_save_control_removed_parameters_change_nothing),
        TEST(torture_save_control_a_change_moves_the_deadline),
        TEST(torture_save_control_cancel_at_an_iterations_end),
        TEST(torture_save_control_cancel_before_the_first_iteration),
        TEST(torture_save_control_an_earlier_cancel_does_not_count),
        TEST(torture_save_control_cancel_within_an_iteration),
        TEST(torture_save_control_cancel_at_the_last_moment),
        TEST(torture_save_control_cancel_while_the_guest_suspends),
    };

    return torture_run(argc, argv, tests);
}
