/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What leaves the plug-in, through a real pipe, as the receiver sees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "support/fake_guest.h"
#include "support/pipe_reader.h"
#include "support/torture.h"

/* ---- the other end of the pipe ----------------------------------------- */

static struct pipe_reader far;

static int save_through_pipe(const char *params, int (*script)(void),
                             struct xpc_report *r)
{
    int fd[2], rc;

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pipe_reader_start(&far, fd[0]);
    rc = fake_save(fd[1], params, script, r);
    close(fd[1]);
    pipe_reader_join(&far);
    return rc;
}

static int setup(void **state)
{
    (void)state;
    memset(&far, 0, sizeof(far));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pipe_reader_dispose(&far);
    return 0;
}

static struct stream_reader *check_three_copies(const char *params,
                                                uint64_t *final_zero_r)
{
    struct stream_reader *got = malloc(sizeof(*got));
    struct xpc_report r;

    assert_non_null(got);
    assert_int_equal(save_through_pipe(params, script_three_copies, &r), 0);
    assert_true(reader_read(got, far.p, far.len));
    assert_int_equal(got->verified, BATCH);
    assert_int_equal(got->different, 0);
    for (int i = 0; i < BATCH; i++)
        assert_memory_equal(got->mem[i], guest[i], PAGE);
    assert_int_equal(r.total_bytes, far.len);
    assert_int_equal(r.total_pages_sent, got->pages);
    assert_int_equal(r.total_zero_pages, got->allocated);
    *final_zero_r = r.final_zero_pages;
    xpc_report_dispose(&r);
    return got;
}

static void torture_save_write_elide_leaves_zero_pages_out(void **state)
{
    struct stream_reader *got;
    uint64_t final;

    (void)state;
    far.bytes_per_s = 200000000;    /* so that writes end early */
    got = check_three_copies("{\"bandwidth-bytes-per-s\":1000000000,"
                             "\"zero-pages\":\"elide\"}", &final);
    /*
     * The last four pages of a record come with a second call. First 256 hold
     * something, then 64 others do.
     */
    assert_int_equal(got->allocated - final, BATCH - 256 - 3);
    assert_int_equal(final, BATCH - 256 - 3 - 64);
    free(got);
}

/* Every byte of the stream is the one that libxenguest wrote. */
static void check_untouched(const char *params)
{
    struct stream_reader *got;
    uint64_t final;
    size_t len;
    char *p;

    pipe_reader_dispose(&far);
    memset(&far, 0, sizeof(far));
    written = open_memstream(&p, &len);
    assert_non_null(written);
    got = check_three_copies(params, &final);
    fclose(written);
    written = NULL;
    assert_int_equal(final, 0);
    assert_int_equal(got->allocated, 0);
    assert_int_equal(got->pages, 3 * BATCH);
    assert_int_equal(far.len, len);
    assert_memory_equal(far.p, p, len);
    free(p);
    free(got);
}

static void torture_save_write_changes_nothing_unless_asked(void **state)
{
    static const char *const params[] = {
        /* Without options; it stops after the first copy. */
        "{\"policy\":\"stock\",\"iterations\":1,\"threshold-pages\":1}",
        "{\"bandwidth-bytes-per-s\":1000000000}",
        "{\"bandwidth-bytes-per-s\":1000000000,\"zero-pages\":\"send\"}",
        "{\"bandwidth-bytes-per-s\":1000000000,\"zero-pages\":\"auto\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        check_untouched(params[i]);
}

/* Without channels auto is send: what elide would have saved is counted. */
static void torture_save_write_auto_counts_what_it_sends_in_full(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_through_pipe("{\"bandwidth-bytes-per-s\":1000000000,"
                                       "\"zero-pages\":\"auto\"}",
                                       script_three_copies, &r), 0);
    assert_int_equal(r.params.zero_pages, XPC_ZERO_PAGES_SEND);
    assert_int_equal(r.zero_pages_in_full, BATCH - 256);
    assert_int_equal(r.total_zero_pages, 0);
    xpc_report_dispose(&r);
}

/* ---- in a sparse guest -------------------------------------------------- */

static uint64_t took_ns, flow_ns;

/* Pages, then half a second of looking for more, and pages. */
static int script_sparse(void)
{
    uint32_t head[4] = { 1, 8 + 8, 1, 0 };
    uint64_t hole = (UINT64_C(15) << 60) | 5;
    struct iovec iov[2] = { { head, 16 }, { &hole, 8 } };
    struct precopy_stats s = { .dirty_count = env.dirty };
    struct timespec search = { .tv_nsec = 500 * XPC_MS };
    char headers[40] = { 0 };
    uint64_t begun;

    memset(guest, 1, sizeof(guest));
    assert_int_equal(loop_write(headers, 40), 0);
    env.cb->precopy_policy(s, NULL);
    begun = clock_now_ns();
    assert_int_equal(loop_send_guest(), 0);
    took_ns = clock_now_ns() - begun;
    nanosleep(&search, NULL);
    assert_int_equal(loop_writev(iov, 2), 0);
    begun = clock_now_ns();
    assert_int_equal(loop_send_guest(), 0);
    took_ns += clock_now_ns() - begun;
    flow_ns = session()->flow.ns;
    return -1;
}

static void torture_save_write_the_link_is_not_blamed_for_holes(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save_through_pipe("{\"downtime-ms\":2000}",
                                       script_sparse, &r), -1);
    assert_true(flow_ns < took_ns + 400 * XPC_MS);
    xpc_report_dispose(&r);
}

