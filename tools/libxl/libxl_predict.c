/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/forms.h>
#include <xenprecopy/measure.h>

#include "libxl_precopy_types.h"
#include "libxl_predict.h"

static int to_libxl_error(void)
{
    return errno == ENOMEM ? ERROR_NOMEM : ERROR_INVAL;
}

void libxl_migrate_prediction_init(libxl_migrate_prediction *p)
{
    xpc_cells_init(p);
}

void libxl_migrate_prediction_dispose(libxl_migrate_prediction *p)
{
    xpc_cells_dispose(p);
}

char *libxl_migrate_prediction_to_json(libxl_ctx *ctx,
                                       const libxl_migrate_prediction *p)
{
    (void)ctx;
    return xpc_to_json(&xpc_cells_type, p, true);
}

int libxl_migrate_prediction_from_json(libxl_ctx *ctx,
                                       libxl_migrate_prediction *p,
                                       const char *s)
{
    char err[XPC_ERR_LEN];
    int r = xpc_from_json(&xpc_cells_type, p, s, strlen(s), err);

    (void)ctx;
    return libxl__precopy_json_result(r, err);
}

void libxl_migrate_predict_params_init(libxl_migrate_predict_params *p)
{
    struct xpc_params defaults;
    struct xpc_prior prior;

    xpc_params_init(&defaults);
    defaults.guest.device_model = XPC_DEVICE_MODEL_NO;
    xpc_predict_params_init(p, 0, 0);
    xpc_rule_from_params(&p->rule, &defaults);
    xpc_params_prior(&defaults, &prior);
    p->bitmap_ns = XPC_BITMAP_BY_SIZE;
    p->overhead_ns = prior.overhead_ns;
    p->suspend_pages = prior.suspend_pages;
}

/* Reads one measurement to *m, and its curve. Returns 0 or a libxl error. */
static int read_curve(const char *json, struct xpc_measurement *m,
                      struct xpc_curve *curve, char *err)
{
    struct xpc_measurement *list;
    size_t nr;

    if (xpc_measurements_read(&list, &nr, json, strlen(json), 0, err))
        return to_libxl_error();
    if (nr == 1) {
        *m = list[0];
        free(list);
    } else {
        xpc_measurements_free(list, nr);
        snprintf(err, XPC_ERR_LEN, "%zu measurements: one is taken", nr);
        return ERROR_INVAL;
    }
    return xpc_measurement_curve(m, curve, err) ||
           xpc_curve_check(curve, err, XPC_ERR_LEN) ? to_libxl_error() : 0;
}

static int compute_cells(const struct xpc_cells_request *r,
                         libxl_migrate_prediction *p_r, char *err)
{
    libxl_migrate_prediction p;

    for (size_t i = 0; i < r->nr_bandwidths; i++) {
        if (!r->bandwidths[i]) {
            snprintf(err, XPC_ERR_LEN, "a bandwidth of 0 moves nothing");
            return ERROR_INVAL;
        }
    }
    xpc_cells_init(&p);
    if (xpc_cells_compute(&p, r)) {
        snprintf(err, XPC_ERR_LEN, errno == ENOMEM ? "out of memory" :
                 "no, or too many, bandwidths or downtimes");
        return to_libxl_error();
    }
    xpc_cells_dispose(p_r);
    *p_r = p;
    return 0;
}

int libxl_domain_migrate_predict(libxl_ctx *ctx, const char *measurement_json,
                                 const libxl_migrate_predict_params *params,
                                 const uint64_t *bandwidths,
                                 size_t nr_bandwidths,
                                 const uint64_t *downtimes,
                                 size_t nr_downtimes,
                                 libxl_migrate_prediction *p_r, char *err)
{
    char line[LIBXL_PREDICT_ERR_LEN];
    struct xpc_measurement m;
    struct xpc_phased phased;
    struct xpc_curve curve;
    struct xpc_domain domain = { .curve = &curve };
    struct xpc_cells_request request = {
        .domains = &domain, .nr_domains = 1,
        .bandwidths = bandwidths, .nr_bandwidths = nr_bandwidths,
        .downtimes = downtimes, .nr_downtimes = nr_downtimes,
        .advice = true,
    };
    int rc;

    (void)ctx;
    if (params)
        request.params = *params;
    else
        libxl_migrate_predict_params_init(&request.params);
    xpc_measurement_init(&m);
    rc = read_curve(measurement_json, &m, &curve, err ? err : line);
    if (!rc) {
        domain.name = m.name ? m.name : "";
        if (xpc_measurement_phased(&m, &curve, &phased))
            domain.phased = &phased;
        rc = compute_cells(&request, p_r, err ? err : line);
    }
    xpc_measurement_dispose(&m);
    return rc;
}
