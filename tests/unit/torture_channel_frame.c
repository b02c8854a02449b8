/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames on the wire: made, read back and refused.
 */
#include <stdlib.h>
#include <string.h>

#include "channels/frame.h"
#include "support/torture.h"

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";
static const uint8_t other[CHANNEL_TOKEN] = "of another one.";

/* The bytes on the wire, and how far they were read. */
static struct {
    uint8_t p[CHANNEL_HEAD_SIZE + CHANNEL_FRAME_MAX];
    size_t len, at;
} wire;

static int read_wire(void *opaque, void *to, size_t len)
{
    (void)opaque;
    if (wire.at == wire.len)
        return 1;
    if (len > wire.len - wire.at)
        return -1;
    memcpy(to, wire.p + wire.at, len);
    wire.at += len;
    return 0;
}

static void put_wire(const struct iovec iov[2])
{
    wire.len = wire.at = 0;
    for (int i = 0; i < 2; i++) {
        memcpy(wire.p + wire.len, iov[i].iov_base, iov[i].iov_len);
        wire.len += iov[i].iov_len;
    }
}

static uint8_t data[CHANNEL_FRAME_MAX];

static void make(int codec, int level, int kind, uint64_t sequence, size_t len)
{
    struct channel_compressor *s = channel_compressor_open(codec, level);
    struct channel_frame f;
    struct iovec iov[2];

    assert_non_null(s);
    assert_true(channel_frame_init(&f, true));
    channel_frame_make(&f, kind, sequence, data, len, 0, s, token, iov);
    put_wire(iov);
    channel_frame_dispose(&f);
    channel_compressor_close(s);
}

/* Data that can be compressed, like text. */
static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = "abcdefgh"[i * i / 77 % 8];
    return 0;
}

/* Reads the frame. Returns why it is refused; NULL: it is good. */
static const char *read_error(struct channel_frame *f, const uint8_t *tok)
{
    const char *why = NULL;

    wire.at = 0;
    return channel_frame_read(f, tok, read_wire, NULL, &why) ? why : NULL;
}

static void torture_channel_frame_round_trip(void **state)
{
    static const struct { int codec, level; } how[] = {
        { CHANNEL_PLAIN, 0 }, { CHANNEL_ZSTD, 1 }, { CHANNEL_ZSTD, 9 },
        { CHANNEL_LZ4, 1 }, { CHANNEL_LZ4, 9 },
    };
    static const size_t lens[] = { 1, 2, 3, 100, 4096, CHANNEL_FRAME_MAX };
    struct channel_frame f;
    const char *why;

    (void)state;
    assert_true(channel_frame_init(&f, true));
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        for (size_t j = 0; j < sizeof(lens) / sizeof(lens[0]); j++) {
            make(how[i].codec, how[i].level, CHANNEL_DATA, 77 + j, lens[j]);
            assert_null(read_error(&f, token));
            assert_int_equal(f.head.sequence, 77 + j);
            assert_int_equal(f.head.raw_len, lens[j]);
            assert_memory_equal(f.data, data, lens[j]);
            if (how[i].codec != CHANNEL_PLAIN && lens[j] > 1000)
                assert_true(wire.len < lens[j] / 2);
            assert_int_equal(channel_frame_read(&f, token, read_wire, NULL,
                                                &why), 1);
        }
    }
    channel_frame_dispose(&f);
}

/* Such data is sent as it is, without a byte more. */
static void torture_channel_frame_incompressible_data_does_not_grow(
    void **state)
{
    struct channel_frame f;

    (void)state;
    srandom(1);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = random();
    assert_true(channel_frame_init(&f, true));
    for (int codec = CHANNEL_ZSTD; codec < CHANNEL_CODECS; codec++) {
        make(codec, 1, CHANNEL_DATA, 0, sizeof(data));
        assert_int_equal(wire.len, CHANNEL_HEAD_SIZE + sizeof(data));
        assert_null(read_error(&f, token));
        assert_memory_equal(f.data, data, sizeof(data));
    }
    channel_frame_dispose(&f);
}

