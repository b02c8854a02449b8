/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include <xenprecopy/error.h>

#include "support/torture.h"

/* Terminals take U+0080 to U+009F for control characters, too. */
static void torture_error_plain_line(void **state)
{
    static const struct { const char *text, *plain; } lines[] = {
        { "", "" }, { "web 1", "web 1" }, { "a\nb\x7f\x1b[2J", "a?b??[2J" },
        { "\xc2\x9b" "2J", "??2J" }, { "a\xc2\x85" "b", "a??b" },
        { "\xc2\x9f", "??" },
        /* Characters that contain such bytes. */
        { "\xc3\x9b \xe2\x82\xac \xf0\x9f\x98\x80",
          "\xc3\x9b \xe2\x82\xac \xf0\x9f\x98\x80" }, { "\xc2\xa0", "\xc2\xa0" },
        /* No UTF-8. */
        { "\x9b" "2J", "?2J" }, { "\xe2\x9b", "\xe2?" },
        { "\xe4\xf6\xfc", "\xe4\xf6\xfc" }, { "\xc2", "\xc2" },
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        strcpy(text, lines[i].text);
        xpc_plain_line(text);
        assert_string_equal(text, lines[i].plain);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_error_plain_line),
    };

    return torture_run(argc, argv, tests);
}
