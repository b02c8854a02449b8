/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <xenprecopy/meter.h>

#include "core/preflight.h"
#include "xen/preflight.h"
#include "xen/source.h"

/* The assumed error of a small sample: in doubt, the migration is tried. */
#define SAMPLE_ERROR 0.1

/* The highest likely number of zero pages; 0 if unknown. */
static uint64_t estimate_zero_pages(uint32_t domid, uint64_t total_pages)
{
    char err[XPC_ERR_LEN];
    struct xpc_source *src = xen_source_open(domid, err);
    double zero = 0;

    if (!src)
        return 0;
    if (xpc_meter_zero_pages(src, &zero))
        zero = 0;
    else
        zero += SAMPLE_ERROR * total_pages;
    src->ops->close(src);
    return zero < total_pages ? zero : total_pages;
}

int xen_preflight(uint32_t domid, bool hvm, const struct xpc_params *params,
                  uint64_t total_pages, char *err, size_t len)
{
    int rc = xpc_engine_preflight(params, total_pages, err, len);

    if (!rc || params->zero_pages == XPC_ZERO_PAGES_SEND ||
        (params->zero_pages == XPC_ZERO_PAGES_ELIDE && !hvm))
        return rc;
    /* Refused even without pages: zero pages make no difference. */
    if (xpc_engine_preflight(params, 0, err, len))
        return -1;
    total_pages -= estimate_zero_pages(domid, total_pages);
    return xpc_engine_preflight(params, total_pages, err, len);
}