/* Damage of any bit, in the head or the payload. */
static void torture_channel_frame_damage_is_detected(void **state)
{
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, true));
    for (int codec = 0; codec < CHANNEL_CODECS; codec++) {
        make(codec, 1, CHANNEL_DATA, 5, 300);
        for (size_t bit = 0; bit < 8 * wire.len; bit++) {
            wire.p[bit / 8] ^= 1 << bit % 8;
            assert_non_null(read_error(&f, token));
            wire.p[bit / 8] ^= 1 << bit % 8;
        }
        assert_null(read_error(&f, token));
        for (size_t len = wire.len - 1; len; len--) {
            wire.len = len;
            assert_string_equal(read_error(&f, token), "ends in its middle");
        }
    }
    channel_frame_dispose(&f);
}

static void torture_channel_frame_of_another_migration_is_refused(
    void **state)
{
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, false));
    make(CHANNEL_PLAIN, 0, CHANNEL_DATA, 0, 10);
    assert_string_equal(read_error(&f, other),
                        "is damaged, or of another migration");
    channel_frame_dispose(&f);
}

/* Invalid heads with a valid checksum. */
static void torture_channel_frame_invalid_heads_are_refused(void **state)
{
    static const struct {
        struct channel_head h;
        const char *why;
    } bad[] = {
        { { .raw_len = CHANNEL_FRAME_MAX + 1,
            .wire_len = CHANNEL_FRAME_MAX + 1 }, "is too large" },
        { { .raw_len = UINT32_MAX, .wire_len = 1, .codec = CHANNEL_ZSTD },
          "is too large" },
        { { .raw_len = 10, .wire_len = 11 },
          "is longer than what it carries" },
        { { .raw_len = 10, .wire_len = UINT32_MAX, .codec = CHANNEL_LZ4 },
          "is longer than what it carries" },
        { { .raw_len = 10, .wire_len = 10, .codec = CHANNEL_CODECS },
          "is of an unknown kind" },
        { { .raw_len = 10, .wire_len = 10, .kind = CHANNEL_KINDS },
          "is of an unknown kind" },
        { { .raw_len = 0, .wire_len = 0 },
          "carries what its kind does not" },
        { { .raw_len = 1, .wire_len = 1, .kind = CHANNEL_END },
          "carries what its kind does not" },
        { { .raw_len = 9, .wire_len = 9, .kind = CHANNEL_STOOD },
          "carries what its kind does not" },
        { { .raw_len = 10, .wire_len = 10, .kind = CHANNEL_GO, .nr_runs = 1 },
          "carries what its kind does not" },
        { { .raw_len = 15, .wire_len = 15, .nr_runs = 2 },
          "has too many runs of zeros" },
        { { .raw_len = 100, .wire_len = 10, .codec = CHANNEL_LZ4,
            .nr_runs = UINT16_MAX }, "has too many runs of zeros" },
        { { .raw_len = CHANNEL_FRAME_MAX, .wire_len = 10,
            .codec = CHANNEL_LZ4, .nr_runs = CHANNEL_RUNS_MAX + 1 },
          "has too many runs of zeros" },
        { { .raw_len = 100, .wire_len = 10, .codec = CHANNEL_ZSTD },
          "does not unpack to what it is to carry" },
        { { .raw_len = 100, .wire_len = 10, .codec = CHANNEL_LZ4 },
          "does not unpack to what it is to carry" },
    };
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, true));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct channel_head h = bad[i].h;
        size_t len = h.wire_len < 100 ? h.wire_len : 100;

        memcpy(wire.p + CHANNEL_HEAD_SIZE, data, len);
        if (h.wire_len == len)
            channel_head_put(wire.p, &h, token, data);
        else
            channel_head_put(wire.p, &(struct channel_head){ 0 }, token, data);
        if (h.wire_len != len) {
            memcpy(wire.p + 4, &h.kind, 1);
            memcpy(wire.p + 5, &h.codec, 1);
            memcpy(wire.p + 16, &h.raw_len, 4);
            memcpy(wire.p + 20, &h.wire_len, 4);
        }
        wire.len = CHANNEL_HEAD_SIZE + len;
        assert_string_equal(read_error(&f, token), bad[i].why);
    }
    channel_frame_dispose(&f);
}

static void torture_channel_frame_unpacks_only_if_agreed(void **state)
{
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, false));
    make(CHANNEL_ZSTD, 1, CHANNEL_DATA, 0, 4096);
    assert_string_equal(read_error(&f, token),
                        "is compressed, which was not said before");
    channel_frame_dispose(&f);
}

