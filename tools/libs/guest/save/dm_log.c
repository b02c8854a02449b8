/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leaf "dm-log" is for whoever cleans up after a helper that was killed. It
 * is there only while the log is certain to be on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "save/dm_log.h"
#include "xen/dm_log.h"
#include "xen/store.h"

static void set_on(struct save_dm_log *d, bool on)
{
    struct save_context *ctx = d->ctx;
    char path[XEN_STORE_PATH_LEN];

    d->on = on;
    xen_store_path(path, ctx->domid, "dm-log");
    if (on)
        xs_write(ctx->xs, XBT_NULL, path, "1", 1);
    else
        xen_store_remove(ctx->xs, ctx->domid, "dm-log");
}

/* libxenguest does not tell a PVH guest from an HVM guest; libxl does. */
static bool has_device_model(struct save_context *ctx)
{
    char path[XEN_STORE_PATH_LEN], *type;
    bool hvm;

    snprintf(path, sizeof(path), "/libxl/%"PRIu32"/type", ctx->domid);
    type = xs_read(ctx->xs, XBT_NULL, path, NULL);
    hvm = type && !strcmp(type, "hvm");
    free(type);
    return hvm;
}

int save_dm_log_switch(struct save_dm_log *d, uint32_t domid,
                       unsigned int enable, void *data)
{
    int rc;

    if (!enable && d->on)
        set_on(d, false);
    rc = d->ctx->stock->switch_qemu_logdirty(domid, enable, data);
    if (enable && !rc && has_device_model(d->ctx))
        set_on(d, true);
    return rc;
}

void save_dm_log_end(struct save_dm_log *d)
{
    if (d->on && !xen_dm_log_off(d->ctx->domid))
        set_on(d, false);
}
