/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream that the plug-in writes, as the receiver reads it from a pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
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

static void torture_save_write_elide_omits_zero_pages(void **state)
{
    struct stream_reader *got;
    uint64_t final;

    (void)state;
    far.bytes_per_s = 200000000;    /* so that writes are short */
    got = check_three_copies("{\"bandwidth-bytes-per-s\":1000000000,"
                             "\"zero-pages\":\"elide\"}", &final);
    /*
     * The last four pages of a record come with a second call. 256 pages are
     * not zero at first, and 64 others afterwards.
     */
    assert_int_equal(got->allocated - final, BATCH - 256 - 3);
    assert_int_equal(final, BATCH - 256 - 3 - 64);
    free(got);
}

/* The stream is the one that libxenguest wrote, byte for byte. */
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

static void torture_save_write_changes_nothing_by_default(void **state)
{
    static const char *const params[] = {
        /* Like a migration without options; stops after the first copy. */
        "{\"policy\":\"stock\",\"iterations\":1,\"threshold-pages\":1}",
        "{\"bandwidth-bytes-per-s\":1000000000}",
        "{\"bandwidth-bytes-per-s\":1000000000,\"zero-pages\":\"send\"}",
        "{\"bandwidth-bytes-per-s\":1000000000,\"zero-pages\":\"auto\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        check_untouched(params[i]);
}

/* Without channels, auto is send. It counts what elide would save. */
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

/* ---- a guest with holes ------------------------------------------------- */

#define LINK_BUFFER (512 << 10)     /* bytes */

/* A link by the fake clock: a pipe from which it takes what it can carry. */
static struct {
    int fd;                         /* the pipe's end */
    uint64_t bytes_per_s, carried_ns;
} wire;

static size_t link_holds(void)
{
    int len;

    assert_int_equal(ioctl(wire.fd, FIONREAD, &len), 0);
    return len;
}

/* Time passes. */
static void link_carry(uint64_t ns)
{
    static char buf[LINK_BUFFER];
    size_t len = link_holds(), most;

    fake_clock_advance(ns);
    most = (clock_now_ns() - wire.carried_ns) * wire.bytes_per_s / XPC_S;
    if (len <= most)
        wire.carried_ns = clock_now_ns();
    else
        wire.carried_ns += most * XPC_S / wire.bytes_per_s;
    for (len = len < most ? len : most; len; ) {
        ssize_t n = read(wire.fd, buf, len < sizeof(buf) ? len : sizeof(buf));

        assert_true(n > 0);
        len -= n;
    }
}

/* As with a blocking write: waits for room. */
static size_t link_room(void)
{
    link_carry(0);
    while (link_holds() >= LINK_BUFFER)
        link_carry(XPC_MS);
    return LINK_BUFFER - link_holds();
}

static int save_through_link(uint64_t bytes_per_s, const char *params,
                             int (*script)(void))
{
    struct xpc_report r;
    int fd[2], rc;

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_true(fcntl(fd[1], F_SETPIPE_SZ, 2 * LINK_BUFFER) > 0);
    fake_clock_stop();
    wire.fd = fd[0];
    wire.bytes_per_s = bytes_per_s;
    wire.carried_ns = clock_now_ns();
    rc = fake_save(fd[1], params, script, &r);
    fake_clock_run();
    close(fd[0]);
    close(fd[1]);
    xpc_report_dispose(&r);
    return rc;
}

/* The time that the link needs, and that the plug-in has counted. */
static uint64_t took_ns, flow_ns;

static void write_hole(void)
{
    uint32_t head[4] = { 1, 8 + 8, 1, 0 };
    uint64_t hole = (UINT64_C(15) << 60) | 5;
    struct iovec iov[2] = { { head, 16 }, { &hole, 8 } };

    assert_int_equal(loop_writev(iov, 2), 0);
}

/* Pages, a hole that takes half a second to scan, and pages. */
static int script_sparse(void)
{
    struct precopy_stats s = { .dirty_count = env.dirty };
    char headers[40] = { 0 };
    uint64_t begun;

    env.write_room = link_room;
    memset(guest, 1, sizeof(guest));
    assert_int_equal(loop_write(headers, 40), 0);
    env.cb->precopy_policy(s, NULL);
    begun = clock_now_ns();
    assert_int_equal(loop_send_guest(), 0);
    took_ns = clock_now_ns() - begun;
    link_carry(500 * XPC_MS);
    write_hole();
    begun = clock_now_ns();
    assert_int_equal(loop_send_guest(), 0);
    took_ns += clock_now_ns() - begun;
    flow_ns = session()->flow.ns;
    return -1;
}

static void torture_save_write_time_to_scan_holes_is_not_the_links(
    void **state)
{
    (void)state;
    assert_int_equal(save_through_link(1000000000, "{\"downtime-ms\":2000}",
                                       script_sparse), -1);
    assert_true(took_ns);
    assert_true(flow_ns < took_ns + 400 * XPC_MS);
}

#define SLOW_LINK 50000000      /* bytes per second */

/*
 * Nine pages of ten are zero. It takes time to find the others, and to scan
 * holes, but what the buffer holds keeps the link busy meanwhile.
 */
static int script_mostly_zero(void)
{
    struct precopy_stats s = { .dirty_count = env.dirty };
    char headers[40] = { 0 };

    env.write_room = link_room;
    memset(guest, 0, sizeof(guest));
    for (int i = 0; i < BATCH; i += 10)
        guest[i][i] = 1;
    assert_int_equal(loop_write(headers, 40), 0);
    env.cb->precopy_policy(s, NULL);
    for (int n = 0; n < 100; n++) {
        link_carry(8 * XPC_MS);
        write_hole();
        link_carry(XPC_MS);
        assert_int_equal(loop_send_guest(), 0);
    }
    took_ns = session()->flow.bytes * XPC_S / SLOW_LINK;
    flow_ns = session()->flow.ns;
    return -1;
}

static void torture_save_write_counts_all_the_time_of_a_slow_link(
    void **state)
{
    static const char *const params[] = {
        "{\"downtime-ms\":2000}",
        "{\"downtime-ms\":2000,\"zero-pages\":\"elide\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        assert_int_equal(save_through_link(SLOW_LINK, params[i],
                                           script_mostly_zero), -1);
        assert_true(took_ns >= XPC_S / 2);
        /* Except for what is still in the buffer. */
        assert_true(flow_ns >= took_ns * 0.95);
    }
}

/* ---- with a rate limit -------------------------------------------------- */

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

/* Two copies of 4.2 MB. At 20 MB/s one takes 0.2 s, apart from 15 ms. */
static void torture_save_write_limits_the_rate(void **state)
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

/* The receiver stops reading when the guest is suspended. */
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

static void torture_save_write_breaks_off_a_stalled_record(void **state)
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
    /* The part of the record that the pipe holds has been sent. */
    assert_true(r.final_pages > 0 && r.final_pages < BATCH);
    assert_true(r.device_bytes == 0);
    close(fd);
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_save_write_elide_omits_zero_pages),
        TEST(torture_save_write_changes_nothing_by_default),
        TEST(torture_save_write_auto_counts_what_it_sends_in_full),
        TEST(torture_save_write_time_to_scan_holes_is_not_the_links),
        TEST(torture_save_write_counts_all_the_time_of_a_slow_link),
        TEST(torture_save_write_limits_the_rate),
        TEST(torture_save_write_breaks_off_a_stalled_record),
    };

    return torture_run(argc, argv, tests);
}
