/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compression of channels, for measurements.
 */
#include <string.h>

#include "channels/measure.h"
#include "support/random.h"
#include "support/torture.h"

#define PAGES XPC_COMPRESS_BLOCK

static char noise[PAGES * XPC_PAGE_SIZE], half[PAGES * XPC_PAGE_SIZE];
static struct xpc_compressor *c;

static int setup(void **state)
{
    uint64_t seed = 3, v;

    (void)state;
    for (size_t at = 0; at < sizeof(noise); at += sizeof(v)) {
        v = random_u64(&seed);
        memcpy(noise + at, &v, sizeof(v));
    }
    memset(half, 0, sizeof(half));
    for (size_t i = 0; i < PAGES; i++)
        memcpy(half + i * XPC_PAGE_SIZE, noise + i * XPC_PAGE_SIZE,
               XPC_PAGE_SIZE / 2);
    c = channel_measure_open();
    assert_non_null(c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    channel_measure_close(c);
    return 0;
}

static size_t measure(int compress, uint64_t level, const char *data,
                      size_t pages)
{
    const struct xpc_compress_method m = { compress, level };
    uint64_t ns = UINT64_MAX;
    size_t n = c->compress(c, &m, data, pages * XPC_PAGE_SIZE, &ns);

    assert_true(ns < UINT64_C(10000000000));
    return n;
}

/* Random bytes do not get smaller, and zeros next to nothing. */
static void torture_channel_measure_is_the_size(void **state)
{
    static const int methods[] = { XPC_COMPRESS_LZ4, XPC_COMPRESS_ZSTD };

    (void)state;
    for (int i = 0; i < 2; i++) {
        for (uint64_t level = 0; level < 10; level += 3) {
            size_t n = measure(methods[i], level, half, PAGES);

            assert_in_range(n, sizeof(half) / 2, sizeof(half) * 53 / 100);
            n = measure(methods[i], level, half, 1);
            assert_in_range(n, XPC_PAGE_SIZE / 2, XPC_PAGE_SIZE * 53 / 100);
            assert_int_equal(measure(methods[i], level, noise, PAGES),
                             sizeof(noise));
        }
    }
}

/* More methods than are kept at the same time. */
static void torture_channel_measure_changes_methods(void **state)
{
    size_t first[19];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint64_t level = 1; level <= 19; level += 2) {
            size_t n = measure(XPC_COMPRESS_ZSTD, level, half, 4);

            assert_true(!round || n == first[level - 1]);
            first[level - 1] = n;
        }
    }
}

static void torture_channel_measure_is_closed_unused(void **state)
{
    (void)state;
    channel_measure_close(NULL);
    channel_measure_close(channel_measure_open());
}

int main(int argc, char **argv)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(torture_channel_measure_##name, setup, \
                                    teardown)
    const struct CMUnitTest tests[] = {
        T(is_the_size),
        T(changes_methods),
        T(is_closed_unused),
    };

    return torture_run(argc, argv, tests);
}
