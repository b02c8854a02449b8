/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of a migration over several channels, through real pipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/frame.h"
#include "channels/in.h"
#include "channels/out.h"
#include "support/pipe_reader.h"
#include "support/torture.h"

#define NR 4
#define GO "you are cleared"

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";

/* The transport of one channel: copies from one pipe to the other. */
struct way {
    int from, to;
    unsigned int seed;
    size_t most;                /* breaks after that many bytes; 0: never */
    pthread_t thread;
};

static struct {
    struct channel_out *out;
    struct channel_in *in;
    int sent[NR], received[NR]; /* our ends of the channels */
    struct way way[NR];
    unsigned int ways;
    /* Reads in place of the stock receiver. */
    struct pipe_reader stock;
} w;

static void *carry(void *arg)
{
    struct way *y = arg;
    char buf[8192];
    size_t all = 0;
    ssize_t n = 1;

    while (n > 0) {
        size_t want = 1 + rand_r(&y->seed) % sizeof(buf);

        if (y->most && all + want > y->most)
            want = y->most - all;
        n = want ? read(y->from, buf, want) : 0;
        if (rand_r(&y->seed) % 64 == 0)
            usleep(rand_r(&y->seed) % 300);
        for (ssize_t at = 0, m; at < n; at += m) {
            m = write(y->to, buf + at, n - at);
            if (m < 0)
                m = n = 0;
        }
        all += n > 0 ? n : 0;
    }
    close(y->from);
    close(y->to);
    return NULL;
}

/* What was asked; a question that begins with '!' is refused. */
static char asked[64];

static const char *answer_question(void *opaque, const uint8_t *data,
                                   size_t len)
{
    (void)opaque;
    strncat(asked, (const char *)data, len);
    return *data == '!' ? "it is none" : NULL;
}

static uint64_t stood_ns;

static void take_stood(void *opaque, uint64_t ns)
{
    (void)opaque;
    stood_ns = ns;
}

/* Starts the receiving end alone. The test writes to sent[]. */
static void start_in(unsigned int nr, bool compressed)
{
    int fd[2];

    for (unsigned int i = 0; i < nr; i++) {
        assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
        w.received[i] = fd[0];
        w.sent[i] = fd[1];
    }
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    pipe_reader_start(&w.stock, fd[0]);
    w.in = channel_in_start(&(struct channel_in_how){
        .fds = w.received, .nr = nr, .token = token, .compressed = compressed,
        .out_fd = fd[1], .question = answer_question, .stood = take_stood });
    assert_non_null(w.in);
}

/* Starts both ends, and transports of which k breaks after most bytes. */
static void start_both(unsigned int nr, int codec, unsigned int k, size_t most)
{
    struct channel_out_how how = {
        .fds = w.sent, .nr = nr, .token = token, .codec = codec, .level = 1,
    };
    int fd[2];

    start_in(nr, codec);
    for (unsigned int i = 0; i < nr; i++) {
        assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
        w.way[i] = (struct way){ .from = fd[0], .to = w.sent[i], .seed = i,
                                 .most = i == k ? most : 0 };
        w.sent[i] = fd[1];
        assert_int_equal(pthread_create(&w.way[i].thread, NULL, carry,
                                        &w.way[i]), 0);
    }
    w.ways = nr;
    w.out = channel_out_start(&how);
    assert_non_null(w.out);
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    *asked = 0;
    memset(w.sent, -1, sizeof(w.sent));
    memset(w.received, -1, sizeof(w.received));
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static void close_sent(void)
{
    for (int i = 0; i < NR; i++) {
        if (w.sent[i] >= 0)
            close(w.sent[i]);
        w.sent[i] = -1;
    }
}

static int teardown(void **state)
{
    (void)state;
    channel_out_stop(w.out);
    close_sent();
    channel_in_stop(w.in);
    for (int i = 0; i < NR; i++) {
        if (w.received[i] >= 0)
            close(w.received[i]);
    }
    for (unsigned int i = 0; i < w.ways; i++)
        pthread_join(w.way[i].thread, NULL);
    pipe_reader_dispose(&w.stock);
    return 0;
}

/* Puts all of it. Returns 0 or -1. */
static int put(const void *p, size_t len)
{
    ssize_t n;

    for (size_t at = 0; at < len; at += n) {
        n = channel_out_put(w.out, (const char *)p + at, len - at);
        if (n < 0)
            return -1;
        if (!n)
            channel_out_wait(w.out, clock_now_ns() + 10 * XPC_S);
    }
    return 0;
}

static int drain(void)
{
    int r;

    channel_out_flush(w.out);
    while (!(r = channel_out_left(w.out)))
        channel_out_wait(w.out, clock_now_ns() + 10 * XPC_S);
    return r < 0 ? -1 : 0;
}

static void write_frame(int fd, int kind, uint64_t sequence, const void *p,
                        size_t len)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    channel_frame_make(&f, kind, sequence, p, len, 0, NULL, token, iov);
    /* A receiver that refuses the frame may already have closed. */
    if (write(fd, iov[0].iov_base, iov[0].iov_len) > 0 && len &&
        write(fd, iov[1].iov_base, iov[1].iov_len)) {}
    fcntl(fd, F_SETFL, flags);
}

