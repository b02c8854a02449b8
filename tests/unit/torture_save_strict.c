/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict: the plug-in enforces the maximum downtime in the switchover.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "support/fake_save.h"
#include "support/torture.h"

/* 3,045 pages a second. Half of the maximum is reserved for the overhead. */
#define PARAMS "{\"downtime-ms\":400,\"bandwidth-bytes-per-s\":12500000," \
               "\"switchover-overhead-ms\":200,\"confidence-percent\":50," \
               "\"strict\":\"%s\"}"

static int pipe_fd[2];
static uint64_t write_ns;           /* the length of the last write */
static uint64_t bitmap_ms;          /* the predicted time for the last bitmap */

/* Returns 0 or -1. */
static int put_record(uint32_t type, uint32_t len)
{
    static char body[1 << 16];
    uint32_t head[2] = { type, len };
    struct iovec iov[2] = { { head, 8 }, { body, len } };
    uint32_t pages[2] = { (len - 8) / 4104, 0 };

    memcpy(body, pages, 8);
    return writev(env.io_fd, iov, 2) == 8 + len ? 0 : -1;
}

/* Repeats calls that were interrupted, as libxenguest does. */
static int write_all(const char *p, size_t len)
{
    uint64_t begun = clock_now_ns();

    while (len) {
        ssize_t n = write(env.io_fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        write_ns = clock_now_ns() - begun;
        if (n < 0)
            return -1;
        p += n;
        len -= n;
    }
    return 0;
}

/*
 * Suspends the guest, and reports pages in the last bitmap. From then on, the
 * stream is a pipe instead of /dev/null.
 */
static void suspend_with(unsigned int pages)
{
    char headers[40] = { 0 };
    xc_shadow_op_stats_t stats;

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    env.dirty = 1;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    env.dirty = pages;
    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         NULL, 0, 0, &stats), 0);
    assert_int_equal(dup2(pipe_fd[1], env.io_fd), env.io_fd);
}

static int save_strict(const char *strict, int (*script)(void),
                       struct xpc_report *r)
{
    int fd = open("/dev/null", O_WRONLY), rc;
    char params[256];

    snprintf(params, sizeof(params), PARAMS, strict);
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    rc = fake_save(fd, params, script, r);
    close(fd);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    return rc;
}

/* The same with a clock that only the script moves. */
static int save_timed(const char *strict, int (*script)(void),
                      struct xpc_report *r)
{
    int rc;

    fake_clock_stop();
    rc = save_strict(strict, script, r);
    fake_clock_run();
    return rc;
}

/* ---- a stream that stalls ----------------------------------------------- */

static int script_stalls(void)
{
    static char much[4 << 20];

    suspend_with(20);
    assert_int_equal(put_record(1, 8 + 4104), 0);
    return write_all(much, sizeof(much)) ? loop_fail(errno) : 0;
}

static void torture_save_strict_a_stalled_stream_is_broken_off(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_strict("on", script_stalls, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "overrun");
    assert_non_null(strstr(r.text, "maximum downtime of 400 ms"));
    assert_int_equal(r.decision.reason, XPC_REASON_OVERRUN);
    assert_true(r.suspended_ns > 0);
    /* Not before the time for the pages was over. */
    assert_true(r.total_time_ns - r.suspended_ns >= 200 * XPC_MS);
    assert_in_range(r.broken_off_ns, r.suspended_ns + 200 * XPC_MS,
                    r.total_time_ns);
    assert_non_null(strstr(env.log, "is to be resumed here"));
    xpc_report_dispose(&r);
}

/* libxl says that the guest is suspended, and Xen does not say otherwise. */
static int script_stalls_without_an_answer(void)
{
    env.unanswered = true;
    return script_stalls();
}

static void torture_save_strict_holds_if_xen_does_not_answer(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_strict("on", script_stalls_without_an_answer, &r),
                     -1);
    assert_string_equal(r.reason, "overrun");
    assert_true(r.suspended_ns > 0);
    xpc_report_dispose(&r);
}

/* A record with more pages than the pipe holds. */
static int script_stalls_in_a_record(void)
{
    static char record[8 + 8 + 500 * 4104];
    uint32_t head[4] = { 1, sizeof(record) - 8, 500, 0 };

    memcpy(record, head, sizeof(head));
    suspend_with(500);
    return write_all(record, sizeof(record)) ? loop_fail(errno) : 0;
}