#define SLOW_LINK 50000000      /* bytes per second */

/*
 * For a second: a tenth of the pages is not zero, and looking for them takes
 * its time, as that for holes does. It is still more than the link carries.
 */
static int script_mostly_zero(void)
{
    uint32_t head[4] = { 1, 8 + 8, 1, 0 };
    uint64_t hole = (UINT64_C(15) << 60) | 5;
    struct precopy_stats s = { .dirty_count = env.dirty };
    struct timespec look = { .tv_nsec = XPC_MS };
    char headers[40] = { 0 };

    memset(guest, 0, sizeof(guest));
    for (int i = 0; i < BATCH; i += 10)
        guest[i][i] = 1;
    assert_true(fcntl(env.io_fd, F_SETPIPE_SZ, 1 << 20) > 0);
    assert_int_equal(loop_write(headers, 40), 0);
    env.cb->precopy_policy(s, NULL);
    for (int n = 0; n < 100; n++) {
        struct iovec iov[2] = { { head, 16 }, { &hole, 8 } };

        nanosleep(&look, NULL);
        assert_int_equal(loop_writev(iov, 2), 0);
        nanosleep(&look, NULL);
        assert_int_equal(loop_send_guest(), 0);
    }
    took_ns = session()->flow.bytes * XPC_S / SLOW_LINK;
    flow_ns = session()->flow.ns;
    return -1;
}

static void torture_save_write_a_slow_link_is_not_flattered(void **state)
{
    struct xpc_report r;

    (void)state;
    far.bytes_per_s = SLOW_LINK;
    assert_int_equal(save_through_pipe("{\"downtime-ms\":2000}",
                                       script_mostly_zero, &r), -1);
    /* But for what the pipe holds. */
    assert_true(flow_ns >= took_ns * 0.95);
    xpc_report_dispose(&r);
}

/* ---- under a cap -------------------------------------------------------- */

static uint64_t begun_ns, precopy_ns, final_rate;

static int script_capped(void)
{
    char headers[40] = { 0 };
    uint32_t end[2] = { 0, 0 };
    int action;

    memset(guest, 1, sizeof(guest));
    begun_ns = clock_now_ns();
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 10;
    action = loop_copy_guest(0);
    precopy_ns = clock_now_ns() - begun_ns;
    assert_int_equal(action, XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    begun_ns = clock_now_ns();
    if (loop_send_guest() || loop_write(end, 8))
        return -1;
    final_rate = save_gate_rate(&session()->gate);
    return 0;
}

/* Two copies of 4.2 MB; at 20 MB/s one takes 0.2 s, but for 15 ms. */
static void torture_save_write_a_cap_holds_back_what_it_should(void **state)
{
    static const struct { const char *how; bool kept; } how[] = {
        { "\"kept\"", true },
        { "\"rate\",\"switchover-bandwidth-bytes-per-s\":20000000", true },
        { "\"lifted\"", false },
    };
    struct xpc_report r;
    char params[256];

    (void)state;
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        snprintf(params, sizeof(params), "{\"downtime-ms\":2000,"
                 "\"max-bandwidth-bytes-per-s\":20000000,"
                 "\"switchover-bandwidth\":%s}", how[i].how);
        far.len = 0;
        assert_int_equal(save_through_pipe(params, script_capped, &r), 0);
        assert_int_equal(r.total_bytes, far.len);
        assert_true(precopy_ns >= 190 * XPC_MS);
        if (how[i].kept)
            assert_true(clock_now_ns() - begun_ns >= 190 * XPC_MS);
        assert_int_equal(final_rate, how[i].kept ? 20000000 : 0);
        xpc_report_dispose(&r);
    }
}

/* ---- broken off ---------------------------------------------------------- */

/* From the suspend on, nobody reads. */
static int script_stalls_in_a_record(void)
{
    char headers[40] = { 0 };
    int fd[2], rc;

    memset(guest, 1, sizeof(guest));
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 10;
    assert_int_equal(loop_copy_guest(0), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    assert_int_equal(dup2(fd[1], env.io_fd), env.io_fd);
    rc = loop_send_guest() ? loop_fail(errno) : 0;
    close(fd[0]);
    close(fd[1]);
    return rc;
}

static void torture_save_write_a_stall_ends_it_in_a_record(void **state)
{
    int fd = open("/dev/null", O_WRONLY);
    struct xpc_report r;

    (void)state;
    assert_int_equal(fake_save(fd, "{\"downtime-ms\":400,\"strict\":\"on\","
                               "\"bandwidth-bytes-per-s\":1000000000,"
                               "\"confidence-percent\":50}",
                               script_stalls_in_a_record, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "overrun");
    /* What a pipe holds of a record has left. */
    assert_true(r.final_pages > 0 && r.final_pages < BATCH);
    assert_true(r.device_bytes == 0);
    close(fd);
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_save_write_elide_leaves_zero_pages_out),
        TEST(torture_save_write_changes_nothing_unless_asked),
        TEST(torture_save_write_auto_counts_what_it_sends_in_full),
        TEST(torture_save_write_the_link_is_not_blamed_for_holes),
        TEST(torture_save_write_a_slow_link_is_not_flattered),
        TEST(torture_save_write_a_cap_holds_back_what_it_should),
        TEST(torture_save_write_a_stall_ends_it_in_a_record),
    };

    return torture_run(argc, argv, tests);
}
