/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Axes and their ticks.
 */
#include <string.h>

#include "common/xl_axis.h"
#include "support/torture.h"

static void assert_label(enum axis_unit unit, double value, const char *text)
{
    char buf[AXIS_LABEL_LEN];

    assert_string_equal(axis_label(buf, unit, value), text);
}

static void torture_xl_axis_labels_are_what_people_say(void **state)
{
    (void)state;
    assert_label(AXIS_TIME, 0, "0");
    assert_label(AXIS_TIME, 1e8, "100 ms");
    assert_label(AXIS_TIME, 1.5e9, "1.5 s");
    assert_label(AXIS_TIME, 60e9, "1 min");
    assert_label(AXIS_TIME, 90e9, "1.5 min");
    assert_label(AXIS_TIME, 70.8e9, "70.8 s");
    assert_label(AXIS_TIME, 75 * 60e9, "75 min");
    assert_label(AXIS_TIME, 7200e9, "2 h");
    assert_label(AXIS_RATE, 25e6, "200 Mbit/s");
    assert_label(AXIS_RATE, 1.25e9, "10 Gbit/s");
    assert_label(AXIS_BYTES, 0x1p29, "512 MiB");
    assert_label(AXIS_BYTES, 1000 * 1024., "1000 KiB");
    assert_label(AXIS_COUNT, 1234, "1234");
}

/* The ticks as "a, b, c". */
static const char *ticks_of(enum axis_unit unit, bool logarithmic, double low,
                            double high, size_t most)
{
    struct axis a = axis_for(unit, logarithmic, low, high);
    struct axis_tick ticks[AXIS_TICKS_MAX];
    size_t nr = axis_ticks(&a, most, ticks);
    static char text[256];

    *text = 0;
    for (size_t i = 0; i < nr; i++) {
        strcat(text, i ? ", " : "");
        strcat(text, ticks[i].label);
    }
    return text;
}

static void torture_xl_axis_ticks_are_round(void **state)
{
    (void)state;
    assert_string_equal(ticks_of(AXIS_TIME, false, 0, 8.3e9, 6),
                        "0, 2 s, 4 s, 6 s, 8 s");
    assert_string_equal(ticks_of(AXIS_TIME, false, 0, 61e9, 6),
                        "0, 15 s, 30 s, 45 s, 1 min");
    assert_string_equal(ticks_of(AXIS_RATE, false, 0, 26e6, 6),
                        "0, 50 Mbit/s, 100 Mbit/s, 150 Mbit/s, 200 Mbit/s");
    assert_string_equal(ticks_of(AXIS_TIME, true, 185e6, 816e6, 6),
                        "200 ms, 500 ms, 1 s");
    assert_string_equal(ticks_of(AXIS_TIME, true, 1e6, 400e9, 6),
                        "1 ms, 10 ms, 100 ms, 1 s, 10 s, 1 min");
    assert_string_equal(ticks_of(AXIS_BYTES, true, 0x1p20, 0x1p28, 6),
                        "1 MiB, 4 MiB, 16 MiB, 64 MiB, 256 MiB");
    assert_string_equal(ticks_of(AXIS_COUNT, false, 0, 3, 6), "0, 1, 2, 3");
    /* A narrow picture has room for three. */
    assert_string_equal(ticks_of(AXIS_TIME, true, 200e6, 5e9, 3),
                        "200 ms, 1 s, 5 s");
}

/* Reports may contain any numbers. */
static void torture_xl_axis_takes_any_range(void **state)
{
    static const double ends[] = { 0, 1, 1e-9, 1e3, 1e9, 1e19, 1.8e19 };
    struct axis_tick ticks[AXIS_TICKS_MAX];

    (void)state;
    for (int unit = AXIS_COUNT; unit <= AXIS_RATE; unit++) {
        for (int i = 0; i < 7 * 7 * 2; i++) {
            double low = ends[i / 2 % 7], high = ends[i / 14];
            struct axis a = axis_for(unit, i & 1, low, high);

            if (low > high)
                continue;
            assert_in_range(axis_ticks(&a, 40, ticks), 1, AXIS_TICKS_MAX);
            assert_true(axis_place(&a, 0) >= 0 && axis_place(&a, 1e30) <= 1);
            assert_true(axis_place(&a, a.high) >= axis_place(&a, a.low));
        }
    }
}

static void torture_xl_axis_moves_labels_apart(void **state)
{
    struct axis_mark m[] = { { 9, "d" }, { 2, "a" }, { 2.5, "b" }, { 8.5, "c" } };

    (void)state;
    axis_spread(m, 4, 1, 0, 9);
    assert_string_equal(m[0].what, "a");
    assert_true(m[0].at == 2 && m[1].at == 3);
    assert_true(m[2].at == 8 && m[3].at == 9);
    assert_string_equal(m[3].what, "d");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_axis_labels_are_what_people_say),
        cmocka_unit_test(torture_xl_axis_ticks_are_round),
        cmocka_unit_test(torture_xl_axis_takes_any_range),
        cmocka_unit_test(torture_xl_axis_moves_labels_apart),
    };

    return torture_run(argc, argv, tests);
}