static void torture_save_strict_reports_the_pages_that_were_sent(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_strict("on", script_stalls_in_a_record, &r), -1);
    assert_string_equal(r.reason, "overrun");
    assert_true(r.bitmap_ns > 0);
    /* A pipe holds 64 KiB. */
    assert_in_range(r.final_pages, 10, 20);
    assert_int_equal(r.device_bytes, 0);
    assert_non_null(strstr(r.text, " of 500 pages"));
    xpc_report_dispose(&r);
}

/* ---- more to send than was predicted ------------------------------------- */

static int script_too_much(void)
{
    suspend_with(3000);
    return write_all("x", 1) ? loop_fail(errno) : 0;
}

static void torture_save_strict_too_many_pages_are_not_sent(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_timed("on", script_too_much, &r), -1);
    assert_string_equal(r.reason, "overrun");
    assert_non_null(strstr(r.text, "0 of 3000 pages"));
    assert_true(r.total_time_ns - r.suspended_ns < 200 * XPC_MS);
    xpc_report_dispose(&r);

    assert_int_equal(save_timed("off", script_too_much, &r), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    xpc_report_dispose(&r);
}

/* ---- a large guest's bitmap --------------------------------------------- */

/* The pages take 160 of 200 ms, which leaves under 50 ms for the bitmap. */
static int script_large_bitmap(void)
{
    char headers[40] = { 0 };
    xc_shadow_op_stats_t stats;

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    session()->last.decision.bitmap_ns = bitmap_ms * XPC_MS;
    assert_int_equal(env.cb->suspend(NULL), 1);
    env.dirty = 487;
    assert_int_equal(xc_logdirty_control(NULL, 7, XEN_DOMCTL_SHADOW_OP_CLEAN,
                                         NULL, 0, 0, &stats), 0);
    return write_all("x", 1) ? loop_fail(errno) : 0;
}

static void torture_save_strict_counts_the_time_for_the_bitmap(void **state)
{
    struct xpc_report r;

    (void)state;
    bitmap_ms = 100;
    assert_int_equal(save_timed("on", script_large_bitmap, &r), -1);
    assert_string_equal(r.reason, "overrun");
    assert_non_null(strstr(r.text, "0 of 487 pages"));
    assert_int_equal(r.pages_sent_ns, 0);
    xpc_report_dispose(&r);
    bitmap_ms = 0;
    assert_int_equal(save_timed("on", script_large_bitmap, &r), 0);
    xpc_report_dispose(&r);
}

/* ---- in time ------------------------------------------------------------- */

/* The time for the pages is over, but not that for the rest. */
static void let_share_pass(void)
{
    suspend_with(1);
    fake_clock_advance(250 * XPC_MS);
}

static int script_page_late(void)
{
    let_share_pass();
    return put_record(1, 8 + 4104) ? loop_fail(errno) : 0;
}

static int script_state_in_time(void)
{
    let_share_pass();
    return put_record(9, 16) || put_record(9, 16) ? loop_fail(errno) : 0;
}

static void torture_save_strict_state_may_use_the_reserved_time(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_timed("on", script_page_late, &r), -1);
    assert_string_equal(r.reason, "overrun");
    xpc_report_dispose(&r);
    assert_int_equal(save_timed("on", script_state_in_time, &r), 0);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    xpc_report_dispose(&r);
}

/* ---- a guest that does not suspend -------------------------------------- */

static int script_no_answer(void)
{
    struct timespec ms = { .tv_nsec = XPC_MS };

    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    /* libxl fails because the guest ignores the request. */
    session()->ctx.live = false;
    save_switchover_asked(&session()->switchover);
    assert_null(store_get(PRECOPY "overdue"));
    for (int i = 0; i < 10000 && !store_get(PRECOPY "overdue"); i++)
        nanosleep(&ms, NULL);
    assert_non_null(store_get(PRECOPY "overdue"));
    return loop_fail(ETIMEDOUT);
}

static void torture_save_strict_reports_a_guest_that_does_not_suspend(
    void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_strict("on", script_no_answer, &r), -1);
    xpc_report_dispose(&r);
    store_set(PRECOPY "overdue", NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_save_strict_a_stalled_stream_is_broken_off),
        cmocka_unit_test(torture_save_strict_holds_if_xen_does_not_answer),
        cmocka_unit_test(torture_save_strict_reports_the_pages_that_were_sent),
        cmocka_unit_test(torture_save_strict_too_many_pages_are_not_sent),
        cmocka_unit_test(torture_save_strict_counts_the_time_for_the_bitmap),
        cmocka_unit_test(torture_save_strict_state_may_use_the_reserved_time),
        cmocka_unit_test(
            torture_save_strict_reports_a_guest_that_does_not_suspend),
    };

    return torture_run(argc, argv, tests);
}
