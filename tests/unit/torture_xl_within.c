/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl migrate --within: which hour is chosen, and how the wait ends.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "base/process.h"
#include "common/xl_interrupt.h"
#include "control/xl_waiting.h"
#include "migrate/xl_within.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

#define NODE "/libxl/5/precopy/waiting"
#define HOUR 3600
/* 1 January 2026, 10:20:30 UTC, and a time that never comes. */
#define NOW (1767225600 + 10 * HOUR + 20 * 60 + 30)
#define NEVER (NOW + 100 * 365 * 86400LL)

static struct xpc_profile profile;
static struct xpc_params params;
static struct progress progress;
static char err[XPC_ERR_LEN];

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    store_reset();
    xpc_profile_init(&profile);
    xpc_params_init(&params);
    params.bandwidth_bytes_per_s = 125000000;
    params.downtime_ns = 300 * XPC_MS;
    params.guest.device_model = XPC_DEVICE_MODEL_NO;
    progress = (struct progress){ .mode = PROGRESS_NONE };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xpc_profile_dispose(&profile);
    return 0;
}

static void add(unsigned int hour, double pages_per_s)
{
    struct xpc_curve c = { .total_pages = 262144 };

    for (uint64_t ns = 125 * XPC_MS; ns <= 8 * XPC_S; ns *= 2)
        xpc_curve_add(&c, ns, pages_per_s * ns / XPC_S, 0, 262144);
    assert_int_equal(xpc_profile_add(&profile, hour, 1, &c, NULL), 0);
}

/* Busy all day, but for these two hours. */
static void add_day(unsigned int quiet, unsigned int quietest)
{
    for (unsigned int hour = 0; hour < 24; hour++)
        add(hour, hour == quietest ? 100 : hour == quiet ? 25000 : 60000);
}

/* Seconds from now on; -1: refused. */
static int64_t choose(uint64_t within_ns)
{
    struct xpc_when_hour hour;
    time_t at;

    err[0] = 0;
    if (within_choose(&profile, &params, within_ns, NOW, &at, &hour, err))
        return -1;
    return at - NOW;
}

static void torture_xl_within_chooses_an_hour(void **state)
{
    (void)state;
    add_day(13, 2);
    /* 13:00 is the best until 16:20:30, and 2:00 of all. */
    assert_int_equal(choose(6 * HOUR * XPC_S), 3 * HOUR - 20 * 60 - 30);
    assert_int_equal(choose(24 * HOUR * XPC_S), 16 * HOUR - 20 * 60 - 30);
    /* Until 12:59:59 all hours are alike: at once. */
    assert_int_equal(choose(3 * HOUR * XPC_S - 20 * 60 * XPC_S -
                            31 * XPC_S), 0);
}

static void torture_xl_within_now_is_as_good(void **state)
{
    (void)state;
    add_day(10, 99);
    assert_int_equal(choose(24 * HOUR * XPC_S), 0);
}

/* So that it is 4:00 there, although an hour is left out or comes twice. */
static void torture_xl_within_summer_time(void **state)
{
    /* 29 March and 25 October 2026, 0:20:30 in Berlin. */
    const time_t before[] = { 1774740030, 1792880430 };
    const char *const tz = "CET-1CEST,M3.5.0,M10.5.0/3";
    struct xpc_when_hour hour;
    time_t at;

    (void)state;
    setenv("TZ", tz, 1);
    tzset();
    add_day(99, 4);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(within_choose(&profile, &params, 6 * HOUR * XPC_S,
                                       before[i], &at, &hour, err), 0);
        assert_int_equal(at - before[i],
                         (i ? 5 : 3) * HOUR - 20 * 60 - 30);
    }
}

