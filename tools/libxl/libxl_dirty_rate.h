/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures how fast domains dirty their memory, in the background.
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
 * A job has one thread for all of its domains. A job's functions may be called
 * from any thread; _free must be the last call.
 */
#ifndef LIBXL_DIRTY_RATE_H
#define LIBXL_DIRTY_RATE_H

#include <libxl.h>

#include <xenprecopy/meter.h>

/* The members are described in xenprecopy/meter.h and measure.h. */
typedef struct xpc_meter_request libxl_dirty_rate_params;
typedef struct xpc_measurement libxl_dirty_rate;
typedef struct libxl__dirty_rate_job libxl_dirty_rate_job;

#define LIBXL_DIRTY_RATE_ERR_LEN 256

/*
 * Sets 10 s of page-sampling; xpc_meter_request_periods() sets other periods.
 */
void libxl_dirty_rate_params_init(libxl_dirty_rate_params *p);
void libxl_dirty_rate_params_dispose(libxl_dirty_rate_params *p);

/* Call _init before use and _dispose after it; both may be repeated. */
void libxl_dirty_rate_init(libxl_dirty_rate *m);
void libxl_dirty_rate_dispose(libxl_dirty_rate *m);
/* Returns a malloc()ed string. ctx may be NULL. */
char *libxl_dirty_rate_to_json(libxl_ctx *ctx, const libxl_dirty_rate *m);
/*
 * Reads our JSON, or that of the calc-dirty-rate with several periods that was
 * proposed for QEMU in 2023. ERROR_INVAL: *m is unchanged, and
 * libxl_precopy_json_error() returns the reason. ctx may be NULL.
 */
int libxl_dirty_rate_from_json(libxl_ctx *ctx, libxl_dirty_rate *m,
                               const char *s);

/*
 * Starts to measure nr domains at once. Returns 0 with *job_r to be freed by
 * _free, or ERROR_INVAL (the parameters make no sense), ERROR_DOMAIN_NOTFOUND,
 * ERROR_NOMEM or ERROR_FAIL with one line of text in err, which may be NULL;
 * then nothing has been touched. Later errors are in the domain's measurement:
 * status failed, and error.
 */
int libxl_domain_dirty_rate(libxl_ctx *ctx, const uint32_t *domids, size_t nr,
                            const libxl_dirty_rate_params *params,
                            libxl_dirty_rate_job **job_r, char *err);

/* A descriptor, readable when all measurements have ended. Don't read it. */
int libxl_dirty_rate_fd(const libxl_dirty_rate_job *job);

/*
 * Copies the result for the i-th domain, or while it is measured the periods
 * so far (status measuring). *m_r must be initialised; progress_r, from 0 to
 * 1, may be NULL. Returns 0, ERROR_INVAL (no such i) or ERROR_NOMEM.
 */
int libxl_dirty_rate_query(libxl_dirty_rate_job *job, size_t i,
                           libxl_dirty_rate *m_r, double *progress_r);

/* Ends all measurements soon, with the status cancelled. */
void libxl_dirty_rate_cancel(libxl_dirty_rate_job *job);
/* Blocks until all measurements have ended; log-dirty is off then. */
void libxl_dirty_rate_wait(libxl_dirty_rate_job *job);
/* Cancels, waits and frees the job. NULL is fine. */
void libxl_dirty_rate_free(libxl_dirty_rate_job *job);

#endif
