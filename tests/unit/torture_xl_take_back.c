/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking the guest back, with a xenstore in memory, and with libxl's and Xen's
 * functions in this file. What the guest does is a script, with a step before
 * each look at the guest.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libxl_utils.h>
#include <xenctrl.h>

#include <xenprecopy/units.h>

#include "migrate/xl_take_back.h"
#include "support/fake_sender.h"
#include "support/torture.h"
#include "support/fake_xenstore.h"

#define REQUEST "/local/domain/7/control/shutdown"
#define WAITER "/libxl/7/precopy/taking-back"

typedef void step_fn(void);

static struct {
    bool gone, suspended, no_irq, renamed, another;
    bool paused;
    int shutdown_reason;        /* 0: the guest has not shut down by itself */
    int looks, resumed, log_off;
    int unanswered;             /* the first so many looks fail */
    step_fn *step[16];          /* called before the nth look */
    char out[32768];
} domain;

/* ---- the time ------------------------------------------------------------ */

/* Advanced by waiting only. */
static uint64_t now_ns;

int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
    (void)fds;
    (void)nr;
    now_ns += timeout_ms * XPC_MS;
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    (void)id;
    *ts = (struct timespec){ .tv_sec = now_ns / XPC_S,
                             .tv_nsec = now_ns % XPC_S };
    return 0;
}

/* ---- libxl and Xen ----------------------------------------------------- */

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    step_fn *step = domain.looks < 16 ? domain.step[domain.looks] : NULL;

    (void)ctx;
    assert_int_equal(domid, 7);
    domain.looks++;
    if (step)
        step();
    if (domain.looks <= domain.unanswered)
        return ERROR_FAIL;
    info->domain_type = domain.no_irq ? LIBXL_DOMAIN_TYPE_HVM :
                                        LIBXL_DOMAIN_TYPE_PVH;
    info->uuid.uuid[0] = domain.another ? 2 : 1;
    info->paused = domain.paused;
    info->shutdown = domain.suspended || domain.shutdown_reason;
    info->shutdown_reason = domain.shutdown_reason ? domain.shutdown_reason :
                            LIBXL_SHUTDOWN_REASON_SUSPEND;
    return domain.gone ? ERROR_DOMAIN_NOTFOUND : 0;
}

int libxl_domain_resume(libxl_ctx *ctx, uint32_t domid, int suspend_cancel,
                        const libxl_asyncop_how *how)
{
    (void)ctx;
    (void)how;
    assert_int_equal(domid, 7);
    assert_int_equal(suspend_cancel, 1);
    assert_true(domain.suspended);
    assert_false(domain.another);
    domain.suspended = false;
    domain.resumed++;
    return 0;
}

char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    (void)domid;
    return strdup(domain.renamed ? "g1--migratedaway" : "g1");
}

int xc_hvm_param_get(xc_interface *xch, uint32_t domid, uint32_t param,
                     uint64_t *value)
{
    (void)xch;
    (void)domid;
    (void)param;
    *value = !domain.no_irq;
    return 0;
}

int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop,
                      unsigned int *mb, unsigned int mode)
{
    (void)xch;
    (void)domid;
    (void)mb;
    (void)mode;
    domain.log_off += sop == XEN_DOMCTL_SHADOW_OP_OFF;
    return 0;
}

/* ---- steps --------------------------------------------------------------- */

static void suspends(void)
{
    domain.suspended = true;
}

static void crashes(void)
{
    domain.shutdown_reason = LIBXL_SHUTDOWN_REASON_CRASH;
}

static void is_destroyed(void)
{
    domain.gone = true;
}

static void number_is_reused(void)
{
    domain.another = domain.suspended = true;
}

static void others_ask(void)
{
    store_set(REQUEST, "suspend");
}

static void suspends_for_others(void)
{
    store_set(REQUEST, "");
    domain.suspended = true;
}

static void is_migrated_by_others(void)
{
    domain.renamed = domain.suspended = true;
}

static void xenstore_answers(void)
{
    store.unreadable = NULL;
}

static void ctrl_c(void)
{
    raise(SIGINT);
}

static void takes_the_request(void)
{
    store_set(REQUEST, "");
}

/* ---- fixture ------------------------------------------------------------- */

#define FIRST 2     /* the number of looks before it waits */

static int no_save(struct sender *s)
{
    (void)s;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&domain, 0, sizeof(domain));
    now_ns = 1000 * XPC_S;
    sending_setup(no_save, no_save);
    sending.s.uuid.uuid[0] = 1;
    sending.s.report_read = true;
    sending.report.suspend_asked_ns = 1;
    store_set(REQUEST, "");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sending_teardown();
    store_reset();
    return 0;
}

