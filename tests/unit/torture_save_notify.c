/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Telling the guest before precopy and before the suspend, whatever it does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "support/fake_save.h"
#include "support/torture.h"

#define DATA "/local/domain/7/data/precopy/"
#define NOTIFY "{\"downtime-ms\":300,\"notify-ms\":2000}"
#define WAIT_NS (2 * XPC_S)

static struct {
    uint64_t answer_ns;         /* when it answers, from the event on; 0:
                                 * never */
    const char *word;           /* what it answers */
    uint64_t told_ns;           /* when it last saw a new event */
    char event[16];             /* that one */
    uint64_t precopy_ns;        /* when precopy began */
    unsigned int iterations;    /* until the decision to suspend */
    int last;                   /* that decision */
} guest;

/* The guest looks at its folder whenever the plug-in does. */
static void guest_looks(const char *path)
{
    const char *event = store_get(DATA "event");

    if (!strstr(path, "/data/precopy/") || !event)
        return;
    if (strcmp(event, guest.event)) {
        snprintf(guest.event, sizeof(guest.event), "%s", event);
        guest.told_ns = clock_now_ns();
    }
    if (guest.answer_ns &&
        clock_now_ns() - guest.told_ns >= guest.answer_ns)
        store_set(DATA "acknowledged", guest.word);
}

static int setup(void **state)
{
    (void)state;
    memset(&guest, 0, sizeof(guest));
    guest.word = "yes";
    store.on_read = guest_looks;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

static void clean(void)
{
    xc_shadow_op_stats_t stats = { 0 };

    xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN, NULL, 8, 0,
                        &stats);
}

/* Few pages are dirty, so the engine suspends at the end of the first. */
static int script(void)
{
    char headers[40] = { 0 };

    guest.precopy_ns = clock_now_ns();
    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    env.dirty = 10;
    do {
        clean();
        guest.last = loop_iterate(guest.iterations++);
        assert_true(guest.iterations < 100);
    } while (guest.last == XGS_POLICY_CONTINUE_PRECOPY);
    if (guest.last == XGS_POLICY_ABORT)
        return loop_fail(ECANCELED);
    return env.cb->suspend(NULL) ? 0 : loop_fail(EIO);
}

static void torture_save_notify_is_off_by_default(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{\"downtime-ms\":300}", script, &r),
                     0);
    assert_int_equal(guest.iterations, 1);
    assert_null(store_get(DATA "event"));
    assert_int_equal(r.notify_waited_ns, 0);
    xpc_report_dispose(&r);
}

/* Each wait ends when the guest has answered; what it wrote is copied. */
static void torture_save_notify_waits_for_the_answer(void **state)
{
    struct xpc_report r;
    uint64_t begun_ns;

    (void)state;
    guest.answer_ns = 50 * XPC_MS;
    fake_clock_stop();
    begun_ns = clock_now_ns();
    assert_int_equal(fake_save_to_null(NOTIFY, script, &r), 0);
    assert_in_range(guest.precopy_ns - begun_ns, 50 * XPC_MS, 70 * XPC_MS);
    assert_int_equal(guest.iterations, 2);
    assert_string_equal(guest.event, "suspend");
    assert_string_equal(store_get(DATA "event"), "suspend");
    assert_int_equal(r.notify_acknowledged, 2);
    assert_in_range(r.notify_waited_ns, 100 * XPC_MS, 130 * XPC_MS);
    assert_int_equal(r.iterations[0].decision.action, XPC_CONTINUE);
    assert_int_equal(r.iterations[0].decision.reason, XPC_REASON_NOTIFY);
    xpc_report_dispose(&r);
}

/* The wait counts neither for the duration nor for the downtime. */
static void expect_bounded(const char *params)
{
    uint64_t begun_ns;
    struct xpc_report r;

    fake_clock_stop();
    begun_ns = clock_now_ns();
    assert_int_equal(fake_save_to_null(params, script, &r), 0);
    assert_in_range(guest.precopy_ns - begun_ns, WAIT_NS,
                    WAIT_NS + 20 * XPC_MS);
    assert_in_range(r.notify_waited_ns, 2 * WAIT_NS - 200 * XPC_MS,
                    2 * WAIT_NS + 40 * XPC_MS);
    assert_in_range(r.total_time_ns, WAIT_NS - 100 * XPC_MS,
                    WAIT_NS + 300 * XPC_MS);
    /* Precopy goes on, in steps of a tenth of a second. */
    assert_in_range(guest.iterations, 19, 22);
    assert_int_equal(r.notify_acknowledged, 0);
    xpc_report_dispose(&r);
}

static void torture_save_notify_silence_has_a_bound(void **state)
{
    (void)state;
    expect_bounded(NOTIFY);
}

static void torture_save_notify_other_words_are_silence(void **state)
{
    (void)state;
    guest.answer_ns = 1;
    guest.word = "no, never";
    expect_bounded(NOTIFY);
}

