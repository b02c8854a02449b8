/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plug-in over channels: what a stock receiver behind them reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/frame.h"
#include "channels/handover.h"
#include "json/migration.h"
#include "channels/in.h"
#include "support/fake_guest.h"
#include "support/pipe_reader.h"
#include "support/torture.h"

#define NR 3
#define FIRST "what the toolstack has sent before"

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";

static struct {
    int lend[2];                /* the ends of toolstack and helper */
    int sent[NR], received[NR];
    pthread_t toolstack;
    bool joined;
    struct channel_in *in;
    struct pipe_reader stock;   /* reads what it writes */
    int stream;                 /* the descriptor of libxl's stream */
    bool silent;                /* requests for them are not answered */
    bool broken;                /* they cannot be lent any more */
    atomic_bool back;           /* they were given back */
} far;

static void write_frame(int kind, uint64_t sequence, const void *p, size_t len)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];

    channel_frame_make(&f, kind, sequence, p, len, 0, NULL, token, iov);
    /* The plug-in leaves the channel non-blocking, and perhaps full. */
    fcntl(far.sent[0], F_SETFL, fcntl(far.sent[0], F_GETFL) & ~O_NONBLOCK);
    assert_int_equal(libc_writev(far.sent[0], iov, 2),
                     CHANNEL_HEAD_SIZE + len);
}

/* A thread that lends the channels, and ends the stream afterwards. */
static void *lend(void *arg)
{
    struct channel_handover m;

    (void)arg;
    if (recv(far.lend[0], &m, sizeof(m), 0) != sizeof(m) ||
        m.word != CHANNEL_ASK || far.silent)
        return NULL;
    if (far.broken) {
        shutdown(far.lend[0], SHUT_RDWR);
        return NULL;
    }
    write_frame(CHANNEL_DATA, 0, FIRST, sizeof(FIRST));
    m = (struct channel_handover){ .word = CHANNEL_LEND, .sequence = 1 };
    memcpy(m.token, token, sizeof(token));
    send(far.lend[0], &m, sizeof(m), MSG_NOSIGNAL);
    if (recv(far.lend[0], &m, sizeof(m), 0) == sizeof(m) &&
        m.word == CHANNEL_BACK) {
        far.back = true;
        write_frame(CHANNEL_END, m.sequence, NULL, 0);
    }
    close(far.sent[0]);
    far.sent[0] = -1;
    return NULL;
}

static int setup(void **state)
{
    char lent[100];
    int fd[2];

    (void)state;
    memset(&far, 0, sizeof(far));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, far.lend), 0);
    snprintf(lent, sizeof(lent), "%d", far.lend[1]);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(pipe(fd), 0);
        far.received[i] = fd[0];
        far.sent[i] = fd[1];
        sprintf(lent + strlen(lent), ",%d", fd[1]);
    }
    setenv(CHANNEL_HANDOVER_ENV, lent, 1);
    assert_int_equal(pthread_create(&far.toolstack, NULL, lend, NULL), 0);
    return 0;
}

/* Starts the receiving end, and the stock receiver behind it. */
static void start_receiver(void)
{
    int fd[2];

    assert_int_equal(pipe(fd), 0);
    pipe_reader_start(&far.stock, fd[0]);
    far.in = channel_in_start(&(struct channel_in_how){
        .fds = far.received, .nr = NR, .token = token, .compressed = true,
        .out_fd = fd[1] });
    assert_non_null(far.in);
}

static void end_receiver(void)
{
    struct pollfd fd = { .fd = channel_in_done_fd(far.in), .events = POLLIN };

    assert_int_equal(poll(&fd, 1, 30000), 1);
    pipe_reader_join(&far.stock);
}

/* The source closes all connections. */
static void source_ends(void)
{
    shutdown(far.lend[0], SHUT_RDWR);   /* the toolstack closes the first one */
    for (int i = 1; i < NR; i++) {
        close(far.sent[i]);
        far.sent[i] = -1;
    }
}

static int teardown(void **state)
{
    (void)state;
    shutdown(far.lend[0], SHUT_RDWR);
    if (!far.joined)
        pthread_join(far.toolstack, NULL);
    close(far.lend[0]);
    close(far.lend[1]);
    for (int i = 0; i < NR; i++) {
        if (far.sent[i] >= 0)
            close(far.sent[i]);
    }
    channel_in_stop(far.in);
    for (int i = 0; i < NR; i++)
        close(far.received[i]);
    unsetenv(CHANNEL_HANDOVER_ENV);
    pipe_reader_dispose(&far.stock);
    return 0;
}

