/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is slowed down, and its cap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "support/fake_save.h"
#include "support/torture.h"
#include "xen/cap.h"

/* Each iteration sends 512 pages in 2 ms. */
#define LIMIT "\"downtime-ms\":300,\"duration-ms\":60000"
#define SLOW LIMIT ",\"slow-down-percent\":40"

/* How many the guest keeps busy. */
static double cpus;

static int setup(void **state)
{
    (void)state;
    fake_scheduler = 0;
    fake_cap = 0;
    cpus = 2;
    return 0;
}

/* ---- scripts ---------------------------------------------------------- */

/* What the engine decides after an iteration, as if it had. */
static int decide(unsigned int percent, int action)
{
    struct xpc_iteration *it = &session()->last;

    it->decision = (struct xpc_decision){
        .action = action, .slow_down_percent = percent,
        .slow_down_ns = percent ? XPC_S : 0,
    };
    session()->ctx.engine.params.slow_down_percent = 0;
    save_slow_apply(&session()->slow, &it->decision);
    return 0;
}

/* Two iterations in which the guest uses both CPUs; then it is slowed down. */
static int begin_slow(unsigned int percent)
{
    for (unsigned int n = 0; n < 2; n++) {
        env.cpu_time_ns += cpus * 2097152;
        if (loop_iterate(n) != XGS_POLICY_CONTINUE_PRECOPY)
            return -1;
    }
    return decide(percent, XPC_CONTINUE);
}

static int slow_and_suspend(void)
{
    assert_int_equal(begin_slow(25), 0);
    assert_string_equal(store_get(PRECOPY "cap"), "0 0 150");
    assert_int_equal(env.cap, 150);
    /* One more at half of its use, and it is within the limit. */
    env.cpu_time_ns += 2097152;
    env.dirty = 0;
    session()->claim.counted = 0;
    assert_int_equal(loop_iterate(2), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cap, 0);
    return env.cb->suspend(env.cb->data) ? 0 : -1;
}

static int slow_twice_and_fail(void)
{
    assert_int_equal(begin_slow(25), 0);
    decide(40, XPC_CONTINUE);
    assert_int_equal(env.cap, 120);
    assert_string_equal(store_get(PRECOPY "cap"), "0 150 120");
    return loop_fail(EPIPE);
}

/* An administrator sets a cap meanwhile. */
static int slow_and_be_overruled(void)
{
    assert_int_equal(begin_slow(25), 0);
    env.cap = 70;
    decide(40, XPC_CONTINUE);
    assert_int_equal(env.cap, 70);
    assert_int_equal(session()->last.decision.slow_down_percent, 0);
    assert_true(session()->ctx.engine.slow_ended);
    return loop_fail(EPIPE);
}

static int slow_and_be_overruled_at_last(void)
{
    assert_int_equal(begin_slow(25), 0);
    env.cap = 70;
    decide(0, XPC_STOP_AND_COPY);
    return loop_fail(EPIPE);
}

static int slow_with_a_cap(void)
{
    assert_int_equal(begin_slow(25), 0);
    /* Of the 150% that it may use, three quarters. */
    assert_int_equal(env.cap, 112);
    return loop_fail(EPIPE);
}

static int slow_half_idle(void)
{
    /* Three quarters of the 40% of a CPU that it uses. */
    assert_int_equal(begin_slow(25), 0);
    assert_in_range(env.cap, 29, 30);
    /* Never less than a tenth of a CPU. */
    decide(90, XPC_CONTINUE);
    assert_int_equal(env.cap, 10);
    return loop_fail(EPIPE);
}

/* No cap is below what it uses. */
static int slow_nearly_idle(void)
{
    assert_int_equal(begin_slow(25), 0);
    assert_int_equal(env.nr_caps, 0);
    assert_int_equal(session()->last.decision.slow_down_percent, 0);
    assert_true(session()->ctx.engine.slow_ended);
    return loop_fail(EPIPE);
}

