/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl precopy-config, on a host without Xen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_tree.h>

#include "conf/load.h"
#include "config/xl_precopy_config.h"
#include "support/capture.h"
#include "support/conf_fixture.h"
#include "support/torture.h"

static const char example[] =
    "[default]\ndowntime = 300ms\nbandwidth = 1Gbit\n"
    "[target host2]\nchannels = 4\n"
    "[guest web]\nmax-downtime = 2s\n"
    "[guest free]\npolicy = stock\n";

static void assert_said(const char *out, const char *text)
{
    if (!strstr(out, text))
        fail_msg("not there: %s\n%s%s", text, captured_out, captured_err);
}

static void torture_xl_config_shows_values_and_their_places(void **state)
{
    char line[128];
    const char *path = conf_fixture_use(example);

    (void)state;
    assert_int_equal(capture(cmd_precopy_config, "precopy-config",
                             "--target=host2", "web", NULL), 0);
    assert_said(captured_out, "web to host2:\n");
    snprintf(line, sizeof(line), "  downtime              300 ms        %s:2 "
             "[default]\n", path);
    assert_said(captured_out, line);
    snprintf(line, sizeof(line), "  max-downtime          2.00 s        %s:7 "
             "[guest web]\n", path);
    assert_said(captured_out, line);
    snprintf(line, sizeof(line), "  channels              4             %s:5 "
             "[target host2]\n", path);
    assert_said(captured_out, line);
    assert_said(captured_out, "strict                on            default of "
                              "xl migrate\n");
    assert_said(captured_out, "A limit is in force.\n");
    assert_said(captured_out, "No domain web was found on this host");
    assert_said(captured_out, "no other toolstack tells the host");
    assert_string_equal(captured_err, "");
}

static void torture_xl_config_a_name_is_one_and_plain(void **state)
{
    (void)state;
    conf_fixture_use(example);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config",
                             "--target=a\nb", "x\33[31my", NULL), 0);
    assert_said(captured_out, "x?[31my to a?b:\n");
    assert_said(captured_out, "No domain x?[31my was found");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "", NULL),
                     2);
    assert_string_equal(captured_err, "xl precopy-config: the name of the "
                        "domain is empty\n");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config",
                             "--target=", NULL), 2);
    assert_string_equal(captured_err, "xl precopy-config: --target=: the name "
                        "of a host is needed\n");
}

static void torture_xl_config_says_that_no_limit_is_set(void **state)
{
    (void)state;
    conf_fixture_use(example);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "free",
                             NULL), 0);
    assert_said(captured_out, "no limit is in force");
    assert_said(captured_out, "[default] (not used without a limit)\n");
    assert_null(strstr(captured_out, "downtime"));
    conf_fixture_use("[default]\nbandwidth = 1Gbit\n");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", NULL), 0);
    assert_said(captured_out, "[default] (not used without a limit)\n");
    assert_said(captured_out, "No limit is set: the guest is suspended when "
                              "stock Xen would.\n");
    conf_fixture_use("");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", NULL), 0);
    assert_string_equal(captured_out, "Nothing is set: migrations are those "
                                      "of stock Xen.\n");
}

static void torture_xl_config_json(void **state)
{
    const char *settings[] = { "settings", NULL }, *value[] = { "value", NULL };
    char error[128];
    yajl_val tree, list;

    (void)state;
    conf_fixture_use(example);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--json",
                             "web", NULL), 0);
    tree = yajl_tree_parse(captured_out, error, sizeof(error));
    list = yajl_tree_get(tree, settings, yajl_t_array);
    assert_non_null(list);
    assert_int_equal(YAJL_GET_ARRAY(list)->len, 5);
    assert_string_equal(YAJL_GET_STRING(yajl_tree_get(
        YAJL_GET_ARRAY(list)->values[0], value, yajl_t_string)), "300 ms");
    yajl_tree_free(tree);
}

static void torture_xl_config_bad_file_is_status_2(void **state)
{
    const char *path = conf_fixture_use("[guest a]\ndowntim = 1s\n");
    char line[128];

    (void)state;
    snprintf(line, sizeof(line), "xl precopy-config: %s:2: there is no key "
             "downtim", path);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", NULL), 2);
    assert_said(captured_err, line);
    assert_string_equal(captured_out, "");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--check",
                             NULL), 2);
    assert_said(captured_err, line);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config",
                             "--file=/nonexistent", NULL), 2);
    assert_said(captured_err, "/nonexistent: can't be read");
}

/* What would be refused only for some guests and targets is found, too. */
static void torture_xl_config_check_looks_at_all_sections(void **state)
{
    static const struct { const char *text, *who; } t[] = {
        { "[default]\nmax-downtime = 1s\n[guest a]\ndowntime = 2s\n",
          "[guest a]: the maximum downtime" },
        { "[default]\nmax-downtime = 1s\n[target b]\ndowntime = 2s\n",
          "[target b]: the maximum downtime" },
        { "[target b]\nmax-downtime = 1s\n[guest a]\ndowntime = 1s\n"
          "[guest c]\ndowntime = 2s\n",
          "[target b], [guest c]: the maximum downtime" },
        { "[default]\non-timeout = suspend\n[guest a]\nmax-downtime = 1s\n",
          "on-timeout suspend needs a maximum" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        conf_fixture_use(t[i].text);
        assert_int_equal(capture(cmd_precopy_config, "precopy-config",
                                 "--check", NULL), 2);
        assert_said(captured_err, t[i].who);
    }
    conf_fixture_use(example);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--check",
                             NULL), 0);
    assert_said(captured_out, ": no mistakes\n");
    /* The same guest by its name. */
    conf_fixture_use(t[0].text);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "a", NULL),
                     2);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "b", NULL),
                     0);
}

static void torture_xl_config_options(void **state)
{
    (void)state;
    conf_fixture_use("");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--help",
                             NULL), 0);
    assert_said(captured_out, "--target=HOST");
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "a", "b",
                             NULL), 2);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--check",
                             "--json", NULL), 2);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--file=",
                             NULL), 2);
    assert_int_equal(capture(cmd_precopy_config, "precopy-config", "--nope",
                             NULL), 2);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_xl_config_shows_values_and_their_places),
        cmocka_unit_test(torture_xl_config_a_name_is_one_and_plain),
        cmocka_unit_test(torture_xl_config_says_that_no_limit_is_set),
        cmocka_unit_test(torture_xl_config_json),
        cmocka_unit_test(torture_xl_config_bad_file_is_status_2),
        cmocka_unit_test(torture_xl_config_check_looks_at_all_sections),
        cmocka_unit_test(torture_xl_config_options),
    };

    return torture_run(argc, argv, tests);
}
