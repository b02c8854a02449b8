/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plug-in reports to the engine, and when it suspends the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/suspend_time.h"
#include "support/fake_save.h"
#include "support/torture.h"
#include "xen/turn.h"

#define RECORD (8 + 8 + 4104)

/* Writes a PAGE_DATA record of one pfn, with its page, or as a hole. */
static void put_page(bool data)
{
    static char record[RECORD] = { [RECORD - 1] = 1 };   /* not a zero page */
    uint32_t head[4] = { 1, data ? RECORD - 8 : 16, 1, 0 };
    size_t len = data ? RECORD : 24;

    memcpy(record, head, sizeof(head));
    assert_int_equal(write(env.io_fd, record, len), len);
}

/* A page, then holes that take time to scan, then a page. */
static int script_holes(void)
{
    struct precopy_stats s = { .dirty_count = DIRTY };
    char headers[40] = { 0 };

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    fake_clock_advance(50 * XPC_MS);         /* for the bitmap */
    put_page(true);
    fake_clock_advance(50 * XPC_MS);
    put_page(false);
    fake_clock_advance(50 * XPC_MS);
    put_page(false);
    put_page(true);
    assert_int_equal(session()->flow.bytes, 2 * RECORD);
    assert_true(session()->flow.ns > 0);
    assert_true(session()->flow.ns + 150 * XPC_MS <= clock_now_ns() -
                session()->ctx.engine.start_ns);
    s.dirty_count = -1;
    env.cb->precopy_policy(s, NULL);
    /* In the next iteration nothing has been sent yet. */
    s.iteration = 1;
    s.dirty_count = DIRTY;
    env.cb->precopy_policy(s, NULL);
    assert_int_equal(session()->flow.bytes, 0);
    assert_int_equal(session()->flow.ns, 0);
    return loop_fail(EIO);
}

static void torture_save_policy_holes_do_not_count_for_the_link(void **state)
{
    int fd = open("/dev/null", O_WRONLY);
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save(fd, "{\"downtime-ms\":300}", script_holes, &r),
                     -1);
    close(fd);
    xpc_report_dispose(&r);
}

/*
 * One page with data and three zero pages, after some time. What the link could
 * have carried while the three were found is unknown, so all the time counts.
 */
static int script_zero(void)
{
    static char record[8 + 8 + 4 * 8 + 4 * 4096] = { [sizeof(record) - 1] = 1 };
    struct precopy_stats s = { .dirty_count = DIRTY };
    uint32_t head[4] = { 1, sizeof(record) - 8, 4, 0 };
    uint64_t pfns[4] = { 1, 2, 3, 4 };      /* 0 has been sent */
    char headers[40] = { 0 };
    uint64_t flow_ns;

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    put_page(true);
    assert_int_equal(session()->flow.bytes, RECORD);
    flow_ns = session()->flow.ns;
    fake_clock_advance(400 * XPC_MS);
    memcpy(record, head, sizeof(head));
    memcpy(record + 16, pfns, sizeof(pfns));
    assert_int_equal(write(env.io_fd, record, sizeof(record)), sizeof(record));
    assert_int_equal(session()->writer.zero->pages, 3);
    assert_in_range(session()->flow.ns - flow_ns, 400 * XPC_MS,
                    410 * XPC_MS);
    return loop_fail(EIO);
}

static void torture_save_policy_time_for_zero_pages_counts(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save_to_null("{\"downtime-ms\":300,"
                                       "\"zero-pages\":\"elide\"}", script_zero,
                                       &r), -1);
    xpc_report_dispose(&r);
}

/* ---- several saves over one link --------------------------------------- */

static struct save_turn other = SAVE_TURN_INIT;

/* What loop_send_some() takes. */
#define SOME_NS (32 * 65536)

