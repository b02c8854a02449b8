/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include <xenprecopy/units.h>

#include "support/torture.h"

static void torture_units_time_accepts_every_unit(void **state)
{
    static const struct { const char *s; uint64_t ns; } good[] = {
        { "300ms", 300 * XPC_MS }, { "1.5s", 1500 * XPC_MS },
        { "2m", 120 * XPC_S }, { "1h", 3600 * XPC_S }, { "250us", 250000 },
        { "0", 0 }, { ".5s", 500 * XPC_MS }, { "60s", 60 * XPC_S },
        { "300 ms", 300 * XPC_MS }, { "1.5  s", 1500 * XPC_MS },
    };
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(xpc_parse_time(good[i].s, &ns), 0);
        assert_int_equal(ns, good[i].ns);
    }
}

static void torture_units_time_refuses_what_is_ambiguous(void **state)
{
    static const char *const bad[] = {
        "", "300", "ms", "-1s", "1e3ms", "0x10s", "nan", "inf", "1S",
        "1.2.3s", "1sec", " 1s", "1s ", "+1s", ".s", "1,5s",
        "300 ", "0 ", "300 m s", "300\tms",
    };
    uint64_t ns = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        assert_int_equal(xpc_parse_time(bad[i], &ns), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(ns, 42);
    }
    assert_int_equal(xpc_parse_time("99999999999999999h", &ns), -1);
    assert_int_equal(errno, ERANGE);
}

static void torture_units_bandwidth_distinguishes_bits_and_bytes(void **state)
{
    static const struct { const char *s; uint64_t bytes_per_s; } good[] = {
        { "10Gbit", 1250000000 }, { "100Mbit/s", 12500000 },
        { "8kbit", 1000 }, { "1.25MB/s", 1250000 }, { "1GiB/s", 1 << 30 },
        { "10Gbps", 1250000000 }, { "10Gb/s", 1250000000 },
        { "100mbps", 12500000 }, { "8 kbps", 1000 }, { "1GBps", 1000000000 },
        { "1MiBps", 1 << 20 }, { "10Gbitps", 1250000000 },
        { "10 Gbit", 1250000000 }, { "1MiB", 1 << 20 },
    };
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(xpc_parse_bandwidth(good[i].s, &v), 0);
        assert_int_equal(v, good[i].bytes_per_s);
    }
}

static void torture_units_bandwidth_refuses_what_is_ambiguous(void **state)
{
    static const char *const bad[] = {
        "", "100", "10G", "10Mb", "10mb", "0Mbit", "-1Mbit", "Mbit", "10Gb",
        "1e3Mbit", "10Gbit/", "10Gbit/m", "10gB/s", "10 ", "10 bps", "10bps",
        "10G bit", "ps", "10/s", "10ps",
    };
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(xpc_parse_bandwidth(bad[i], &v), -1);
}

static void torture_units_count_is_decimal(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(xpc_parse_count("18446744073709551615", &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(xpc_parse_count("18446744073709551616", &v), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(xpc_parse_count("-1", &v), -1);
    assert_int_equal(xpc_parse_count("1k", &v), -1);
    assert_int_equal(xpc_parse_count("", &v), -1);
}

static void torture_units_are_printed_readably(void **state)
{
    char buf[XPC_UNIT_LEN];

    (void)state;
    assert_string_equal(xpc_format_time(buf, 0), "0 ms");
    assert_string_equal(xpc_format_time(buf, 312 * XPC_MS), "312 ms");
    assert_string_equal(xpc_format_time(buf, 1500 * XPC_MS), "1.50 s");
    assert_string_equal(xpc_format_time(buf, 999999999), "1.00 s");
    assert_string_equal(xpc_format_bandwidth(buf, 1250000000), "10.0 Gbit/s");
    assert_string_equal(xpc_format_bytes(buf, 1536), "1.50 KiB");
    assert_string_equal(xpc_format_bytes(buf, 12), "12 bytes");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_units_time_accepts_every_unit),
        cmocka_unit_test(torture_units_time_refuses_what_is_ambiguous),
        cmocka_unit_test(torture_units_bandwidth_distinguishes_bits_and_bytes),
        cmocka_unit_test(torture_units_bandwidth_refuses_what_is_ambiguous),
        cmocka_unit_test(torture_units_count_is_decimal),
        cmocka_unit_test(torture_units_are_printed_readably),
    };

    return torture_run(argc, argv, tests);
}
