/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Choosing the compression of each frame: in a simulation of channels over a
 * link with a buffer, whose pages are known to compress.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "core/compress_auto.h"
#include "support/random.h"
#include "support/torture.h"

#define FRAME (256u << 10)
#define FRAME_PAGES (FRAME / XPC_PAGE_SIZE)
#define CHANNELS 4

/* What is left of a frame by each method, and us for a page. */
struct content {
    double share[4], us[4];
};

/* As off, lz4, zstd and zstd:3 do. */
static const struct content good = { { 1, 0.5, 0.33, 0.3 }, { 1, 5, 9, 14 } };
static const struct content noise = { { 1, 1, 1, 1 }, { 1, 3, 5, 6 } };

static struct {
    struct xpc_compress_auto a;
    double link;                    /* bytes per ns */
    double buffer;                  /* bytes that it takes at once */
    unsigned int nr;                /* channels, each with a processor */
    double busy;                    /* how much longer they take */
    double at[CHANNELS];            /* when a channel is free, ns */
    double link_free;               /* when the link has carried all */
    double written_until, writing;  /* the union of the times of writing */
    uint64_t wire, frames[4], seed;
} w;

static void start(double mbit, unsigned int nr, uint64_t stated_mbit)
{
    static const struct xpc_compress_method method = {
        .compress = XPC_COMPRESS_AUTO
    };

    memset(&w, 0, sizeof(w));
    w.link = mbit * 1e6 / 8 / 1e9;
    w.buffer = 400 << 10;
    w.nr = nr;
    w.busy = 1;
    xpc_compress_auto_init(&w.a, &method, stated_mbit * 125000, nr,
                           nr, 0);
    assert_int_equal(w.a.nr, 4);
}

static void write_frame(unsigned int c, double size)
{
    double begin = w.at[c], end;

    w.link_free = fmax(w.link_free, begin) + size / w.link;
    end = fmax(begin, w.link_free - w.buffer / w.link);
    w.writing += fmax(end - fmax(begin, w.written_until), 0);
    w.written_until = fmax(w.written_until, end);
    w.at[c] = end;
    w.wire += size;
    xpc_compress_auto_wrote(&w.a, w.written_until, w.wire, w.writing);
}

static void send_frame(const struct content *content)
{
    double vary = random_in(&w.seed, 0.8, 1.2), size, ns;
    unsigned int c = 0;
    size_t m;

    for (unsigned int i = 1; i < w.nr; i++)
        c = w.at[i] < w.at[c] ? i : c;
    m = xpc_compress_auto_pick(&w.a);
    assert_true(m < 4);
    w.frames[m]++;
    size = content->share[m] * (content->share[m] < 1 ? vary : 1) * FRAME;
    ns = content->us[m] * vary * 1000 * FRAME_PAGES;
    w.at[c] += ns * w.busy;
    xpc_compress_auto_learn(&w.a, m, FRAME, size, ns, ns * w.busy);
    write_frame(c, size);
}

/* Sends so many frames. Returns bytes per ns. */
static double send_frames(const struct content *content, int frames)
{
    double begin = w.link_free;

    memset(w.frames, 0, sizeof(w.frames));
    for (int i = 0; i < frames; i++)
        send_frame(content);
    return frames * (double)FRAME / (w.link_free - begin);
}

/* The rate of the best method by the formula, bytes per ns. */
static double best_rate(const struct content *content)
{
    double best = 0;

    for (int m = 0; m < 4; m++)
        best = fmax(best, fmin(w.link / content->share[m],
                               w.nr * XPC_PAGE_SIZE /
                               (content->us[m] * 1000)));
    return best;
}

/* A link whose rate nobody has said. */
static void torture_compress_auto_is_as_fast_as_the_best(void **state)
{
    static const double mbit[] = { 50, 100, 1000, 2000, 5000, 10000, 40000 };
    double rate;

    (void)state;
    for (unsigned int nr = 1; nr <= CHANNELS; nr++) {
        for (int i = 0; i < 7; i++) {
            start(mbit[i], nr, 0);
            send_frames(&good, 200);
            rate = send_frames(&good, 4000);
            /*
             * A single channel does not write while it compresses, which is
             * not in the formula.
             */
            if (rate < (nr == 1 ? 0.55 : 0.85) * best_rate(&good))
                fail_msg("%u channels, %g Mbit/s: %g of %g", nr, mbit[i],
                         rate, best_rate(&good));
        }
    }
}

static void torture_compress_auto_chooses_the_strongest_if_slow(void **state)
{
    (void)state;
    start(100, 2, 0);
    send_frames(&good, 1000);
    assert_true(w.frames[2] + w.frames[3] > 950);
    assert_true(w.frames[3] > w.frames[2]);
}

