/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that can be checked before a migration. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xenctrl.h>

#include "libxl_precopy.h"
#include "libxl_precopy_helper.h"
#include "xen/cap.h"
#include "xen/lock.h"
#include "xen/preflight.h"
#include "xen/saver.h"
#include "xen/store.h"

_Static_assert(LIBXL_PRECOPY_ERR_LEN >= XPC_ERR_LEN, "holds a line of xen/");

/* ---- checks: each returns 0, or a libxl error with one line in err --- */

__attribute__((format(printf, 3, 4)))
static int refuse(char *err, int rc, const char *fmt, ...)
{
    va_list al;

    va_start(al, fmt);
    vsnprintf(err, LIBXL_PRECOPY_ERR_LEN, fmt, al);
    va_end(al);
    return rc;
}

/* Log-dirty of a PV guest needs shadow paging, which is optional in Xen. */
static int check_pv(libxl_ctx *ctx, uint32_t domid, char *err)
{
    libxl_physinfo phys;
    int rc;

    libxl_physinfo_init(&phys);
    rc = libxl_get_physinfo(ctx, &phys);
    if (rc) {
        refuse(err, rc, "can't ask Xen what it can do (error %d): is this "
               "run as root in domain 0?", rc);
        goto out;
    }
    if (phys.cap_shadow)
        goto out;
    rc = refuse(err, ERROR_FEATURE_REMOVED, "domain %"PRIu32" is a PV guest "
                "and this Xen has no shadow paging: it can't be migrated "
                "live, only saved and restored", domid);

 out:
    libxl_physinfo_dispose(&phys);
    return rc;
}

static int check_domain(libxl_ctx *ctx, uint32_t domid,
                        const libxl_precopy_params *params, char *err)
{
    libxl_precopy_params p;
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    if (!domid) {
        rc = refuse(err, ERROR_INVAL, "domain 0 can't be migrated");
        goto out;
    }
    rc = libxl_domain_info(ctx, &info, domid);
    if (rc) {
        rc = refuse(err, rc, rc == ERROR_DOMAIN_NOTFOUND ?
                    "there is no domain %"PRIu32 :
                    "can't ask Xen about domain %"PRIu32": is this run as "
                    "root in domain 0?", domid);
        goto out;
    }
    if (info.shutdown || info.dying) {
        rc = refuse(err, ERROR_INVAL, "domain %"PRIu32" is %s: there is "
                    "nothing to migrate live", domid,
                    info.dying ? "dying" : "shut down or suspended");
        goto out;
    }
    if (info.domain_type == LIBXL_DOMAIN_TYPE_PV) {
        rc = check_pv(ctx, domid, err);
        if (rc) goto out;
    }
    rc = 0;
    if (!params) goto out;
    p = *params;
    rc = libxl_domain_precopy_guest(ctx, domid, &p.guest);
    if (rc) {
        refuse(err, rc, "can't read xenstore: is xenstored running, and is "
               "this run as root?");
        goto out;
    }
    if (xen_preflight(domid, info.domain_type != LIBXL_DOMAIN_TYPE_PV, &p,
                      info.current_memkb * 1024 / XPC_PAGE_SIZE, err,
                      LIBXL_PRECOPY_ERR_LEN))
        rc = ERROR_INVAL;

 out:
    libxl_dominfo_dispose(&info);
    return rc;
}

/* nomigrate=1 in the configuration. */
static int check_config(libxl_ctx *ctx, uint32_t domid, char *err)
{
    libxl_domain_config config;
    int rc = 0;

    libxl_domain_config_init(&config);
    /* A domain without a configuration is fine: xl migrate has -C. */
    if (!libxl_retrieve_domain_configuration(ctx, domid, &config, NULL) &&
        !libxl_defbool_is_default(config.b_info.disable_migrate) &&
        libxl_defbool_val(config.b_info.disable_migrate))
        rc = refuse(err, ERROR_INVAL, "domain %"PRIu32" is not to be "
                    "migrated: nomigrate=1 in its configuration gives it "
                    "what another host may lack", domid);
    libxl_domain_config_dispose(&config);
    return rc;
}

