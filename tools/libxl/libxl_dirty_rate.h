/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring how fast domains dirty their memory, in the background.
 *
 *   libxl_dirty_rate_params params;
 *   libxl_dirty_rate_job *job;
 *   libxl_dirty_rate m;
 *
 *   libxl_dirty_rate_params_init(&params);
 *   rc = libxl_domain_dirty_rate(ctx, &domid, 1, &params, &job, err);
 *   ... poll() libxl_dirty_rate_fd(job) for POLLIN, or just ...
 *   libxl_dirty_rate_wait(job);
 *   libxl_dirty_rate_init(&m);
 *   rc = libxl_dirty_rate_query(job, 0, &m, NULL);
 *   ... m.status, m.dirty_pages[i] within m.period_ns[i] ...
 *   libxl_dirty_rate_dispose(&m);
 *   libxl_dirty_rate_free(job);
 *
 * A job has one thread with one timer for all of its domains. The calls on a
 * job may come from any thread, but for _free, which is the last.
 */
#ifndef LIBXL_DIRTY_RATE_H
#define LIBXL_DIRTY_RATE_H

#include <libxl.h>

#include <xenprecopy/meter.h>

/* xenprecopy/meter.h and xenprecopy/measure.h describe the members. */
typedef struct xpc_meter_request libxl_dirty_rate_params;
typedef struct xpc_measurement libxl_dirty_rate;
typedef struct libxl__dirty_rate_job libxl_dirty_rate_job;

#define LIBXL_DIRTY_RATE_ERR_LEN 256

/* 10 s of page-sampling. xpc_meter_request_periods() sets others. */
void libxl_dirty_rate_params_init(libxl_dirty_rate_params *p);
void libxl_dirty_rate_params_dispose(libxl_dirty_rate_params *p);

/* _init before use, _dispose after, each as often as you like. */
void libxl_dirty_rate_init(libxl_dirty_rate *m);
void libxl_dirty_rate_dispose(libxl_dirty_rate *m);
/* malloc()ed. */
char *libxl_dirty_rate_to_json(libxl_ctx *ctx, const libxl_dirty_rate *m);
/*
 * Ours, or in the form of the calc-dirty-rate with several periods that was
 * proposed for QEMU in 2023. ERROR_INVAL: *m is unchanged, and
 * libxl_precopy_json_error() says why. ctx may be NULL.
 */
int libxl_dirty_rate_from_json(libxl_ctx *ctx, libxl_dirty_rate *m,
                               const char *s);

/*
 * Starts to measure nr domains at once. ERROR_INVAL (the parameters make no
 * sense), ERROR_DOMAIN_NOTFOUND, ERROR_NOMEM or ERROR_FAIL with one line for
 * people in err, which may be NULL; nothing has then been touched. What goes
 * wrong later is in the measurement of the domain: status failed, and error.
 */
int libxl_domain_dirty_rate(libxl_ctx *ctx, const uint32_t *domids, size_t nr,
                            const libxl_dirty_rate_params *params,
                            libxl_dirty_rate_job **job_r, char *err);

/* Readable when all domains' measurements have ended. Don't read it. */
int libxl_dirty_rate_fd(const libxl_dirty_rate_job *job);

/*
 * What is known about the i-th domain: while it is measured, the periods up
 * to now (status measuring), then the result. progress_r, from 0 to 1, may be
 * NULL. ERROR_INVAL (no such i), ERROR_NOMEM.
 */
int libxl_dirty_rate_query(libxl_dirty_rate_job *job, size_t i,
                           libxl_dirty_rate *m_r, double *progress_r);

/* Ends it soon: status cancelled. Log-dirty is off when _wait returns. */
void libxl_dirty_rate_cancel(libxl_dirty_rate_job *job);
void libxl_dirty_rate_wait(libxl_dirty_rate_job *job);
/* Cancels, waits and frees. NULL is fine. */
void libxl_dirty_rate_free(libxl_dirty_rate_job *job);

#endif
