/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A toolstack with a precopy policy of its own, as XenServer's.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "save/chain.h"
#include "support/fake_save.h"
#include "support/torture.h"

/*
 * The speed of /dev/null must not matter: the confidence leaves no margin for a
 * link that varies, and the duration is long enough to wait for a lull.
 */
#define PLAIN(more) "{\"bandwidth-bytes-per-s\":12500000," \
                    "\"confidence-percent\":50," more "}"
/* A jump of the counts is no delay that is learned from: all is sent. */
#define PARAMS(more) PLAIN("\"skip-dirty\":\"off\",\"downtime-ms\":300,\"duration-ms\":36000000" more)

/* ---- the toolstack ------------------------------------------------------ */

static struct {
    struct precopy_stats told[64];      /* at each call */
    unsigned int calls, ends;           /* ends: calls after iteration 4 */
    unsigned int slow;                  /* agrees after that many of them */
    uint64_t ask_ns;                    /* how long each of them takes */
    int answer;                         /* in place of the rule's; or 0 */
    bool suspends;                      /* it suspends the guest first */
    bool stopped;                       /* emu-manager wants the end */
    int data;
} ts;

/* Both emu-managers' rules at once: the end that either of them wants. */
static bool wants_end(const struct precopy_stats *s)
{
    return s->iteration > 0 && s->dirty_count >= 0 &&
           (s->dirty_count <= 50 || s->iteration >= 4);
}

static int ts_policy(struct precopy_stats s, void *data)
{
    assert_ptr_equal(data, &ts.data);
    assert_in_range(ts.calls, 0, 63);
    ts.told[ts.calls++] = s;
    if (ts.answer)
        return ts.answer;
    /* xenguest does not wait for emu-manager then. */
    if (!s.dirty_count)
        return XGS_POLICY_STOP_AND_COPY;
    ts.stopped = ts.stopped || wants_end(&s);
    if (!ts.stopped)
        return XGS_POLICY_CONTINUE_PRECOPY;
    fake_clock_advance(ts.ask_ns);
    env.suspended = ts.suspends;
    return ts.ends++ < ts.slow ? XGS_POLICY_CONTINUE_PRECOPY :
                                 XGS_POLICY_STOP_AND_COPY;
}

static int ts_suspend(void *data)
{
    assert_ptr_equal(data, &ts.data);
    return fake_suspend(data);
}

static int setup(void **state)
{
    static struct save_callbacks callbacks = {
        .precopy_policy = ts_policy, .suspend = ts_suspend, .data = &ts.data,
    };

    (void)state;
    memset(&ts, 0, sizeof(ts));
    fake_callbacks = &callbacks;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    /* Such a toolstack shuts a suspended guest down: nobody may resume it. */
    if (fake_callbacks)
        assert_string_equal(env.guard, "");
    fake_callbacks = NULL;
    store_reset();
    return 0;
}

/* ---- our decisions ------------------------------------------------------- */

/* The bitmap is read, and then so many pages are dirty. */
static void clean(unsigned int dirty)
{
    xc_shadow_op_stats_t stats;

    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         NULL, 0, 0, &stats), 0);
    env.dirty = dirty;
}

/*
 * As libxenguest; the answer at the begin is to continue. The counts jump, from
 * which the engine would take that much is dirtied before the suspend.
 */
static int iterate(unsigned int n, unsigned int dirty)
{
    struct precopy_stats s = { .iteration = n, .dirty_count = dirty };

    if (n)
        clean(dirty);
    else
        env.dirty = dirty;
    assert_int_equal(env.cb->precopy_policy(s, env.cb->data),
                     XGS_POLICY_CONTINUE_PRECOPY);
    session()->ctx.engine.suspend_delay_ns = 0;
    assert_int_equal(loop_send_some(), 0);
    s.iteration++;
    s.dirty_count = -1;
    return env.cb->precopy_policy(s, env.cb->data);
}

/* The end of the second iteration. */
static int end_second(unsigned int dirty)
{
    struct precopy_stats s = { .iteration = 2, .dirty_count = -1 };

    clean(dirty);
    return env.cb->precopy_policy(s, env.cb->data);
}

/* As libxenguest, once precopy is over. */
static int finish(void)
{
    return env.cb->suspend(env.cb->data) ? 0 : loop_fail(ETIMEDOUT);
}

