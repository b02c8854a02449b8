/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zero pages that are left out: the receiver restores the same guest from the
 * stream as from the original.
 */
#include <stdlib.h>
#include <string.h>

#include "base/iov.h"
#include "save/stream/zero.h"
#include "support/stream_reader.h"
#include "support/torture.h"

#define PAGE READER_PAGE
#define XTAB (UINT64_C(15) << 60)
#define L1TAB (UINT64_C(1) << 60)

/* ---- libxenguest and the stream ---------------------------------------- */

/* What libxenguest wrote, and what was sent. */
struct bytes {
    unsigned char *p;
    size_t len;
};

static struct {
    struct save_zero *zero;
    struct save_stream stream;
    struct bytes wrote, left;
    int iov_max;                /* the most vectors of a call */
    bool scattered;             /* one vector per page, even of neighbours */
    unsigned char *guest;       /* its pages */
} t;

static void append(struct bytes *b, const void *p, size_t len)
{
    b->p = realloc(b->p, b->len + len);
    assert_non_null(b->p);
    memcpy(b->p + b->len, p, len);
    b->len += len;
}

/* One writev(). Returns how much was taken. */
static size_t call(const struct iovec *iov, int iovcnt)
{
    size_t n = save_zero_rewrite(t.zero, &t.stream, iov, iovcnt), len = 0;

    for (int i = 0; i < t.zero->out.nr; i++) {
        const struct iovec *o = &t.zero->out.iov[i];

        append(&t.left, o->iov_base, o->iov_len);
        len += o->iov_len;
    }
    save_stream_written(&t.stream, t.zero->out.iov, t.zero->out.nr, len);
    return n;
}

static void write_iov(struct iovec *iov, int iovcnt)
{
    for (int i = 0; i < iovcnt; i++)
        append(&t.wrote, iov[i].iov_base, iov[i].iov_len);
    while (iovcnt) {
        size_t n = call(iov, iovcnt < t.iov_max ? iovcnt : t.iov_max);

        assert_true(n > 0);
        iov_advance(&iov, &iovcnt, n);
    }
}

static void put(const void *p, size_t len)
{
    struct iovec iov = { (void *)p, len };

    write_iov(&iov, 1);
}

static void put_record(uint32_t type, uint32_t length)
{
    uint32_t head[2] = { type, length };
    char body[64] = { 1, 2, 3 };
    struct iovec iov[2] = { { head, 8 }, { body, (length + 7) & ~7u } };

    write_iov(iov, length ? 2 : 1);
}

/* Writes a batch of these entries. The pages are at t.guest, by pfn. */
static void put_pages(const uint64_t *entry, uint32_t nr)
{
    uint32_t head[4] = { 1, 8 + 8 * nr, nr, 0 };
    struct iovec iov[2 + SAVE_BATCH] = {
        { head, 16 }, { (void *)entry, 8 * nr },
    };
    size_t n = 2;

    for (uint32_t i = 0; i < nr; i++) {
        unsigned char *p = t.guest + (entry[i] & 0xffffff) * PAGE;

        if (entry[i] >> 60 >= 13)
            continue;
        head[1] += PAGE;
        if (!t.scattered && n > 2 &&
            (unsigned char *)iov[n - 1].iov_base + iov[n - 1].iov_len == p)
            iov[n - 1].iov_len += PAGE;
        else
            iov[n++] = (struct iovec){ p, PAGE };
    }
    write_iov(iov, n);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.iov_max = 1024;
    t.guest = calloc(READER_PFNS, PAGE);
    t.zero = save_zero_start(READER_PFNS, 1);
    assert_non_null(t.guest);
    assert_non_null(t.zero);
    save_stream_init(&t.stream);
    put((char[40]){ 1 }, 40);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    save_zero_stop(t.zero);
    free(t.guest);
    free(t.wrote.p);
    free(t.left.p);
    return 0;
}

/* Ends the stream and receives it. The caller frees the result. */
static struct stream_reader *receive(void)
{
    struct stream_reader *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