static int save(const char *params, int (*script)(void),
                struct xpc_report *r)
{
    int null = open("/dev/null", O_WRONLY), rc;

    rc = fake_save(null, params, script, r);
    close(null);
    return rc;
}

/* ---- a whole migration --------------------------------------------------- */

static void check_three_copies(const char *params, bool smaller)
{
    static struct stream_reader got;
    struct xpc_report r;

    start_receiver();
    assert_int_equal(save(params, script_three_copies, &r), 0);
    end_receiver();
    assert_true(far.back);
    assert_null(channel_in_error(far.in));
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    assert_int_equal(r.channels, NR);
    assert_int_equal(far.stock.len, sizeof(FIRST) + r.total_bytes);
    assert_string_equal((char *)far.stock.p, FIRST);
    assert_true(reader_read(&got, far.stock.p + sizeof(FIRST),
                            far.stock.len - sizeof(FIRST)));
    assert_int_equal(got.verified, BATCH);
    assert_int_equal(got.different, 0);
    for (int i = 0; i < BATCH; i++)
        assert_memory_equal(got.mem[i], guest[i], PAGE);
    assert_int_equal(r.total_pages_sent, got.pages);
    assert_int_equal(r.total_zero_pages, got.allocated);
    assert_true(r.wire_bytes > 1000);
    assert_true(smaller == (r.wire_bytes < r.total_bytes / 2));
    assert_true(r.final_pages && r.pages_sent_ns >= r.final_bitmap_ns);
    xpc_report_dispose(&r);
}

static void torture_save_channels_carry_the_stream(void **state)
{
    (void)state;
    check_three_copies("{\"bandwidth-bytes-per-s\":1000000000,"
                       "\"zero-pages\":\"elide\",\"channels\":3}", false);
}

static void torture_save_channels_compress_the_stream(void **state)
{
    (void)state;
    check_three_copies(
        "{\"bandwidth-bytes-per-s\":1000000000,"
        "\"zero-pages\":\"elide\",\"channels\":3,\"compress\":\"zstd\"}",
        true);
}

/* What auto did is in the report, which is not too long for xenstore. */
static void torture_save_channels_compress_with_auto(void **state)
{
    struct xpc_report r;
    uint64_t sum = 0;
    char *json;

    (void)state;
    start_receiver();
    assert_int_equal(save("{\"bandwidth-bytes-per-s\":12500000,"
                          "\"zero-pages\":\"elide\",\"channels\":3,"
                          "\"compress\":\"auto\"}", script_three_copies, &r),
                     0);
    end_receiver();
    assert_null(channel_in_error(far.in));
    assert_int_equal(r.params.compress, XPC_COMPRESS_AUTO);
    assert_true(r.nr_compress > 1);
    for (size_t i = 0; i < r.nr_compress; i++)
        sum += r.compress[i].wire_bytes;
    assert_int_equal(sum, r.wire_bytes);
    assert_true(r.wire_bytes < r.total_bytes);
    assert_in_range(r.processors, 1, 3);
    assert_in_range(r.link_bytes_per_s, 1, 12500000);
    json = xpc_to_json(&xpc_report_head_type, &r, false);
    /* Leave room for longer texts. */
    assert_true(strlen(json) < 4096 - 700);
    free(json);
    xpc_report_dispose(&r);
}

static void torture_save_channels_compress_with_lz4(void **state)
{
    (void)state;
    check_three_copies(
        "{\"bandwidth-bytes-per-s\":1000000000,"
        "\"zero-pages\":\"elide\",\"channels\":3,\"compress\":\"lz4\","
        "\"compress-level\":4}",
        true);
}

/*
 * Zero pages are sent as runs, also in the last copy and in a verify pass. The
 * receiver reads the stream that libxenguest wrote, byte for byte.
 */
