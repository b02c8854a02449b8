/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plug-in under control: other parameters and a cancel, through xenstore
 * (xen/store.h), while the migration runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "json/migration.h"
#include "save/session.h"

/* Within an iteration a cancel is looked for as often as this. */
#define LOOK_NS (250 * XPC_MS)

static void write_active(struct save_ctx *ctx)
{
    struct xpc_active a = {
        .pid = getpid(),
        .start_monotonic_ns = ctx->report.start_monotonic_ns,
        .params = ctx->params,
    };

    if (xen_store_write(ctx->xs, ctx->domid, "active", &xpc_active_type, &a))
        save_log(ctx, "can't tell xenstore of the migration: %s",
                 strerror(errno));
}

static char *read_asked(struct save_ctx *ctx, xs_transaction_t t)
{
    char path[XEN_STORE_PATH_LEN];

    return xs_read(ctx->xs, t, xen_store_path(path, ctx->domid, "current"),
                   NULL);
}

void save_control_begin(struct save_ctx *ctx)
{
    /*
     * Of an earlier migration, of whatever toolstack. A cancel stays: it may
     * have been written since this one began.
     */
    xen_store_forget(ctx->xs, ctx->domid);
    if (xen_store_write(ctx->xs, ctx->domid, "current", &xpc_params_type,
                        &ctx->params))
        save_log(ctx, "can't write the parameters to xenstore: %s",
                 strerror(errno));
    ctx->control.asked = read_asked(ctx, XBT_NULL);
    write_active(ctx);
}

/* Whoever waits for the end waits for "active", which therefore goes last. */
void save_control_end(struct save_ctx *ctx)
{
    xen_store_remove(ctx->xs, ctx->domid, "current");
    xen_store_remove(ctx->xs, ctx->domid, "cancel");
    xen_store_remove(ctx->xs, ctx->domid, "active");
    free(ctx->control.asked);
    ctx->control.asked = NULL;
}

void save_control_deadline(struct save_ctx *ctx)
{
    const struct xpc_params *p = &ctx->params;

    ctx->deadline_ns = 0;
    if (p->policy == XPC_POLICY_LIMIT && p->duration_ns &&
        p->on_timeout == XPC_ON_TIMEOUT_ABORT)
        ctx->deadline_ns = ctx->engine.start_ns + p->duration_ns;
    /* A write that hangs then is broken off. */
    save_watchdog_set(ctx->watchdog, ctx->deadline_ns, false);
}

/* ---- a cancel -------------------------------------------------------- */

bool save_control_look(struct save_ctx *ctx)
{
    char path[XEN_STORE_PATH_LEN];
    void *value = xs_read(ctx->xs, XBT_NULL,
                          xen_store_path(path, ctx->domid, "cancel"), NULL);

    if (value)
        ctx->control.cancelled = true;
    free(value);
    return ctx->control.cancelled;
}

bool save_control_cancelled(struct save_ctx *ctx, uint64_t now_ns)
{
    struct save_control *c = &ctx->control;

    if (c->cancelled || now_ns < c->looked_ns + LOOK_NS)
        return c->cancelled;
    c->looked_ns = now_ns;
    return save_control_look(ctx);
}

/* ---- other parameters ------------------------------------------------ */

static bool write_leaf(struct save_ctx *ctx, xs_transaction_t t,
                       const char *leaf, const char *value)
{
    char path[XEN_STORE_PATH_LEN];

    return xs_write(ctx->xs, t, xen_store_path(path, ctx->domid, leaf), value,
                    strlen(value));
}

/*
 * Writes the parameters in force back and why, unless yet others have been
 * asked for meanwhile: those are for the next decision. Returns the text
 * written, malloc()ed, or NULL.
 */
static char *write_back(struct save_ctx *ctx, const char *why)
{
    char *json = xpc_to_json(&xpc_params_type, &ctx->params, false), *now;
    xs_transaction_t t;
    bool same, done = false;

    while (json && !done) {
        t = xs_transaction_start(ctx->xs);
        if (t == XBT_NULL)
            break;
        now = read_asked(ctx, t);
        same = now && !strcmp(now, ctx->control.asked);
        free(now);
        same = same && write_leaf(ctx, t, "current", json) &&
               write_leaf(ctx, t, "refused", why);
        done = xs_transaction_end(ctx->xs, t, !same) && same;
        if (!done && (!same || errno != EAGAIN))
            break;
    }
    if (done)
        return json;
    free(json);
    return NULL;
}

static void refuse(struct save_ctx *ctx, const char *why)
{
    char *written;

    save_log(ctx, "other parameters were refused, the old ones stay in "
             "force: %s", why);
    written = write_back(ctx, why);
    if (!written)
        return;
    ctx->control.refused = true;
    free(ctx->control.asked);
    ctx->control.asked = written;
}

static void change(struct save_ctx *ctx, const struct xpc_params *to)
{
    ctx->params = *to;
    ctx->report.params = *to;
    xpc_engine_change(&ctx->engine, to);
    save_control_deadline(ctx);
    write_active(ctx);
    if (ctx->control.refused)
        xen_store_remove(ctx->xs, ctx->domid, "refused");
    ctx->control.refused = false;
}

/* The text is another than before: is it a change, and a good one? */
static void consider(struct save_ctx *ctx)
{
    const char *asked = ctx->control.asked;
    char err[XPC_ERR_LEN];
    struct xpc_params to;

    xpc_params_init(&to);
    if (xpc_from_json(&xpc_params_type, &to, asked, strlen(asked), err)) {
        refuse(ctx, err);
        return;
    }
    xpc_engine_settled(&to, &ctx->params);
    save_channels_settle(&to);
    if (xpc_params_same(&to, &ctx->params) && !ctx->control.refused)
        return;
    if (xpc_engine_check_change(&ctx->params, &to, err, sizeof(err)))
        refuse(ctx, err);
    else
        change(ctx, &to);
}

bool save_control_read(struct save_ctx *ctx)
{
    struct save_control *c = &ctx->control;
    char *asked;

    if (save_control_look(ctx))
        return true;
    asked = read_asked(ctx, XBT_NULL);
    if (!asked || (c->asked && !strcmp(asked, c->asked))) {
        free(asked);
        return false;
    }
    free(c->asked);
    c->asked = asked;
    consider(ctx);
    return false;
}