    put_record(9, 13);
    put_record(0, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(reader_read(a, t.wrote.p, t.wrote.len));
    assert_true(reader_read(b, t.left.p, t.left.len));
    assert_true(reader_same(a, b));
    assert_int_equal(a->records, b->records);
    assert_int_equal(b->different, 0);
    assert_int_equal(t.stream.bytes, t.left.len);
    assert_int_equal(t.stream.pages, b->pages);
    assert_false(t.stream.lost);
    free(a);
    return b;
}

/* Fills in nr pfns from first on; every third page is not zero. */
static void fill(uint64_t *entry, uint32_t nr, uint64_t first)
{
    for (uint32_t i = 0; i < nr; i++) {
        entry[i] = first + i;
        if (!((first + i) % 3))
            t.guest[(first + i) * PAGE + (first + i) % PAGE] = 7;
    }
}

/* ---- tests --------------------------------------------------------------- */

static void torture_save_zero_omits_zero_pages(void **state)
{
    uint64_t entry[SAVE_BATCH];
    struct stream_reader *r;

    (void)state;
    for (uint64_t first = 0; first < 3072; first += SAVE_BATCH) {
        fill(entry, SAVE_BATCH, first);
        put_pages(entry, SAVE_BATCH);
    }
    r = receive();
    assert_int_equal(r->pages, 1024);
    assert_int_equal(r->allocated, 2048);
    assert_int_equal(t.zero->pages, 2048);
    assert_int_equal(t.wrote.len - t.left.len, 2048 * PAGE);
    free(r);
}

/* The headers of a batch and 1024 pages are too many vectors for a call. */
static void torture_save_zero_a_record_in_two_calls(void **state)
{
    uint64_t entry[SAVE_BATCH];
    struct stream_reader *r;

    (void)state;
    t.scattered = true;
    fill(entry, SAVE_BATCH, 0);
    t.iov_max = 1022;
    put_pages(entry, SAVE_BATCH);
    put_pages(entry, SAVE_BATCH);
    assert_false(t.zero->off);
    r = receive();
    /* The last four pages are sent as they are. */
    assert_int_equal(t.zero->pages, 2 * 680);
    assert_int_equal(r->allocated, 2 * 680);
    assert_int_equal(r->pages, 2 * (1024 - 680));
    free(r);
}

/* A record of two pages and two zero pages, in two writes. */
static void put_cut(size_t cut)
{
    static unsigned char record[16 + 4 * 8 + 4 * PAGE];
    uint32_t head[4] = { 1, sizeof(record) - 8, 4, 0 };
    uint64_t entry[4] = { 8, 9, 10, 11 };

    memset(record, 0, sizeof(record));
    memcpy(record, head, sizeof(head));
    memcpy(record + 16, entry, sizeof(entry));
    record[48] = record[48 + 3 * PAGE - 1] = 7;
    put(record, cut);
    put(record + cut, sizeof(record) - cut);
}

static void torture_save_zero_accepts_writes_cut_anywhere(void **state)
{
    const size_t end = 48 + 4 * PAGE;

    for (size_t cut = 1; cut < end; cut++) {
        bool edge = cut < 64 || (cut - 48) % PAGE < 2 ||
                    (cut - 48) % PAGE == PAGE - 1;

        if (!edge && cut % 509)
            continue;
        teardown(state);
        setup(state);
        put_cut(cut);
        /* The state after the first pages must be right for the next. */
        put_cut(end / 2);
        free(receive());
    }
}

static void torture_save_zero_sends_a_page_again_that_had_data(void **state)
{
    uint64_t entry[3] = { 5, 6, 7 };
    struct stream_reader *r;

    (void)state;
    t.guest[6 * PAGE] = 1;
    put_pages(entry, 3);
    assert_int_equal(t.zero->pages, 2);
    t.guest[6 * PAGE] = 0;              /* zero now */
    put_pages(entry, 3);
    assert_int_equal(t.zero->pages, 4);
    t.guest[5 * PAGE] = 1;              /* no longer zero */
    put_pages(entry, 3);
    t.guest[5 * PAGE] = 0;
    put_pages(entry, 3);
    assert_int_equal(t.zero->pages, 6);
    r = receive();
    assert_int_equal(r->mem[6][0], 0);
    assert_int_equal(r->mem[5][0], 0);
    assert_int_equal(r->pages, 1 + 1 + 2 + 2);
    free(r);
}

static void torture_save_zero_omits_only_normal_pages(void **state)
{
    uint64_t entry[5] = { 1 | XTAB, 2 | L1TAB, 3, 4 | XTAB, 5 | (9ull << 60) };
    struct stream_reader *r;

    (void)state;
    put_pages(entry, 5);
    r = receive();
    assert_int_equal(t.zero->pages, 1);
    assert_true(r->populated[3]);
    assert_false(r->populated[1]);
    assert_int_equal(r->pages, 2);
    free(r);
}

static void torture_save_zero_omits_records_of_holes(void **state)
{
    uint64_t entry[SAVE_BATCH], some[4] = { 1, 2 | XTAB, 3 | XTAB, 4 };
    struct stream_reader *r;

    (void)state;
    for (uint32_t i = 0; i < SAVE_BATCH; i++)
        entry[i] = (1024 + i) | XTAB;
    put_pages(entry, SAVE_BATCH);
    assert_int_equal(t.left.len, 40);
    t.guest[4 * PAGE] = 1;
    put_pages(some, 4);
    assert_int_equal(t.left.len, 40 + 16 + 2 * 8 + PAGE);
    r = receive();
    assert_true(r->populated[1] && r->populated[4]);
    assert_false(r->populated[2] || r->populated[3]);
    assert_int_equal(t.zero->pages, 1);
    free(r);
}

/* Also of a page that was sent with data: a receiver does nothing then. */
static void torture_save_zero_keeps_the_hole_of_a_released_page(void **state)
{
    uint64_t there[2] = { 1, 2 }, gone[2] = { 1, 2 | XTAB };
    struct stream_reader *r;

    (void)state;
    t.guest[2 * PAGE] = 1;
    put_pages(there, 2);
    put_pages(gone, 2);
    t.guest[2 * PAGE] = 0;
    put_pages(there, 2);
    r = receive();
    assert_int_equal(r->mem[2][0], 0);
    assert_int_equal(r->pages, 2);
    free(r);
}

static void torture_save_zero_omits_nothing_in_a_verify_pass(void **state)
{
    uint64_t entry[100];
    struct stream_reader *r;

    (void)state;
    fill(entry, 100, 0);
    put_pages(entry, 100);
    put_record(13, 0);
    put_pages(entry, 100);
    r = receive();
    assert_int_equal(r->verified, 100);
    assert_int_equal(r->different, 0);
    assert_int_equal(t.zero->pages, 66);
    free(r);
}

static void torture_save_zero_omits_nothing_after_a_checkpoint(void **state)
{
    uint64_t entry[10];
    struct stream_reader *r;

    (void)state;
    fill(entry, 10, 0);
    put_record(14, 0);
    put_pages(entry, 10);
    r = receive();
    assert_int_equal(r->pages, 10);
    assert_true(t.zero->off);
    free(r);
}

static void torture_save_zero_disabled_changes_nothing(void **state)
{
    uint64_t entry[10];

    (void)state;
    save_zero_stop(t.zero);
    t.zero = save_zero_start(0, 1);
    fill(entry, 10, 0);
    put_pages(entry, 10);
    free(receive());
    assert_int_equal(t.wrote.len, t.left.len);
    assert_memory_equal(t.wrote.p, t.left.p, t.left.len);
}

/* A record that is not understood, and all that follows, is sent unchanged. */
static void torture_save_zero_stops_at_an_unknown_record(void **state)
{
    static const struct {
        uint32_t length, count;
        uint64_t entry[2];
    } odd[] = {
        { 8 + 16 + 2 * PAGE, 2, { 4, 4 } },             /* twice */
        { 8 + 16 + 2 * PAGE, 2, { 4, READER_PFNS } },   /* beyond the guest */
        { 8 + 16 + PAGE, 2, { 4, 5 } },                 /* a page is missing */
        { 8 + 16 + 2 * PAGE, 2, { 4, 5 | 6ull << 60 } },    /* no such type */
        { 8 + 16, 0, { 4, 5 } },
        { 8 + 16, 0x20000001, { 4, 5 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        uint32_t head[4] = { 1, odd[i].length, odd[i].count, 0 };
        struct iovec iov[3] = {
            { head, 16 }, { (void *)odd[i].entry, 16 },
            { t.guest, odd[i].length - 24 },
        };
        uint64_t next[1] = { 9 };

        write_iov(iov, 3);
        assert_true(t.zero->off);
        put_pages(next, 1);
        assert_int_equal(t.zero->pages, 0);
        assert_int_equal(t.wrote.len, t.left.len);
        teardown(state);
        setup(state);
    }
}

static void torture_save_zero_stops_at_a_header_in_pieces(void **state)
{
    uint64_t entry[10];

    (void)state;
    fill(entry, 10, 0);
    t.iov_max = 1;              /* a call has the header alone */
    put_pages(entry, 10);
    assert_true(t.zero->off);
    assert_int_equal(t.left.len, t.wrote.len);
    free(receive());
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_save_zero_omits_zero_pages),
        TEST(torture_save_zero_a_record_in_two_calls),
        TEST(torture_save_zero_accepts_writes_cut_anywhere),
        TEST(torture_save_zero_sends_a_page_again_that_had_data),
        TEST(torture_save_zero_omits_only_normal_pages),
        TEST(torture_save_zero_omits_records_of_holes),
        TEST(torture_save_zero_keeps_the_hole_of_a_released_page),
        TEST(torture_save_zero_omits_nothing_in_a_verify_pass),
        TEST(torture_save_zero_omits_nothing_after_a_checkpoint),
        TEST(torture_save_zero_disabled_changes_nothing),
        TEST(torture_save_zero_stops_at_an_unknown_record),
        TEST(torture_save_zero_stops_at_a_header_in_pieces),
    };

    return torture_run(argc, argv, tests);
}
