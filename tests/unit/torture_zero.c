/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/xenprecopy.h>

#include "core/zero.h"
#include "support/torture.h"

#define PAGES 8

static char *memory;
static const void *page[PAGES];

static int setup(void **state)
{
    (void)state;
    memory = aligned_alloc(XPC_PAGE_SIZE, PAGES * XPC_PAGE_SIZE);
    assert_non_null(memory);
    memset(memory, 0, PAGES * XPC_PAGE_SIZE);
    for (size_t i = 0; i < PAGES; i++)
        page[i] = memory + i * XPC_PAGE_SIZE;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

/* Calls every version: all have the same result, for nr pages only. */
static void expect(const void *const *which, size_t nr, const bool *zero)
{
    struct xpc_zero_version v[XPC_ZERO_VERSIONS_MAX];
    size_t nr_versions = xpc_zero_versions(v);

    assert_true(nr_versions >= 1);
    for (size_t i = 0; i <= nr_versions; i++) {
        bool got[PAGES + 1];

        memset(got, 2, sizeof(got));
        if (i < nr_versions)
            v[i].fn(which, nr, got);
        else
            xpc_zero_pages(which, nr, got);
        for (size_t j = 0; j < nr; j++)
            assert_int_equal(got[j], zero[j]);
        assert_int_equal(*(char *)&got[nr], 2);
    }
}

static void torture_zero_checks_every_byte(void **state)
{
    bool zero[PAGES] = { true, true, true, true, true, true, true, true };

    (void)state;
    expect(page, PAGES, zero);
    expect(page, 0, zero);
    for (size_t i = 0; i < XPC_PAGE_SIZE; i++) {
        size_t n = i % PAGES;

        memory[n * XPC_PAGE_SIZE + i] = 1 << i % 8;
        zero[n] = false;
        expect(page, PAGES, zero);
        memory[n * XPC_PAGE_SIZE + i] = 0;
        zero[n] = true;
    }
}

static void torture_zero_pages_may_be_anywhere(void **state)
{
    const void *odd[3] = { memory + 3 * XPC_PAGE_SIZE + 1, memory,
                           memory + XPC_PAGE_SIZE + 8 };
    const bool zero[3] = { true, false, true };

    (void)state;
    memory[XPC_PAGE_SIZE - 1] = 1;
    expect(odd, 3, zero);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(torture_zero_checks_every_byte, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(torture_zero_pages_may_be_anywhere,
                                        setup, teardown),
    };

    return torture_run(argc, argv, tests);
}
