/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/utf8.h"
#include "support/torture.h"

static void torture_utf8_char(void **state)
{
    static const struct { const char *s; size_t len; } chars[] = {
        { "", 0 }, { "a", 1 }, { "\x7f", 1 }, { "\xc2\x80", 2 },
        { "\xe2\x82\xac", 3 }, { "\xf0\x9f\x98\x80", 4 },
        { "\xf4\x8f\xbf\xbf", 4 },
        /* Cut off, too long, a surrogate, too high, no beginning. */
        { "\xc2", 0 }, { "\xe2\x82", 0 }, { "\xc0\x80", 0 },
        { "\xe0\x80\x80", 0 }, { "\xed\xa0\x80", 0 },
        { "\xf4\x90\x80\x80", 0 }, { "\xf8\x80\x80\x80\x80", 0 },
        { "\x80", 0 }, { "\xff", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++)
        assert_int_equal(xpc_utf8_char(chars[i].s), chars[i].len);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_utf8_char),
    };

    return torture_run(argc, argv, tests);
}