/* Takes the guest back. domain.out has what was printed. */
static void take_back_expect(int rc, enum late_suspend late)
{
    FILE *f = tmpfile();
    int err = dup(2), r;
    size_t n;

    dup2(fileno(f), 2);
    r = sender_take_back(&sending.s);
    dup2(err, 2);
    close(err);
    rewind(f);
    n = fread(domain.out, 1, sizeof(domain.out) - 1, f);
    domain.out[n] = 0;
    fclose(f);
    assert_int_equal(r, rc);
    assert_int_equal(sending.s.late, late);
    assert_null(store_get(WAITER));
}

static void expect_printed(const char *text)
{
    if (!strstr(domain.out, text))
        fail_msg("not said: %s, but: %s", text, domain.out);
}

static void torture_xl_take_back_recognises_a_paused_guest(void **state)
{
    (void)state;
    assert_false(sender_is_paused(&sending.s));
    domain.paused = true;
    assert_true(sender_is_paused(&sending.s));
    domain.another = true;
    assert_false(sender_is_paused(&sending.s));
    domain.another = false;
    domain.suspended = true;
    assert_false(sender_is_paused(&sending.s));
}

static void torture_xl_take_back_leaves_a_guest_that_was_not_asked(
    void **state)
{
    (void)state;
    sending.report.suspend_asked_ns = 0;
    take_back_expect(0, LATE_NO);
    assert_int_equal(domain.resumed, 0);
    assert_int_equal(domain.looks, 1);
    assert_string_equal(domain.out, "");
}

static void torture_xl_take_back_leaves_a_guest_that_others_suspended(
    void **state)
{
    (void)state;
    sending.report.suspend_asked_ns = 0;
    domain.suspended = true;
    take_back_expect(0, LATE_NO);
    assert_int_equal(domain.resumed, 0);
}

static void torture_xl_take_back_resumes_a_suspended_guest(void **state)
{
    (void)state;
    domain.suspended = true;
    take_back_expect(0, LATE_NO);
    assert_int_equal(domain.resumed, 1);
}

/* The guest has acknowledged the request, and suspends later. */
static void torture_xl_take_back_waits_for_a_late_guest(void **state)
{
    (void)state;
    domain.step[FIRST + 2] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
    assert_true(sending.s.late_ns);
}

static void torture_xl_take_back_prints_that_it_waits(void **state)
{
    (void)state;
    domain.step[FIRST + 4] = suspends;
    sending.s.guard.pid = 4711;
    take_back_expect(0, LATE_RESUMED);
    expect_printed("acknowledged the request to suspend and may still suspend");
    expect_printed("waiting up to 300 s");
    expect_printed("an interrupt leaves that to a process in the background");
    expect_printed("the guest has suspended after 2.00 s");
}

/* A request that was withdrawn before it was acknowledged has no effect. */
static void torture_xl_take_back_withdraws_the_request(void **state)
{
    (void)state;
    store_set(REQUEST, "suspend");
    take_back_expect(0, LATE_NO);
    assert_string_equal(store_get(REQUEST), "");
    assert_int_equal(domain.resumed, 0);
    assert_string_equal(domain.out, "");
}

/* The guest acknowledges at the same time: the transaction fails. */
static void torture_xl_take_back_waits_if_the_request_cannot_be_withdrawn(
    void **state)
{
    (void)state;
    store_set(REQUEST, "suspend");
    store.conflicts = 1;
    store.on_transaction = takes_the_request;
    domain.step[FIRST + 1] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
}

/* Our request is not taken for another program's. */
static void torture_xl_take_back_knows_its_request_without_an_answer(
    void **state)
{
    (void)state;
    store_set(REQUEST, "suspend");
    store.unreadable = REQUEST;
    domain.step[FIRST] = xenstore_answers;
    domain.step[FIRST + 2] = suspends_for_others;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
}

/* Xen is asked again. If it never answers, nothing is said of the guest. */
static void torture_xl_take_back_asks_xen_again(void **state)
{
    (void)state;
    domain.suspended = true;
    domain.unanswered = 3;
    take_back_expect(0, LATE_NO);
    assert_int_equal(domain.resumed, 1);
    domain.unanswered = INT_MAX;
    take_back_expect(ERROR_FAIL, LATE_NO);
    assert_int_equal(domain.resumed, 1);
    assert_string_equal(domain.out, "");
}

static void stops_answering(void)
{
    domain.unanswered = INT_MAX;
}

static void torture_xl_take_back_does_not_say_what_it_does_not_know(
    void **state)
{
    (void)state;
    domain.step[FIRST + 4] = stops_answering;
    take_back_expect(ERROR_FAIL, LATE_NO);
    assert_null(strstr(domain.out, "it runs here"));
}

