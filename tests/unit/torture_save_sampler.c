/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sampler's thread, with a Xen that counts how often it is called. The main
 * thread acts as the save loop, for ThreadSanitizer as well.
 */
#include <xenctrl.h>
#include <sched.h>
#include <stdatomic.h>

#include "save/sampler.h"
#include "support/torture.h"

static atomic_ullong asked;
static atomic_bool cleaning, overlapped, gone;

long long xc_logdirty_control(xc_interface *xch, uint32_t domid,
                              unsigned int sop, xc_hypercall_buffer_t *b,
                              unsigned long pages, unsigned int mode,
                              xc_shadow_op_stats_t *stats)
{
    (void)xch;
    (void)b;
    (void)pages;
    (void)mode;
    if (domid != 7 || sop != XEN_DOMCTL_SHADOW_OP_PEEK || cleaning)
        overlapped = true;
    stats->dirty_count = ++asked;
    return gone ? -1 : 0;
}

static int setup(void **state)
{
    asked = 0;
    cleaning = overlapped = gone = false;
    *state = save_sampler_start(7);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    save_sampler_stop(*state);
    return 0;
}

static void clean(struct save_sampler *s)
{
    save_sampler_clean_begins(s);
    cleaning = true;
    sched_yield();
    cleaning = false;
    save_sampler_cleaned(s);
}

static void wait_for_counts(uint64_t nr)
{
    uint64_t before = asked;

    while (asked < before + nr)
        sched_yield();
}

static void torture_save_sampler_counts_between_cleans(void **state)
{
    struct save_sampler *s = *state;
    struct xpc_dirty_count c[XPC_SAMPLES_MAX];
    uint64_t counts, ns, first = 0;
    size_t nr;

    for (int i = 0; i < 5; i++) {
        clean(s);
        wait_for_counts(3);
        nr = save_sampler_take(s, c);
        assert_in_range(nr, 2, XPC_SAMPLES_MAX);
        /* Only of this iteration, in order. */
        assert_true(c[0].pages > first);
        for (size_t k = 1; k < nr; k++) {
            assert_true(c[k].t_ns > c[k - 1].t_ns);
            assert_true(c[k].pages == c[k - 1].pages + 1);
        }
        first = c[nr - 1].pages;
        /* And once. */
        assert_int_equal(save_sampler_take(s, c), 0);
    }
    save_sampler_cost(s, &counts, &ns);
    assert_int_equal(counts, asked);
    assert_false(overlapped);
}

static void torture_save_sampler_never_counts_during_a_clean(void **state)
{
    for (int i = 0; i < 200; i++)
        clean(*state);
    wait_for_counts(1);
    clean(*state);
    assert_false(overlapped);
}

static void torture_save_sampler_stops_when_log_dirty_is_gone(void **state)
{
    struct xpc_dirty_count c[XPC_SAMPLES_MAX];
    uint64_t counts, ns;

    clean(*state);
    wait_for_counts(1);
    gone = true;
    wait_for_counts(1);
    save_sampler_cost(*state, &counts, &ns);
    save_sampler_take(*state, c);
    assert_int_equal(counts, asked);
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_save_sampler_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(counts_between_cleans),
        T(never_counts_during_a_clean),
        T(stops_when_log_dirty_is_gone),
    };

    return torture_run(argc, argv, tests);
}
