/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <xenprecopy/units.h>

#include "support/torture.h"
#include "trace/bytes.h"
#include "trace/read.h"
#include "trace/write.h"

#define PAGES 3000u
#define INTERVALS 40u

/* A trace in memory. */
struct memory {
    unsigned char *buf;
    size_t len, max;
    size_t full;                /* writes fail from this size on; 0: never */
};

struct fixture {
    struct memory mem;
    /* A bit for each page and interval. */
    unsigned char truth[INTERVALS][PAGES];
    uint64_t ends[INTERVALS];
};

static int mem_write(void *ctx, const void *buf, size_t len)
{
    struct memory *m = ctx;

    if (m->full && m->len + len > m->full) {
        errno = ENOSPC;
        return -1;
    }
    if (m->len + len > m->max) {
        m->max = 2 * (m->len + len);
        m->buf = realloc(m->buf, m->max);
        assert_non_null(m->buf);
    }
    memcpy(m->buf + m->len, buf, len);
    m->len += len;
    return 0;
}

static int mem_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
    const struct memory *m = ctx;

    /* The reader never exceeds the size that it was given. */
    assert_true(offset <= m->len && len <= m->len - offset);
    memcpy(buf, m->buf + offset, len);
    return 0;
}

static uint32_t rnd(uint64_t *s)
{
    *s = *s * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *s >> 33;
}

static const struct xpc_trace_info info = {
    .page_size = 4096, .interval_ns = 25 * XPC_MS, .zero_pages = 17,
    .source = "a test",
};

static size_t random_runs(struct fixture *f, unsigned int i, uint64_t *s,
                          struct xpc_trace_run *runs)
{
    size_t nr = 0;
    uint64_t page = rnd(s) % 64;

    while (page < PAGES && nr < 200) {
        uint64_t n = rnd(s) % 3 ? 1 : 1 + rnd(s) % 40;

        if (n > PAGES - page)
            n = PAGES - page;
        runs[nr++] = (struct xpc_trace_run){ page, n };
        memset(&f->truth[i][page], 1, n);
        /* Sometimes the next run is adjacent. */
        page += n + rnd(s) % 30;
    }
    return nr;
}

static void write_all(struct fixture *f, struct memory *m)
{
    struct xpc_trace_sink sink = { mem_write, m };
    struct xpc_trace_writer *w = xpc_trace_writer_open(&sink, &info);
    struct xpc_trace_run runs[200];
    uint64_t s = 1, now = 0;

    assert_non_null(w);
    for (unsigned int i = 0; i < INTERVALS; i++) {
        size_t nr = i == 5 ? 0 : random_runs(f, i, &s, runs);

        f->ends[i] = now += 20 * XPC_MS + rnd(&s) % (10 * XPC_MS);
        assert_int_equal(xpc_trace_write(w, now, runs, nr), 0);
    }
    assert_int_equal(xpc_trace_finish(w, PAGES), 0);
    xpc_trace_writer_close(w);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    write_all(f, &f->mem);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->mem.buf);
    free(f);
    return 0;
}

static struct xpc_trace *open_mem(struct memory *m,
                                  char err[XPC_TRACE_ERR_LEN])
{
    struct xpc_trace_source source = { mem_read, m, m->len };

    return xpc_trace_open(&source, err);
}

static bool same(const struct fixture *f, unsigned int i,
                 const struct xpc_trace_interval *in)
{
    static unsigned char got[PAGES];
    uint64_t pages = 0;

    memset(got, 0, sizeof(got));
    for (size_t k = 0; k < in->nr_runs; k++) {
        if (in->runs[k].first + in->runs[k].nr > PAGES)
            return false;
        memset(got + in->runs[k].first, 1, in->runs[k].nr);
        pages += in->runs[k].nr;
    }
    return pages == in->pages && in->end_ns == f->ends[i] &&
           in->start_ns == (i ? f->ends[i - 1] : 0) &&
           !memcmp(got, f->truth[i], PAGES);
}

static void torture_trace_round_trip(void **state)
{
    struct fixture *f = *state;
    char err[XPC_TRACE_ERR_LEN] = "";
    struct xpc_trace *t = open_mem(&f->mem, err);
    const struct xpc_trace_info *got;
    struct xpc_trace_interval in;

    assert_non_null(t);
    got = xpc_trace_info(t);
    assert_int_equal(got->page_size, 4096);
    assert_int_equal(got->interval_ns, 25 * XPC_MS);
    assert_int_equal(got->zero_pages, 17);
    assert_string_equal(got->source, "a test");
    assert_int_equal(got->total_pages, PAGES);
    assert_int_equal(got->intervals, INTERVALS);
    assert_int_equal(got->duration_ns, f->ends[INTERVALS - 1]);
    for (unsigned int i = 0; i < INTERVALS; i++) {
        assert_int_equal(xpc_trace_next(t, &in, err), 1);
        assert_true(same(f, i, &in));
    }
    assert_int_equal(xpc_trace_next(t, &in, err), 0);
    assert_int_equal(xpc_trace_next(t, &in, err), 0);
    xpc_trace_close(t);
}