/* It makes every transaction fail. */
static void torture_xl_take_back_guest_that_keeps_the_request(void **state)
{
    (void)state;
    store_set(REQUEST, "suspend");
    store.conflicts = INT_MAX;
    domain.step[FIRST + 1] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
}

/* A guest does not report that freezing has failed: the wait is limited. */
static void torture_xl_take_back_waits_for_a_limited_time(void **state)
{
    (void)state;
    take_back_expect(0, LATE_NEVER);
    assert_int_equal(now_ns, 1300 * XPC_S);
    assert_int_equal(domain.resumed, 0);
    expect_printed("has not suspended for 300 s");
    expect_printed("it runs here");
}

static void torture_xl_take_back_works_without_xenstore(void **state)
{
    (void)state;
    store.gone = true;
    domain.step[FIRST + 1] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
}

static void torture_xl_take_back_notices_that_the_guest_has_ended(
    void **state)
{
    (void)state;
    domain.step[FIRST + 1] = crashes;
    take_back_expect(0, LATE_ENDED);
    assert_string_equal(sending.s.ended, "has crashed");
    domain.shutdown_reason = 0;
    domain.looks = 0;
    sending.s.ended = NULL;
    domain.step[FIRST + 1] = is_destroyed;
    take_back_expect(0, LATE_ENDED);
    assert_string_equal(sending.s.ended, "is gone from this host");
    assert_int_equal(domain.resumed, 0);
}

/* Another domain has the number by then. */
static void torture_xl_take_back_never_resumes_another_domain(void **state)
{
    (void)state;
    domain.step[FIRST + 1] = number_is_reused;
    take_back_expect(0, LATE_ENDED);
    assert_int_equal(domain.resumed, 0);
}

/* It was suspended for another program: resuming would run it twice. */
static void torture_xl_take_back_leaves_a_guest_suspended_for_others(
    void **state)
{
    (void)state;
    domain.step[FIRST] = others_ask;
    domain.step[FIRST + 2] = suspends_for_others;
    take_back_expect(0, LATE_OTHERS);
    assert_int_equal(domain.resumed, 0);
    expect_printed("another program has asked");
    domain.suspended = false;
    domain.looks = 0;
    domain.step[FIRST] = is_migrated_by_others;
    take_back_expect(0, LATE_OTHERS);
    assert_int_equal(domain.resumed, 0);
}

/* Another program's request comes later: this suspend was ours. */
static void torture_xl_take_back_resumes_before_a_later_request(void **state)
{
    (void)state;
    domain.step[FIRST] = others_ask;
    domain.step[FIRST + 2] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
    assert_string_equal(store_get(REQUEST), "suspend");
}

/* The guard continues to wait. */
static void torture_xl_take_back_is_left_to_the_guard(void **state)
{
    int fds[2];
    char word = 0;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    sending.s.guard = (struct guard){ .pid = 4711, .fd = fds[1] };
    domain.step[FIRST + 1] = ctrl_c;
    take_back_expect(0, LATE_LEFT);
    expect_printed("process 4711 waits instead");
    assert_int_equal(read(fds[0], &word, 1), 1);
    assert_int_equal(word, GUARD_LATE);
    assert_true(sending.s.guard.late);
    guard_end(&sending.s.guard);      /* does not wait */
    close(fds[0]);
}

static void torture_xl_take_back_cannot_leave_it_without_a_guard(void **state)
{
    (void)state;
    domain.step[FIRST + 1] = ctrl_c;
    domain.step[FIRST + 3] = suspends;
    take_back_expect(0, LATE_RESUMED);
    expect_printed("Please wait");
    assert_int_equal(domain.resumed, 1);
}

/* It has been killed. */
static void torture_xl_take_back_cannot_leave_it_to_a_dead_guard(void **state)
{
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    sending.s.guard = (struct guard){ .pid = 4711, .fd = fds[1] };
    domain.step[FIRST + 1] = ctrl_c;
    domain.step[FIRST + 3] = suspends;
    take_back_expect(0, LATE_RESUMED);
    expect_printed("Please wait");
    assert_null(strstr(domain.out, "waits instead"));
    assert_int_equal(domain.resumed, 1);
    assert_false(sending.s.guard.late);
    close(fds[1]);
}

/* xl was killed. Signals do not interrupt its guard. */
static void torture_xl_take_back_guard_ignores_signals(void **state)
{
    (void)state;
    sending.s.orphaned = true;
    sending.s.guard.pid = 4711;
    domain.step[FIRST + 1] = ctrl_c;
    domain.step[FIRST + 3] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
}