static void check_auto(const char *params, size_t shortest)
{
    static struct stream_reader got;
    struct xpc_report r;
    size_t len;
    char *p;

    start_receiver();
    written = open_memstream(&p, &len);
    assert_non_null(written);
    assert_int_equal(save(params, script_three_copies, &r), 0);
    fclose(written);
    written = NULL;
    end_receiver();
    assert_null(channel_in_error(far.in));
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    assert_int_equal(r.params.zero_pages, XPC_ZERO_PAGES_AUTO);
    assert_int_equal(far.stock.len, sizeof(FIRST) + len);
    assert_memory_equal(far.stock.p + sizeof(FIRST), p, len);
    assert_true(reader_read(&got, far.stock.p + sizeof(FIRST), len));
    assert_int_equal(got.different, 0);
    assert_int_equal(got.allocated, 0);
    assert_int_equal(got.pages, 3 * BATCH);
    /* 256 pages are not zero in the first copy, and in the other two. */
    assert_int_equal(r.total_pages_sent, 3 * 256);
    assert_int_equal(r.total_zero_pages, 3 * (BATCH - 256));
    assert_int_equal(r.final_zero_pages, 2 * (BATCH - 256));
    assert_int_equal(r.total_bytes, len - r.total_zero_pages * PAGE);
    assert_in_range(r.wire_bytes, shortest, r.total_bytes * 11 / 10);
    assert_int_equal(r.zero_pages_in_full, 0);
    free(p);
    xpc_report_dispose(&r);
}

static void torture_save_channels_auto_is_exact(void **state)
{
    (void)state;
    check_auto("{\"bandwidth-bytes-per-s\":1000000000,"
               "\"zero-pages\":\"auto\",\"channels\":3}", 3 * 256 * PAGE);
}

static void torture_save_channels_auto_is_exact_compressed(void **state)
{
    (void)state;
    check_auto("{\"bandwidth-bytes-per-s\":1000000000,\"channels\":3,"
               "\"zero-pages\":\"auto\",\"compress\":\"lz4\"}", 1000);
}

/* ---- what is counted, and when ------------------------------------------- */

static uint64_t precopy_ns;

/* Three pages of four are zero; the others are counted as page data. */
static int script_capped_sparse(void)
{
    char headers[40] = { 0 };
    uint32_t end[2] = { 0, 0 };

    memset(guest, 0, sizeof(guest));
    for (int i = 0; i < BATCH; i += 4)
        memset(guest[i], 1, PAGE);
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 1;
    assert_int_equal(env.cb->precopy_policy((struct precopy_stats){
        .dirty_count = 10 }, NULL), XGS_POLICY_CONTINUE_PRECOPY);
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_send_guest(), 0);
    assert_int_equal(env.cb->precopy_policy((struct precopy_stats){
        .dirty_count = -1 }, NULL), XGS_POLICY_STOP_AND_COPY);
    assert_in_range(session()->flow.bytes, BATCH * PAGE,
                    BATCH * (PAGE + 4 * 9));
    /* A busy machine may be slower than the limit. */
    assert_in_range(session()->ctx.report.decision.measured_bytes_per_s, 1,
                    25000000);
    assert_int_equal(env.cb->suspend(NULL), 1);
    return loop_send_guest() || loop_write(end, 8);
}

/* Their bytes do not count for the link. */
static void torture_save_channels_zero_pages_do_not_count_for_the_link(
    void **state)
{
    struct xpc_report r;

    (void)state;
    start_receiver();
    assert_int_equal(save("{\"downtime-ms\":60000,\"channels\":3,"
                          "\"zero-pages\":\"auto\","
                          "\"max-bandwidth-bytes-per-s\":20000000}",
                          script_capped_sparse, &r), 0);
    end_receiver();
    assert_int_equal(r.total_zero_pages, 5 * BATCH * 3 / 4);
    xpc_report_dispose(&r);
}

static int script_capped(void)
{
    char headers[40] = { 0 };
    uint32_t end[2] = { 0, 0 };
    uint64_t begun_ns = clock_now_ns();

    memset(guest, 1, sizeof(guest));
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 1;
    assert_int_equal(loop_copy_guest(0), XGS_POLICY_STOP_AND_COPY);
    precopy_ns = clock_now_ns() - begun_ns;
    /* All data has left by the decision, which knows the rate. */
    assert_in_range(session()->flow.bytes, BATCH * PAGE,
                    BATCH * (PAGE + 9));
    /* A busy machine may be slower than the limit. */
    assert_in_range(session()->ctx.report.decision.measured_bytes_per_s, 1,
                    25000000);
    assert_int_equal(env.cb->suspend(NULL), 1);
    return loop_send_guest() || loop_write(end, 8);
}

