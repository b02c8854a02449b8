/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written can be read, whatever it holds. */
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/json.h>

#include "core/utf8.h"
#include "support/torture.h"

struct thing {
    char *text;
    uint64_t n, us;
};

static const struct xpc_field fields[] = {
    { .name = "text", .kind = XPC_FIELD_STRING,
      .offset = offsetof(struct thing, text) },
    { .name = "n", .kind = XPC_FIELD_U64, .offset = offsetof(struct thing, n) },
    { .name = "us", .kind = XPC_FIELD_U64, .scale = 1000,
      .offset = offsetof(struct thing, us) },
};

static const struct xpc_type type = {
    .name = "thing", .size = sizeof(struct thing), .fields = fields,
    .nr_fields = sizeof(fields) / sizeof(fields[0]),
};

/* Writes a thing and reads it back. */
static struct thing read_back(const struct thing *written)
{
    char *json = xpc_to_json(&type, written, false), err[XPC_ERR_LEN];
    struct thing read = { NULL };

    assert_non_null(json);
    *err = 0;
    if (xpc_from_json(&type, &read, json, strlen(json), err))
        fail_msg("%s: %s", json, err);
    free(json);
    return read;
}

static void expect_read(const char *text, const char *want)
{
    struct thing read = read_back(&(struct thing){ .text = (char *)text });

    assert_string_equal(read.text, want);
    xpc_dispose(&type, &read);
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

/* A prediction without a bandwidth is never. */
static void torture_json_never(void **state)
{
    static const uint64_t exact[] = { 0, 1, 999, 1000, 123456789,
                                      UINT64_C(1) << 53 };
    struct thing read;

    (void)state;
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
        read = read_back(&(struct thing){ .n = exact[i], .us = exact[i] });
        assert_int_equal(read.n, exact[i]);
        assert_int_equal(read.us, exact[i]);
    }
    read = read_back(&(struct thing){ .n = UINT64_MAX, .us = UINT64_MAX });
    assert_int_equal(read.n, INT64_MAX);
    assert_true(read.us >= UINT64_C(1) << 61);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_json_text),
        cmocka_unit_test(torture_json_invalid_utf8),
        cmocka_unit_test(torture_json_never),
    };

    return torture_run(argc, argv, tests);
}
