/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Live migration with a policy, on a stock libxl: the parameters go to
 * xenstore, the plug-in's helper to the environment, and the rest is
 * libxl_domain_suspend().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/migration.h"
#include "libxl_precopy_internal.h"
#include "xen/lock.h"
#include "xen/saver.h"
#include "xen/store.h"

/*
 * Puts the parameters for this one migration in xenstore, where the save
 * helper that libxl starts finds them (NULL: none), and removes what an
 * earlier migration has left. The domain's lock is held meanwhile, so there
 * is no migration under way whose nodes these could be.
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
 * The save helper takes the lock itself, unless its caller passes one on
 * (XEN_LOCK_ENV): what follows here may return before the save has ended.
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
    rc = xen_saver_check(domid, err) ? ERROR_LOCK_FAIL :
         store_prepare(xs, domid, params);
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
    /* The save helper removes them, unless it was never started. */
    if (rc)
        xen_store_forget_once(xs, domid);

 out:
    if (xs)
        xs_close(xs);
    return rc;
}

/* ---- what is told of it ---------------------------------------------- */

/*
 * With a handle of its own: all of this is asked for now and then, and a
 * handle kept open would be one more thing for the caller to free.
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

static int read_progress(struct xs_handle *xs, uint32_t domid, void *it)
{
    char err[XPC_ERR_LEN];

    return xen_store_read(xs, domid, "progress", &xpc_iteration_type, it,
                          err);
}

static int read_guest(struct xs_handle *xs, uint32_t domid, void *guest)
{
    xen_store_guest(xs, domid, guest);
    return 0;
}

static int clear(struct xs_handle *xs, uint32_t domid, void *unused)
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
    return libxl__precopy_store(domid, clear, NULL);
}
