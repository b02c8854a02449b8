/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "json/migration.h"
#include "save/publish.h"
#include "xen/store.h"

void save_publish(struct save_context *ctx, const struct xpc_iteration *it)
{
    char leaf[64], old[64];

    snprintf(leaf, sizeof(leaf), "iteration/%"PRIu64, it->number);
    xen_store_write(ctx->xs, ctx->domid, leaf, &xpc_iteration_type, it);
    xen_store_write(ctx->xs, ctx->domid, "progress", &xpc_iteration_type, it);
    if (it->number > XEN_STORE_ITERATIONS) {
        snprintf(old, sizeof(old), "iteration/%"PRIu64,
                 it->number - XEN_STORE_ITERATIONS);
        xen_store_remove(ctx->xs, ctx->domid, old);
    }
}