/* Waits until the receiver closes out_fd. Returns its error. */
static const char *wait_in(void)
{
    struct pollfd fd = { .fd = channel_in_done_fd(w.in), .events = POLLIN };

    assert_int_equal(poll(&fd, 1, 60000), 1);
    return channel_in_error(w.in);
}

/* ---- the stream arrives unchanged ---------------------------------------- */

#define RECORDS 20000
#define PFNS 64

/* Repeated pages of a guest, some records large, most of them small. */
static size_t fill_record(uint8_t *to, unsigned int *seed, uint32_t n)
{
    size_t len = n % 500 ? rand_r(seed) % 1000 : 8 + rand_r(seed) % 700000;
    uint32_t head[2] = { n, rand_r(seed) % PFNS };

    memset(to, n % 251, 8 + len);
    memcpy(to, head, sizeof(head));
    return sizeof(head) + len;
}

/* All that was sent is counted, with auto for every method. */
static void check_choice(int codec, uint64_t wire)
{
    struct xpc_compress_auto a;
    uint64_t sum = 0;

    channel_out_choice(w.out, &a);
    for (size_t i = 0; i < a.nr; i++) {
        sum += a.use[i].wire_bytes;
        assert_true(codec != XPC_COMPRESS_AUTO || a.use[i].frames > 1);
    }
    assert_int_equal(sum, wire);
    assert_int_equal(a.nr, codec == XPC_COMPRESS_AUTO ? 4 :
                           codec == XPC_COMPRESS_OFF ? 1 : 2);
}

static void check_order(unsigned int nr, int codec)
{
    static uint8_t record[1 << 20];
    struct channel_count total = { 0 }, left;
    unsigned int seed = 1;
    uint64_t wire;
    size_t len, at = 0;

    start_both(nr, codec, 0, 0);
    for (uint32_t n = 0; n < RECORDS; n++) {
        len = fill_record(record, &seed, n);
        assert_int_equal(put(record, len), 0);
        total.bytes += len;
        total.pages++;
        channel_out_mark(w.out, &total);
        if (n % 3000 == 2999)
            assert_int_equal(drain(), 0);
    }
    assert_int_equal(drain(), 0);
    channel_out_counts(w.out, &left, &wire);
    assert_memory_equal(&left, &total, sizeof(left));
    assert_true(codec ? wire < total.bytes : wire > total.bytes);
    check_choice(codec, wire);
    write_frame(w.sent[0], CHANNEL_END, channel_out_sequence(w.out), NULL, 0);
    write_frame(w.sent[0], CHANNEL_GO, channel_out_sequence(w.out) + 1, GO,
                sizeof(GO));
    channel_out_stop(w.out);
    w.out = NULL;
    /* The other channels stay open until everything has arrived. */
    close(w.sent[0]);
    w.sent[0] = -1;
    assert_null(wait_in());
    channel_in_stop(w.in);
    w.in = NULL;
    pipe_reader_join(&w.stock);
    assert_int_equal(w.stock.len, total.bytes + sizeof(GO));
    seed = 1;
    for (uint32_t n = 0; n < RECORDS; n++, at += len) {
        len = fill_record(record, &seed, n);
        assert_memory_equal(w.stock.p + at, record, len);
    }
    assert_string_equal((char *)w.stock.p + at, GO);
}

/* ---- runs of zeros ------------------------------------------------------ */

#define PARTS 30000