/* ---- runs of zeros ------------------------------------------------------ */

/* The contents of a frame, read piece by piece like a receiver. */
static struct {
    uint8_t p[CHANNEL_FRAME_MAX + CHANNEL_ZEROS_MAX];
    size_t len;
} walked;

static void read_pieces(const struct channel_frame *f, int at_once)
{
    struct channel_walk w = { 0 };
    struct iovec iov[8];
    int nr;

    walked.len = 0;
    while ((nr = channel_frame_walk(f, &w, iov, at_once))) {
        assert_in_range(nr, 1, at_once);
        for (int i = 0; i < nr; i++) {
            assert_true(iov[i].iov_len > 0);
            assert_in_range(walked.len + iov[i].iov_len, 1, sizeof(walked.p));
            memcpy(walked.p + walked.len, iov[i].iov_base, iov[i].iov_len);
            walked.len += iov[i].iov_len;
        }
    }
}

/* Puts a frame with these runs and data_len bytes of data on the wire. */
static void make_runs(int codec, const struct channel_run *run,
                      unsigned int nr, size_t data_len)
{
    struct channel_compressor *s = channel_compressor_open(codec, 1);
    static uint8_t bytes[CHANNEL_FRAME_MAX];
    size_t runs_len = nr * CHANNEL_RUN_SIZE;
    struct channel_frame f;
    struct iovec iov[2];

    assert_true(channel_frame_init(&f, true));
    for (unsigned int i = 0; i < nr; i++)
        channel_run_put(bytes + i * CHANNEL_RUN_SIZE, &run[i]);
    memcpy(bytes + runs_len, data, data_len);
    channel_frame_make(&f, CHANNEL_DATA, 3, bytes, runs_len + data_len, nr, s,
                       token, iov);
    put_wire(iov);
    channel_frame_dispose(&f);
    channel_compressor_close(s);
}

static void torture_channel_frame_runs_are_written_in_full(void **state)
{
    static const struct channel_run run[] = {
        { 0, 4096 }, { 10, 3 * 4096 }, { 4096, 1 << 20 }, { 5000, 1 },
    };
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, true));
    for (int codec = 0; codec < CHANNEL_CODECS; codec++) {
        make_runs(codec, run, 4, 5000);
        assert_null(read_error(&f, token));
        assert_int_equal(f.data_len, 5000);
        for (int at_once = 1; at_once < 8; at_once += 3) {
            size_t at = 0, from = 0;

            read_pieces(&f, at_once);
            assert_int_equal(walked.len, 5000 + 4 * 4096 + (1 << 20) + 1);
            for (int i = 0; i < 4; i++) {
                assert_memory_equal(walked.p + at, data + from,
                                    run[i].after - from);
                at += run[i].after - from;
                from = run[i].after;
                for (size_t j = 0; j < run[i].len; j++)
                    assert_int_equal(walked.p[at++], 0);
            }
        }
    }
    channel_frame_dispose(&f);
}

/* Only zeros, without data; and as many runs as a frame can have. */
static void torture_channel_frame_runs_at_their_limits(void **state)
{
    struct channel_run run[CHANNEL_RUNS_MAX];
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, false));
    run[0] = (struct channel_run){ 0, CHANNEL_ZEROS_MAX };
    make_runs(CHANNEL_PLAIN, run, 1, 0);
    assert_int_equal(wire.len, CHANNEL_HEAD_SIZE + CHANNEL_RUN_SIZE);
    assert_null(read_error(&f, token));
    read_pieces(&f, 8);
    assert_int_equal(walked.len, CHANNEL_ZEROS_MAX);
    for (unsigned int i = 0; i < CHANNEL_RUNS_MAX; i++)
        run[i] = (struct channel_run){ i, CHANNEL_ZEROS_MAX /
                                          CHANNEL_RUNS_MAX };
    make_runs(CHANNEL_PLAIN, run, CHANNEL_RUNS_MAX, CHANNEL_RUNS_MAX);
    assert_null(read_error(&f, token));
    read_pieces(&f, 8);
    assert_int_equal(walked.len, CHANNEL_ZEROS_MAX + CHANNEL_RUNS_MAX);
    channel_frame_dispose(&f);
}