/* Both rules would have ended it long before. */
static int script_goes_on(void)
{
    for (unsigned int n = 0; n < 8; n++)
        assert_int_equal(iterate(n, n == 5 ? 7000 : DIRTY),
                         XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(ts.calls, 16);
    assert_int_equal(iterate(8, 10), XGS_POLICY_STOP_AND_COPY);
    return finish();
}

static void torture_save_chain_holds_the_toolstack_back(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS(), script_goes_on, &r), 0);
    for (unsigned int i = 0; i < 17; i++) {
        assert_int_equal(ts.told[i].iteration, 0);
        if (i % 2)
            assert_int_equal(ts.told[i].dirty_count, -1);
        else
            assert_true(ts.told[i].dirty_count > 50);
    }
    /* It sees the true numbers where they don't mislead it. */
    assert_int_equal(ts.told[0].dirty_count, DIRTY);
    assert_int_equal(ts.told[10].dirty_count, 7000);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    assert_string_equal(r.reason, "within-limit");
    xpc_report_dispose(&r);
}

static int script_ends(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(iterate(1, 200), XGS_POLICY_STOP_AND_COPY);
    return finish();
}

/* XCP-ng's rule looks at less than 50, an unreleased one at iteration 10. */
static void torture_save_chain_ends_when_we_end(void **state)
{
    const struct precopy_stats *end = &ts.told[3];
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS(), script_ends, &r), 0);
    assert_int_equal(ts.calls, 4);
    assert_int_equal(end->iteration, 4);
    assert_in_range(end->dirty_count, 1, 49);
    assert_true(env.asked_to_suspend);
    assert_string_equal(r.reason, "within-limit");
    xpc_report_dispose(&r);
}

static void torture_save_chain_waits_until_the_toolstack_agrees(void **state)
{
    struct xpc_report r;

    (void)state;
    ts.slow = 3;
    ts.ask_ns = 10 * XPC_S;
    assert_int_equal(fake_save_to_null(PARAMS(), script_ends, &r), 0);
    assert_int_equal(ts.calls, 4 + 3);
    for (unsigned int i = 4; i < 7; i++) {
        assert_int_equal(ts.told[i].iteration, 4);
        assert_int_equal(ts.told[i].dirty_count, -1);
    }
    /* It was asked once: that the guest may be suspended from then on. */
    assert_in_range(r.suspend_asked_ns, 0, r.suspended_ns - 30 * XPC_S);
    xpc_report_dispose(&r);
}

/* A version of emu-manager says so only when the guest is suspended. */
static void torture_save_chain_a_suspended_guest_is_not_waited_for(
    void **state)
{
    struct xpc_report r;

    (void)state;
    ts.slow = 1000;
    ts.suspends = true;
    assert_int_equal(fake_save_to_null(PARAMS(), script_ends, &r), 0);
    assert_int_equal(ts.calls, 4);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    xpc_report_dispose(&r);
}

static int script_never_ends(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(iterate(1, 200), XGS_POLICY_ABORT);
    return loop_fail(errno);
}

static void torture_save_chain_does_not_wait_for_ever(void **state)
{
    struct xpc_report r;

    (void)state;
    ts.slow = 1000;
    ts.ask_ns = 20 * XPC_S;
    assert_int_equal(fake_save_to_null(PARAMS(), script_never_ends, &r), -1);
    assert_in_range(ts.calls, 4 + 2, 4 + 3);
    assert_false(env.asked_to_suspend);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "toolstack");
    assert_non_null(strstr(r.text, "has not begun"));
    xpc_report_dispose(&r);
}

/* ---- aborts -------------------------------------------------------------- */

static int script_our_abort(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_ABORT);
    return loop_fail(errno);
}

/* It is not told of the end: it must not suspend the guest. */
static void torture_save_chain_our_abort_comes_first(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(
                         PLAIN("\"downtime-ms\":300,\"iterations\":1"),
                         script_our_abort, &r), -1);
    assert_int_equal(ts.calls, 1);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "iterations");
    xpc_report_dispose(&r);
}