static int slow_and_die(void)
{
    assert_int_equal(begin_slow(25), 0);
    env.at_exit();
    assert_int_equal(env.cap, 0);
    assert_null(store_get(PRECOPY "cap"));
    return loop_fail(EPIPE);
}

static int slow_in_vain(void)
{
    env.cap_fails = true;
    assert_int_equal(begin_slow(25), 0);
    assert_int_equal(session()->last.decision.slow_down_percent, 0);
    assert_true(session()->ctx.engine.slow_ended);
    return loop_fail(EPIPE);
}

static int abort_it(void)
{
    assert_int_equal(begin_slow(25), 0);
    decide(0, XPC_ABORT);
    assert_int_equal(env.cap, 0);
    return loop_fail(ECANCELED);
}

static int untouched(void)
{
    assert_int_equal(begin_slow(0), 0);
    return loop_fail(EPIPE);
}

/* ---- tests ------------------------------------------------------------ */

static void torture_save_slow_is_lifted_before_the_suspend(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{"SLOW"}", slow_and_suspend, &r), 0);
    assert_int_equal(env.cap, 0);
    assert_false(env.slow_when_asked);
    assert_null(store_get(PRECOPY "cap"));
    assert_true(r.slowed_ns > 0 && r.cpu_taken_ns > 0);
    assert_in_range(r.cpu_taken_ns, r.slowed_ns * 9 / 10,
                    r.slowed_ns * 11 / 10);
    assert_int_equal(r.predicted_slowed_ns, XPC_S);
    assert_in_range(r.predicted_cpu_taken_ns, XPC_S * 4 / 10,
                    XPC_S * 6 / 10);
    xpc_report_dispose(&r);
}

static void torture_save_slow_is_lifted_whatever_happens(void **state)
{
    int (*const scripts[])(void) = { slow_twice_and_fail, slow_and_die,
                                     abort_it };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        fake_save_to_null("{"SLOW"}", scripts[i], &r);
        assert_int_equal(env.cap, 0);
        assert_null(store_get(PRECOPY "cap"));
        xpc_report_dispose(&r);
    }
}

static void torture_save_slow_gives_an_administrators_cap_back(void **state)
{
    struct xpc_report r;

    (void)state;
    fake_cap = 150;
    fake_save_to_null("{"SLOW"}", slow_with_a_cap, &r);
    assert_int_equal(env.cap, 150);
    assert_int_equal(env.nr_caps, 2);
    xpc_report_dispose(&r);
}

static void torture_save_slow_leaves_a_new_cap_alone(void **state)
{
    struct xpc_report r;

    (void)state;
    fake_save_to_null("{"SLOW"}", slow_and_be_overruled, &r);
    assert_int_equal(env.cap, 70);
    assert_null(store_get(PRECOPY "cap"));
    assert_non_null(strstr(env.log, "somebody else has set its cap"));
    xpc_report_dispose(&r);
    fake_save_to_null("{"SLOW"}", slow_and_be_overruled_at_last, &r);
    assert_int_equal(env.cap, 70);
    assert_null(store_get(PRECOPY "cap"));
    assert_null(strstr(env.log, "can't give"));
    xpc_report_dispose(&r);
}

static void torture_save_slow_takes_a_share_of_what_is_used(void **state)
{
    struct xpc_report r;

    (void)state;
    cpus = 0.4;
    fake_save_to_null("{"SLOW"}", slow_half_idle, &r);
    assert_int_equal(env.cap, 0);
    xpc_report_dispose(&r);
}

/* It would only last longer, with the CPU time that is expected to be taken. */
static void torture_save_slow_needs_a_busy_guest(void **state)
{
    struct xpc_report r;

    (void)state;
    cpus = 0.09;
    fake_save_to_null("{"SLOW"}", slow_nearly_idle, &r);
    assert_non_null(strstr(env.log, "a cap does not slow it down"));
    assert_int_equal(r.slowed_ns, 0);
    xpc_report_dispose(&r);
}

