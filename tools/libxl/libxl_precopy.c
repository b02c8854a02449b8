/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Live migration with a policy, on a stock libxl: the parameters are written
 * to xenstore, the path of our save helper to the environment, and
 * libxl_domain_suspend() does the rest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxl_precopy.h"
#include "libxl_precopy_helper.h"
#include "xen/lock.h"
#include "xen/saver.h"
#include "xen/store.h"

/*
 * Removes what an earlier migration has left in xenstore, and writes the
 * parameters (NULL: none) for the save helper that libxl is about to start.
 * The domain's lock must be held: then the nodes can't be those of a migration
 * under way.
 */
static int store_prepare(struct xs_handle *xs, uint32_t domid,
                         const libxl_precopy_params *params)
{
    struct xpc_params p;

    if (xen_store_clear(xs, domid))
        return ERROR_FAIL;
    if (params) {
        p = *params;
        p.once = true;
    }
    return xen_store_write_once(xs, domid, params ? &p : NULL) ?
           ERROR_FAIL : 0;
}

/*
 * The lock is held for the preparation only, unless our caller holds it and
 * passes it on (XEN_LOCK_ENV): libxl_domain_suspend() may return before the
 * save has ended, so the save helper takes the lock itself.
 */
static int lock_and_prepare(struct xs_handle *xs, uint32_t domid,
                            const libxl_precopy_params *params)
{
    char err[XPC_ERR_LEN];
    int lock = xen_lock_inherited(domid), rc;

    if (lock < 0)
        lock = xen_lock_take(domid, "libxl_domain_live_migrate", err);
    if (lock < 0)
        return errno == EBUSY ? ERROR_LOCK_FAIL : ERROR_FAIL;
    rc = !xen_saver_check(domid, err) ? store_prepare(xs, domid, params) :
         errno == EBUSY ? ERROR_LOCK_FAIL : ERROR_FAIL;
    xen_lock_release(lock);
    return rc;
}

int libxl_domain_live_migrate(libxl_ctx *ctx, uint32_t domid, int fd,
                              int flags, const libxl_precopy_params *params,
                              const libxl_asyncop_how *ao_how)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    struct xs_handle *xs = NULL;
    const char *helper;
    int rc;

    if (params && xpc_params_check(params, err, sizeof(err))) {
        rc = ERROR_INVAL;
        goto out;
    }
    rc = libxl__precopy_check_helper(params, err);
    if (rc) goto out;
    xs = xs_open(0);
    if (!xs) {
        rc = ERROR_FAIL;
        goto out;
    }
    rc = lock_and_prepare(xs, domid, params);
    if (rc) goto out;
    helper = getenv("LIBXL_SAVE_HELPER");
    if (setenv("LIBXL_SAVE_HELPER", libxl_precopy_save_helper(),
               !helper || !*helper)) {
        rc = ERROR_NOMEM;
        goto out;
    }

    rc = libxl_domain_suspend(ctx, domid, fd, flags | LIBXL_SUSPEND_LIVE,
                              ao_how);
    /* The save helper removes the parameters, but may not have started. */
    if (rc)
        xen_store_forget_once(xs, domid);

 out:
    if (xs)
        xs_close(xs);
    return rc;
}