static void torture_trace_seek(void **state)
{
    struct fixture *f = *state;
    char err[XPC_TRACE_ERR_LEN];
    struct xpc_trace *t = open_mem(&f->mem, err);
    struct xpc_trace_interval in;

    assert_non_null(t);
    for (unsigned int k = 0; k < 3 * INTERVALS; k++) {
        unsigned int i = k * 7 % INTERVALS;
        uint64_t start = i ? f->ends[i - 1] : 0;

        /* Just after its start, and at its end, which is part of it. */
        assert_int_equal(xpc_trace_seek(t, k & 1 ? start + 1 : f->ends[i],
                                        err), 1);
        assert_int_equal(xpc_trace_next(t, &in, err), 1);
        assert_true(same(f, i, &in));
    }
    assert_int_equal(xpc_trace_seek(t, 0, err), 1);
    assert_int_equal(xpc_trace_next(t, &in, err), 1);
    assert_true(same(f, 0, &in));
    assert_int_equal(xpc_trace_seek(t, f->ends[INTERVALS - 1] + 1, err), 0);
    assert_int_equal(xpc_trace_next(t, &in, err), 0);
    xpc_trace_close(t);
}

/* Many blocks: one has at most 256 intervals. */
static void torture_trace_blocks(void **state)
{
    struct memory m = { 0 };
    struct xpc_trace_sink sink = { mem_write, &m };
    struct xpc_trace_writer *w = xpc_trace_writer_open(&sink, &info);
    char err[XPC_TRACE_ERR_LEN];
    struct xpc_trace_interval in;
    struct xpc_trace *t;

    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        struct xpc_trace_run run = { i, 1 };

        assert_int_equal(xpc_trace_write(w, (i + 1) * XPC_MS, &run, 1), 0);
    }
    assert_int_equal(xpc_trace_finish(w, 2000), 0);
    xpc_trace_writer_close(w);
    t = open_mem(&m, err);
    assert_non_null(t);
    for (uint64_t k = 0; k < 300; k++) {
        uint64_t i = k * 1237 % 2000;

        assert_int_equal(xpc_trace_seek(t, (i + 1) * XPC_MS, err), 1);
        assert_int_equal(xpc_trace_next(t, &in, err), 1);
        assert_int_equal(in.pages, 1);
        assert_int_equal(in.runs[0].first, i);
    }
    xpc_trace_close(t);
    free(m.buf);
}

static void torture_trace_empty(void **state)
{
    struct memory m = { 0 };
    struct xpc_trace_sink sink = { mem_write, &m };
    struct xpc_trace_writer *w = xpc_trace_writer_open(&sink, &info);
    char err[XPC_TRACE_ERR_LEN];
    struct xpc_trace_interval in;
    struct xpc_trace *t;

    (void)state;
    assert_int_equal(xpc_trace_finish(w, 0), 0);
    xpc_trace_writer_close(w);
    t = open_mem(&m, err);
    assert_non_null(t);
    assert_int_equal(xpc_trace_next(t, &in, err), 0);
    assert_int_equal(xpc_trace_seek(t, 0, err), 0);
    xpc_trace_close(t);
    free(m.buf);
}

static void torture_trace_refuses_wrong_calls(void **state)
{
    static const struct {
        uint64_t end_ns;
        struct xpc_trace_run runs[2];
    } wrong[] = {
        { 10, { { 1, 1 }, { 3, 1 } } },         /* times not ascending */
        { 11, { { 1, 0 }, { 3, 1 } } },         /* an empty run */
        { 11, { { 3, 1 }, { 1, 1 } } },         /* runs not ascending */
        { 11, { { 1, 3 }, { 3, 1 } } },         /* overlapping runs */
        { 11, { { 1, 1 }, { XPC_TRACE_PAGES_MAX, 1 } } },
        { 11, { { 1, 1 }, { 2, UINT64_MAX } } },
    };
    struct xpc_trace_info bad = info;
    struct memory m = { 0 };
    struct xpc_trace_sink sink = { mem_write, &m };

    (void)state;
    bad.page_size = 3000;
    assert_null(xpc_trace_writer_open(&sink, &bad));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct xpc_trace_writer *w = xpc_trace_writer_open(&sink, &info);

        assert_int_equal(xpc_trace_write(w, 10, NULL, 0), 0);
        assert_int_equal(xpc_trace_write(w, wrong[i].end_ns, wrong[i].runs,
                                         2), -1);
        assert_int_equal(errno, EINVAL);
        /* The error is permanent. */
        assert_int_equal(xpc_trace_finish(w, PAGES), -1);
        xpc_trace_writer_close(w);
    }
    free(m.buf);
}