static void torture_compress_auto_ends_what_does_not_pay(void **state)
{
    (void)state;
    /* The first frames tell. */
    start(100, 2, 100);
    send_frames(&noise, 64);
    assert_true(w.frames[0] >= 64 - 3 * 2 - 2);
    send_frames(&noise, 4000);
    assert_true(w.frames[0] > 3850);
    /* Also if pages that do compress come before. */
    send_frames(&good, 1000);
    assert_true(w.frames[0] < 100 && w.frames[2] + w.frames[3] > 600);
    send_frames(&noise, 1000);
    assert_true(w.frames[0] > 700);
}

static void torture_compress_auto_uses_what_is_said_of_the_link(void **state)
{
    (void)state;
    start(100000, 4, 100);
    send_frames(&good, 100);
    assert_true(w.frames[2] + w.frames[3] > 80);
    start(100000, 4, 0);
    send_frames(&good, 100);
    assert_true(w.frames[0] > 80);
    /* A cap is as good as a link. */
    xpc_compress_auto_cap(&w.a, 12500000);
    send_frames(&good, 100);
    assert_true(w.frames[2] + w.frames[3] > 80);
    xpc_compress_auto_cap(&w.a, 0);
    send_frames(&good, 1000);
    assert_true(w.frames[0] > 900);
}

/* If the processors have other work, less compression is better. */
static void torture_compress_auto_leaves_processors_to_others(void **state)
{
    (void)state;
    start(600, 2, 600);
    send_frames(&good, 1000);
    assert_true(w.frames[2] + w.frames[3] > 900);
    w.busy = 10;
    send_frames(&good, 1000);
    assert_true(w.frames[0] + w.frames[1] > 800);
}

static void torture_compress_auto_tries_nothing_at_the_end(void **state)
{
    (void)state;
    start(100, 2, 0);
    send_frames(&good, 500);
    xpc_compress_auto_renew(&w.a);
    w.a.settled = true;
    send_frames(&good, 500);
    assert_int_equal(w.frames[3], 500);
    /* Even if nothing is known. */
    start(100, 2, 100);
    w.a.settled = true;
    send_frames(&good, 10);
    assert_int_equal(w.frames[0], 10);
}

static void torture_compress_auto_a_fixed_one_stays(void **state)
{
    const struct xpc_compress_method zstd = { XPC_COMPRESS_ZSTD, 9 }, off = {
        XPC_COMPRESS_OFF, 1
    };
    struct xpc_compress_auto a;

    (void)state;
    xpc_compress_auto_init(&a, &zstd, 0, 4, 4, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(xpc_compress_auto_pick(&a), 1);
        xpc_compress_auto_learn(&a, 1, FRAME, FRAME, 1000000, 1000000);
    }
    assert_int_equal(a.use[1].level, 9);
    assert_int_equal(a.use[1].frames, 100);
    xpc_compress_auto_init(&a, &off, 0, 4, 4, 0);
    assert_int_equal(xpc_compress_auto_pick(&a), 0);
    assert_int_equal(a.nr, 1);
    assert_true(isinf(xpc_compress_auto_link(&a)));
}

static void torture_compress_auto_says_why(void **state)
{
    struct xpc_compress_use use[] = {
        { .compress = XPC_COMPRESS_OFF, .bytes = 10 << 20,
          .wire_bytes = 10 << 20, .cpu_ns = 1000000 },
        { .compress = XPC_COMPRESS_ZSTD, .level = 3, .bytes = 90 << 20,
          .wire_bytes = 27 << 20, .cpu_ns = 23040 * UINT64_C(10000) },
    };
    struct xpc_report r = {
        .params.compress = XPC_COMPRESS_AUTO, .compress = use,
        .nr_compress = 2, .link_bytes_per_s = 12500000, .processors = 2,
        .channels = 3,
    };
    char buf[XPC_COMPRESS_CLAUSE_LEN];

    (void)state;
    assert_string_equal(xpc_compress_clause(&r, buf),
        "off for 10%, zstd:3 for 90% of the data; 100 Mbit/s on the link would "
        "carry off 100 Mbit/s, zstd:3 333 Mbit/s (30% left, 10.0 us a page)");
    r.link_bytes_per_s = 0;
    assert_string_equal(xpc_compress_clause(&r, buf),
        "off for 10%, zstd:3 for 90% of the data, as the link was never the "
        "bottleneck");
    r.params.compress = XPC_COMPRESS_ZSTD;
    assert_string_equal(xpc_compress_clause(&r, buf), "");
    r.params.compress = XPC_COMPRESS_AUTO;
    r.nr_compress = 0;
    assert_string_equal(xpc_compress_clause(&r, buf), "");
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test(torture_compress_auto_##name)
    const struct CMUnitTest tests[] = {
        T(is_as_fast_as_the_best),
        T(chooses_the_strongest_if_slow),
        T(ends_what_does_not_pay),
        T(uses_what_is_said_of_the_link),
        T(leaves_processors_to_others),
        T(tries_nothing_at_the_end),
        T(a_fixed_one_stays),
        T(says_why),
    };

    return torture_run(argc, argv, tests);
}
