/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "core/option.h"
#include "core/params.h"
#include "support/torture.h"

/* A value of each option that differs from the default. */
static const char *const other[XPC_NR_OPTIONS] = {
    [XPC_OPT_DURATION] = "60s",
    [XPC_OPT_DOWNTIME] = "250ms",
    [XPC_OPT_MAX_DOWNTIME] = "2s",
    [XPC_OPT_BANDWIDTH] = "10Gbit",
    [XPC_OPT_ON_TIMEOUT] = "suspend",
    [XPC_OPT_ITERATIONS] = "7",
    [XPC_OPT_THRESHOLD] = "99",
    [XPC_OPT_POLICY] = "stock",
    [XPC_OPT_OVERHEAD] = "80ms",
    [XPC_OPT_CONFIDENCE] = "80",
    [XPC_OPT_EARLY_ABORT] = "off",
    [XPC_OPT_STRICT] = "on",
    [XPC_OPT_ZERO_PAGES] = "elide",
    [XPC_OPT_MAX_BANDWIDTH] = "1Gbit",
    [XPC_OPT_SWITCHOVER_BANDWIDTH] = "2Gbit",
    [XPC_OPT_CHANNELS] = "4",
    [XPC_OPT_COMPRESS] = "zstd:3",
    [XPC_OPT_SKIP_DIRTY] = "off",
    [XPC_OPT_LULLS] = "off",
    [XPC_OPT_SLOW_DOWN] = "40%",
    [XPC_OPT_NOTIFY] = "2s",
};

static void torture_option_is_found_by_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < XPC_NR_OPTIONS; i++)
        assert_int_equal(xpc_option_find(xpc_option_name(i)), i);
    assert_int_equal(xpc_option_find("precopy-downtime"), -1);
    assert_int_equal(xpc_option_find("Downtime"), -1);
    assert_int_equal(xpc_option_find(""), -1);
}

/* With all options together everything was copied, and by each one only its
 * own. */
static void torture_option_copies_what_it_parses(void **state)
{
    struct xpc_params all, one, p;
    char why[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&all);
    xpc_params_init(&p);
    for (int i = 0; i < XPC_NR_OPTIONS; i++) {
        assert_int_equal(xpc_option_parse(i, other[i], &all, why), 0);
        xpc_params_init(&one);
        assert_int_equal(xpc_option_parse(i, other[i], &one, why), 0);
        xpc_option_copy(i, &p, &one);
        assert_memory_equal(&p, &all, sizeof(p));
    }
}

static void torture_option_text_shows_a_change(void **state)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], why[XPC_ERR_LEN];
    struct xpc_params init, p;

    (void)state;
    xpc_params_init(&init);
    for (int i = 0; i < XPC_NR_OPTIONS; i++) {
        p = init;
        assert_int_equal(xpc_option_parse(i, other[i], &p, why), 0);
        assert_string_not_equal(xpc_option_text(i, &p, a),
                                xpc_option_text(i, &init, b));
    }
}

static void torture_option_bad_value_changes_nothing(void **state)
{
    struct xpc_params init, p;
    char why[XPC_ERR_LEN];

    (void)state;
    xpc_params_init(&init);
    p = init;
    for (int i = 0; i < XPC_NR_OPTIONS; i++) {
        *why = 0;
        assert_int_equal(xpc_option_parse(i, "\n-1 nonsense", &p, why), -1);
        assert_memory_equal(&p, &init, sizeof(p));
        assert_true(*why && !strchr(why, '\n'));
        assert_int_equal(xpc_option_parse(i, "", &p, why), -1);
        assert_memory_equal(&p, &init, sizeof(p));
    }
}

#define BIT(id) XPC_OPTION_BIT(XPC_OPT_##id)

static void torture_option_check_names_the_conflict(void **state)
{
    static const struct {
        struct { int opt; const char *value; } o[2];
        unsigned int conflict;
    } t[] = {
        { { { XPC_OPT_DOWNTIME, "2s" }, { XPC_OPT_MAX_DOWNTIME, "1s" } },
          BIT(DOWNTIME) | BIT(MAX_DOWNTIME) },
        { { { XPC_OPT_ON_TIMEOUT, "suspend" }, { XPC_OPT_DOWNTIME, "1s" } },
          BIT(ON_TIMEOUT) | BIT(MAX_DOWNTIME) },
        { { { XPC_OPT_SWITCHOVER_BANDWIDTH, "kept" },
            { XPC_OPT_DOWNTIME, "1s" } },
          BIT(SWITCHOVER_BANDWIDTH) | BIT(MAX_BANDWIDTH) },
        { { { XPC_OPT_DURATION, "25h" }, { XPC_OPT_DOWNTIME, "1s" } },
          BIT(DURATION) },
    };
    char err[XPC_ERR_LEN];
    unsigned int conflict;
    struct xpc_params p;

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        xpc_params_init(&p);
        for (int k = 0; k < 2; k++)
            assert_int_equal(xpc_option_parse(t[i].o[k].opt, t[i].o[k].value,
                                              &p, err), 0);
        conflict = 0;
        assert_int_equal(xpc_options_check(&p, &conflict, err, sizeof(err)),
                         -1);
        assert_int_equal(conflict, t[i].conflict);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_option_is_found_by_its_name),
        cmocka_unit_test(torture_option_copies_what_it_parses),
        cmocka_unit_test(torture_option_text_shows_a_change),
        cmocka_unit_test(torture_option_bad_value_changes_nothing),
        cmocka_unit_test(torture_option_check_names_the_conflict),
    };

    return torture_run(argc, argv, tests);
}
