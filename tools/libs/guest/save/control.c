/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenprecopy/units.h>

#include "core/preflight.h"
#include "json/migration.h"
#include "save/chain.h"
#include "save/control.h"
#include "save/slow.h"
#include "xen/store.h"

/* How often a cancel and a cap are looked for within an iteration. */
#define LOOK_NS (250 * XPC_MS)

static void write_active(struct save_control *c)
{
    struct save_context *ctx = c->ctx;
    struct xpc_active a = {
        .pid = getpid(),
        .start_monotonic_ns = ctx->report.start_monotonic_ns,
        .params = ctx->params,
    };

    if (xen_store_write(ctx->xs, ctx->domid, "active", &xpc_active_type, &a))
        save_log(ctx, "can't tell xenstore of the migration: %s",
                 strerror(errno));
}

static char *read_asked(struct save_control *c, xs_transaction_t t)
{
    struct save_context *ctx = c->ctx;
    char path[XEN_STORE_PATH_LEN];

    return xs_read(ctx->xs, t, xen_store_path(path, ctx->domid, "current"),
                   NULL);
}

/* Was an earlier migration killed, so that its leaves are still there? */
static bool was_killed(struct save_control *c)
{
    struct save_context *ctx = c->ctx;
    char path[XEN_STORE_PATH_LEN];
    void *value = xs_read(ctx->xs, XBT_NULL,
                          xen_store_path(path, ctx->domid, "active"), NULL);
    bool killed = value;

    free(value);
    return killed;
}

void save_control_begin(struct save_control *c)
{
    struct save_context *ctx = c->ctx;

    /*
     * Removes the leaves of an earlier migration, by whatever toolstack. A
     * cancel stays, as it may have been written since this one began, unless
     * the earlier one could not remove its own.
     */
    if (was_killed(c))
        xen_store_remove(ctx->xs, ctx->domid, "cancel");
    xen_store_forget(ctx->xs, ctx->domid);
    if (xen_store_write(ctx->xs, ctx->domid, "current", &xpc_params_type,
                        &ctx->params))
        save_log(ctx, "can't write the parameters to xenstore: %s",
                 strerror(errno));
    c->asked = read_asked(c, XBT_NULL);
    write_active(c);
}

void save_control_restart(struct save_control *c)
{
    write_active(c);
}

/* "active" goes last: whoever waits for the end waits for its removal. */
void save_control_end(struct save_control *c)
{
    struct save_context *ctx = c->ctx;

    xen_store_remove(ctx->xs, ctx->domid, "current");
    xen_store_remove(ctx->xs, ctx->domid, "cancel");
    xen_store_remove(ctx->xs, ctx->domid, "active");
    free(c->asked);
    c->asked = NULL;
}

/* ---- a cancel -------------------------------------------------------- */

bool save_control_check_cancel(struct save_control *c)
{
    struct save_context *ctx = c->ctx;
    char path[XEN_STORE_PATH_LEN];
    void *value = xs_read(ctx->xs, XBT_NULL,
                          xen_store_path(path, ctx->domid, "cancel"), NULL);

    if (value)
        c->cancelled = true;
    free(value);
    return c->cancelled;
}

/* Of parameters that are invalid, the next decision says why. */
static void look_at_cap(struct save_control *c)
{
    char *asked = read_asked(c, XBT_NULL), err[XPC_ERR_LEN];
    struct xpc_params to;

    xpc_params_init(&to);
    c->has_cap = asked && c->asked && strcmp(asked, c->asked) &&
                 !xpc_from_json(&xpc_params_type, &to, asked, strlen(asked),
                                err);
    c->max_bytes_per_s = to.max_bytes_per_s;
    free(asked);
}

bool save_control_cancelled(struct save_control *c, uint64_t now_ns)
{
    if (c->cancelled || now_ns < c->looked_ns + LOOK_NS)
        return c->cancelled;
    c->looked_ns = now_ns;
    if (!save_control_check_cancel(c))
        look_at_cap(c);
    return c->cancelled;
}

uint64_t save_control_cap(const struct save_control *c)
{
    return c->has_cap ? c->max_bytes_per_s : c->ctx->params.max_bytes_per_s;
}

/* ---- other parameters ------------------------------------------------ */

static bool write_leaf(struct save_control *c, xs_transaction_t t,
                       const char *leaf, const char *value)
{
    struct save_context *ctx = c->ctx;
    char path[XEN_STORE_PATH_LEN];

    return xs_write(ctx->xs, t, xen_store_path(path, ctx->domid, leaf), value,
                    strlen(value));
}

struct write_back {
    struct save_control *c;
    const char *json, *why;
};

static int try_write_back(struct xs_handle *xs, xs_transaction_t t,
                          uint32_t domid, void *opaque)
{
    const struct write_back *w = opaque;
    char *now = read_asked(w->c, t);
    bool same = now && !strcmp(now, w->c->asked);

    (void)xs;
    (void)domid;
    free(now);
    return same && write_leaf(w->c, t, "current", w->json) &&
           write_leaf(w->c, t, "refused", w->why);
}

/*
 * Writes back the parameters in force and the reason for the refusal, unless
 * other parameters have been written meanwhile: they are for the next decision.
 * Returns the text written, malloc()ed, or NULL.
 */
static char *write_back(struct save_control *c, const char *why)
{
    struct save_context *ctx = c->ctx;
    char *json = xpc_to_json(&xpc_params_type, &ctx->params, false);
    struct write_back w = { c, json, why };

    if (json && xen_store_transact(ctx->xs, ctx->domid, try_write_back,
                                   &w) > 0)
        return json;
    free(json);
    return NULL;
}

static void refuse(struct save_control *c, const char *why)
{
    char *written;

    save_log(c->ctx, "other parameters were refused, the old ones stay in "
             "force: %s", why);
    written = write_back(c, why);
    if (!written)
        return;
    c->refused = true;
    free(c->asked);
    c->asked = written;
}

static void change(struct save_control *c, const struct xpc_params *to)
{
    struct save_context *ctx = c->ctx;

    ctx->params = *to;
    ctx->report.params = *to;
    xpc_engine_change(&ctx->engine, to);
    write_active(c);
    if (c->refused)
        xen_store_remove(ctx->xs, ctx->domid, "refused");
    c->refused = false;
}

/* The text has changed: adopts or refuses the parameters, if they have, too. */
static void consider(struct save_control *c)
{
    struct save_context *ctx = c->ctx;
    const char *asked = c->asked;
    char err[XPC_ERR_LEN];
    struct xpc_params to;

    xpc_params_init(&to);
    if (xpc_from_json(&xpc_params_type, &to, asked, strlen(asked), err)) {
        refuse(c, err);
        return;
    }
    xpc_engine_settled(&to, &ctx->params);
    save_settle_zero_pages(&to);
    if (xpc_params_same(&to, &ctx->params) && !c->refused)
        return;
    if (xpc_engine_check_change(&ctx->params, &to, err, sizeof(err)) ||
        save_chain_check(ctx, &to, err, sizeof(err)) ||
        save_slow_check(c->slow, &to, err, sizeof(err)))
        refuse(c, err);
    else
        change(c, &to);
}

bool save_control_read(struct save_control *c)
{
    char *asked;

    if (save_control_check_cancel(c))
        return true;
    c->has_cap = false;
    asked = read_asked(c, XBT_NULL);
    if (!asked || (c->asked && !strcmp(asked, c->asked))) {
        free(asked);
        return false;
    }
    free(c->asked);
    c->asked = asked;
    consider(c);
    return false;
}
