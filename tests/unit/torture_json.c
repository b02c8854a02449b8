/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written can be read, whatever it holds. */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/json.h>

#include "core/utf8.h"
#include "support/torture.h"

struct thing {
    char *text;
};

static const struct xpc_field fields[] = {
    { .name = "text", .kind = XPC_FIELD_STRING,
      .offset = offsetof(struct thing, text) },
};

static const struct xpc_type type = {
    .name = "thing", .size = sizeof(struct thing), .fields = fields,
    .nr_fields = 1,
};

/* Writes the text and reads it back. */
static void expect_read(const char *text, const char *want)
{
    struct thing written = { (char *)text }, read = { NULL };
    char *json = xpc_to_json(&type, &written, false), err[XPC_ERR_LEN];

    assert_non_null(json);
    *err = 0;
    if (xpc_from_json(&type, &read, json, strlen(json), err))
        fail_msg("%s: %s", json, err);
    assert_string_equal(read.text, want);
    xpc_dispose(&type, &read);
    free(json);
}

static void torture_json_text(void **state)
{
    (void)state;
    expect_read("", "");
    expect_read("\x01\n\"\\/\x7f", "\x01\n\"\\/\x7f");
    expect_read("\xe2\x82\xac", "\xe2\x82\xac");
}

/* A name in Latin-1, and a message that was cut off. */
static void torture_json_invalid_utf8(void **state)
{
    (void)state;
    expect_read("caf\xe9", "caf" XPC_UTF8_REPLACEMENT);
    expect_read("\xe9t\xe9", XPC_UTF8_REPLACEMENT "t" XPC_UTF8_REPLACEMENT);
    expect_read("5 \xe2\x82", "5 " XPC_UTF8_REPLACEMENT
                XPC_UTF8_REPLACEMENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_json_text),
        cmocka_unit_test(torture_json_invalid_utf8),
    };

    return torture_run(argc, argv, tests);
}
