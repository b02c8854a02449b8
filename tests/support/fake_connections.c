/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_connections.h"
#include "support/torture.h"

const uint8_t token[CHANNEL_TOKEN] = "of this migrati";
const uint8_t other_token[CHANNEL_TOKEN] = "of another one.";

void expect_banner(struct receiving *r)
{
    expect_sent(r, BANNER, strlen(BANNER));
}

void connection_write(struct receiving *r, const void *p, size_t len)
{
    for (size_t n = 0; n < len; ) {
        ssize_t m = write(r->to, (const char *)p + n, len - n);

        if (m < 0)
            return;         /* it has closed the connection */
        n += m;
    }
}

void connection_hello(struct receiving *r, const uint8_t *of,
                      unsigned int nr, unsigned int index)
{
    struct channel_hello h = { .nr = nr, .index = index };
    uint8_t bytes[CHANNEL_HELLO_SIZE];

    memcpy(h.token, of, sizeof(h.token));
    channel_hello_put(bytes, &h);
    connection_write(r, bytes, sizeof(bytes));
}

struct receiving connection_open(const uint8_t *of, unsigned int nr,
                                        unsigned int index)
{
    struct receiving r = receiving_start();

    expect_banner(&r);
    connection_hello(&r, of, nr, index);
    return r;
}

void expect_answer(struct receiving *r)
{
    uint8_t answer[CHANNEL_ANSWER_SIZE];

    channel_answer_put(answer);
    expect_sent(r, answer, sizeof(answer));
}

void expect_end(struct receiving *r)
{
    struct pollfd fd = { .fd = r->from, .events = POLLIN };
    char c;

    assert_int_equal(poll(&fd, 1, TIMEOUT_MS), 1);
    assert_int_equal(read(r->from, &c, 1), 0);
}

void frame_of(const uint8_t *of, struct receiving *r, int kind,
              uint64_t sequence, const void *p, size_t len)
{
    struct channel_frame f = { 0 };
    struct iovec iov[2];

    channel_frame_make(&f, kind, sequence, p, len, 0, NULL, of, iov);
    connection_write(r, iov[0].iov_base, iov[0].iov_len);
    connection_write(r, iov[1].iov_base, iov[1].iov_len);
}

void frame(struct receiving *r, int kind, uint64_t sequence,
           const void *p, size_t len)
{
    frame_of(token, r, kind, sequence, p, len);
}

void connections_open(struct receiving r[NR])
{
    for (int i = 0; i < NR; i++) {
        r[i] = connection_open(token, NR, i);
        expect_answer(&r[i]);
    }
}

void connections_end(struct receiving r[NR], int status)
{
    int first = receiving_end(&r[0]);

    assert_true(status ? first != 0 : !first);
    for (int i = 1; i < NR; i++)
        assert_int_equal(receiving_end(&r[i]), 0);
}

int connections_setup(void **state)
{
    (void)state;
    stock_setup();
    stock_does("cat >$GOT");
    return 0;
}

int connections_teardown(void **state)
{
    (void)state;
    assert_int_equal(count_files(stock.run), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    stock_teardown();
    return 0;
}
