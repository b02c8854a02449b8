/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxl_domain_dirty_rate(), as far as it can be tested without Xen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl_dirty_rate.h"
#include "libxl_precopy.h"
#include "support/torture.h"

static void torture_libxl_dirty_rate_json(void **state)
{
    static char json[4096];
    FILE *f = fopen("tests/data/calc-dirty-rate-32g.json", "r");
    libxl_dirty_rate m, n;
    char *text;

    (void)state;
    assert_non_null(f);
    json[fread(json, 1, sizeof(json) - 1, f)] = 0;
    fclose(f);
    libxl_dirty_rate_init(&m);
    libxl_dirty_rate_init(&n);
    assert_int_equal(libxl_dirty_rate_from_json(NULL, &m, json), 0);
    assert_int_equal(m.nr_periods, 22);
    text = libxl_dirty_rate_to_json(NULL, &m);
    assert_non_null(text);
    assert_int_equal(libxl_dirty_rate_from_json(NULL, &n, text), 0);
    assert_int_equal(n.n_total, m.n_total);
    assert_int_equal(libxl_dirty_rate_from_json(NULL, &n, "{}"),
                     ERROR_INVAL);
    assert_string_not_equal(libxl_precopy_json_error(), "");
    assert_int_equal(n.nr_periods, 22);
    free(text);
    libxl_dirty_rate_dispose(&m);
    libxl_dirty_rate_dispose(&m);
    libxl_dirty_rate_dispose(&n);
}

static void torture_libxl_dirty_rate_refuses_invalid_requests(void **state)
{
    char err[LIBXL_DIRTY_RATE_ERR_LEN];
    libxl_dirty_rate_params p;
    libxl_dirty_rate_job *job = NULL;
    uint32_t domid = 7;

    (void)state;
    libxl_dirty_rate_params_init(&p);
    assert_int_equal(libxl_domain_dirty_rate(NULL, &domid, 0, &p, &job, err),
                     ERROR_INVAL);
    p.nr_periods = 0;
    assert_int_equal(libxl_domain_dirty_rate(NULL, &domid, 1, &p, &job, err),
                     ERROR_INVAL);
    assert_non_null(strstr(err, "periods"));
    libxl_dirty_rate_params_init(&p);
    /* There is no Xen, or no such domain. */
    assert_true(libxl_domain_dirty_rate(NULL, &domid, 1, &p, &job, err) < 0);
    assert_null(strchr(err, '\n'));
    assert_null(job);
    libxl_dirty_rate_params_dispose(&p);
    libxl_dirty_rate_free(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture_libxl_dirty_rate_json),
        cmocka_unit_test(torture_libxl_dirty_rate_refuses_invalid_requests),
    };

    return torture_run(argc, argv, tests);
}