/* The next piece: most of them are short, and some are long. */
static size_t next_part(unsigned int *seed, bool *zeros_r)
{
    unsigned int r = rand_r(seed);

    *zeros_r = r % 2;
    if (r % 1000 < 10)
        return 1 + rand_r(seed) % (3 * CHANNEL_FRAME_MAX);
    return 1 + rand_r(seed) % (r % 100 < 20 ? 5000 : 100);
}

static int put_zeros(size_t len)
{
    ssize_t n;

    for (; len; len -= n) {
        n = channel_out_put_zeros(w.out, len);
        if (n < 0)
            return -1;
        if (!n)
            channel_out_wait(w.out, clock_now_ns() + 10 * XPC_S);
    }
    return 0;
}

static void check_zeros(unsigned int nr, int codec)
{
    static uint8_t data[3 * CHANNEL_FRAME_MAX], zeros[sizeof(data)];
    struct channel_count total = { 0 }, left;
    unsigned int seed = 7;
    uint64_t wire;
    size_t len, at = 0;
    bool zero;

    memset(data, 'x', sizeof(data));
    start_both(nr, codec, 0, 0);
    for (int i = 0; i < PARTS; i++) {
        len = next_part(&seed, &zero);
        assert_int_equal(zero ? put_zeros(len) : put(data, len), 0);
        *(zero ? &total.zero_pages : &total.bytes) += len;
        channel_out_mark(w.out, &total);
    }
    /* More zeros than the runs of a frame can represent. */
    assert_int_equal(put_zeros(3 * CHANNEL_ZEROS_MAX), 0);
    total.zero_pages += 3 * CHANNEL_ZEROS_MAX;
    channel_out_mark(w.out, &total);
    assert_int_equal(drain(), 0);
    channel_out_counts(w.out, &left, &wire);
    assert_memory_equal(&left, &total, sizeof(left));
    assert_true(wire < total.bytes + PARTS * CHANNEL_RUN_SIZE +
                       total.bytes / 16);
    write_frame(w.sent[0], CHANNEL_END, channel_out_sequence(w.out), NULL, 0);
    channel_out_stop(w.out);
    w.out = NULL;
    close(w.sent[0]);
    w.sent[0] = -1;
    assert_null(wait_in());
    channel_in_stop(w.in);
    w.in = NULL;
    pipe_reader_join(&w.stock);
    assert_int_equal(w.stock.len, total.bytes + total.zero_pages);
    seed = 7;
    for (int i = 0; i < PARTS; i++, at += len) {
        len = next_part(&seed, &zero);
        assert_memory_equal(w.stock.p + at, zero ? zeros : data, len);
    }
    for (; at < w.stock.len; at++)
        assert_int_equal(w.stock.p[at], 0);
}

static void torture_channels_zeros_are_written_in_full(void **state)
{
    (void)state;
    check_zeros(1, CHANNEL_PLAIN);
}

static void torture_channels_zeros_over_several_channels(void **state)
{
    (void)state;
    check_zeros(NR, CHANNEL_PLAIN);
}

static void torture_channels_zeros_with_lz4(void **state)
{
    (void)state;
    check_zeros(NR, CHANNEL_LZ4);
}

static void torture_channels_keep_the_order(void **state)
{
    (void)state;
    check_order(NR, CHANNEL_PLAIN);
}

static void torture_channels_keep_the_order_with_zstd(void **state)
{
    (void)state;
    check_order(NR, CHANNEL_ZSTD);
}

/* Frames of all kinds, as any of our receivers takes them. */
static void torture_channels_keep_the_order_with_auto(void **state)
{
    (void)state;
    check_order(NR, XPC_COMPRESS_AUTO);
}

static void torture_channels_keep_the_order_with_lz4(void **state)
{
    (void)state;
    check_order(NR, CHANNEL_LZ4);
}

static void torture_channels_one_channel_is_enough(void **state)
{
    (void)state;
    check_order(1, CHANNEL_LZ4);
}

/* ---- failures ------------------------------------------------------------ */

