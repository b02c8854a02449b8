/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "save/stream/parse.h"
#include "support/torture.h"

#define PFNS 3
#define WITH_DATA 2

/* Headers, an unknown record, and PFNS pfns, of which WITH_DATA have data. */
static size_t build(unsigned char *buf)
{
    uint32_t odd[2] = { 0x3, 13 };
    uint32_t pages[4] = { 0x1, 8 + PFNS * 8 + WITH_DATA * XPC_PAGE_SIZE,
                          PFNS, 0 };
    uint32_t end[2] = { 0, 0 };
    unsigned char *p = buf + 40;

    memset(buf, 0xee, 40);
    memcpy(p, odd, 8);
    memset(p + 8, 0x11, 16);            /* 13, padded to 8 */
    p += 24;
    memcpy(p, pages, 16);
    memset(p + 16, 0x22, pages[1] - 8);
    p += 8 + pages[1];
    memcpy(p, end, 8);
    return p + 8 - buf;
}

static void feed(struct save_stream *s, unsigned char *buf, size_t len,
                 size_t piece)
{
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        struct iovec iov = { .iov_base = buf + at, .iov_len = n };

        save_stream_written(s, &iov, 1, n);
    }
}

static void torture_save_stream_counts_pages_in_any_pieces(void **state)
{
    static unsigned char buf[65536];
    size_t len = build(buf);

    (void)state;
    for (size_t piece = 1; piece < 70; piece++) {
        struct save_stream s;

        save_stream_init(&s);
        feed(&s, buf, len, piece);
        assert_false(s.lost);
        assert_false(s.in_pages);   /* the END record has followed */
        assert_int_equal(s.bytes, len);
        assert_int_equal(s.pages, WITH_DATA);
        assert_int_equal(s.page_bytes,
                         16 + PFNS * 8 + WITH_DATA * XPC_PAGE_SIZE);
    }
}

static void torture_save_stream_notices_a_verify_pass(void **state)
{
    unsigned char verify[8] = { SAVE_RECORD_VERIFY };
    static unsigned char buf[65536];
    size_t len = build(buf);
    struct save_stream s;

    (void)state;
    save_stream_init(&s);
    feed(&s, buf, len - 8, 1000);
    assert_false(s.verifies);
    feed(&s, verify, sizeof(verify), 3);
    assert_true(s.verifies);
    feed(&s, buf + len - 8, 8, 8);
    assert_true(s.verifies);
}

static void torture_save_stream_counts_only_what_was_written(void **state)
{
    static unsigned char buf[65536];
    size_t len = build(buf);
    struct iovec iov[2] = {
        { .iov_base = buf, .iov_len = 50 },
        { .iov_base = buf + 50, .iov_len = len - 50 },
    };
    struct save_stream s;

    (void)state;
    save_stream_init(&s);
    save_stream_written(&s, iov, 2, 60);        /* a short writev() */
    assert_int_equal(s.bytes, 60);
    feed(&s, buf + 60, len - 60 - 8, 1000);
    assert_true(s.in_pages);
    feed(&s, buf + len - 8, 8, 1000);
    assert_false(s.in_pages);
    assert_int_equal(s.bytes, len);
    assert_int_equal(s.pages, WITH_DATA);
}

/* In a record that is broken off, only what was written counts. */
static void torture_save_stream_counts_whole_pages(void **state)
{
    const size_t first = 40 + 24, data = first + 16 + PFNS * 8;
    static unsigned char buf[65536];
    size_t len = build(buf), n = 0;
    struct save_stream s;

    (void)state;
    save_stream_init(&s);
    for (; n < len; n++) {
        uint64_t sent = n > data ? (n - data) / XPC_PAGE_SIZE : 0;

        assert_int_equal(s.pages, sent < WITH_DATA ? sent : WITH_DATA);
        if (n >= first + 16 && n <= data + WITH_DATA * XPC_PAGE_SIZE)
            assert_int_equal(s.page_bytes, n - first);
        feed(&s, buf + n, 1, 1);
    }
}

static void torture_save_stream_unknown_format_counts_bytes(void **state)
{
    uint32_t bad[4] = { 0x1, 8, 1000, 0 };  /* more pfns than fit into it */
    unsigned char buf[256] = { 0 };
    struct save_stream s;

    (void)state;
    memcpy(buf + 40, bad, sizeof(bad));
    save_stream_init(&s);
    feed(&s, buf, sizeof(buf), 7);
    assert_true(s.lost);
    assert_int_equal(s.bytes, sizeof(buf));
    assert_int_equal(s.pages, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_save_stream_counts_pages_in_any_pieces),
        cmocka_unit_test(torture_save_stream_notices_a_verify_pass),
        cmocka_unit_test(torture_save_stream_counts_only_what_was_written),
        cmocka_unit_test(torture_save_stream_counts_whole_pages),
        cmocka_unit_test(torture_save_stream_unknown_format_counts_bytes),
    };

    return torture_run(argc, argv, tests);
}
