/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Predicts live migrations from a measurement of the dirty rate.
 *
 *   uint64_t bandwidths[] = { 125000000, 1250000000 };      bytes/s
 *   uint64_t downtimes[] = { 300000000, 1000000000, 0 };    ns, 0: none
 *   char err[LIBXL_PREDICT_ERR_LEN];
 *   libxl_migrate_prediction p;
 *
 *   libxl_migrate_prediction_init(&p);
 *   rc = libxl_domain_migrate_predict(ctx, measurement_json, NULL,
 *                                     bandwidths, 2, downtimes, 3, &p, err);
 *   ... p.cells[i].total_ns ...
 *   libxl_migrate_prediction_dispose(&p);
 *
 * It needs no Xen, only the measurement.
 */
#ifndef LIBXL_PREDICT_H
#define LIBXL_PREDICT_H

#include <libxl.h>

#include <xenprecopy/cells.h>

/* The members are described in xenprecopy/cells.h; times are in ns. */
typedef struct xpc_cells libxl_migrate_prediction;
/* The assumptions of a prediction, described in xenprecopy/predict.h. */
typedef struct xpc_predict_params libxl_migrate_predict_params;

/* Call _init before use and _dispose after it; both may be repeated. */
void libxl_migrate_prediction_init(libxl_migrate_prediction *p);
void libxl_migrate_prediction_dispose(libxl_migrate_prediction *p);
/*
 * _to_json returns a malloc()ed string. If _from_json returns ERROR_INVAL, *p
 * is unchanged, and libxl_precopy_json_error() returns the reason. ctx may be
 * NULL.
 */
char *libxl_migrate_prediction_to_json(libxl_ctx *ctx,
                                       const libxl_migrate_prediction *p);
int libxl_migrate_prediction_from_json(libxl_ctx *ctx,
                                       libxl_migrate_prediction *p,
                                       const char *s);

/* Sets what the policy of libxl_domain_live_migrate() assumes. */
void libxl_migrate_predict_params_init(libxl_migrate_predict_params *p);

/*
 * Predicts from a measurement (what xl migrate-predict --from reads: JSON of
 * xl dirty-rate, or QEMU's or libvirt's rates at two or more calc-times with
 * the guest's memory) for every bandwidth (bytes per second) and downtime
 * limit (ns, 0: none), with advice for each. It is one domain's. params NULL:
 * as _init leaves them; their bandwidth and limits are not used. p_r must be
 * initialised. Returns 0, ERROR_INVAL (a measurement that makes no sense, a
 * bandwidth of 0, no or too many values) or ERROR_NOMEM, with one line for
 * people in err, which may be NULL; *p_r is then unchanged.
 */
#define LIBXL_PREDICT_ERR_LEN 256
int libxl_domain_migrate_predict(libxl_ctx *ctx, const char *measurement_json,
                                 const libxl_migrate_predict_params *params,
                                 const uint64_t *bandwidths,
                                 size_t nr_bandwidths,
                                 const uint64_t *downtimes,
                                 size_t nr_downtimes,
                                 libxl_migrate_prediction *p_r, char *err);

#endif
