/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Knows whether the device model's log is on (xen/dm_log.h), and switches it
 * off when the helper leaves before its end. The leaf "dm-log" is for whoever
 * cleans up after a helper that was killed: it is there only while the log is
 * certain to be on.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "save/session.h"
#include "xen/dm_log.h"

static void mark(struct save_ctx *ctx, bool on)
{
    char path[XEN_STORE_PATH_LEN];

    ctx->dm_log = on;
    xen_store_path(path, ctx->domid, "dm-log");
    if (on)
        xs_write(ctx->xs, XBT_NULL, path, "1", 1);
    else
        xen_store_remove(ctx->xs, ctx->domid, "dm-log");
}

/* To libxenguest a PVH guest is an HVM guest, too; libxl knows better. */
static bool has_device_model(struct save_ctx *ctx)
{
    char path[XEN_STORE_PATH_LEN], *type;
    bool hvm;

    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/type", ctx->domid);
    type = xs_read(ctx->xs, XBT_NULL, path, NULL);
    hvm = type && !strcmp(type, "hvm");
    free(type);
    return hvm;
}

int save_dm_log_switch(uint32_t domid, unsigned int enable, void *data)
{
    struct save_ctx *ctx = save_active;
    int rc;

    if (!enable && ctx->dm_log)
        mark(ctx, false);
    rc = ctx->stock->switch_qemu_logdirty(domid, enable, data);
    if (enable && !rc && has_device_model(ctx))
        mark(ctx, true);
    return rc;
}

void save_dm_log_end(struct save_ctx *ctx)
{
    if (ctx->dm_log && !xen_dm_log_off(ctx->domid))
        mark(ctx, false);
}
