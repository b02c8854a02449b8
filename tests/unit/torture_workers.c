/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdatomic.h>
#include <string.h>

#include "base/workers.h"
#include "support/torture.h"

#define ITEMS 1000

static atomic_uint done[ITEMS], calls;

static void count(void *arg, size_t first, size_t end)
{
    assert_ptr_equal(arg, done);
    atomic_fetch_add(&calls, 1);
    for (size_t i = first; i < end; i++)
        atomic_fetch_add(&done[i], 1);
}

static void run(struct workers *w, size_t nr, size_t block)
{
    memset(done, 0, sizeof(done));
    calls = 0;
    workers_run(w, count, done, nr, block);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(done[i], i < nr);
}

static void torture_workers_process_every_item_once(void **state)
{
    (void)state;
    for (unsigned int threads = 0; threads < 4; threads++) {
        struct workers *w = workers_start(threads);

        assert_non_null(w);
        /* Many rounds, so that some threads wake up late. */
        for (size_t nr = 0; nr <= ITEMS; nr++)
            run(w, nr, 1 + nr % 7);
        workers_stop(w);
    }
}

static void torture_workers_little_work_is_done_by_the_caller(void **state)
{
    struct workers *w = workers_start(2);

    (void)state;
    run(w, 64, 64);
    assert_int_equal(calls, 1);
    workers_stop(w);
}

static void torture_workers_may_have_no_threads(void **state)
{
    (void)state;
    run(NULL, ITEMS, 64);
    assert_int_equal(calls, 1);
    workers_stop(NULL);
}

static void torture_workers_spare_leaves_one_cpu(void **state)
{
    (void)state;
    assert_int_equal(workers_spare(0), 0);
    assert_true(workers_spare(1) <= 1);
    assert_true(workers_spare(1000000) < 1000000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_workers_process_every_item_once),
        cmocka_unit_test(torture_workers_little_work_is_done_by_the_caller),
        cmocka_unit_test(torture_workers_may_have_no_threads),
        cmocka_unit_test(torture_workers_spare_leaves_one_cpu),
    };

    return torture_run(argc, argv, tests);
}