/* libxl refuses these too, but only after the target has been contacted. */
static int check_vnuma(uint32_t domid, char *err)
{
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    uint32_t vnodes = 0, ranges = 0, vcpus = 0;
    bool has = xch && (!xc_domain_getvnuma(xch, domid, &vnodes, &ranges,
                                           &vcpus, NULL, NULL, NULL) ||
                       errno == ENOBUFS);

    if (xch)
        xc_interface_close(xch);
    return !has ? 0 : refuse(err, ERROR_INVAL, "domain %"PRIu32" has virtual "
                             "NUMA nodes, which can't be migrated", domid);
}

/* Only some schedulers can slow a guest down. */
static int check_cap(uint32_t domid, const libxl_precopy_params *params,
                     char *err)
{
    char line[XPC_ERR_LEN];
    xc_interface *xch;
    uint16_t cap;
    int rc = 0;

    if (!params || params->policy != XPC_POLICY_LIMIT ||
        !params->slow_down_percent)
        return 0;
    xch = xc_interface_open(NULL, NULL, 0);
    if (!xch || xen_cap_get(xch, domid, &cap, line))
        rc = refuse(err, ERROR_INVAL, "%s", xch ? line :
                    "can't reach Xen: is this run as root in domain 0?");
    if (xch)
        xc_interface_close(xch);
    return rc;
}

/* A paused guest can't act on a suspend request: libxl would wait a minute. */
static int check_paused(libxl_ctx *ctx, uint32_t domid, char *err)
{
    libxl_dominfo info;
    int rc;

    libxl_dominfo_init(&info);
    rc = libxl_domain_info(ctx, &info, domid);
    if (rc)
        refuse(err, rc, rc == ERROR_DOMAIN_NOTFOUND ? "there is no domain "
               "%"PRIu32" any more" : "can't ask Xen about domain %"PRIu32,
               domid);
    else if (info.paused)
        rc = refuse(err, ERROR_INVAL, "domain %"PRIu32" is paused and can't "
                    "suspend itself: unpause it first", domid);
    libxl_dominfo_dispose(&info);
    return rc;
}

/* Stock save helpers hold no lock, so look for them too. */
static int check_alone(uint32_t domid, char *err)
{
    if (!xen_lock_check(domid, err) && !xen_saver_check(domid, err))
        return 0;
    return errno == EBUSY ? ERROR_LOCK_FAIL : ERROR_FAIL;
}

static int check_store(uint32_t domid, char *err)
{
    char path[XEN_STORE_PATH_LEN];
    struct xs_handle *xs = xs_open(0);
    int rc = 0;

    if (!xs)
        return refuse(err, ERROR_FAIL, "can't reach xenstore: %s: is "
                      "xenstored running, and is this run as root?",
                      strerror(errno));
    /* Not in our own directory, which a refusal must not create. */
    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/precopy-probe", domid);
    if (!xs_write(xs, XBT_NULL, path, "", 0))
        rc = refuse(err, ERROR_FAIL, "can't write %s in xenstore: %s", path,
                    strerror(errno));
    else
        xs_rm(xs, XBT_NULL, path);
    if (!rc && xen_store_has_pci(xs, domid))
        rc = refuse(err, ERROR_INVAL, "domain %"PRIu32" has a PCI device "
                    "passed through, and Xen does not log the writes of such "
                    "a domain: xl pci-detach it first", domid);
    xs_close(xs);
    return rc;
}

int libxl_domain_live_migrate_check(libxl_ctx *ctx, uint32_t domid,
                                    const libxl_precopy_params *params,
                                    char err[LIBXL_PRECOPY_ERR_LEN])
{
    int rc;

    if (params && xpc_params_check(params, err, LIBXL_PRECOPY_ERR_LEN))
        return ERROR_INVAL;
    rc = check_domain(ctx, domid, params, err);
    if (rc) return rc;
    rc = check_cap(domid, params, err);
    if (rc) return rc;
    rc = check_alone(domid, err);
    if (rc) return rc;
    rc = check_config(ctx, domid, err);
    if (rc) return rc;
    rc = check_vnuma(domid, err);
    if (rc) return rc;
    rc = check_store(domid, err);
    if (rc) return rc;
    rc = libxl__precopy_check_helper(params, err);
    if (rc) return rc;
    /* Last, because a domain may be paused at any time. */
    return check_paused(ctx, domid, err);
}
