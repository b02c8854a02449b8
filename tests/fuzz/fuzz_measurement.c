/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the reading of measurements, in our format, QEMU's and libvirt's, and
 * what is computed from them. A file that is accepted must yield a prediction;
 * the error for one that is refused must be one line.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/cells.h>
#include <xenprecopy/forms.h>
#include <xenprecopy/measure.h>

#include "support/fuzz.h"

/* D(t) never falls nor exceeds the guest, and is within its band. */
static void check_curve(const struct xpc_curve *c)
{
    struct xpc_curve_model m;
    double last = 0;

    xpc_curve_model_init(&m);
    for (double t = 1e3; t < 1e15; t *= 7.3) {
        double v = xpc_curve_pages(c, &m, t, 0), slack = 1e-9 * v + 1e-9;

        fuzz_require(v >= last - slack && v <= c->total_pages, "D(t) is sane");
        fuzz_require(xpc_curve_pages(c, &m, t, -1) <= v + slack &&
                     xpc_curve_pages(c, &m, t, 1) >= v - slack,
                     "the band encloses it");
        last = v;
    }
}

static void predict(const struct xpc_curve *c,
                    const struct xpc_compress_cost *cost)
{
    static const uint64_t bandwidths[] = { 1, 125000000, UINT64_MAX / 16 };
    static const uint64_t downtimes[] = { 1, 300000000, 0 };
    struct xpc_domain domain = {
        .name = "fuzz", .curve = c, .costs = cost, .nr_costs = !!cost,
    };
    struct xpc_cells_request r = {
        .domains = &domain, .nr_domains = 1,
        .bandwidths = bandwidths, .nr_bandwidths = 3,
        .downtimes = downtimes, .nr_downtimes = 3,
        .methods = cost ? &cost->method : NULL, .nr_methods = !!cost,
        .channels = 3, .advice = true, .evacuate = true,
    };
    struct xpc_cells cells;

    xpc_predict_params_init(&r.params, 0, 0);
    xpc_cells_init(&cells);
    fuzz_require(!xpc_cells_compute(&cells, &r), "it is computed");
    fuzz_require(cells.nr_cells == 9, "every cell is there");
    free(xpc_to_json(&xpc_cells_type, &cells, false));
    xpc_cells_dispose(&cells);
}

/* The measurement can be written and read again. */
static void read_again(const struct xpc_measurement *m)
{
    char *json = xpc_to_json(&xpc_measurement_type, m, false);
    struct xpc_measurement again;
    char err[XPC_ERR_LEN];

    fuzz_require(json != NULL, "it is written");
    xpc_measurement_init(&again);
    if (xpc_measurement_from_json(&again, json, strlen(json), err)) {
        fprintf(stderr, "%s\n%s\n", json, err);
        fuzz_require(0, "what was written is read");
    }
    xpc_measurement_dispose(&again);
    free(json);
}

static void use(const struct xpc_measurement *m)
{
    char err[XPC_ERR_LEN] = "";
    struct xpc_compress_cost cost;
    struct xpc_curve c;

    read_again(m);
    if (xpc_measurement_curve(m, &c, err) ||
        xpc_curve_check(&c, err, sizeof(err))) {
        fuzz_require_line(err);
    } else {
        check_curve(&c);
        predict(&c, NULL);
        for (size_t i = 0; i < m->nr_compress && i < 2; i++) {
            if (xpc_compress_cost(&cost, &m->compress[i], 0.5))
                predict(&c, &cost);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[XPC_ERR_LEN] = "";
    struct xpc_measurement m, *list = NULL;
    struct xpc_cells cells;
    size_t nr = 0;

    xpc_measurement_init(&m);
    if (xpc_measurement_from_json(&m, (const char *)data, size, err))
        fuzz_require_line(err);
    else
        use(&m);
    xpc_measurement_dispose(&m);

    if (xpc_measurements_read(&list, &nr, (const char *)data, size, 1 << 18,
                              err)) {
        fuzz_require_line(err);
    } else {
        fuzz_require(nr > 0, "there is one");
        /* Each takes the time of a prediction. */
        for (size_t i = 0; i < nr && i < 4; i++)
            use(&list[i]);
    }
    xpc_measurements_free(list, nr);

    xpc_cells_init(&cells);
    if (xpc_from_json(&xpc_cells_type, &cells, (const char *)data, size, err))
        fuzz_require_line(err);
    xpc_cells_dispose(&cells);
    return 0;
}