static void torture_channels_one_that_dies_fails_both_ends(void **state)
{
    static uint8_t some[1 << 20];
    int r = 0;

    (void)state;
    start_both(NR, CHANNEL_PLAIN, 2, 3000000);
    /* put() fails, rather than accept data that can't be sent. */
    for (int i = 0; i < 1000 && !r; i++)
        r = put(some, sizeof(some));
    assert_int_equal(r, -1);
    assert_int_equal(errno, EPIPE);
    assert_non_null(strstr(wait_in(), "channel 2: "));
    channel_out_stop(w.out);
    w.out = NULL;
    close_sent();
    pipe_reader_join(&w.stock);
    /* A part of it has arrived. */
    assert_true(w.stock.len && w.stock.len < 1000u << 20);
}

/* The limit applies to all channels together: 8 MB at 40 MB/s. */
static void torture_channels_share_the_rate_limit(void **state)
{
    static uint8_t some[1 << 20];
    uint64_t begun = clock_now_ns(), ns;

    (void)state;
    start_both(NR, CHANNEL_PLAIN, 0, 0);
    channel_out_rate(w.out, 40000000);
    for (int i = 0; i < 8; i++)
        assert_int_equal(put(some, 1000000), 0);
    assert_int_equal(drain(), 0);
    ns = clock_now_ns() - begun;
    assert_true(ns >= 170 * XPC_MS);
}

/* ---- invalid frames ------------------------------------------------------ */

static void expect_refused(const char *why)
{
    const char *error = wait_in();

    assert_non_null(error);
    assert_non_null(strstr(error, why));
}

static void torture_channels_refuse_a_frame_twice(void **state)
{
    (void)state;
    start_in(2, false);
    write_frame(w.sent[0], CHANNEL_DATA, 0, "x", 1);
    write_frame(w.sent[0], CHANNEL_DATA, 0, "x", 1);
    expect_refused("channel 0: a frame has come before");
}

static void torture_channels_refuse_a_gap(void **state)
{
    (void)state;
    start_in(2, false);
    write_frame(w.sent[0], CHANNEL_DATA, 1, "x", 1);
    write_frame(w.sent[1], CHANNEL_DATA, 2, "x", 1);
    assert_non_null(strstr(wait_in(), "a frame leaves one out"));
}

static void torture_channels_refuse_data_that_is_no_frame(void **state)
{
    char junk[100] = "GET / HTTP/1.1\r\n";

    (void)state;
    start_in(2, false);
    assert_int_equal(write(w.sent[1], junk, sizeof(junk)), sizeof(junk));
    expect_refused("channel 1: a frame is none");
}

static void torture_channels_refuse_go_before_the_end(void **state)
{
    (void)state;
    start_in(1, false);
    write_frame(w.sent[0], CHANNEL_GO, 0, GO, sizeof(GO));
    expect_refused("is not what may come now");
}

static void torture_channels_refuse_data_after_the_end(void **state)
{
    (void)state;
    start_in(2, false);
    write_frame(w.sent[1], CHANNEL_DATA, 1, "x", 1);
    write_frame(w.sent[0], CHANNEL_END, 0, NULL, 0);
    assert_non_null(wait_in());
}

static void torture_channels_refuse_an_early_end(void **state)
{
    (void)state;
    start_in(2, false);
    write_frame(w.sent[0], CHANNEL_DATA, 0, "x", 1);
    close(w.sent[1]);
    w.sent[1] = -1;
    assert_non_null(strstr(wait_in(), "channel 1: it was closed in the "
                           "middle"));
}

/* A channel whose frame is not next accepts one frame, and no more. */
static void torture_channels_keep_at_most_one_frame_each(void **state)
{
    static uint8_t some[CHANNEL_FRAME_MAX];
    struct channel_frame f = { 0 };
    struct pollfd fd;
    struct iovec iov[2];
    size_t taken = 0, room;
    uint64_t n = 1;
    ssize_t r;

    (void)state;
    start_in(2, false);
    fd = (struct pollfd){ .fd = w.sent[1], .events = POLLOUT };
    room = fcntl(w.sent[1], F_GETPIPE_SZ);
    fcntl(w.sent[1], F_SETFL, O_NONBLOCK | O_WRONLY);
    while (poll(&fd, 1, 300) == 1) {
        channel_frame_make(&f, CHANNEL_DATA, n++, some, sizeof(some), 0, NULL,
                           token, iov);
        for (int i = 0; i < 2; i++) {
            while (iov[i].iov_len && poll(&fd, 1, 300) == 1) {
                r = write(w.sent[1], iov[i].iov_base, iov[i].iov_len);
                assert_true(r > 0);
                iov[i].iov_base = (char *)iov[i].iov_base + r;
                iov[i].iov_len -= r;
                taken += r;
            }
        }
    }
    assert_true(taken <= room + CHANNEL_HEAD_SIZE + CHANNEL_FRAME_MAX);
    assert_null(channel_in_error(w.in));
}