/* Invalid runs with a valid checksum, as from a hostile source. */
static void torture_channel_frame_invalid_runs_are_refused(void **state)
{
    static const struct {
        struct channel_run run[2];
        const char *why;
    } bad[] = {
        { { { 0, 0 }, { 1, 1 } }, "makes no sense" },
        { { { 5, 4096 }, { 5, 4096 } }, "makes no sense" },
        { { { 6, 4096 }, { 5, 4096 } }, "makes no sense" },
        { { { 5, 4096 }, { 101, 4096 } }, "makes no sense" },
        { { { UINT32_MAX, 1 }, { 5, 1 } }, "makes no sense" },
        { { { 0, CHANNEL_ZEROS_MAX }, { 1, 1 } }, "too many zeros" },
        { { { 0, UINT32_MAX }, { 1, UINT32_MAX } }, "too many zeros" },
        { { { 0, UINT32_MAX }, { 1, 2 } }, "too many zeros" },
    };
    struct channel_frame f;

    (void)state;
    assert_true(channel_frame_init(&f, false));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_runs(CHANNEL_PLAIN, bad[i].run, 2, 100);
        assert_non_null(read_error(&f, token));
        assert_non_null(strstr(read_error(&f, token), bad[i].why));
    }
    channel_frame_dispose(&f);
}

/* ---- the order ----------------------------------------------------------- */

static const char *take(struct channel_order *o, unsigned int channel,
                        int kind, uint64_t sequence)
{
    struct channel_head h = { .kind = kind, .sequence = sequence };
    const char *why = channel_order_take(o, channel, &h);

    if (!why && channel_order_turn(o, channel))
        channel_order_done(o, channel, &h);
    return why;
}

static void torture_channel_frame_order_is_kept(void **state)
{
    struct channel_order o = { .nr = 2 };

    (void)state;
    assert_null(take(&o, 1, CHANNEL_DATA, 1));      /* is kept */
    assert_int_equal(o.next, 0);
    assert_null(take(&o, 0, CHANNEL_DATA, 0));
    assert_true(channel_order_turn(&o, 1));
}

static void torture_channel_frame_disorder_is_detected(void **state)
{
    struct channel_order o = { .nr = 3 };

    (void)state;
    assert_null(take(&o, 0, CHANNEL_DATA, 0));
    assert_string_equal(take(&o, 0, CHANNEL_DATA, 0), "has come before");
    assert_string_equal(take(&o, 1, CHANNEL_DATA, 0), "has come before");
    assert_null(take(&o, 1, CHANNEL_DATA, 5));
    assert_string_equal(take(&o, 2, CHANNEL_DATA, 5), "has come before");
    assert_string_equal(take(&o, 1, CHANNEL_DATA, 4), "is out of order");
    assert_string_equal(take(&o, 2, CHANNEL_GO, 6),
                        "is not what may come now");
    assert_null(take(&o, 2, CHANNEL_DATA, 6));
    /* Every channel keeps a frame, and none of them is number 1. */
    assert_string_equal(take(&o, 0, CHANNEL_DATA, 7), "leaves one out");
}

static void torture_channel_frame_only_go_follows_the_end(void **state)
{
    struct channel_order o = { .nr = 2 };

    (void)state;
    assert_null(take(&o, 1, CHANNEL_DATA, 0));
    assert_null(take(&o, 0, CHANNEL_END, 1));
    assert_true(o.ended);
    assert_non_null(take(&o, 0, CHANNEL_DATA, 2));
    assert_non_null(take(&o, 1, CHANNEL_GO, 2));
    assert_non_null(take(&o, 0, CHANNEL_GO, 3));
    assert_non_null(take(&o, 0, CHANNEL_STOOD, 2));
    assert_null(take(&o, 0, CHANNEL_GO, 2));
    assert_non_null(take(&o, 0, CHANNEL_GO, 3));
    assert_non_null(take(&o, 1, CHANNEL_STOOD, 3));
    assert_null(take(&o, 0, CHANNEL_STOOD, 3));
    assert_non_null(take(&o, 0, CHANNEL_STOOD, 4));
}

