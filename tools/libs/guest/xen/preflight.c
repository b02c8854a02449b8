/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <xenprecopy/meter.h>

#include "core/policy.h"
#include "xen/preflight.h"
#include "xen/source.h"

/* A small sample may be wrong by so much; what may be possible is tried. */
#define SAMPLE_ERROR 0.1

/* How many pages are zero, at most; 0 when nobody knows. */
static uint64_t zero_pages(uint32_t domid, uint64_t total_pages)
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
    /* What it refuses with no page at all is no matter of pages. */
    if (xpc_engine_preflight(params, 0, err, len))
        return -1;
    total_pages -= zero_pages(domid, total_pages);
    return xpc_engine_preflight(params, total_pages, err, len);
}