/* ---- questions ----------------------------------------------------------- */

/* They and what fills the link don't get into the stream. */
static void torture_channels_questions_are_not_part_of_the_stream(void **state)
{
    (void)state;
    start_in(2, false);
    write_frame(w.sent[0], CHANNEL_QUESTION, 0, "first ", 6);
    write_frame(w.sent[0], CHANNEL_FILL, 1, "filled", 6);
    write_frame(w.sent[0], CHANNEL_QUESTION, 2, "second", 6);
    write_frame(w.sent[1], CHANNEL_DATA, 3, "data", 4);
    write_frame(w.sent[0], CHANNEL_END, 4, NULL, 0);
    write_frame(w.sent[0], CHANNEL_GO, 5, GO, sizeof(GO));
    close(w.sent[0]);
    w.sent[0] = -1;
    assert_null(wait_in());
    assert_true(channel_in_begun(w.in));
    pipe_reader_join(&w.stock);
    assert_string_equal(asked, "first second");
    assert_int_equal(w.stock.len, 4 + sizeof(GO));
    assert_memory_equal(w.stock.p, "data" GO, w.stock.len);
}

/* The last message, when the guest runs on the target. */
static void torture_channels_how_long_it_stood_still(void **state)
{
    uint8_t bytes[CHANNEL_STOOD_SIZE];

    (void)state;
    start_in(1, false);
    channel_stood_put(bytes, 123456789);
    write_frame(w.sent[0], CHANNEL_DATA, 0, "data", 4);
    write_frame(w.sent[0], CHANNEL_END, 1, NULL, 0);
    write_frame(w.sent[0], CHANNEL_GO, 2, GO, sizeof(GO));
    write_frame(w.sent[0], CHANNEL_STOOD, 3, bytes, sizeof(bytes));
    close(w.sent[0]);
    w.sent[0] = -1;
    assert_null(wait_in());
    pipe_reader_join(&w.stock);
    assert_int_equal(stood_ns, 123456789);
    assert_int_equal(w.stock.len, 4 + sizeof(GO));
}

static void torture_channels_a_bad_question_ends_it(void **state)
{
    (void)state;
    start_in(1, false);
    write_frame(w.sent[0], CHANNEL_QUESTION, 0, "!", 1);
    assert_string_equal(wait_in(), "channel 0: a question: it is none");
    assert_false(channel_in_begun(w.in));
}

static void torture_channels_refuse_a_question_within_the_stream(void **state)
{
    (void)state;
    start_in(1, false);
    write_frame(w.sent[0], CHANNEL_DATA, 0, "data", 4);
    write_frame(w.sent[0], CHANNEL_QUESTION, 1, "first", 5);
    assert_string_equal(wait_in(),
                        "channel 0: a frame is not what may come now");
    assert_string_equal(asked, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_channels_zeros_are_written_in_full),
        TEST(torture_channels_zeros_over_several_channels),
        TEST(torture_channels_zeros_with_lz4),
        TEST(torture_channels_keep_the_order),
        TEST(torture_channels_keep_the_order_with_zstd),
        TEST(torture_channels_keep_the_order_with_lz4),
        TEST(torture_channels_keep_the_order_with_auto),
        TEST(torture_channels_one_channel_is_enough),
        TEST(torture_channels_one_that_dies_fails_both_ends),
        TEST(torture_channels_share_the_rate_limit),
        TEST(torture_channels_refuse_a_frame_twice),
        TEST(torture_channels_refuse_a_gap),
        TEST(torture_channels_refuse_data_that_is_no_frame),
        TEST(torture_channels_refuse_go_before_the_end),
        TEST(torture_channels_refuse_data_after_the_end),
        TEST(torture_channels_refuse_an_early_end),
        TEST(torture_channels_keep_at_most_one_frame_each),
        TEST(torture_channels_questions_are_not_part_of_the_stream),
        TEST(torture_channels_how_long_it_stood_still),
        TEST(torture_channels_a_bad_question_ends_it),
        TEST(torture_channels_refuse_a_question_within_the_stream),
    };

    return torture_run(argc, argv, tests);
}
