/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Since when the guest stands still, with a domain that has suspended itself
 * when it is looked at for the nth time.
 */
#include <time.h>
#include <limits.h>
#include <stdatomic.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/suspend_time.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

static atomic_int looks;
static int still_at;            /* the look that sees it suspended */
static uint64_t ran_ns;         /* the domain, when it is */
static int vcpus;
static atomic_bool paused;
static uint64_t running_ns, still_ns;   /* the last look before, and that */
static int open_handles;

static void wait_ms(unsigned int ms)
{
    struct timespec t = { .tv_nsec = ms * XPC_MS };

    nanosleep(&t, NULL);
}

xc_interface *xc_interface_open(xentoollog_logger *logger,
                                xentoollog_logger *dombuild_logger,
                                unsigned int flags)
{
    (void)logger;
    (void)dombuild_logger;
    (void)flags;
    open_handles++;
    return (xc_interface *)&open_handles;
}

int xc_interface_close(xc_interface *xch)
{
    assert_ptr_equal(xch, &open_handles);
    open_handles--;
    return 0;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
                          xc_domaininfo_t *info)
{
    assert_ptr_equal(xch, &open_handles);
    assert_int_equal(max, 1);
    looks++;
    /* It takes 20 ms until the thread goes on from the last look before. */
    if (looks == still_at - 1)
        wait_ms(20);
    if (looks < still_at)
        running_ns = clock_now_ns();
    else
        still_ns = clock_now_ns();
    *info = (xc_domaininfo_t){
        .domain = first,
        .cpu_time = looks >= still_at ? ran_ns : 0,
        .nr_online_vcpus = vcpus,
        .flags = (looks < still_at ? 0 : XEN_DOMINF_shutdown |
                  SHUTDOWN_suspend << XEN_DOMINF_shutdownshift) |
                 (paused ? XEN_DOMINF_paused : 0),
    };
    return 1;
}

static struct suspend_time *start_smp(int at, uint64_t ran, int nr)
{
    struct suspend_time *s;

    looks = 0;
    vcpus = nr;
    ran_ns = ran;
    still_at = at;
    s = suspend_time_start(7);
    assert_non_null(s);
    return s;
}

static void wait_for_looks(int n)
{
    while (looks < n)
        wait_ms(1);
}

static struct suspend_time *start(int at, uint64_t ran)
{
    return start_smp(at, ran, 1);
}

/* The answer comes long after the guest has stopped. */
static void torture_suspend_time_not_when_it_is_answered(void **state)
{
    struct suspend_time *s = start(5, 0);
    uint64_t ns;

    (void)state;
    wait_for_looks(5);
    wait_ms(50);
    ns = suspend_time_end(s);
    assert_true(ns <= still_ns - 10 * XPC_MS);
    assert_true(ns + 50 * XPC_MS <= clock_now_ns());
    assert_int_equal(looks, 5);
    assert_int_equal(open_handles, 0);
}

/* It ran all the time between the looks. */
static void torture_suspend_time_not_while_it_ran(void **state)
{
    struct suspend_time *s = start(5, 60 * XPC_S);
    uint64_t ns;

    (void)state;
    wait_for_looks(5);
    ns = suspend_time_end(s);
    assert_in_range(ns, running_ns, still_ns);
}

/* Four processors ran for 5 ms each, of the 20 ms between the looks. */
static void torture_suspend_time_its_processors_ran_side_by_side(void **state)
{
    struct suspend_time *s = start_smp(5, 20 * XPC_MS, 4);
    uint64_t ns;

    (void)state;
    wait_for_looks(5);
    ns = suspend_time_end(s);
    assert_true(ns + 5 * XPC_MS <= still_ns);
}

static void torture_suspend_time_a_guest_that_runs_on(void **state)
{
    struct suspend_time *s = start(INT_MAX, 0);

    (void)state;
    wait_for_looks(3);
    assert_int_equal(suspend_time_end(s), 0);
    assert_int_equal(open_handles, 0);
}

/* It was paused after it was asked: the toolstack is not to wait for it. */
static void torture_suspend_time_a_paused_guest_is_told_once(void **state)
{
    static const char leaf[] = "/libxl/7/precopy/overdue";
    struct suspend_time *s;

    (void)state;
    domain_pause_grace_ns = 0;
    s = start(INT_MAX, 0);
    wait_for_looks(3);
    assert_null(store_get(leaf));
    paused = true;
    wait_for_looks(looks + 20);
    assert_int_equal(suspend_time_end(s), 0);
    paused = false;
    assert_string_equal(store_get(leaf), "paused");
    assert_int_equal(store.writes, 1);
    store_reset();
}

/* It may be over before the first look. */
static void torture_suspend_time_at_once(void **state)
{
    uint64_t before = clock_now_ns();
    struct suspend_time *s = start(1, XPC_S);
    uint64_t ns = suspend_time_end(s);

    (void)state;
    assert_in_range(ns, before, clock_now_ns());
    assert_int_equal(suspend_time_end(NULL), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_suspend_time_not_when_it_is_answered),
        cmocka_unit_test(torture_suspend_time_not_while_it_ran),
        cmocka_unit_test(torture_suspend_time_its_processors_ran_side_by_side),
        cmocka_unit_test(torture_suspend_time_a_guest_that_runs_on),
        cmocka_unit_test(torture_suspend_time_at_once),
        cmocka_unit_test(torture_suspend_time_a_paused_guest_is_told_once),
    };

    return torture_run(argc, argv, tests);
}