static void torture_trace_finish_returns_the_pages(void **state)
{
    struct memory m = { 0 };
    struct xpc_trace_sink sink = { mem_write, &m };
    struct xpc_trace_writer *w = xpc_trace_writer_open(&sink, &info);
    struct xpc_trace_run run = { 9, 1 };

    (void)state;
    assert_int_equal(xpc_trace_write(w, 1, &run, 1), 0);
    assert_int_equal(xpc_trace_finish(w, 9), -1);
    xpc_trace_writer_close(w);
    free(m.buf);
}

static void torture_trace_full_disk(void **state)
{
    struct fixture *f = *state;

    for (size_t full = 1; full < f->mem.len; full += 97) {
        struct memory m = { .full = full };
        struct xpc_trace_sink sink = { mem_write, &m };
        struct xpc_trace_writer *w = xpc_trace_writer_open(&sink, &info);

        if (w) {
            struct xpc_trace_run run = { 1, 1 };

            for (uint64_t i = 1; i < 4000; i++) {
                if (xpc_trace_write(w, i * XPC_MS, &run, 1))
                    break;
            }
            /* It fails, unless everything fitted. */
            if (xpc_trace_finish(w, 2))
                assert_int_equal(errno, ENOSPC);
        } else {
            assert_int_equal(errno, ENOSPC);
        }
        xpc_trace_writer_close(w);
        free(m.buf);
    }
}

/* Reads everything. Returns true if it is as written and complete. */
static bool reads_whole(struct fixture *f, struct memory *m,
                        char err[XPC_TRACE_ERR_LEN])
{
    struct xpc_trace *t = open_mem(m, err);
    struct xpc_trace_interval in;
    unsigned int i = 0;
    int rc;

    if (!t)
        return false;
    while ((rc = xpc_trace_next(t, &in, err)) > 0) {
        /* Even with damage, nothing wrong is returned. */
        assert_true(i < INTERVALS && same(f, i, &in));
        i++;
    }
    xpc_trace_close(t);
    return !rc && i == INTERVALS;
}

static void torture_trace_damage_at_every_byte(void **state)
{
    static const unsigned char flips[] = { 0x01, 0x80, 0xff };
    struct fixture *f = *state;
    char err[XPC_TRACE_ERR_LEN];

    assert_true(reads_whole(f, &f->mem, err));
    for (size_t at = 0; at < f->mem.len; at++) {
        for (size_t k = 0; k < sizeof(flips); k++) {
            f->mem.buf[at] ^= flips[k];
            err[0] = 0;
            assert_false(reads_whole(f, &f->mem, err));
            assert_non_null(strstr(err, "damaged at offset "));
            assert_null(strchr(err, '\n'));
            f->mem.buf[at] ^= flips[k];
        }
    }
}

static void torture_trace_truncation_at_every_byte(void **state)
{
    struct fixture *f = *state;
    size_t len = f->mem.len;
    char err[XPC_TRACE_ERR_LEN];

    for (f->mem.len = 0; f->mem.len < len; f->mem.len++) {
        assert_false(reads_whole(f, &f->mem, err));
        assert_non_null(strstr(err, "damaged at offset "));
    }
    /* Nothing may follow the end. */
    f->mem.len = len;
    mem_write(&f->mem, "x", 1);
    assert_false(reads_whole(f, &f->mem, err));
}

static void resum(unsigned char *p, size_t len)
{
    put_u64(p + len - 8, XXH64(p, len - 8, 0));
}