static void torture_save_channels_share_the_rate_limit(void **state)
{
    struct xpc_report r;

    (void)state;
    start_receiver();
    assert_int_equal(save("{\"downtime-ms\":60000,\"channels\":3,"
                          "\"max-bandwidth-bytes-per-s\":20000000}",
                          script_capped, &r), 0);
    end_receiver();
    assert_true(precopy_ns >= 190 * XPC_MS);
    assert_int_equal(r.total_pages_sent, 2 * BATCH);
    xpc_report_dispose(&r);
}

/* What each channel had received before the guest was suspended. */
static size_t before[NR];
static struct pipe_reader each[NR];

#define LAST_ROUND 4                /* guests */

static int script_of_a_last_round(void)
{
    char headers[40] = { 0 };
    uint32_t end[2] = { 0, 0 };
    int r = 0;

    memset(guest, 1, sizeof(guest));
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 1;
    assert_int_equal(loop_copy_guest(0), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    for (int i = 0; i < NR; i++)
        before[i] = atomic_load_explicit(&each[i].len,
                                         memory_order_relaxed);
    for (int i = 0; i < LAST_ROUND && !r; i++)
        r = loop_send_guest();
    return r || loop_write(end, 8);
}

/* All channels carry a part of it, which keeps the downtime short. */
static void torture_save_channels_share_the_last_copy(void **state)
{
    struct xpc_report r;

    (void)state;
    memset(each, 0, sizeof(each));
    for (int i = 0; i < NR; i++) {
        each[i].bytes_per_s = 300000000;
        pipe_reader_start(&each[i], dup(far.received[i]));
    }
    assert_int_equal(save("{\"downtime-ms\":5000,\"channels\":3,"
                          "\"bandwidth-bytes-per-s\":1000000000}",
                          script_of_a_last_round, &r), 0);
    pthread_join(far.toolstack, NULL);
    far.joined = true;
    for (int i = 0; i < NR; i++) {
        if (far.sent[i] >= 0)
            close(far.sent[i]);
        far.sent[i] = -1;
        pipe_reader_join(&each[i]);
        assert_true(each[i].len - before[i] >
                    LAST_ROUND * BATCH * PAGE / NR / 3);
        pipe_reader_dispose(&each[i]);
    }
    assert_int_equal(r.outcome, XPC_OUTCOME_SENT);
    xpc_report_dispose(&r);
}

/* ---- broken off ---------------------------------------------------------- */

static uint64_t failed_ns;

/* The receiver does not read while the guest is suspended. */
static int script_stalls(void)
{
    char headers[40] = { 0 };
    int rc;

    memset(guest, 1, sizeof(guest));
    assert_int_equal(loop_write(headers, 40), 0);
    env.dirty = 1;
    assert_int_equal(env.cb->precopy_policy((struct precopy_stats){
        .dirty_count = 10 }, NULL), XGS_POLICY_CONTINUE_PRECOPY);
    assert_int_equal(env.cb->precopy_policy((struct precopy_stats){
        .dirty_count = -1 }, NULL), XGS_POLICY_STOP_AND_COPY);
    assert_int_equal(env.cb->suspend(NULL), 1);
    rc = loop_send_guest() || loop_send_guest() ? loop_fail(errno) : 0;
    failed_ns = clock_now_ns();
    return rc;
}

static void torture_save_channels_a_stall_ends_it_in_time(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save("{\"downtime-ms\":400,\"strict\":\"on\","
                          "\"bandwidth-bytes-per-s\":1000000000,"
                          "\"channels\":3,\"confidence-percent\":50}",
                          script_stalls, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_ABORTED);
    assert_string_equal(r.reason, "overrun");
    /* The pipes hold a part of each frame, and no complete one. */
    assert_int_equal(r.final_pages, 0);
    assert_true(r.broken_off_ns > r.suspended_ns + 290 * XPC_MS);
    assert_true(failed_ns < r.start_monotonic_ns + r.broken_off_ns +
                50 * XPC_MS);
    assert_false(far.back);
    xpc_report_dispose(&r);
}

/* On SIGTERM, the helper of libxl makes its stream unwritable. */
static int script_is_stopped(void)
{
    char headers[40] = { 0 };
    int null = open("/dev/null", O_RDONLY);

    assert_int_equal(loop_write(headers, 40), 0);
    assert_int_equal(dup2(null, env.io_fd), env.io_fd);
    close(null);
    assert_int_equal(loop_send_guest(), -1);
    return loop_fail(errno);
}

static void torture_save_channels_stop_with_the_stream(void **state)
{
    struct xpc_report r;

    (void)state;
    assert_int_equal(save("{\"channels\":3}", script_is_stopped, &r),
                     -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_INTERRUPTED);
    xpc_report_dispose(&r);
}

static int script_of_one_that_dies(void)
{
    char headers[40] = { 0 };
    struct precopy_stats s = { .dirty_count = DIRTY };
    int rc = 0;

    memset(guest, 1, sizeof(guest));
    assert_int_equal(loop_write(headers, 40), 0);
    assert_int_equal(env.cb->precopy_policy(s, NULL),
                     XGS_POLICY_CONTINUE_PRECOPY);
    for (int i = 0; i < 100 && !rc; i++) {
        if (i == 3)
            shutdown(far.received[1], SHUT_RD);
        rc = loop_send_guest();
    }
    return rc ? loop_fail(errno) : 0;
}

static void torture_save_channels_one_that_dies_fails_the_save(void **state)
{
    int pair[2];
    struct xpc_report r;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    dup2(pair[0], far.received[1]);
    dup2(pair[1], far.sent[1]);
    close(pair[0]);
    close(pair[1]);
    start_receiver();
    assert_int_equal(save("{\"channels\":3}",
                          script_of_one_that_dies, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    assert_string_equal(r.text, "failed: while copying the running guest: "
                        "Broken pipe");
    assert_false(far.back);
    source_ends();
    end_receiver();
    assert_non_null(channel_in_error(far.in));
    xpc_report_dispose(&r);
}

/* A link that died is not a refusal: another attempt may succeed. */
static void torture_save_channels_broken_before_they_are_lent(void **state)
{
    struct xpc_report r;

    (void)state;
    far.broken = true;
    assert_int_equal(save("{\"channels\":3}", script_is_stopped, &r),
                     -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_FAILED);
    assert_string_equal(r.text, "failed: before the first copy: can't use the "
                        "channels: Broken pipe");
    assert_null(env.cb);
    xpc_report_dispose(&r);
}

/* The request is not answered until the toolstack sends SIGTERM. */
static void *stop_the_stream(void *null)
{
    struct timespec pause = { .tv_nsec = 50 * XPC_MS };

    nanosleep(&pause, NULL);
    dup2(*(int *)null, far.stream);
    return NULL;
}

static void torture_save_channels_wait_for_channels_can_be_interrupted(
    void **state)
{
    int null = open("/dev/null", O_RDONLY);
    struct xpc_report r;
    pthread_t thread;

    (void)state;
    far.stream = open("/dev/null", O_WRONLY);
    far.silent = true;
    assert_int_equal(pthread_create(&thread, NULL, stop_the_stream, &null), 0);
    assert_int_equal(fake_save(far.stream, "{\"channels\":3}",
                               script_is_stopped, &r), -1);
    pthread_join(thread, NULL);
    assert_int_equal(r.outcome, XPC_OUTCOME_INTERRUPTED);
    close(far.stream);
    close(null);
    xpc_report_dispose(&r);
}

static void torture_save_channels_are_required_if_requested(void **state)
{
    struct xpc_report r;

    (void)state;
    unsetenv(CHANNEL_HANDOVER_ENV);
    assert_int_equal(save("{\"compress\":\"zstd\"}",
                          script_is_stopped, &r), -1);
    assert_int_equal(r.outcome, XPC_OUTCOME_REFUSED);
    assert_non_null(strstr(r.text, "are for xl migrate"));
    xpc_report_dispose(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_save_channels_carry_the_stream),
        TEST(torture_save_channels_compress_the_stream),
        TEST(torture_save_channels_compress_with_lz4),
        TEST(torture_save_channels_compress_with_auto),
        TEST(torture_save_channels_auto_is_exact),
        TEST(torture_save_channels_auto_is_exact_compressed),
        TEST(torture_save_channels_zero_pages_do_not_count_for_the_link),
        TEST(torture_save_channels_share_the_rate_limit),
        TEST(torture_save_channels_share_the_last_copy),
        TEST(torture_save_channels_a_stall_ends_it_in_time),
        TEST(torture_save_channels_stop_with_the_stream),
        TEST(torture_save_channels_one_that_dies_fails_the_save),
        TEST(torture_save_channels_broken_before_they_are_lent),
        TEST(torture_save_channels_wait_for_channels_can_be_interrupted),
        TEST(torture_save_channels_are_required_if_requested),
    };

    return torture_run(argc, argv, tests);
}