/* The policy is stock's, which stops when few pages are dirty. */
static int script_stock(void)
{
    struct precopy_stats s = { .dirty_count = 10 };
    char headers[40] = { 0 };

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    do {
        s.dirty_count = 10;
        guest.last = env.cb->precopy_policy(s, NULL);
        if (guest.last != XGS_POLICY_CONTINUE_PRECOPY)
            break;
        assert_int_equal(loop_send_some(), 0);
        s.dirty_count = -1;
        guest.last = env.cb->precopy_policy(s, NULL);
        assert_true(s.iteration++ < 100);
    } while (guest.last == XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(guest.last, XGS_POLICY_STOP_AND_COPY);
    return env.cb->suspend(NULL) ? 0 : loop_fail(EIO);
}

static void torture_save_notify_with_stocks_policy(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{\"policy\":\"stock\","
                                       "\"notify-ms\":2000}", script_stock,
                                       &r), 0);
    assert_string_equal(guest.event, "suspend");
    assert_in_range(r.notify_waited_ns, 2 * WAIT_NS - 200 * XPC_MS,
                    2 * WAIT_NS + 40 * XPC_MS);
    xpc_report_dispose(&r);
}

/* At most half of what is left of the duration is waited for. */
static void torture_save_notify_leaves_time_to_suspend(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(
        "{\"downtime-ms\":300,\"duration-ms\":1000,\"notify-ms\":2000}",
        script, &r), 0);
    assert_in_range(r.notify_waited_ns, WAIT_NS, WAIT_NS + 520 * XPC_MS);
    assert_true(r.total_time_ns < XPC_S);
    xpc_report_dispose(&r);
}

/* ---- the end ------------------------------------------------------------- */

static int script_fails(void)
{
    char headers[40] = { 0 };

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    return loop_fail(EPIPE);
}

static void torture_save_notify_tells_that_it_is_over(void **state)
{
    struct xpc_report r;

    (void)state;
    guest.answer_ns = 1;
    assert_int_equal(fake_save_to_null(NOTIFY, script_fails, &r), -1);
    assert_string_equal(store_get(DATA "event"), "over");
    assert_string_equal(store_get(DATA "stood-still-ms"), "0");
    xpc_report_dispose(&r);
}

static int script_fails_suspended(void)
{
    script();
    return loop_fail(EPIPE);
}

/* Who resumes it knows for how long it stood still. */
static void torture_save_notify_leaves_a_suspended_guest_to_others(
    void **state)
{
    struct xpc_report r;

    (void)state;
    guest.answer_ns = 1;
    assert_int_equal(fake_save_to_null(NOTIFY, script_fails_suspended, &r),
                     -1);
    assert_true(r.suspended_ns > 0);
    assert_string_equal(store_get(DATA "event"), "suspend");
    xpc_report_dispose(&r);
}

/* xl migrate-cancel cancels only what is under way. */
static void cancel_meanwhile(const char *path)
{
    guest_looks(path);
    if (!guest.told_ns || clock_now_ns() - guest.told_ns < 100 * XPC_MS)
        return;
    assert_non_null(store_get(PRECOPY "active"));
    assert_non_null(store_get(PRECOPY "current"));
    store_set(PRECOPY "cancel", "");
    store.on_read = guest_looks;
}

static void torture_save_notify_a_cancel_ends_the_wait(void **state)
{
    struct xpc_report r;

    (void)state;
    store.on_read = cancel_meanwhile;
    assert_int_equal(fake_save_to_null(NOTIFY, script_fails, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_INTERRUPTED);
    assert_true(r.notify_waited_ns < XPC_S);
    assert_string_equal(store_get(DATA "event"), "over");
    xpc_report_dispose(&r);
}

/* What migrate-status shows begins after the wait, as the report does. */
static int script_looks_at_start(void)
{
    char start[64], *value;

    snprintf(start, sizeof(start), "\"start-monotonic-us\":%llu",
             (unsigned long long)session()->ctx.report.start_monotonic_ns /
             1000);
    value = strstr(store_get(PRECOPY "active"), "\"start-monotonic-us\":");
    assert_non_null(value);
    assert_memory_equal(value, start, strlen(start));
    return script_fails();
}

static void torture_save_notify_status_begins_after_the_wait(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null(NOTIFY, script_looks_at_start, &r), -1);
    xpc_report_dispose(&r);
}

static void torture_save_notify_is_at_most_a_minute(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{\"downtime-ms\":300,"
                                       "\"notify-ms\":60001}", script, &r),
                     -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_null(store_get(DATA "event"));
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_save_notify_is_off_by_default),
        TEST(torture_save_notify_waits_for_the_answer),
        TEST(torture_save_notify_silence_has_a_bound),
        TEST(torture_save_notify_other_words_are_silence),
        TEST(torture_save_notify_with_stocks_policy),
        TEST(torture_save_notify_leaves_time_to_suspend),
        TEST(torture_save_notify_tells_that_it_is_over),
        TEST(torture_save_notify_leaves_a_suspended_guest_to_others),
        TEST(torture_save_notify_a_cancel_ends_the_wait),
        TEST(torture_save_notify_status_begins_after_the_wait),
        TEST(torture_save_notify_is_at_most_a_minute),
    };

    return torture_run(argc, argv, tests);
}
