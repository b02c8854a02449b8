/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source of which only the connections exist, to xl migrate-receive.
 */
#ifndef TESTS_SUPPORT_FAKE_CONNECTIONS_H
#define TESTS_SUPPORT_FAKE_CONNECTIONS_H

#include "channels/frame.h"
#include "support/fake_stock.h"

#define NR 3

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";
static const uint8_t other[CHANNEL_TOKEN] = "of another one.";

static inline void says_banner(struct receiving *r)
{
    receiving_says(r, MIGRATE_BANNER, strlen(MIGRATE_BANNER));
}

static inline void put(struct receiving *r, const void *p, size_t len)
{
    for (size_t n = 0; n < len; ) {
        ssize_t m = write(r->to, (const char *)p + n, len - n);

        if (m < 0)
            return;         /* it has refused us by now */
        n += m;
    }
}

static inline void hello(struct receiving *r, const uint8_t *of,
                         unsigned int nr, unsigned int index)
{
    struct channel_hello h = { .nr = nr, .index = index };
    uint8_t bytes[CHANNEL_HELLO_SIZE];

    memcpy(h.token, of, sizeof(h.token));
    channel_hello_put(bytes, &h);
    put(r, bytes, sizeof(bytes));
}

/* One of nr connections comes, and says which migration it is of. */
static inline struct receiving come(const uint8_t *of, unsigned int nr,
                                    unsigned int index)
{
    struct receiving r = receiving_start();

    says_banner(&r);
    hello(&r, of, nr, index);
    return r;
}

static inline void is_answered(struct receiving *r)
{
    uint8_t answer[CHANNEL_ANSWER_SIZE];

    channel_answer_put(answer);
    receiving_says(r, answer, sizeof(answer));
}

/* It has been turned away, or has ended: nothing more is said. */
static inline void says_no_more(struct receiving *r)
{
    struct pollfd fd = { .fd = r->from, .events = POLLIN };
    char c;

    assert_int_equal(poll(&fd, 1, HANGS_MS), 1);
    assert_int_equal(read(r->from, &c, 1), 0);
}

static inline void frame_of(const uint8_t *of, struct receiving *r, int kind,
                            uint64_t sequence, const void *p, size_t len)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];

    channel_frame_make(&f, kind, sequence, p, len, 0, NULL, of, iov);
    put(r, iov[0].iov_base, iov[0].iov_len);
    put(r, iov[1].iov_base, iov[1].iov_len);
}

static inline void frame(struct receiving *r, int kind, uint64_t sequence,
                         const void *p, size_t len)
{
    frame_of(token, r, kind, sequence, p, len);
}

/* All connections are there. */
static inline void open_all(struct receiving r[NR])
{
    for (int i = 0; i < NR; i++) {
        r[i] = come(token, NR, i);
        is_answered(&r[i]);
    }
}

static inline void end_all(struct receiving r[NR], int status)
{
    int first = receiving_end(&r[0]);

    assert_true(status ? first != 0 : !first);
    for (int i = 1; i < NR; i++)
        assert_int_equal(receiving_end(&r[i]), 0);
}

static inline int setup(void **state)
{
    (void)state;
    stock_setup();
    stock_does("cat >$GOT");
    return 0;
}

/* Nothing is left. */
static inline int teardown(void **state)
{
    (void)state;
    assert_int_equal(nr_files(stock.run), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    stock_teardown();
    return 0;
}

#endif
