/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending end of many channels. The test is the receiving end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "channels/frame.h"
#include "channels/out.h"
#include "support/torture.h"

#define NR CHANNELS_MAX
#define CAP 20000000
#define STALL_NS (500 * XPC_MS)

static const uint8_t token[CHANNEL_TOKEN] = "of this migrati";
static uint8_t some[1 << 20];

static struct {
    struct channel_out *out;
    int sent[NR], received[NR];     /* the channels' ends; -1: closed */
    /* What was received, if a thread reads. */
    bool stop;
    struct {
        uint64_t ns, bytes;         /* the bytes up to that time */
    } at[1 << 16];
    size_t nr;
} w;

/* Small pipes, so that data arrives when it is sent. */
static int setup(void **state)
{
    struct channel_out_how how = { .fds = w.sent, .nr = NR, .token = token };
    int fd[2];

    (void)state;
    memset(&w, 0, sizeof(w));
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < NR; i++) {
        assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
        w.received[i] = fd[0];
        w.sent[i] = fd[1];
        fcntl(w.sent[i], F_SETPIPE_SZ, 4096);
    }
    w.out = channel_out_start(&how);
    assert_non_null(w.out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    channel_out_stop(w.out);
    for (int i = 0; i < NR; i++) {
        close(w.sent[i]);
        if (w.received[i] >= 0)
            close(w.received[i]);
    }
    return 0;
}

/* The receiver does not read. Breaking off takes no time. */
static void torture_channel_out_a_stall_is_broken_off(void **state)
{
    uint64_t begun;

    (void)state;
    while (channel_out_put(w.out, some, sizeof(some)) > 0) {}
    assert_int_equal(channel_out_left(w.out), 0);
    begun = clock_now_ns();
    channel_out_wait(w.out, begun + 20 * XPC_MS);
    assert_true(clock_now_ns() - begun >= 20 * XPC_MS);
    begun = clock_now_ns();
    channel_out_break(w.out);
    assert_int_equal(channel_out_left(w.out), -1);
    assert_int_equal(errno, ECANCELED);
    assert_int_equal(channel_out_put(w.out, some, 1), -1);
    channel_out_stop(w.out);
    w.out = NULL;
    assert_true(clock_now_ns() - begun < 500 * XPC_MS);
}

/*
 * The others may wait for a frame that the dead channel had, and no further
 * data is written to an idle channel, by which its end would be noticed.
 */
static void torture_channel_out_an_idle_channel_that_dies_is_noticed(
    void **state)
{
    uint64_t begun = clock_now_ns();
    int busy = NR, held, r;

    (void)state;
    assert_int_equal(channel_out_put(w.out, some, 100000), 100000);
    channel_out_flush(w.out);
    while (busy == NR) {
        for (busy = 0; busy < NR; busy++) {
            if (!ioctl(w.received[busy], FIONREAD, &held) && held)
                break;
        }
    }
    assert_int_equal(channel_out_left(w.out), 0);
    close(w.received[!busy]);
    w.received[!busy] = -1;
    while (!(r = channel_out_left(w.out)) &&
           clock_now_ns() < begun + 20 * XPC_S)
        channel_out_wait(w.out, clock_now_ns() + 5 * XPC_MS);
    assert_int_equal(r, -1);
    assert_int_equal(errno, EPIPE);
}

/* ---- the rate limit ------------------------------------------------------ */

static void read_all(const struct pollfd *fds)
{
    static char buf[1 << 16];
    uint64_t bytes = w.nr ? w.at[w.nr - 1].bytes : 0;
    ssize_t n;

    for (int i = 0; i < NR; i++) {
        if (fds[i].revents && (n = read(fds[i].fd, buf, sizeof(buf))) > 0)
            bytes += n;
    }
    w.at[w.nr].ns = clock_now_ns();
    w.at[w.nr++].bytes = bytes;
}

/* The receiver reads nothing at first, and then everything. */
static void *stall_and_read(void *arg)
{
    struct pollfd fds[NR];

    for (int i = 0; i < NR; i++)
        fds[i] = (struct pollfd){ .fd = w.received[i], .events = POLLIN };
    usleep(STALL_NS / 1000);
    while (!__atomic_load_n(&w.stop, __ATOMIC_RELAXED) &&
           w.nr < sizeof(w.at) / sizeof(w.at[0])) {
        if (poll(fds, NR, 50) > 0)
            read_all(fds);
    }
    return arg;
}

/* The highest number of bytes received in any second. */
static uint64_t most_in_a_second(void)
{
    uint64_t most = 0, before;
    size_t first = 0;

    for (size_t i = 0; i < w.nr; i++) {
        while (w.at[i].ns - w.at[first].ns > XPC_S)
            first++;
        before = first ? w.at[first - 1].bytes : 0;
        if (w.at[i].bytes - before > most)
            most = w.at[i].bytes - before;
    }
    return most;
}

/* However many channels the stall has held up. */
static void torture_channel_out_keeps_the_rate_limit_after_a_stall(
    void **state)
{
    uint64_t until = clock_now_ns() + STALL_NS + 1500 * XPC_MS;
    pthread_t thread;

    (void)state;
    channel_out_rate(w.out, CAP);
    assert_int_equal(pthread_create(&thread, NULL, stall_and_read, NULL), 0);
    while (clock_now_ns() < until) {
        if (!channel_out_put(w.out, some, sizeof(some)))
            channel_out_wait(w.out, clock_now_ns() + 5 * XPC_MS);
    }
    __atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    /* A piece takes 5 ms. */
    assert_in_range(most_in_a_second(), CAP / 10, CAP * 1.02 + CAP / 200);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(torture_channel_out_a_stall_is_broken_off),
        TEST(torture_channel_out_an_idle_channel_that_dies_is_noticed),
        TEST(torture_channel_out_keeps_the_rate_limit_after_a_stall),
    };

    return torture_run(argc, argv, tests);
}
