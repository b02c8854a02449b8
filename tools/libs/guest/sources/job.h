/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring in the background: one thread with one timer for any number of
 * sources.
 */
#ifndef SOURCES_JOB_H
#define SOURCES_JOB_H

#include <xenprecopy/meter.h>

struct source_job;

/*
 * Starts to measure nr sources at once, which belong to the job from now on,
 * also when it fails. Measurements that can't start are failed ones in the
 * end, the others go on. NULL: errno, and one line in err.
 */
struct source_job *source_job_start(struct xpc_source *const *src, size_t nr,
                                    const struct xpc_meter_request *req,
                                    char err[XPC_ERR_LEN]);

/* Readable when all is finished. */
int source_job_fd(const struct source_job *job);

/*
 * What source i has so far: status "measuring" with the periods up to now,
 * or the end result. *m_r must be initialised; progress_r (0 to 1) may be
 * NULL. Returns 0, or -1 with errno ENOMEM.
 */
int source_job_query(struct source_job *job, size_t i,
                     struct xpc_measurement *m_r, double *progress_r);

/* Calls it off: tracking ends at once. Safe in a signal handler. */
void source_job_cancel(struct source_job *job);

/* Waits for the end. Cancel first to make it come soon. */
void source_job_wait(struct source_job *job);

/* Cancels, waits, closes the sources, frees the job. NULL is fine. */
void source_job_free(struct source_job *job);

#endif