static int script_waits_for_its_turn(void)
{
    char headers[40] = { 0 };

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    env.dirty = 10;
    assert_true(save_turn_take(&other, XPC_S));
    assert_int_equal(loop_iterate(0), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(loop_iterate(1), XGS_POLICY_CONTINUE_PRECOPY);
    close(other.fd);
    assert_int_equal(loop_iterate(2), XGS_POLICY_STOP_AND_COPY);
    /* Nothing but sending is the time of an iteration. */
    assert_int_equal(session()->last.duration_ns, SOME_NS);
    assert_int_equal(session()->ctx.engine.predict.iteration_ns, 0);
    return loop_fail(EIO);
}

static void torture_save_policy_saves_take_turns(void **state)
{
    char path[] = "/tmp/torture_save_policy.XXXXXX";
    int turn = mkstemp(path);
    struct xpc_report r;

    (void)state;
    assert_true(turn >= 0);
    close(turn);
    setenv(XEN_TURN_ENV, path, 1);
    assert_int_equal(fake_save_to_null("{\"downtime-ms\":300}",
                                       script_waits_for_its_turn, &r), -1);
    unsetenv(XEN_TURN_ENV);
    unlink(path);
    xpc_report_dispose(&r);
    store_reset();
}

/* ---- a paused guest ---------------------------------------------------- */

static unsigned int paused_looks;
static int suspend_result;

static int script_suspends(void)
{
    char headers[40] = { 0 };

    assert_int_equal(write(env.io_fd, headers, sizeof(headers)), 40);
    env.dirty = 10;
    assert_int_equal(loop_iterate(0), XGS_POLICY_STOP_AND_COPY);
    env.paused = paused_looks;
    suspend_result = env.cb->suspend(NULL);
    return suspend_result ? 0 : loop_fail(ETIMEDOUT);
}

static void save_paused(unsigned int looks, struct xpc_report *r)
{
    int fd = open("/dev/null", O_WRONLY);

    paused_looks = looks;
    fake_clock_stop();
    fake_save(fd, "{\"downtime-ms\":300}", script_suspends, r);
    fake_clock_run();
    close(fd);
}

/* It could not answer, and libxl would wait for a minute. */
static void torture_save_policy_does_not_suspend_a_paused_guest(void **state)
{
    struct xpc_report r;

    (void)state;
    domain_pause_grace_ns = 0;
    save_paused(UINT_MAX, &r);
    assert_int_equal(suspend_result, 0);
    assert_false(env.asked_to_suspend);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "paused");
    assert_non_null(strstr(r.text, "is paused"));
    assert_int_equal(r.suspend_asked_ns, 0);
    assert_non_null(strstr(env.log, "stays paused here"));
    xpc_report_dispose(&r);
}

/* For example, while it is being ballooned. */
static void torture_save_policy_waits_for_a_paused_guest(void **state)
{
    struct xpc_report r;

    (void)state;
    domain_pause_grace_ns = 3600 * XPC_S;
    save_paused(3, &r);
    assert_int_equal(suspend_result, 1);
    assert_true(env.asked_to_suspend);
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    xpc_report_dispose(&r);
}

/* ---- a domain without log-dirty ---------------------------------------- */

static int script_never(void)
{
    fail();
    return 0;
}

static void torture_save_policy_a_passed_through_device_is_refused(
    void **state)
{
    int fd = open("/dev/null", O_WRONLY);
    struct xpc_report r;

    (void)state;
    store_set("/libxl/7/device/pci", "");
    store_set("/libxl/7/device/pci/0", "/local/domain/0/backend/pci/7/0");
    assert_int_equal(fake_save(fd, "{\"downtime-ms\":300}", script_never, &r),
                     -1);
    close(fd);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(r.text, "PCI device"));
    xpc_report_dispose(&r);
    store_reset();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_save_policy_holes_do_not_count_for_the_link),
        cmocka_unit_test(torture_save_policy_time_for_zero_pages_counts),
        cmocka_unit_test(torture_save_policy_saves_take_turns),
        cmocka_unit_test(torture_save_policy_does_not_suspend_a_paused_guest),
        cmocka_unit_test(torture_save_policy_waits_for_a_paused_guest),
        cmocka_unit_test(
            torture_save_policy_a_passed_through_device_is_refused),
    };

    return torture_run(argc, argv, tests);
}
