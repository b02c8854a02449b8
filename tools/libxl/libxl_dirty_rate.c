/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl_utils.h>

#include <xenprecopy/forms.h>

#include "libxl_dirty_rate.h"
#include "libxl_precopy_types.h"
#include "sources/job.h"
#include "xen/source.h"

struct libxl__dirty_rate_job {
    struct source_job *job;
    size_t nr;
};

/* ---- types ----------------------------------------------------------- */

void libxl_dirty_rate_params_init(libxl_dirty_rate_params *p)
{
    xpc_meter_request_init(p);
}

void libxl_dirty_rate_params_dispose(libxl_dirty_rate_params *p)
{
    xpc_meter_request_init(p);
}

void libxl_dirty_rate_init(libxl_dirty_rate *m)
{
    xpc_measurement_init(m);
}

void libxl_dirty_rate_dispose(libxl_dirty_rate *m)
{
    xpc_measurement_dispose(m);
    xpc_measurement_init(m);
}

char *libxl_dirty_rate_to_json(libxl_ctx *ctx, const libxl_dirty_rate *m)
{
    (void)ctx;
    return xpc_to_json(&xpc_measurement_type, m, true);
}

int libxl_dirty_rate_from_json(libxl_ctx *ctx, libxl_dirty_rate *m,
                               const char *s)
{
    char err[XPC_ERR_LEN];
    int r = xpc_measurement_from_json(m, s, strlen(s), err);

    (void)ctx;
    return libxl__precopy_json_result(r, err);
}

/* ---- starting -------------------------------------------------------- */

static int to_libxl_error(int code)
{
    switch (code) {
    case EINVAL: return ERROR_INVAL;
    case ENOMEM: return ERROR_NOMEM;
    case ESRCH:  return ERROR_DOMAIN_NOTFOUND;
    default:     return ERROR_FAIL;
    }
}

/* The source's name is the domain's, for the measurement. */
static struct xpc_source *open_domain(libxl_ctx *ctx, uint32_t domid,
                                      char err[XPC_ERR_LEN])
{
    struct xpc_source *src = xen_source_open(domid, err);
    char *name = src ? libxl_domid_to_name(ctx, domid) : NULL;

    if (name)
        snprintf(src->name, sizeof(src->name), "%s", name);
    free(name);
    return src;
}

static int open_domains(libxl_ctx *ctx, const uint32_t *domids, size_t nr,
                        struct xpc_source **src, char err[XPC_ERR_LEN])
{
    for (size_t i = 0; i < nr; i++) {
        src[i] = open_domain(ctx, domids[i], err);
        if (!src[i]) {
            int rc = to_libxl_error(errno);

            while (i--)
                src[i]->ops->close(src[i]);
            return rc;
        }
    }
    return 0;
}

int libxl_domain_dirty_rate(libxl_ctx *ctx, const uint32_t *domids, size_t nr,
                            const libxl_dirty_rate_params *params,
                            libxl_dirty_rate_job **job_r, char *err)
{
    struct xpc_source **src = NULL;
    libxl_dirty_rate_job *job = NULL;
    char line[XPC_ERR_LEN] = "out of memory";
    int rc = ERROR_NOMEM;

    if (!nr || xpc_meter_request_check(params, line)) {
        if (!nr)
            snprintf(line, sizeof(line), "no domain to measure");
        rc = ERROR_INVAL;
        goto out;
    }
    src = calloc(nr, sizeof(*src));
    job = calloc(1, sizeof(*job));
    if (!src || !job) goto out;
    rc = open_domains(ctx, domids, nr, src, line);
    if (rc) goto out;
    job->nr = nr;
    job->job = source_job_start(src, nr, params, line);
    if (!job->job) {
        rc = to_libxl_error(errno);
        goto out;
    }
    *job_r = job;
    job = NULL;
    rc = 0;

 out:
    if (rc && err)
        snprintf(err, LIBXL_DIRTY_RATE_ERR_LEN, "%s", line);
    free(src);
    free(job);
    return rc;
}

/* ---- the job --------------------------------------------------------- */

int libxl_dirty_rate_fd(const libxl_dirty_rate_job *job)
{
    return source_job_fd(job->job);
}

int libxl_dirty_rate_query(libxl_dirty_rate_job *job, size_t i,
                           libxl_dirty_rate *m_r, double *progress_r)
{
    if (i >= job->nr)
        return ERROR_INVAL;
    return source_job_query(job->job, i, m_r, progress_r) ? ERROR_NOMEM : 0;
}

void libxl_dirty_rate_cancel(libxl_dirty_rate_job *job)
{
    source_job_cancel(job->job);
}

void libxl_dirty_rate_wait(libxl_dirty_rate_job *job)
{
    source_job_wait(job->job);
}

void libxl_dirty_rate_free(libxl_dirty_rate_job *job)
{
    if (!job)
        return;
    source_job_free(job->job);
    free(job);
}
