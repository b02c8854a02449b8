/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a migration leaves in xenstore. */
#include <errno.h>
#include <stdio.h>

#include "json/migration.h"
#include "libxl_precopy_store.h"
#include "xen/guest.h"

/*
 * A handle for each call: the calls are rare, and a handle kept open would
 * have to be freed by the caller.
 */
int libxl__precopy_store(uint32_t domid, libxl__precopy_store_fn *fn,
                         void *obj)
{
    struct xs_handle *xs = xs_open(0);
    int rc;

    if (!xs)
        return ERROR_FAIL;
    if (!fn(xs, domid, obj))
        rc = 0;
    else
        rc = errno == ENOENT ? ERROR_NOTFOUND : ERROR_FAIL;
    xs_close(xs);
    return rc;
}

static int read_report(struct xs_handle *xs, uint32_t domid, void *report)
{
    char err[XPC_ERR_LEN];

    return xen_store_read_report(xs, domid, report, err);
}

static int read_progress(struct xs_handle *xs, uint32_t domid, void *it_r)
{
    struct xpc_iteration it = { 0 };
    char err[XPC_ERR_LEN];

    if (xen_store_read(xs, XBT_NULL, domid, "progress", &xpc_iteration_type,
                       &it, err))
        return -1;
    *(struct xpc_iteration *)it_r = it;
    return 0;
}

static int read_guest(struct xs_handle *xs, uint32_t domid, void *guest)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);

    if (!xch)
        return -1;
    xen_guest_read(xs, xch, domid, guest);
    xc_interface_close(xch);
    return 0;
}

static int clear_nodes(struct xs_handle *xs, uint32_t domid, void *unused)
{
    (void)unused;
    return xen_store_clear(xs, domid);
}

int libxl_domain_precopy_report(libxl_ctx *ctx, uint32_t domid,
                                libxl_precopy_report *report_r)
{
    (void)ctx;
    return libxl__precopy_store(domid, read_report, report_r);
}

int libxl_domain_precopy_guest(libxl_ctx *ctx, uint32_t domid,
                               libxl_precopy_guest *guest_r)
{
    (void)ctx;
    return libxl__precopy_store(domid, read_guest, guest_r);
}

int libxl_domain_precopy_progress(libxl_ctx *ctx, uint32_t domid,
                                  libxl_precopy_iteration *it_r)
{
    (void)ctx;
    return libxl__precopy_store(domid, read_progress, it_r);
}

void libxl_domain_precopy_path(uint32_t domid, char *buf, size_t len)
{
    char path[XEN_STORE_PATH_LEN];

    snprintf(buf, len, "%s", xen_store_path(path, domid, NULL));
}

int libxl_domain_precopy_clear(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    return libxl__precopy_store(domid, clear_nodes, NULL);
}
