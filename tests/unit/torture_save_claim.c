/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plug-in and other saves of the same domain, with and without the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "save/interpose.h"
#include "support/fake_save.h"
#include "support/torture.h"
#include "xen/store.h"

/* No margin for a link that varies: the speed of /dev/null must not matter. */
/* The counts here say nothing of what gets dirty until a suspend. */
#define PARAMS "{\"downtime-ms\":1000,\"duration-ms\":36000000," \
               "\"skip-dirty\":\"off\",\"bandwidth-bytes-per-s\":12500000," \
               "\"confidence-percent\":50}"
#define FIRST "{\"pid\":99}"

static char once[64];

static int setup(void **state)
{
    (void)state;
    store_reset();
    snprintf(once, sizeof(once), PRECOPY "once/%d", (int)getppid());
    memset(&env, 0, sizeof(env));
    env.dirty = DIRTY;
    fake_samples = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_reset();
    return 0;
}

static int never(void)
{
    fail_msg("the save has begun");
    return -1;
}

static int succeed(void)
{
    assert_int_equal(env.locks, 1);
    return 0;
}

/* A save to /dev/null, as the helper begins it. */
static int save(uint32_t flags, xc_stream_type_t type, int (*script)(void))
{
    struct save_callbacks libxl = { .suspend = fake_suspend };
    int fd = open("/dev/null", O_WRONLY), rc, saved;

    env.script = script;
    rc = xc_domain_save(NULL, fd, 7, flags, &libxl, type, -1);
    saved = errno;
    close(fd);
    assert_int_equal(env.locks, 0);
    errno = saved;
    return rc;
}

static void read_report(struct xpc_report *r)
{
    char err[XPC_ERR_LEN];

    xpc_report_init(r);
    assert_int_equal(xen_store_read_report((struct xs_handle *)&store, 7, r,
                                           err), 0);
}

/* ---- the lock ------------------------------------------------------------ */

/* A save of any kind, with parameters and without. */
static void torture_save_claim_every_save_takes_the_lock(void **state)
{
    (void)state;
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, succeed), 0);
    assert_int_equal(save(0, XC_STREAM_PLAIN, succeed), 0);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_REMUS, succeed), 0);
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, succeed), 0);
}

static void torture_save_claim_a_second_save_touches_nothing(void **state)
{
    static const uint32_t flags[] = { XCFLAGS_LIVE, 0 };

    (void)state;
    store_set(PRECOPY "params", PARAMS);
    store_set(PRECOPY "current", PARAMS);
    store_set(PRECOPY "active", FIRST);
    store_set(PRECOPY "report", FIRST);
    store_set(PRECOPY "cancel", "");
    env.locked = true;
    for (size_t i = 0; i < 2; i++) {
        store_set(PRECOPY "once", "");
        store_set(once, PARAMS);
        *env.log = 0;
        assert_int_equal(save(flags[i], XC_STREAM_PLAIN, never), -1);
        assert_int_equal(errno, EBUSY);
        assert_string_equal(env.log, "precopy: Domain 7: refused, the guest "
                            "was not touched: process 99 has it\n");
        /* Except for the node that its own toolstack has left for it. */
        assert_null(store_get(once));
    }
    assert_string_equal(store_get(PRECOPY "params"), PARAMS);
    assert_string_equal(store_get(PRECOPY "current"), PARAMS);
    assert_string_equal(store_get(PRECOPY "active"), FIRST);
    assert_string_equal(store_get(PRECOPY "report"), FIRST);
    assert_non_null(store_get(PRECOPY "cancel"));
    assert_int_equal(env.switches + env.cleans, 0);
}

/* ---- whose parameters ---------------------------------------------------- */

static int script_own(void)
{
    assert_int_equal(session()->ctx.params.downtime_ns, 77000000);
    /* The node is removed, so that the next save has no parameters. */
    assert_null(store_get(once));
    assert_non_null(store_get(PRECOPY "current"));
    return loop_fail(EIO);
}

static void torture_save_claim_uses_the_parameters_of_its_toolstack(
    void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "params", PARAMS);
    store_set(PRECOPY "once", "");
    store_set(once, "{\"downtime-ms\":77,\"once\":true}");
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_own), -1);
    assert_string_equal(store_get(PRECOPY "params"), PARAMS);
    assert_null(store_get(PRECOPY "current"));
    read_report(&r);
    assert_int_equal(r.params.downtime_ns, 77000000);
    xpc_report_dispose(&r);
}

static int script_stock(void)
{
    assert_null(interpose_owner());
    assert_null(env.cb->precopy_policy);
    return 0;
}

