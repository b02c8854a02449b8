/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's working set, from the bitmaps that libxenguest reads for
 * itself: a look at those costs no hypercall, and nothing can be preempted.
 */
#include "base/clock.h"
#include "save/session.h"

void save_workset_start(struct save_ctx *ctx)
{
    xen_pfn_t last;

    /* Without it the policy does not know whether the guest moves on. */
    if (xc_domain_maximum_gpfn(ctx->xch, ctx->domid, &last) < 0 ||
        xpc_workset_init(&ctx->workset, last + 1))
        ctx->workset = (struct xpc_workset){ 0 };
    else
        xpc_workset_begin(&ctx->workset, clock_now_ns());
}

void save_workset_read(struct save_ctx *ctx, xc_hypercall_buffer_t *bitmap,
                       unsigned long pages)
{
    DECLARE_HYPERCALL_BUFFER_ARGUMENT(bitmap);

    if (!ctx->workset.nr_pfns || !bitmap)
        return;
    xpc_workset_bitmap(&ctx->workset,
                       (const uint64_t *)HYPERCALL_BUFFER_AS_ARG(bitmap),
                       pages);
    xpc_workset_end(&ctx->workset, clock_now_ns());
}

void save_workset_tell(const struct save_ctx *ctx,
                       struct xpc_working_set *set)
{
    *set = (struct xpc_working_set){ 0 };
    if (ctx->workset.nr_pfns)
        xpc_workset_tell(&ctx->workset, set);
}