static void torture_xl_within_needs_a_profile_and_a_bandwidth(void **state)
{
    (void)state;
    add(3, 100);
    assert_int_equal(choose(HOUR * XPC_S), -1);
    assert_non_null(strstr(err, "no measurement of these hours"));
    assert_true(choose(24 * HOUR * XPC_S) > 0);
    params.bandwidth_bytes_per_s = 0;
    assert_int_equal(choose(24 * HOUR * XPC_S), -1);
    assert_non_null(strstr(err, "give --precopy-bandwidth"));
}

static void torture_xl_within_an_hour_that_has_begun(void **state)
{
    (void)state;
    assert_int_equal(within_wait(5, "g1", NOW - 1, HOUR * XPC_S, -1,
                                 &progress),
                     MIGRATE_OK);
    assert_null(store_get(NODE));
}

static void torture_xl_within_a_clock_that_is_set_back(void **state)
{
    (void)state;
    assert_int_equal(within_wait(5, "g1", NEVER, 0, -1, &progress),
                     MIGRATE_OK);
    assert_null(store_get(NODE));
}

static void torture_xl_within_ends_by_a_signal(void **state)
{
    int fd = interrupt_open();

    (void)state;
    assert_true(fd >= 0);
    raise(SIGTERM);
    assert_int_equal(within_wait(5, "g1", NEVER, HOUR * XPC_S, fd,
                                 &progress),
                     MIGRATE_INTERRUPTED);
    assert_null(store_get(NODE));
    close(fd);
}

static void torture_xl_within_one_waits(void **state)
{
    struct waiting w;
    char node[80];

    (void)state;
    /* Another one that lives: init. */
    store_set(NODE, "1");
    assert_int_equal(within_wait(5, "g1", NEVER, HOUR * XPC_S, -1,
                                 &progress),
                     MIGRATE_REFUSED);
    assert_string_equal(store_get(NODE), "1");
    assert_true(waiting_cancel(5));
    assert_null(store_get(NODE));
    /* One that was killed does not count. */
    store_set(NODE, "99999999");
    assert_int_equal(waiting_begin(5, NEVER), 0);
    snprintf(node, sizeof(node), "%ld %"PRIu64" %lld", (long)getpid(),
             process_start(getpid()), NEVER);
    assert_string_equal(store_get(NODE), node);
    assert_true(waiting_find(5, &w));
    assert_int_equal(w.pid, getpid());
    assert_true(w.until_s == NEVER);
    assert_int_equal(waiting_goes_on(5), 1);
    assert_true(waiting_cancel(5));
    assert_int_equal(waiting_goes_on(5), 0);
    assert_false(waiting_cancel(5));
    /* Nor does a later process with its number. */
    store_set(NODE, "1 99999999 1");
    assert_false(waiting_find(5, &w));
    assert_int_equal(waiting_begin(5, NEVER), 0);
    store_set(NODE, "99999999");
    assert_int_equal(waiting_cancel(5), 0);
    assert_null(store_get(NODE));
    assert_null(store_get("/libxl/5"));
    store.unreadable = NODE;
    assert_int_equal(waiting_find(5, &w), -1);
    assert_int_equal(waiting_cancel(5), -1);
    assert_int_equal(waiting_begin(5, NEVER), -1);
}

static void another_begins(void)
{
    store_set(NODE, "1");
}

static void torture_xl_within_two_begin_at_once(void **state)
{
    (void)state;
    store.conflicts = 1;
    store.on_commit = another_begins;
    assert_int_equal(waiting_begin(5, NEVER), 1);
    assert_string_equal(store_get(NODE), "1");
}

#define T(name) cmocka_unit_test_setup_teardown(torture_xl_within_##name, \
                                                setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(chooses_an_hour),
        T(now_is_as_good),
        T(summer_time),
        T(needs_a_profile_and_a_bandwidth),
        T(an_hour_that_has_begun),
        T(a_clock_that_is_set_back),
        T(ends_by_a_signal),
        T(one_waits),
        T(two_begin_at_once),
    };

    return torture_run(argc, argv, tests);
}
