/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "conf/load.h"
#include "json/migration.h"
#include "save/parameters.h"
#include "xen/domain.h"
#include "xen/settings.h"
#include "xen/store.h"

#define OVER_CHANNELS (XPC_OPTION_BIT(XPC_OPT_CHANNELS) | \
                       XPC_OPTION_BIT(XPC_OPT_COMPRESS))

/*
 * The connections are opened by our xl. What the file says of them promises
 * nothing, so another toolstack's migration goes on without.
 */
static void drop_channels(struct save_context *ctx, struct conf_settings *cs)
{
    unsigned int set = conf_given_by(cs, CONF_ORIGIN_FILE) & OVER_CHANNELS;
    char source[CONF_SOURCE_LEN];

    for (int opt = 0; opt < XPC_NR_OPTIONS; opt++) {
        if (!(set & XPC_OPTION_BIT(opt)))
            continue;
        save_log(ctx, "%s is without effect (%s): only this package's xl "
                 "migrate opens connections", xpc_option_name(opt),
                 conf_source_text(cs, opt, source));
        conf_drop(cs, opt);
    }
}

/* Nobody tells the plug-in which host is the target. */
static void log_targets(struct save_context *ctx, const struct conf_file *f)
{
    char heading[CONF_HEADING_LEN];

    for (size_t i = 0; i < f->nr; i++) {
        const struct conf_section *c = &f->sections[i];

        if (c->kind == CONF_TARGET && c->given & XPC_OPTIONS_LIMITS) {
            save_log(ctx, "%s is not in force (%s:%u): [target] sections are "
                     "for this package's xl migrate",
                     conf_heading(c, heading), f->path, c->line);
            return;
        }
    }
}

static int take_settings(struct save_session *s, struct conf_settings *cs)
{
    struct save_context *ctx = &s->ctx;
    char text[CONF_SHORT_TEXT_LEN];

    if (!cs->in_xenstore && !xpc_params_ask(&cs->params))
        return 0;
    ctx->params = cs->params;
    s->standing = cs->in_xenstore;
    /* It has to fit into xenstore with the rest. */
    save_set_text(&ctx->report.sources,
                  conf_settings_text(cs, text, sizeof(text)));
    return 1;
}

static int read_settings(struct save_session *s, char *err)
{
    struct save_context *ctx = &s->ctx;
    struct conf_settings cs;
    xc_domaininfo_t info = { 0 };
    struct conf_file f;
    int rc;

    conf_settings_init(&cs);
    rc = conf_load(&f, NULL, err);
    if (rc) goto out;
    /* A section for its UUID may be in the file. */
    rc = f.nr ? xen_domain_info(ctx->xch, ctx->domid, &info) : 0;
    if (rc) {
        snprintf(err, XPC_ERR_LEN, "%s", xen_domain_failure());
        goto out;
    }
    rc = xen_settings_read(ctx->xs, ctx->domid, info.handle, NULL, &f, &cs,
                           err);
    if (rc) goto out;
    log_targets(ctx, &f);
    drop_channels(ctx, &cs);
    conf_settle(&cs);
    rc = conf_check(&cs, err);
    if (!rc)
        rc = take_settings(s, &cs);

 out:
    conf_dispose(&f);
    return rc;
}

int save_read_parameters(struct save_session *s, char err[XPC_ERR_LEN])
{
    struct save_context *ctx = &s->ctx;
    int rc;

    xpc_params_init(&ctx->params);
    rc = xen_store_take_once(ctx->xs, ctx->domid, getppid(), &ctx->params,
                             err);
    ctx->ours = rc >= 0;
    if (rc >= 0 || errno != ENOENT)
        return rc;
    return read_settings(s, err);
}
