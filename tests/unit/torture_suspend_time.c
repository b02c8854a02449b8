/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the guest has suspended. The domain is found suspended at the nth look.
 */
#include <time.h>
#include <limits.h>
#include <stdatomic.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/suspend_time.h"
#include "support/fake_xenctrl.h"
#include "support/fake_xenstore.h"
#include "support/torture.h"

static atomic_int looks;
static int still_at;            /* the first look at which it is suspended */
static uint64_t ran_ns;         /* the CPU time of the domain from then on */
static int vcpus;
static atomic_bool paused;
/* The times of the look before that one, and of that one. */
static uint64_t running_ns, still_ns;

static void wait_ms(unsigned int ms)
{
    struct timespec t = { .tv_nsec = ms * XPC_MS };

    nanosleep(&t, NULL);
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
                          xc_domaininfo_t *info)
{
    assert_ptr_equal(xch, fake_handle());
    assert_int_equal(max, 1);
    looks++;
    /* The look before takes 20 ms. */
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

/* The answer is late: the guest has suspended long before. */
static void torture_suspend_time_is_before_a_late_answer(void **state)
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
    assert_int_equal(fake_handles, 0);
}

/* The guest ran until the look at which it was suspended. */
static void torture_suspend_time_is_after_the_cpu_time_used(void **state)
{
    struct suspend_time *s = start(5, 60 * XPC_S);
    uint64_t ns;

    (void)state;
    wait_for_looks(5);
    ns = suspend_time_end(s);
    assert_in_range(ns, running_ns, still_ns);
}

/* Four vCPUs ran for 5 ms each of the 20 ms between the looks. */
static void torture_suspend_time_divides_cpu_time_by_vcpus(void **state)
{
    struct suspend_time *s = start_smp(5, 20 * XPC_MS, 4);
    uint64_t ns;

    (void)state;
    wait_for_looks(5);
    ns = suspend_time_end(s);
    assert_true(ns + 5 * XPC_MS <= still_ns);
}

static void torture_suspend_time_of_a_guest_that_keeps_running(void **state)
{
    struct suspend_time *s = start(INT_MAX, 0);

    (void)state;
    wait_for_looks(3);
    assert_int_equal(suspend_time_end(s), 0);
    assert_int_equal(fake_handles, 0);
}

/* Paused after the request: the toolstack must not wait for it. */
static void torture_suspend_time_reports_a_paused_guest_once(void **state)
{
    static const char leaf[] = "/libxl/7/precopy/overdue";
    struct suspend_time *s;

    (void)state;
    domain_pause_grace_ns = 0;
    /* At first xenstore can't be reached. */
    store.refusals = 3;
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

/* The guest may suspend before the first look. */
static void torture_suspend_time_of_a_guest_that_suspends_at_once(
    void **state)
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
        cmocka_unit_test(torture_suspend_time_is_before_a_late_answer),
        cmocka_unit_test(torture_suspend_time_is_after_the_cpu_time_used),
        cmocka_unit_test(torture_suspend_time_divides_cpu_time_by_vcpus),
        cmocka_unit_test(torture_suspend_time_of_a_guest_that_keeps_running),
        cmocka_unit_test(torture_suspend_time_of_a_guest_that_suspends_at_once),
        cmocka_unit_test(torture_suspend_time_reports_a_paused_guest_once),
    };

    return torture_run(argc, argv, tests);
}
