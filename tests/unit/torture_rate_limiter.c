/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <xenprecopy/units.h>

#include "base/rate_limiter.h"
#include "support/torture.h"

#define SECONDS 10
#define LATE_MAX 4000001

/*
 * A writer that always has more data, for SECONDS by its own clock. A write
 * takes write_ns, and a sleep ends up to late_ns late. at[] records the writes.
 */
static struct {
    uint64_t ns, bytes;         /* the bytes up to that time */
} at[1 << 20];

static size_t run(uint64_t rate, uint64_t write_ns, uint64_t late_ns)
{
    uint64_t now = 12345, start = now, wait, sent = 0, rng = 1;
    struct rate_limiter b = { 0 };
    size_t nr = 0;

    rate_limiter_set(&b, rate, now);
    while (now < start + SECONDS * XPC_S) {
        wait = rate_limiter_wait_ns(&b, now);
        if (wait) {
            rng = rng * 6364136223846793005u + 1;
            now += wait + (late_ns ? (rng >> 33) % late_ns : 0);
            continue;
        }
        now += write_ns;
        sent += rate_limiter_piece(&b);
        rate_limiter_take(&b, rate_limiter_piece(&b), now);
        assert_true(nr < sizeof(at) / sizeof(at[0]));
        at[nr].ns = now;
        at[nr++].bytes = sent;
    }
    return nr;
}

/* Checks every second that begins or ends with a write. */
static void check_seconds(size_t nr, uint64_t rate)
{
    size_t first = 0, seconds = 0;

    for (size_t i = 0; i < nr; i++) {
        double in;

        while (at[i].ns - at[first].ns > XPC_S) {
            first++;
            in = at[i].bytes - at[first].bytes;
            assert_true(in <= rate * 1.02 + 1 && in >= rate * 0.98 - 1);
            seconds++;
        }
    }
    assert_true(seconds > 100);
}

static void torture_rate_limiter_holds_the_rate_in_every_second(void **state)
{
    static const uint64_t rate[] = {
        1000, 125000, 12500000, 1250000000, 12500000000,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rate) / sizeof(rate[0]); i++) {
        check_seconds(run(rate[i], 0, 0), rate[i]);
        check_seconds(run(rate[i], 1000000, 0), rate[i]);
        check_seconds(run(rate[i], 1000, LATE_MAX), rate[i]);
    }
}

static void torture_rate_limiter_does_not_catch_up_after_a_pause(void **state)
{
    struct rate_limiter b = { 0 };
    uint64_t now = XPC_S, sent = 0;

    (void)state;
    rate_limiter_set(&b, 1000000, now);
    rate_limiter_take(&b, 1000000, now);
    assert_int_equal(rate_limiter_wait_ns(&b, now), XPC_S);
    now += 100 * XPC_S;
    while (!rate_limiter_wait_ns(&b, now)) {
        sent += rate_limiter_piece(&b);
        rate_limiter_take(&b, rate_limiter_piece(&b), now);
    }
    assert_true(sent <= 20000);
}

static void torture_rate_limiter_without_a_rate_never_waits(void **state)
{
    struct rate_limiter b = { 0 };

    (void)state;
    rate_limiter_take(&b, 1 << 30, 0);
    assert_int_equal(rate_limiter_wait_ns(&b, 0), 0);
    assert_true(rate_limiter_piece(&b) > UINT32_MAX);
}

static void torture_rate_limiter_lifted_rate_applies_at_once(void **state)
{
    struct rate_limiter b = { 0 };

    (void)state;
    rate_limiter_set(&b, 1000, 0);
    rate_limiter_take(&b, 1000000, 0);
    assert_true(rate_limiter_wait_ns(&b, 0) > 900 * XPC_S);
    rate_limiter_set(&b, 1000, XPC_S);      /* unchanged: still due */
    assert_true(rate_limiter_wait_ns(&b, XPC_S) > 900 * XPC_S);
    rate_limiter_set(&b, 2000, XPC_S);
    assert_int_equal(rate_limiter_wait_ns(&b, XPC_S), 0);
    rate_limiter_take(&b, 1000000, XPC_S);
    rate_limiter_set(&b, 0, XPC_S);
    assert_int_equal(rate_limiter_wait_ns(&b, XPC_S), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_rate_limiter_holds_the_rate_in_every_second),
        cmocka_unit_test(torture_rate_limiter_does_not_catch_up_after_a_pause),
        cmocka_unit_test(torture_rate_limiter_without_a_rate_never_waits),
        cmocka_unit_test(torture_rate_limiter_lifted_rate_applies_at_once),
    };

    return torture_run(argc, argv, tests);
}