static int script_toolstack_aborts(void)
{
    struct precopy_stats s = { .iteration = 1, .dirty_count = DIRTY };

    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    ts.answer = XGS_POLICY_ABORT;
    assert_int_equal(env.cb->precopy_policy(s, env.cb->data),
                     XGS_POLICY_ABORT);
    return loop_fail(errno);
}

static int script_aborts_at_the_end(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    ts.answer = XGS_POLICY_ABORT;
    assert_int_equal(end_second(200), XGS_POLICY_ABORT);
    return loop_fail(errno);
}

static void torture_save_chain_passes_an_abort_on(void **state)
{
    int (*const scripts[])(void) = {
        script_toolstack_aborts, script_aborts_at_the_end
    };
    struct xpc_report r;

    for (size_t i = 0; i < 2; i++) {
        setup(state);
        assert_int_equal(fake_save_to_null(PARAMS(), scripts[i], &r), -1);
        assert_int_equal(r.outcome, XPC_OUTCOME_INTERRUPTED);
        assert_string_equal(r.reason, "cancelled");
        assert_false(env.asked_to_suspend);
        xpc_report_dispose(&r);
    }
}

/* ---- a cancel ------------------------------------------------------------ */

static int script_cancelled(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "cancel", "");
    assert_int_equal(end_second(200), XGS_POLICY_ABORT);
    return loop_fail(errno);
}

static int script_cancelled_too_late(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(iterate(1, 200), XGS_POLICY_STOP_AND_COPY);
    store_set(PRECOPY "cancel", "");
    fake_clock_advance(XPC_S);
    assert_int_equal(write(env.io_fd, "x", 1), 1);
    assert_int_equal(finish(), 0);
    assert_int_equal(write(env.io_fd, "x", 1), 1);
    return 0;
}

/* After it was told, the toolstack would shut the guest down. */
static void torture_save_chain_cancels_before_the_toolstack_is_told(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS(), script_cancelled, &r), -1);
    assert_int_equal(ts.calls, 2);
    assert_string_equal(r.reason, "cancelled");
    xpc_report_dispose(&r);

    setup(state);
    assert_int_equal(fake_save_to_null(PARAMS(), script_cancelled_too_late,
                                       &r), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    assert_string_equal(r.reason, "within-limit");
    xpc_report_dispose(&r);
}

/* ---- a toolstack that is not held back ----------------------------------- */

static int script_stops_anyway(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    ts.answer = XGS_POLICY_STOP_AND_COPY;
    assert_int_equal(end_second(DIRTY), XGS_POLICY_STOP_AND_COPY);
    return finish();
}

