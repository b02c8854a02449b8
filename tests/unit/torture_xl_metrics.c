/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics as text, and UTF-8.
 */
#include <stdio.h>
#include <string.h>

#include "common/xl_metrics.h"
#include "support/report_fixture.h"
#include "support/torture.h"

static const struct metric_family downtime = {
    "xen_precopy_a_seconds", "seconds", "One."
}, migrations = {
    "xen_precopy_b_total", NULL, "Two."
};

/* What a sample with this label looks like. */
static const char *label_text(const char *value)
{
    static char text[1024];
    struct metrics m;
    char err[XPC_ERR_LEN];

    assert_int_equal(metrics_open(&m), 0);
    metrics_add(&m, &migrations, 1, "domain", value, NULL);
    assert_int_equal(metrics_close(&m, report_path, err), 0);
    read_file(report_path, text, sizeof(text));
    return text;
}

static void torture_xl_metrics_escapes_labels(void **state)
{
    (void)state;
#define ALONE(value) \
    "# HELP xen_precopy_b_total Two.\nxen_precopy_b_total{domain=\"" value \
    "\"} 1\n# EOF\n"
    assert_string_equal(label_text("web1"), ALONE("web1"));
    assert_string_equal(label_text("a\"b\\c\nd} 1"),
                        ALONE("a\\\"b\\\\c\\nd} 1"));
    assert_string_equal(label_text("m\xc3\xbcller"), ALONE("m\xc3\xbcller"));
    /* Prometheus refuses a file that is not valid UTF-8. */
    assert_string_equal(label_text("a\xff\xc3"),
                        ALONE("a\xef\xbf\xbd\xef\xbf\xbd"));
    assert_string_equal(label_text(""), ALONE(""));
}

static void torture_xl_metrics_names_a_family_once(void **state)
{
    struct metrics m;
    char err[XPC_ERR_LEN], text[1024];

    (void)state;
    assert_int_equal(metrics_open(&m), 0);
    metrics_add(&m, &downtime, 0.1, "domain", "g1", NULL);
    metrics_add(&m, &downtime, 1e6 / 3, "domain", "g2", NULL);
    metrics_add(&m, &migrations, 9007199254740991, NULL);
    assert_int_equal(metrics_close(&m, report_path, err), 0);
    read_file(report_path, text, sizeof(text));
    assert_string_equal(text,
        "# HELP xen_precopy_a_seconds One.\n"
        "# TYPE xen_precopy_a_seconds gauge\n"
        "# UNIT xen_precopy_a_seconds seconds\n"
        "xen_precopy_a_seconds{domain=\"g1\"} 0.1\n"
        "xen_precopy_a_seconds{domain=\"g2\"} 333333.3333333333\n"
        "# HELP xen_precopy_b_total Two.\n"
        "xen_precopy_b_total 9007199254740991\n"
        "# EOF\n");
}

int main(int argc, char **argv)
{
#define TEST(t) \
    cmocka_unit_test_setup_teardown(t, report_setup, report_teardown)
    const struct CMUnitTest tests[] = {
        TEST(torture_xl_metrics_escapes_labels),
        TEST(torture_xl_metrics_names_a_family_once),
    };

    return torture_run(argc, argv, tests);
}