static void torture_save_slow_works_with_credit(void **state)
{
    struct xpc_report r;

    (void)state;
    fake_scheduler = XEN_SCHEDULER_CREDIT;
    fake_save_to_null("{"SLOW"}", slow_twice_and_fail, &r);
    assert_int_equal(env.cap, 0);
    xpc_report_dispose(&r);
}

static void torture_save_slow_refuses_other_schedulers(void **state)
{
    struct xpc_report r;

    (void)state;
    fake_scheduler = XEN_SCHEDULER_NULL;
    assert_int_equal(fake_save_to_null("{"SLOW"}", untouched, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(r.text, "the scheduler null has no cap"));
    xpc_report_dispose(&r);
    /* They are fine without. */
    fake_save_to_null("{"LIMIT"}", untouched, &r);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    assert_int_equal(env.nr_caps, 0);
    xpc_report_dispose(&r);
}

static void torture_save_slow_goes_on_without_if_xen_refuses(void **state)
{
    struct xpc_report r;

    (void)state;
    fake_save_to_null("{"SLOW"}", slow_in_vain, &r);
    assert_int_equal(env.cap, 0);
    assert_non_null(strstr(env.log, "can't change the guest's cap"));
    xpc_report_dispose(&r);
}

/* What a save that was killed has left is given back by the next one. */
static void torture_save_slow_restores_an_earlier_saves(void **state)
{
    static const struct {
        const char *note;
        uint16_t now, then;
    } t[] = {
        { "0 0 120", 120, 0 }, { "0 120 90", 120, 0 }, { "80 80 40", 40, 80 },
        /* Somebody has set another one. */
        { "0 0 120", 70, 70 },
        { "rubbish", 70, 70 },
    };
    struct xpc_report r;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        store_set(PRECOPY "cap", t[i].note);
        fake_cap = t[i].now;
        fake_save_to_null("{"LIMIT"}", untouched, &r);
        assert_int_equal(env.cap, t[i].then);
        xpc_report_dispose(&r);
        if (i < 4)
            assert_null(store_get(PRECOPY "cap"));
    }
    store_set(PRECOPY "cap", NULL);
}

static void torture_save_slow_tells_if_the_note_is_unreadable(void **state)
{
    struct xpc_report r;

    (void)state;
    store.unreadable = PRECOPY "cap";
    fake_save_to_null("{"LIMIT"}", untouched, &r);
    store.unreadable = NULL;
    assert_non_null(strstr(env.log, "can't give the guest back the cap"));
    xpc_report_dispose(&r);
}

/* It would take the earlier save's cap for the administrator's. */
static void torture_save_slow_is_refused_with_an_earlier_saves_cap(
    void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "cap", "0 0 120");
    store.unreadable = PRECOPY "cap";
    fake_cap = 120;
    fake_save_to_null("{"SLOW"}", untouched, &r);
    store.unreadable = NULL;
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(r.text, "that it had before an earlier"));
    assert_string_equal(store_get(PRECOPY "cap"), "0 0 120");
    xpc_report_dispose(&r);
    /* So the next save can still give it back. */
    fake_save_to_null("{"SLOW"}", untouched, &r);
    assert_int_equal(env.cap, 0);
    assert_null(store_get(PRECOPY "cap"));
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup(torture_save_slow_##name, setup)
    const struct CMUnitTest tests[] = {
        T(is_lifted_before_the_suspend),
        T(is_lifted_whatever_happens),
        T(gives_an_administrators_cap_back),
        T(leaves_a_new_cap_alone),
        T(takes_a_share_of_what_is_used),
        T(needs_a_busy_guest),
        T(works_with_credit),
        T(refuses_other_schedulers),
        T(goes_on_without_if_xen_refuses),
        T(restores_an_earlier_saves),
        T(tells_if_the_note_is_unreadable),
        T(is_refused_with_an_earlier_saves_cap),
    };

    return torture_run(argc, argv, tests);
}
