/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding, changing and cancelling a migration under way. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/preflight.h"
#include "json/migration.h"
#include "libxl_precopy_store.h"
#include "xen/saver.h"

/* ---- whether there is one -------------------------------------------- */

/* A helper that was killed leaves the node behind; its pid is reused. */
static int check_helper(const libxl_precopy_active *a, uint32_t domid)
{
    int is = xen_saver_is(a->pid, domid);

    if (!is)
        errno = ENOENT;
    return is > 0 ? 0 : -1;
}

static int read_active_in(struct xs_handle *xs, xs_transaction_t t,
                          uint32_t domid, libxl_precopy_active *a)
{
    char err[XPC_ERR_LEN];

    *a = (libxl_precopy_active){ 0 };
    xpc_params_init(&a->params);
    if (xen_store_read(xs, t, domid, "active", &xpc_active_type, a, err))
        return -1;
    return check_helper(a, domid);
}

static int read_active(struct xs_handle *xs, uint32_t domid, void *obj)
{
    return read_active_in(xs, XBT_NULL, domid, obj);
}

int libxl_domain_precopy_active(libxl_ctx *ctx, uint32_t domid,
                                libxl_precopy_active *active_r)
{
    libxl_precopy_active a;
    int rc;

    (void)ctx;
    rc = libxl__precopy_store(domid, read_active, &a);
    if (!rc)
        *active_r = a;
    return rc;
}

struct write {
    const char *leaf, *value;
};

/* The transaction fails if the migration ends meanwhile. */
static int write_leaf(struct xs_handle *xs, xs_transaction_t t,
                      uint32_t domid, void *opaque)
{
    const struct write *w = opaque;
    char path[XEN_STORE_PATH_LEN];
    libxl_precopy_active a;

    if (read_active_in(xs, t, domid, &a))
        return -1;
    xen_store_path(path, domid, w->leaf);
    return xs_write(xs, t, path, w->value, strlen(w->value)) ? 1 : -1;
}

/*
 * Writes to a migration under way. One that ends just then removes its nodes:
 * what was written after that would be for the next migration.
 */
static int write_to_active(struct xs_handle *xs, uint32_t domid,
                           const char *leaf, const char *value)
{
    struct write w = { leaf, value };

    return xen_store_transact(xs, domid, write_leaf, &w) > 0 ? 0 : -1;
}

/* ---- its parameters -------------------------------------------------- */

/*
 * The parameters last asked for, if the plug-in will accept them; else those
 * in force.
 */
static int read_params(struct xs_handle *xs, uint32_t domid, void *obj)
{
    libxl_precopy_active a;
    libxl_precopy_params asked, *params_r = obj;
    char err[XPC_ERR_LEN];

    if (read_active(xs, domid, &a))
        return -1;
    xpc_params_init(&asked);
    *params_r = a.params;
    if (xen_store_read(xs, XBT_NULL, domid, "current", &xpc_params_type,
                       &asked, err))
        return 0;
    xpc_engine_settled(&asked, &a.params);
    if (!xpc_engine_check_change(&a.params, &asked, err, sizeof(err)))
        *params_r = asked;
    return 0;
}

static int write_params(struct xs_handle *xs, uint32_t domid, void *obj)
{
    char *json = xpc_to_json(&xpc_params_type, obj, false);
    int rc, saved;

    if (!json)
        return -1;
    rc = write_to_active(xs, domid, "current", json);
    saved = errno;
    free(json);
    errno = saved;
    return rc;
}

int libxl_domain_precopy_get(libxl_ctx *ctx, uint32_t domid,
                             libxl_precopy_params *params_r)
{
    (void)ctx;
    return libxl__precopy_store(domid, read_params, params_r);
}

int libxl_domain_precopy_set_check(libxl_ctx *ctx, uint32_t domid,
                                   const libxl_precopy_params *params,
                                   char err[LIBXL_PRECOPY_ERR_LEN])
{
    libxl_precopy_params p = *params;
    libxl_precopy_active a;
    int rc = libxl_domain_precopy_active(ctx, domid, &a);

    if (rc) {
        snprintf(err, LIBXL_PRECOPY_ERR_LEN, rc == ERROR_NOTFOUND ?
                 "no migration with a policy is under way" :
                 "can't read xenstore: is xenstored running, and is this run "
                 "as root?");
        return rc;
    }
    xpc_engine_settled(&p, &a.params);
    return xpc_engine_check_change(&a.params, &p, err,
                                   LIBXL_PRECOPY_ERR_LEN) ? ERROR_INVAL : 0;
}

int libxl_domain_precopy_set(libxl_ctx *ctx, uint32_t domid,
                             const libxl_precopy_params *params)
{
    char err[LIBXL_PRECOPY_ERR_LEN];
    libxl_precopy_params now, p = *params;
    int rc;

    rc = libxl_domain_precopy_set_check(ctx, domid, params, err);
    if (rc) return rc;
    rc = libxl_domain_precopy_get(ctx, domid, &now);
    if (rc) return rc;
    xpc_engine_settled(&p, &now);
    return libxl__precopy_store(domid, write_params, &p);
}

static int read_refused(struct xs_handle *xs, uint32_t domid, void *obj)
{
    char path[XEN_STORE_PATH_LEN], **why_r = obj;

    *why_r = xs_read(xs, XBT_NULL, xen_store_path(path, domid, "refused"),
                     NULL);
    return *why_r ? 0 : -1;
}

int libxl_domain_precopy_refused(libxl_ctx *ctx, uint32_t domid,
                                 char **why_r)
{
    (void)ctx;
    return libxl__precopy_store(domid, read_refused, why_r);
}

/* ---- its end --------------------------------------------------------- */

static int write_cancel(struct xs_handle *xs, uint32_t domid, void *obj)
{
    (void)obj;
    return write_to_active(xs, domid, "cancel", "");
}

int libxl_domain_precopy_cancel(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    return libxl__precopy_store(domid, write_cancel, NULL);
}
