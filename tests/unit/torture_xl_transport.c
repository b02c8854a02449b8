/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport's child: what of its end is noticed, and when.
 */
#include "torture.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "xl_migrate.h"

static char rune_that_ends[] = "exit 0";
static char rune_that_echoes[] = "exec cat";

/* Started, and ended as its closed end of the other pipe says. */
static void start_and_see_it_end(struct transport *t)
{
    char c;

    assert_int_equal(transport_start(t, rune_that_ends), 0);
    assert_int_equal(read(t->recv_fd, &c, 1), 0);
}

static void torture_xl_transport_carries(void **state)
{
    struct transport t;
    char buf[4] = "";

    (void)state;
    assert_int_equal(transport_start(&t, rune_that_echoes), 0);
    transport_let_go(&t);
    assert_int_equal(write(t.send_fd, "abc", 3), 3);
    for (size_t n = 0; n < 3;)
        n += read(t.recv_fd, buf + n, 3 - n);
    assert_string_equal(buf, "abc");
    transport_end(&t, true);
    assert_int_equal(t.pid, 0);
}

/* What libxl writes at first must not fail: it would crash. */
static void torture_xl_transport_an_end_waits_to_be_noticed(void **state)
{
    struct transport t;
    struct pollfd fd;

    (void)state;
    start_and_see_it_end(&t);
    fd = (struct pollfd){ .fd = t.send_fd, .events = POLLOUT };
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_int_equal(fd.revents, POLLOUT);
    assert_int_equal(write(t.send_fd, "abc", 3), 3);
    transport_end(&t, true);
}

static void torture_xl_transport_an_end_is_noticed(void **state)
{
    struct transport t;

    (void)state;
    start_and_see_it_end(&t);
    transport_let_go(&t);
    transport_let_go(&t);
    assert_int_equal(write(t.send_fd, "abc", 3), -1);
    assert_int_equal(errno, EPIPE);
    transport_end(&t, true);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_transport_carries),
        cmocka_unit_test(torture_xl_transport_an_end_waits_to_be_noticed),
        cmocka_unit_test(torture_xl_transport_an_end_is_noticed),
    };

    return torture_run(argc, argv, tests);
}
