/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zero pages are found in the stream, however libxenguest's writes divide it.
 */
#include <stdlib.h>
#include <string.h>

#include "save/stream/pages.h"
#include "support/torture.h"

#define PAGE 4096
#define NR 8

/* The headers, a PAGE_DATA record of NR pages, and the END record. */
static struct {
    char bytes[40 + 16 + NR * 8 + NR * PAGE + 8];
    size_t pages;               /* where the pages begin */
} stream;

static struct save_pages *s;

/* The pages whose bit is set in zero are zero. */
static void make_stream(unsigned int zero)
{
    uint32_t head[4] = { SAVE_RECORD_PAGE_DATA, 8 + NR * (8 + PAGE), NR, 0 };

    memset(&stream, 0, sizeof(stream));
    memcpy(stream.bytes + 40, head, sizeof(head));
    stream.pages = 40 + 16 + NR * 8;
    for (int i = 0; i < NR; i++) {
        if (!(zero & 1u << i))
            stream.bytes[stream.pages + i * PAGE + i * 100] = 1;
    }
}

static int setup(void **state)
{
    (void)state;
    s = save_pages_start(1);
    return !s;
}

static int teardown(void **state)
{
    (void)state;
    save_pages_stop(s);
    return 0;
}

/*
 * Writes the stream in parts of len bytes. The pieces that these are cut into
 * must form the stream again. Returns the number of zero pages.
 */
static uint64_t write_in_parts(size_t len, size_t *pieces_r)
{
    static char back[sizeof(stream.bytes)];
    const struct save_piece *piece;
    struct save_stream at;
    uint64_t zero = 0;
    size_t done = 0, nr;

    save_stream_init(&at);
    memset(back, 0, sizeof(back));
    *pieces_r = 0;
    while (done < sizeof(back)) {
        size_t part = sizeof(back) - done < len ? sizeof(back) - done : len;
        struct iovec iov = { stream.bytes + done, part };

        nr = save_pages_cut(s, &at, &iov, 1, &piece);
        assert_int_equal(save_pages_taken(s), part);
        zero += save_pages_zero(s);
        *pieces_r += nr;
        for (size_t i = 0; i < nr; i++) {
            iov = (struct iovec){ (void *)piece[i].p, piece[i].len };
            if (piece[i].zero) {
                save_stream_zeros(&at, piece[i].len);
            } else {
                memcpy(back + done, piece[i].p, piece[i].len);
                save_stream_written(&at, &iov, 1, piece[i].len);
            }
            done += piece[i].len;
        }
    }
    assert_memory_equal(back, stream.bytes, sizeof(back));
    assert_int_equal(at.bytes, sizeof(back) - zero * PAGE);
    assert_int_equal(at.pages + at.zero_pages, NR);
    assert_int_equal(at.zero_pages, zero);
    assert_false(at.lost);
    assert_int_equal(at.type, SAVE_RECORD_END);
    return zero;
}

static void torture_save_pages_are_found_and_joined(void **state)
{
    size_t pieces;

    (void)state;
    make_stream(0x9c);                  /* pages 2, 3, 4 and 7 */
    assert_int_equal(write_in_parts(sizeof(stream.bytes), &pieces), 4);
    /* Everything before page 2; 2 to 4; 5 and 6; 7; the rest. */
    assert_int_equal(pieces, 5);
    make_stream(0);
    assert_int_equal(write_in_parts(sizeof(stream.bytes), &pieces), 0);
    assert_int_equal(pieces, 1);
    make_stream(0xff);
    assert_int_equal(write_in_parts(sizeof(stream.bytes), &pieces), NR);
    assert_int_equal(pieces, 3);
}

/* Headers and parts of a page may be zero, too: only whole pages count. */
static void torture_save_pages_only_whole_pages_count(void **state)
{
    size_t pieces;

    (void)state;
    make_stream(0xff);
    assert_int_equal(write_in_parts(PAGE - 1, &pieces), 0);
    assert_int_equal(write_in_parts(100, &pieces), 0);
    assert_int_equal(write_in_parts(1, &pieces), 0);
    /* Some of these parts contain a whole page. */
    assert_in_range(write_in_parts(2 * PAGE - 1, &pieces), 1, NR - 1);
}

/* Pages are looked for only in known records. */
static void torture_save_pages_not_in_unknown_records(void **state)
{
    const struct save_piece *piece;
    struct iovec iov = { stream.bytes, sizeof(stream.bytes) };
    struct save_stream at;

    (void)state;
    make_stream(0xff);
    stream.bytes[40 + 4]++;             /* an impossible length */
    save_stream_init(&at);
    assert_int_equal(save_pages_cut(s, &at, &iov, 1, &piece), 1);
    assert_false(piece->zero);
    assert_int_equal(save_pages_taken(s), sizeof(stream.bytes));
}

/* With more pieces than there is room for, the rest comes the next time. */
static void torture_save_pages_are_limited_by_the_room(void **state)
{
    static struct iovec iov[5000];
    const struct save_piece *piece;
    struct save_stream at;
    size_t nr;

    (void)state;
    make_stream(0);
    save_stream_init(&at);
    for (size_t i = 0; i < 5000; i++)
        iov[i] = (struct iovec){ stream.bytes + 2 * i, 1 };
    nr = save_pages_cut(s, &at, iov, 5000, &piece);
    assert_in_range(nr, 1024, 4999);
    assert_int_equal(save_pages_taken(s), nr);
    assert_int_equal(save_pages_cut(s, &at, iov, 0, &piece), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_save_pages_are_found_and_joined),
        TEST(torture_save_pages_only_whole_pages_count),
        TEST(torture_save_pages_not_in_unknown_records),
        TEST(torture_save_pages_are_limited_by_the_room),
    };

    return torture_run(argc, argv, tests);
}
