/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "common/xl_options.h"
#include "conf/load.h"
#include "migrate/xl_migrate_settings.h"
#include "xen/settings.h"
#include "xen/store.h"

int migrate_read_settings(libxl_ctx *ctx, uint32_t domid, const char *host,
                          const struct conf_file *f,
                          struct conf_settings *s, char err[XPC_ERR_LEN])
{
    struct xs_handle *xs = xs_open(0);
    libxl_dominfo info;
    int r;

    conf_settings_init(s);
    if (!xs)
        return xl_bad(err, "can't reach xenstore: %s: is xenstored running, "
                      "and is this run as root?", strerror(errno));
    libxl_dominfo_init(&info);
    r = libxl_domain_info(ctx, &info, domid);
    if (r)
        r = xl_bad(err, r == ERROR_DOMAIN_NOTFOUND ? "there is no domain %u "
                   "any more" : "can't ask Xen about domain %u", domid);
    else
        r = xen_settings_read(xs, domid, libxl_uuid_bytearray(&info.uuid),
                              host, f, s, err);
    libxl_dominfo_dispose(&info);
    xs_close(xs);
    return r;
}

int migrate_find_settings(const char *domain, const char *host,
                          const struct conf_file *f,
                          struct conf_settings *s, char err[XPC_ERR_LEN])
{
    xentoollog_logger *lg;
    libxl_ctx *ctx;
    char *name = NULL;
    uint32_t domid;
    int r = 1;

    lg = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr,
                                                           XTL_CRITICAL, 0);
    ctx = lg ? xl_open_ctx(lg) : NULL;
    if (ctx && !xl_find_domain(ctx, domain, &domid, &name))
        r = migrate_read_settings(ctx, domid, host, f, s, err);
    free(name);
    if (ctx)
        libxl_ctx_free(ctx);
    if (lg)
        xtl_logger_destroy(lg);
    return r;
}

bool migrate_has_settings(const struct migrate_options *o)
{
    char err[XPC_ERR_LEN];
    struct conf_settings s;
    struct conf_file f;
    int r = conf_load(&f, NULL, err);

    if (!r)
        r = migrate_find_settings(o->domain, o->host, &f, &s, err);
    if (!r)
        conf_settle(&s);
    conf_dispose(&f);
    return r < 0 || (!r && s.given);
}

void migrate_forget_settings(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);

    if (!xs)
        return;
    xen_store_remove(xs, domid, "params");
    xs_close(xs);
}