/* Questions come before the stream, over the first connection. */
static void torture_channel_frame_questions_precede_the_stream(void **state)
{
    struct channel_order o = { .nr = 2 };

    (void)state;
    assert_non_null(take(&o, 1, CHANNEL_QUESTION, 0));
    assert_non_null(take(&o, 0, CHANNEL_QUESTION, 1));
    assert_null(take(&o, 0, CHANNEL_QUESTION, 0));
    assert_null(take(&o, 0, CHANNEL_FILL, 1));
    assert_null(take(&o, 0, CHANNEL_QUESTION, 2));
    assert_null(take(&o, 1, CHANNEL_DATA, 3));
    assert_non_null(take(&o, 0, CHANNEL_QUESTION, 4));
    assert_non_null(take(&o, 0, CHANNEL_FILL, 4));
    assert_null(take(&o, 0, CHANNEL_END, 4));
    assert_non_null(take(&o, 0, CHANNEL_QUESTION, 5));
    assert_non_null(take(&o, 0, CHANNEL_FILL, 5));
}

static void torture_channel_frame_fill_has_a_bound(void **state)
{
    struct channel_head h = { .kind = CHANNEL_FILL,
                              .raw_len = CHANNEL_FRAME_MAX };
    struct channel_order o = { .nr = 1 };

    (void)state;
    while (h.sequence < CHANNEL_FILL_MAX / CHANNEL_FRAME_MAX) {
        assert_null(channel_order_take(&o, 0, &h));
        channel_order_done(&o, 0, &h);
        h.sequence++;
    }
    assert_non_null(channel_order_take(&o, 0, &h));
}

/* ---- hello --------------------------------------------------------------- */

static void torture_channel_frame_hello_round_trip(void **state)
{
    struct channel_hello h = { .nr = 4, .index = 3, .codec = CHANNEL_LZ4 }, g;
    uint8_t bytes[CHANNEL_HELLO_SIZE], answer[CHANNEL_ANSWER_SIZE];

    (void)state;
    memcpy(h.token, token, sizeof(h.token));
    channel_hello_put(bytes, &h);
    assert_true(channel_hello_is(bytes));
    assert_false(channel_hello_is("Xen saved domain, xl format\n \0 \r"));
    assert_null(channel_hello_get(&g, bytes));
    assert_memory_equal(&g, &h, sizeof(h));
    assert_true(channel_token_same(g.token, token));
    assert_false(channel_token_same(g.token, other));
    channel_answer_put(answer);
    assert_true(channel_answer_is(answer));
    assert_true(channel_answer_takes_questions(answer));
    answer[23] = 0;                 /* as a receiver that knows none says it */
    assert_true(channel_answer_is(answer));
    assert_false(channel_answer_takes_questions(answer));
    answer[8]++;
    assert_false(channel_answer_is(answer));
}

static void torture_channel_frame_invalid_hello_is_refused(void **state)
{
    static const struct channel_hello bad[] = {
        { .nr = 0 }, { .nr = CHANNELS_MAX + 1 }, { .nr = 4, .index = 4 },
        { .nr = 1, .codec = CHANNEL_CODECS },
    };
    struct channel_hello h = { .nr = 1 };
    uint8_t bytes[CHANNEL_HELLO_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        channel_hello_put(bytes, &bad[i]);
        assert_non_null(channel_hello_get(&h, bytes));
    }
    channel_hello_put(bytes, &(struct channel_hello){ .nr = 1 });
    bytes[CHANNEL_HELLO_MAGIC]++;
    assert_non_null(strstr(channel_hello_get(&h, bytes), "version"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
        TEST(torture_channel_frame_round_trip),
        TEST(torture_channel_frame_incompressible_data_does_not_grow),
        TEST(torture_channel_frame_damage_is_detected),
        TEST(torture_channel_frame_of_another_migration_is_refused),
        TEST(torture_channel_frame_invalid_heads_are_refused),
        TEST(torture_channel_frame_unpacks_only_if_agreed),
        TEST(torture_channel_frame_runs_are_written_in_full),
        TEST(torture_channel_frame_runs_at_their_limits),
        TEST(torture_channel_frame_invalid_runs_are_refused),
        TEST(torture_channel_frame_order_is_kept),
        TEST(torture_channel_frame_disorder_is_detected),
        TEST(torture_channel_frame_only_go_follows_the_end),
        TEST(torture_channel_frame_questions_precede_the_stream),
        TEST(torture_channel_frame_fill_has_a_bound),
        TEST(torture_channel_frame_hello_round_trip),
        TEST(torture_channel_frame_invalid_hello_is_refused),
    };

    return torture_run(argc, argv, tests);
}