/* A trace of one block whose payload is not compressed. */
static void make_plain(struct memory *m, const unsigned char *payload,
                       size_t len)
{
    unsigned char b[512] = TRACE_MAGIC, *p = b + TRACE_HEADER_LEN;

    put_u32(b + 8, 1);
    put_u32(b + 12, TRACE_HEADER_LEN);
    put_u32(b + 16, 4096);
    resum(b, TRACE_HEADER_LEN);
    memcpy(p, TRACE_BLOCK_MAGIC, 4);
    put_u32(p + 4, len);
    put_u32(p + 8, len);
    put_u32(p + 12, 1);
    put_u64(p + 24, 100);
    memcpy(p + 40, payload, len);
    resum(p, TRACE_BLOCK_LEN + len);
    p += TRACE_BLOCK_LEN + len;
    put_u64(p + 32, TRACE_HEADER_LEN);
    put_u64(p + 48, 100);
    put_u32(p + 56, 1);
    memcpy(p, TRACE_INDEX_MAGIC, 4);
    put_u32(p + 4, 1);
    put_u64(p + 8, 50);
    put_u64(p + 16, 1);
    put_u64(p + 24, 100);
    resum(p, TRACE_INDEX_LEN + TRACE_ENTRY_LEN);
    p += TRACE_INDEX_LEN + TRACE_ENTRY_LEN;
    put_u64(p, TRACE_HEADER_LEN + TRACE_BLOCK_LEN + len);
    put_u64(p + 8, TRACE_INDEX_LEN + TRACE_ENTRY_LEN);
    memcpy(p + 16, TRACE_END_MAGIC, 8);
    resum(p, TRACE_TAIL_LEN);
    m->len = 0;
    mem_write(m, b, p + TRACE_TAIL_LEN - b);
}

static int read_plain(const unsigned char *payload, size_t len)
{
    char err[XPC_TRACE_ERR_LEN];
    struct xpc_trace_interval in;
    struct memory m = { 0 };
    struct xpc_trace *t;
    int rc;

    make_plain(&m, payload, len);
    t = open_mem(&m, err);
    assert_non_null(t);
    rc = xpc_trace_next(t, &in, err);
    for (size_t i = 0; rc == 1 && i < in.nr_runs; i++)
        assert_true(in.runs[i].first + in.runs[i].nr <= 50);
    xpc_trace_close(t);
    free(m.buf);
    return rc;
}

/* Invalid payloads with a valid checksum. */
static void torture_trace_invalid_payloads_are_refused(void **state)
{
    static const unsigned char good[] = { 100, 2, 3 << 1, 45 << 1 };
    static const struct {
        size_t len;
        unsigned char b[16];
    } bad[] = {
        { 4, { 99, 2, 3 << 1, 4 << 1 } },       /* differs from the index */
        { 4, { 101, 2, 3 << 1, 4 << 1 } },
        { 3, { 0, 1, 3 << 1 } },                /* no time */
        { 4, { 100, 1, 3 << 1, 4 << 1 } },      /* bytes left over */
        { 3, { 100, 2, 3 << 1 } },              /* a missing run */
        { 4, { 100, 2, 3 << 1, 0 } },           /* adjacent runs */
        { 3, { 100, 1, 50 << 1 } },             /* a page too high */
        { 4, { 100, 1, 40 << 1 | 1, 9 } },      /* a run too long */
        { 1, { 100 } },
        { 3, { 100, 127, 1 } },
        { 12, { 100, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0x01 } },                 /* 2^64 - 1 */
        { 12, { 100, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0x7f } },                 /* more than 64 bits */
    };
    unsigned char noise[40];
    uint64_t s = 7;

    (void)state;
    assert_int_equal(read_plain(good, sizeof(good)), 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_plain(bad[i].b, bad[i].len), -1);
    for (unsigned int i = 0; i < 20000; i++) {
        size_t len = 1 + rnd(&s) % sizeof(noise);

        for (size_t k = 0; k < len; k++)
            noise[k] = rnd(&s) >> 5;
        noise[0] = 100;
        read_plain(noise, len);
    }
}

static void torture_trace_version(void **state)
{
    struct fixture *f = *state;
    char err[XPC_TRACE_ERR_LEN];

    f->mem.buf[8] = 2;
    assert_null(open_mem(&f->mem, err));
    assert_string_equal(err, "trace damaged at offset 8: version 2, this "
                        "program reads version 1");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(torture_trace_round_trip, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(torture_trace_seek, setup, teardown),
        cmocka_unit_test(torture_trace_blocks),
        cmocka_unit_test(torture_trace_empty),
        cmocka_unit_test(torture_trace_refuses_wrong_calls),
        cmocka_unit_test(torture_trace_finish_returns_the_pages),
        cmocka_unit_test_setup_teardown(torture_trace_full_disk, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(torture_trace_damage_at_every_byte,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            torture_trace_truncation_at_every_byte, setup, teardown),
        cmocka_unit_test(torture_trace_invalid_payloads_are_refused),
        cmocka_unit_test_setup_teardown(torture_trace_version, setup,
                                        teardown),
    };

    return torture_run(argc, argv, tests);
}
