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
    if (libxl_domain_info(ctx, &info, domid))
        r = xl_bad(err, "there is no domain %u any more", domid);
    else
        r = xen_settings_read(xs, domid, libxl_uuid_bytearray(&info.uuid),
                              host, f, s, err);
    libxl_dominfo_dispose(&info);
    xs_close(xs);
    return r;
}

static bool are_there(libxl_ctx *ctx, const struct migrate_options *o,
                      const struct conf_file *f)
{
    struct conf_settings s;
    char *name = NULL, err[XPC_ERR_LEN];
    uint32_t domid;

    if (xl_find_domain(ctx, o->domain, &domid, &name))
        return false;
    free(name);
    if (migrate_read_settings(ctx, domid, o->host, f, &s, err))
        return true;
    conf_settle(&s);
    return s.given;
}

bool migrate_has_settings(const struct migrate_options *o)
{
    xentoollog_logger *lg;
    char err[XPC_ERR_LEN];
    libxl_ctx *ctx = NULL;
    struct conf_file f;
    bool there = true;

    lg = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr,
                                                           XTL_CRITICAL, 0);
    if (conf_load(&f, NULL, err)) goto out;
    ctx = lg ? xl_open_ctx(lg) : NULL;
    there = ctx && are_there(ctx, o, &f);

 out:
    conf_dispose(&f);
    if (ctx)
        libxl_ctx_free(ctx);
    if (lg)
        xtl_logger_destroy(lg);
    return there;
}

void migrate_forget_settings(uint32_t domid)
{
    struct xs_handle *xs = xs_open(0);

    if (!xs)
        return;
    xen_store_remove(xs, domid, "params");
    xs_close(xs);
}