static void torture_save_claim_empty_parameters_override_standing_ones(
    void **state)
{
    (void)state;
    store_set(PRECOPY "params", PARAMS);
    store_set(PRECOPY "once", "");
    store_set(once, "");
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_stock), 0);
    assert_null(store_get(once));
    assert_string_equal(store_get(PRECOPY "params"), PARAMS);
    assert_null(store_get(PRECOPY "report"));
}

/* They are of another toolstack, which was killed. */
static void torture_save_claim_stale_parameters_are_not_used(void **state)
{
    (void)state;
    store_set(PRECOPY "once", "");
    store_set(PRECOPY "once/2147483646", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_stock), 0);
}

/* ---- saves without the lock ---------------------------------------------- */

static void torture_save_claim_a_running_stock_save_is_left_alone(
    void **state)
{
    struct xpc_report r;

    (void)state;
    env.other = 42;
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, never), -1);
    assert_int_equal(errno, EBUSY);
    assert_non_null(strstr(env.log, "process 42"));
    assert_null(store_get(PRECOPY "report"));
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, never), -1);
    read_report(&r);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(r.text, "process 42"));
    xpc_report_dispose(&r);
    assert_int_equal(env.switches, 0);
    assert_int_equal(env.stopped, 0);
}

static long long clean(void)
{
    xc_shadow_op_stats_t stats;

    return xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN, NULL, 8,
                               0, &stats);
}

static int switch_log(unsigned int sop)
{
    return xc_shadow_control(NULL, 7, sop, NULL, 0);
}

/* How libxenguest ends a save that has failed. */
static int fail_and_clean_up(int errnoval)
{
    switch_log(XEN_DOMCTL_SHADOW_OP_OFF);
    return loop_fail(errnoval);
}

static void aborted(const char *why)
{
    struct xpc_report r;

    read_report(&r);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "log-lost");
    if (!strstr(r.text, why))
        fail_msg("%s", r.text);
    assert_non_null(strstr(env.log, why));
    xpc_report_dispose(&r);
}

/* Before libxenguest has switched log-dirty on. */
static int script_at_the_start(void)
{
    env.other = 42;
    assert_int_equal(switch_log(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), -1);
    assert_int_equal(switch_log(XEN_DOMCTL_SHADOW_OP_OFF), -1);
    return fail_and_clean_up(EBUSY);
}

static int script_in_an_iteration(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(clean(), 8);
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    env.other = 42;
    env.cleans = 0;
    assert_int_equal(clean(), -1);
    assert_int_equal(errno, EBUSY);
    return fail_and_clean_up(errno);
}

static int script_before_the_suspend(void)
{
    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    env.other = 42;
    env.cleans = 0;
    assert_int_equal(env.cb->suspend(NULL), 0);
    assert_false(env.asked_to_suspend);
    return fail_and_clean_up(EBUSY);
}

static int script_while_suspending(void)
{
    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    env.other = 42;
    env.cleans = 0;
    assert_int_equal(clean(), -1);
    return fail_and_clean_up(errno);
}

/*
 * The stock save's log-dirty is not touched. Cleaning would take bits away from
 * it, and it would not notice that log-dirty was switched off.
 */
static void torture_save_claim_a_stock_save_that_begins_keeps_log_dirty(
    void **state)
{
    static int (*const script[])(void) = {
        script_at_the_start, script_in_an_iteration,
        script_before_the_suspend, script_while_suspending,
    };

    for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++) {
        setup(state);
        store_set(PRECOPY "params", PARAMS);
        assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script[i]), -1);
        aborted("process 42 (libxl-save-helper) saves the domain as well");
        assert_int_equal(env.cleans, 0);
        assert_int_equal(env.switches, 0);
        assert_int_equal(env.stopped, 0);
    }
}

static void appears(void)
{
    env.other = 42;
}

static int script_in_the_clean(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.on_clean = appears;
    assert_int_equal(clean(), -1);
    assert_int_equal(env.cleans, 1);
    assert_int_equal(env.stopped, 42);
    return fail_and_clean_up(errno);
}

/* It is unknown whose clean came first. */
static void torture_save_claim_a_stock_save_within_a_clean_is_stopped(
    void **state)
{
    (void)state;
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN,
                          script_in_the_clean), -1);
    aborted("process 42");
}

static int script_off(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.log_is_off = true;
    assert_int_equal(clean(), -1);
    return fail_and_clean_up(errno);
}

/* Another save has come and gone. Xen would report a clean bitmap. */
static void torture_save_claim_log_dirty_switched_off_aborts(void **state)
{
    (void)state;
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_off), -1);
    aborted("switched off");
    assert_int_equal(env.cleans, 0);
    /* The query has switched log-dirty on; it is switched off again. */
    assert_int_equal(env.switches, 2);
}