/* The helper was killed, so there is no report. xl has seen the request. */
static void torture_xl_take_back_without_a_report(void **state)
{
    (void)state;
    sending.s.report_read = false;
    sending.report.suspend_asked_ns = 0;
    take_back_expect(0, LATE_NO);
    assert_int_equal(domain.log_off, 1);
    assert_int_equal(domain.looks, 1);
    domain.looks = 0;
    sending.s.asked = true;
    domain.step[FIRST + 1] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
}

/* xl and the helper were killed: the guest may have been asked. */
static void torture_xl_take_back_if_the_request_is_unknown(void **state)
{
    (void)state;
    sending.s.report_read = false;
    sending.s.orphaned = true;
    sending.report.suspend_asked_ns = 0;
    domain.step[FIRST + 1] = suspends;
    take_back_expect(0, LATE_RESUMED);
    assert_int_equal(domain.resumed, 1);
    memset(domain.step, 0, sizeof(domain.step));
    take_back_expect(0, LATE_NEVER);
    assert_int_equal(now_ns, 1060 * XPC_S + 500 * XPC_MS);
}

/* Xen itself suspends such a guest, at once or never. */
static void torture_xl_take_back_does_not_wait_without_pv_drivers(
    void **state)
{
    (void)state;
    domain.no_irq = true;
    take_back_expect(0, LATE_NEVER);
    assert_int_equal(now_ns, 1002 * XPC_S);
    assert_int_equal(domain.resumed, 0);
    assert_string_equal(domain.out, "");
}

/* It is switched off if it is known to be on. There is no QEMU here. */
static void torture_xl_take_back_switches_the_device_models_log_off(
    void **state)
{
    (void)state;
    sending.s.report_read = false;
    sending.report.suspend_asked_ns = 0;
    store_set("/libxl/7/precopy/dm-log", "1");
    take_back_expect(0, LATE_NO);
    expect_printed("can't switch off the log of the device model's writes");
    assert_non_null(store_get("/libxl/7/precopy/dm-log"));
}

/* xl may have destroyed it before it was killed. */
static void torture_xl_take_back_knows_that_the_domain_is_gone(void **state)
{
    (void)state;
    assert_false(sender_is_gone(&sending.s));
    domain.suspended = true;
    assert_false(sender_is_gone(&sending.s));
    domain.unanswered = domain.looks + 1;
    domain.gone = true;
    assert_false(sender_is_gone(&sending.s));
    assert_true(sender_is_gone(&sending.s));
    domain.gone = false;
    domain.another = true;
    assert_true(sender_is_gone(&sending.s));
    assert_null(sending.s.ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_take_back_recognises_a_paused_guest),
        TEST(torture_xl_take_back_leaves_a_guest_that_was_not_asked),
        TEST(torture_xl_take_back_leaves_a_guest_that_others_suspended),
        TEST(torture_xl_take_back_resumes_a_suspended_guest),
        TEST(torture_xl_take_back_waits_for_a_late_guest),
        TEST(torture_xl_take_back_prints_that_it_waits),
        TEST(torture_xl_take_back_withdraws_the_request),
        TEST(torture_xl_take_back_waits_if_the_request_cannot_be_withdrawn),
        TEST(torture_xl_take_back_knows_its_request_without_an_answer),
        TEST(torture_xl_take_back_asks_xen_again),
        TEST(torture_xl_take_back_does_not_say_what_it_does_not_know),
        TEST(torture_xl_take_back_guest_that_keeps_the_request),
        TEST(torture_xl_take_back_waits_for_a_limited_time),
        TEST(torture_xl_take_back_works_without_xenstore),
        TEST(torture_xl_take_back_notices_that_the_guest_has_ended),
        TEST(torture_xl_take_back_never_resumes_another_domain),
        TEST(torture_xl_take_back_leaves_a_guest_suspended_for_others),
        TEST(torture_xl_take_back_resumes_before_a_later_request),
        TEST(torture_xl_take_back_is_left_to_the_guard),
        TEST(torture_xl_take_back_cannot_leave_it_without_a_guard),
        TEST(torture_xl_take_back_cannot_leave_it_to_a_dead_guard),
        TEST(torture_xl_take_back_guard_ignores_signals),
        TEST(torture_xl_take_back_without_a_report),
        TEST(torture_xl_take_back_if_the_request_is_unknown),
        TEST(torture_xl_take_back_does_not_wait_without_pv_drivers),
        TEST(torture_xl_take_back_switches_the_device_models_log_off),
        TEST(torture_xl_take_back_knows_that_the_domain_is_gone),
    };

    return torture_run(argc, argv, tests);
}
