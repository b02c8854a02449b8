/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/measure.h>
#include <xenprecopy/units.h>

#include "support/published.h"
#include "support/torture.h"

const uint64_t published_bits[PUBLISHED_ROWS] = {
    UINT64_C(100) << 20, UINT64_C(1) << 30, UINT64_C(2) << 30,
    UINT64_C(5) << 29, UINT64_C(5) << 30, UINT64_C(10) << 30,
    UINT64_C(25) << 30, UINT64_C(40) << 30,
};
const uint64_t published_ms[PUBLISHED_COLUMNS] = {
    125, 250, 500, 1000, 5000, 0
};

void published_curve(struct xpc_curve *c)
{
    FILE *f = fopen("tests/data/calc-dirty-rate-32g.json", "r");
    char text[4096], err[XPC_ERR_LEN];
    struct xpc_measurement m;
    size_t len;

    assert_non_null(f);
    len = fread(text, 1, sizeof(text), f);
    fclose(f);
    xpc_measurement_init(&m);
    assert_int_equal(xpc_measurement_from_json(&m, text, len, err), 0);
    assert_int_equal(xpc_measurement_curve(&m, c, err), 0);
    assert_int_equal(xpc_curve_check(c, err, sizeof(err)), 0);
    xpc_measurement_dispose(&m);
}

void published_table(double t[PUBLISHED_ROWS][PUBLISHED_COLUMNS])
{
    FILE *f = fopen("tests/data/calc-dirty-rate-32g.table", "r");
    char line[256], *word, *save;
    int row = 0, minutes, seconds, n;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (*line == '#')
            continue;
        assert_true(row < PUBLISHED_ROWS);
        assert_non_null(strtok_r(line, " \n", &save));
        for (int column = 0; column < PUBLISHED_COLUMNS; column++) {
            word = strtok_r(NULL, " \n", &save);
            assert_non_null(word);
            if (sscanf(word, "%dm%ds%n", &minutes, &seconds, &n) == 2)
                t[row][column] = minutes * 60 + seconds;
            else
                t[row][column] = *word == '-' ? -1 : atoi(word);
        }
        row++;
    }
    fclose(f);
    assert_int_equal(row, PUBLISHED_ROWS);
}
