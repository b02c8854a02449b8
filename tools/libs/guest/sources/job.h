/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Measures any number of sources in the background, with one thread. */
#ifndef SOURCES_JOB_H
#define SOURCES_JOB_H

#include <xenprecopy/meter.h>

struct source_job;

/*
 * Starts to measure nr sources at once. The job owns them from now on; if it
 * can't be started, they are closed. A measurement that can't be started ends
 * as a failed one, and the others go on. Returns NULL with errno and one line
 * in err on failure.
 */
struct source_job *source_job_start(struct xpc_source *const *src, size_t nr,
                                    const struct xpc_meter_request *req,
                                    char err[XPC_ERR_LEN]);

/* A descriptor that is readable when all measurements have ended. */
int source_job_fd(const struct source_job *job);

/*
 * Copies the result for source i, or while it is measured the periods so far,
 * with the status "measuring". *m_r must be initialised; progress_r (0 to 1)
 * may be NULL. Returns 0, or -1 with errno ENOMEM.
 */
int source_job_query(struct source_job *job, size_t i,
                     struct xpc_measurement *m_r, double *progress_r);

/* Makes all measurements end soon. Async-signal-safe. */
void source_job_cancel(struct source_job *job);

/* Blocks until all measurements have ended. */
void source_job_wait(struct source_job *job);

/* Cancels, waits, closes the sources and frees the job. NULL is fine. */
void source_job_free(struct source_job *job);

#endif