static int script_stops_at_a_begin(void)
{
    struct precopy_stats s = { .iteration = 1, .dirty_count = DIRTY };

    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    ts.answer = XGS_POLICY_STOP_AND_COPY;
    assert_int_equal(env.cb->precopy_policy(s, env.cb->data),
                     XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(loop_send_some(), 0);
    return finish();
}

/* To abort, with the guest perhaps suspended, would be worse. */
static void torture_save_chain_follows_a_toolstack_that_stops(void **state)
{
    int (*const scripts[])(void) = {
        script_stops_anyway, script_stops_at_a_begin
    };
    struct xpc_report r;

    for (size_t i = 0; i < 2; i++) {
        setup(state);
        assert_int_equal(fake_save_to_null(PARAMS(), scripts[i], &r), 0);
        assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
        assert_string_equal(r.reason, "toolstack");
        assert_int_equal(r.decision.action, XPC_STOP_AND_COPY);
        assert_true(r.decision.predicted_downtime_ns > 300 * XPC_MS);
        assert_non_null(strstr(env.log, "without regard to the downtime"));
        xpc_report_dispose(&r);
    }
}

/* ---- the stock policy ---------------------------------------------------- */

static int script_stock(void)
{
    for (unsigned int n = 0; n < 4; n++)
        assert_int_equal(iterate(n, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(ts.told[7].dirty_count, -1);
    env.dirty = 60;
    assert_int_equal(env.cb->precopy_policy((struct precopy_stats){
                         .iteration = 4, .dirty_count = 60,
                         .total_written = 77 }, env.cb->data),
                     XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(ts.told[8].iteration, 4);
    assert_int_equal(ts.told[8].dirty_count, 60);
    assert_int_equal(ts.told[8].total_written, 77);
    assert_int_equal(loop_send_some(), 0);
    return finish();
}

/* That is the toolstack's, decision for decision. */
static void torture_save_chain_the_stock_policy_is_the_toolstacks(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{\"policy\":\"stock\"}", script_stock,
                                       &r), 0);
    assert_string_equal(r.reason, "stock");
    assert_int_equal(r.decision.action, XPC_STOP_AND_COPY);
    assert_null(strstr(env.log, "without regard"));
    xpc_report_dispose(&r);
}

/* Stock Xen would have stopped after the fifth iteration. */
static int script_stock_long(void)
{
    ts.answer = XGS_POLICY_CONTINUE_PRECOPY;
    for (unsigned int n = 0; n < 7; n++) {
        struct precopy_stats s = { .iteration = n, .dirty_count = DIRTY };

        ts.stopped = false;
        env.cb->precopy_policy(s, env.cb->data);
        assert_int_equal(loop_send_some(), 0);
        s.iteration = 0;
        s.dirty_count = -1;
        ts.stopped = false;
        assert_int_equal(env.cb->precopy_policy(s, env.cb->data),
                         XGS_POLICY_CONTINUE_PRECOPY);
    }
    return loop_fail(EIO);
}

static void torture_save_chain_stock_goes_on_with_the_toolstack(void **state)
{
    struct xpc_report r;

    (void)state;
    ts.slow = 1000;
    assert_int_equal(fake_save_to_null("{\"policy\":\"stock\"}",
                                       script_stock_long, &r), -1);
    assert_int_equal(r.nr_iterations, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(r.iterations[i].decision.action, XPC_CONTINUE);
    xpc_report_dispose(&r);
}

/* ---- strict -------------------------------------------------------------- */

static int script_never(void)
{
    fail();
    return 0;
}

static int script_strict_later(void)
{
    assert_int_equal(iterate(0, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    store_set(PRECOPY "current", PARAMS(",\"strict\":\"on\""));
    assert_int_equal(iterate(1, DIRTY), XGS_POLICY_CONTINUE_PRECOPY);
    assert_non_null(strstr(store_get(PRECOPY "refused"), "shuts a suspended"));
    assert_int_equal(session()->ctx.params.strict, XPC_STRICT_OFF);
    return loop_fail(EIO);
}

static void torture_save_chain_refuses_strict(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(PARAMS(",\"strict\":\"on\""),
                                       script_never, &r), -1);
    assert_int_equal(ts.calls, 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(r.text, "leave strict out"));
    xpc_report_dispose(&r);

    assert_int_equal(fake_save_to_null(PARAMS(), script_strict_later, &r), -1);
    xpc_report_dispose(&r);
}

/* ---- the delay ----------------------------------------------------------- */

static uint64_t delay_ns;

static int script_delay(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };

    assert_int_equal(env.cb->precopy_policy(s, env.cb->data),
                     XGS_POLICY_CONTINUE_PRECOPY);
    delay_ns = session()->ctx.engine.suspend_delay_ns;
    return loop_fail(EIO);
}

static void torture_save_chain_counts_the_toolstacks_delay(void **state)
{
    struct xpc_report r;

    assert_int_equal(fake_save_to_null(PARAMS(), script_delay, &r), -1);
    assert_int_equal(delay_ns, SAVE_CHAIN_DELAY_NS);
    xpc_report_dispose(&r);
    teardown(state);
    assert_int_equal(fake_save_to_null(PARAMS(), script_delay, &r), -1);
    assert_int_equal(delay_ns, 0);
    xpc_report_dispose(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(torture_save_chain_##name, \
                                                   setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_the_toolstack_back),
        TEST(ends_when_we_end),
        TEST(waits_until_the_toolstack_agrees),
        TEST(a_suspended_guest_is_not_waited_for),
        TEST(does_not_wait_for_ever),
        TEST(our_abort_comes_first),
        TEST(passes_an_abort_on),
        TEST(cancels_before_the_toolstack_is_told),
        TEST(follows_a_toolstack_that_stops),
        TEST(the_stock_policy_is_the_toolstacks),
        TEST(stock_goes_on_with_the_toolstack),
        TEST(refuses_strict),
        TEST(counts_the_toolstacks_delay),
    };

    return torture_run(argc, argv, tests);
}