static int script_dying(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.log_is_off = env.dying = true;
    assert_int_equal(clean(), 8);
    return fail_and_clean_up(ESRCH);
}

/* For a dying domain, Xen reports success for everything. */
static void torture_save_claim_a_dying_domain_is_a_failure(void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_dying), -1);
    read_report(&r);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    xpc_report_dispose(&r);
}

static int script_cleared(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.dirty--;
    assert_int_equal(clean(), -1);
    return fail_and_clean_up(errno);
}

static void torture_save_claim_a_falling_count_aborts(void **state)
{
    (void)state;
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_cleared), -1);
    aborted("cleared");
}

static int script_cleared_before_the_count(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_ABORT);
    return fail_and_clean_up(ECANCELED);
}

/*
 * A save that was killed within an iteration, and left the log on: by the end
 * of the iteration, as many pages are dirty again.
 */
static void torture_save_claim_a_falling_sample_aborts(void **state)
{
    static const struct xpc_dirty_count samples[] = {
        { 10000000, 500 }, { 20000000, 900 }, { 30000000, 100 },
        { 40000000, 1000 },
    };

    (void)state;
    fake_samples = samples;
    nr_fake_samples = sizeof(samples) / sizeof(samples[0]);
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN,
                          script_cleared_before_the_count), -1);
    aborted("cleared");
}

static int script_ballooned(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.dirty -= 5;
    env.grown_pages -= 5;
    assert_int_equal(clean(), 8);
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    /* What has left in an earlier iteration is not missing in this one. */
    env.dirty--;
    assert_int_equal(clean(), -1);
    return fail_and_clean_up(errno);
}

/* Since 4.22, Xen takes pages out of the log that leave the guest. */
static void torture_save_claim_a_ballooning_guest_is_no_reason(void **state)
{
    (void)state;
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_ballooned),
                     -1);
    aborted("cleared");
}

static int script_dies_later(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.dirty = 0;
    env.dying = true;
    assert_int_equal(clean(), 8);
    return fail_and_clean_up(ESRCH);
}

/* Of a dying domain, Xen counts no dirty pages. */
static void torture_save_claim_no_count_of_a_dying_domain(void **state)
{
    struct xpc_report r;

    (void)state;
    store_set(PRECOPY "params", PARAMS);
    assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, script_dies_later),
                     -1);
    read_report(&r);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    xpc_report_dispose(&r);
}

static int clean_in_vain(void)
{
    env.cleans = 0;
    assert_int_equal(clean(), -1);
    return fail_and_clean_up(errno);
}

static int script_no_proc(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.other = -1;
    return clean_in_vain();
}

static int script_log_unknown(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.log_is_unknown = true;
    return clean_in_vain();
}

/* Nor can Xen say that the domain is dying. */
static int script_off_without_an_answer(void)
{
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    env.unanswered = true;
    env.log_is_off = true;
    return clean_in_vain();
}

/* What can't be told is not taken for the best. */
static void torture_save_claim_aborts_if_it_can_not_tell(void **state)
{
    static const struct {
        int (*script)(void);
        const char *why;
    } c[] = {
        { script_no_proc, "can't tell if another program saves the domain" },
        { script_log_unknown, "can't tell if the log of its writes is on" },
        { script_off_without_an_answer, "switched off" },
    };

    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        setup(state);
        store_set(PRECOPY "params", PARAMS);
        assert_int_equal(save(XCFLAGS_LIVE, XC_STREAM_PLAIN, c[i].script), -1);
        aborted(c[i].why);
        assert_int_equal(env.cleans, 0);
        assert_int_equal(env.stopped, 0);
    }
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_save_claim_every_save_takes_the_lock),
        TEST(torture_save_claim_a_second_save_touches_nothing),
        TEST(torture_save_claim_uses_the_parameters_of_its_toolstack),
        TEST(torture_save_claim_empty_parameters_override_standing_ones),
        TEST(torture_save_claim_stale_parameters_are_not_used),
        TEST(torture_save_claim_a_running_stock_save_is_left_alone),
        TEST(torture_save_claim_a_stock_save_that_begins_keeps_log_dirty),
        TEST(torture_save_claim_a_stock_save_within_a_clean_is_stopped),
        TEST(torture_save_claim_log_dirty_switched_off_aborts),
        TEST(torture_save_claim_a_dying_domain_is_a_failure),
        TEST(torture_save_claim_a_falling_count_aborts),
        TEST(torture_save_claim_a_falling_sample_aborts),
        TEST(torture_save_claim_a_ballooning_guest_is_no_reason),
        TEST(torture_save_claim_no_count_of_a_dying_domain),
        TEST(torture_save_claim_aborts_if_it_can_not_tell),
    };

    return torture_run(argc, argv, tests);
}
