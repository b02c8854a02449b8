/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl_precopy.h"
#include "libxl_predict.h"
#include "support/torture.h"

static char json[4096];

static int setup(void **state)
{
    FILE *f = fopen("tests/data/calc-dirty-rate-32g.json", "r");

    (void)state;
    assert_non_null(f);
    json[fread(json, 1, sizeof(json) - 1, f)] = 0;
    fclose(f);
    return 0;
}

static void torture_libxl_predict_needs_no_xen(void **state)
{
    const uint64_t bandwidths[] = { 125000000, 1250000000 };
    const uint64_t downtimes[] = { 300000000, 0 };
    libxl_migrate_prediction p, again;
    char err[LIBXL_PREDICT_ERR_LEN], *text;

    (void)state;
    libxl_migrate_prediction_init(&p);
    libxl_migrate_prediction_init(&again);
    assert_int_equal(libxl_domain_migrate_predict(NULL, json, NULL,
        bandwidths, 2, downtimes, 2, &p, err), 0);
    assert_int_equal(p.nr_cells, 4);
    assert_int_equal(p.nr_advice, 2);
    assert_false(p.cells[0].converges);
    assert_true(p.cells[2].converges);
    text = libxl_migrate_prediction_to_json(NULL, &p);
    assert_non_null(text);
    assert_int_equal(libxl_migrate_prediction_from_json(NULL, &again, text),
                     0);
    assert_int_equal(libxl_migrate_prediction_from_json(NULL, &again,
                     "{\"cells\": 1}"), ERROR_INVAL);
    assert_non_null(strstr(libxl_precopy_json_error(), "cells"));
    assert_int_equal(again.nr_cells, 4);
    assert_int_equal(again.cells[2].total_ns, p.cells[2].total_ns);
    assert_string_equal(again.advice[0].text, p.advice[0].text);
    free(text);
    libxl_migrate_prediction_dispose(&again);
    libxl_migrate_prediction_dispose(&p);
    libxl_migrate_prediction_dispose(&p);
}

static void torture_libxl_predict_refuses_in_one_line(void **state)
{
    const uint64_t bandwidths[] = { 0 }, downtimes[] = { 300000000 };
    libxl_migrate_prediction p;
    char err[LIBXL_PREDICT_ERR_LEN];

    (void)state;
    libxl_migrate_prediction_init(&p);
    assert_int_equal(libxl_domain_migrate_predict(NULL, json, NULL,
        bandwidths, 1, downtimes, 1, &p, err), ERROR_INVAL);
    assert_non_null(strstr(err, "bandwidth of 0"));
    assert_int_equal(libxl_domain_migrate_predict(NULL, json, NULL,
        bandwidths, 0, downtimes, 1, &p, NULL), ERROR_INVAL);
    assert_int_equal(libxl_domain_migrate_predict(NULL, "{", NULL,
        bandwidths, 1, downtimes, 1, &p, err), ERROR_INVAL);
    assert_non_null(strstr(err, "not JSON"));
    assert_int_equal(p.nr_cells, 0);
    libxl_migrate_prediction_dispose(&p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(torture_libxl_predict_needs_no_xen, setup),
        cmocka_unit_test_setup(torture_libxl_predict_refuses_in_one_line,
                               setup),
    };

    return torture_run(argc, argv, tests);
}
