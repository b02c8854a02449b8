/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"
#include "save/chain.h"
#include "save/suspend_time.h"

/* See chain.h: the toolstack ends precopy with these, and not before. */
#define END_ITERATION 4
#define END_DIRTY 49
#define GO_ON_DIRTY 51

#define ASK_AGAIN_MS 5
/* As long as libxl waits for a guest that was asked to suspend. */
#define GIVE_UP_NS (60 * XPC_S)

bool save_chain_present(const struct save_context *ctx)
{
    return ctx->stock->precopy_policy;
}

int save_chain_check(const struct save_context *ctx,
                     const struct xpc_params *p, char *err, size_t len)
{
    if (!save_chain_present(ctx) || p->policy != XPC_POLICY_LIMIT ||
        (p->strict != XPC_STRICT_ON && !p->slow_down_percent))
        return 0;
    if (p->strict == XPC_STRICT_ON)
        snprintf(err, len, "strict can't be kept with this toolstack, which "
                 "shuts a suspended guest down if its migration fails: leave "
                 "strict out");
    else
        snprintf(err, len, "the guest can't be slowed down with this "
                 "toolstack: nobody would lift that if the save were killed: "
                 "leave slow-down out");
    errno = EINVAL;
    return -1;
}

int save_chain_ask(struct save_context *ctx, const struct precopy_stats *stats)
{
    return ctx->stock->precopy_policy(*stats, ctx->stock->data);
}

int save_chain_go_on(struct save_context *ctx,
                     const struct precopy_stats *stats)
{
    struct precopy_stats told = *stats;

    told.iteration = 0;
    if (told.dirty_count >= 0 && told.dirty_count < GO_ON_DIRTY)
        told.dirty_count = GO_ON_DIRTY;
    return save_chain_ask(ctx, &told);
}

int save_chain_end(struct save_context *ctx, const struct precopy_stats *stats,
                   uint64_t dirty_pages)
{
    uint64_t until = clock_now_ns() + GIVE_UP_NS;
    struct precopy_stats told = *stats;
    int answer;

    if (told.iteration < END_ITERATION)
        told.iteration = END_ITERATION;
    /* 0 would end precopy whether emu-manager agrees or not. */
    told.dirty_count = !dirty_pages ? 1 :
                       dirty_pages < END_DIRTY ? (long)dirty_pages : END_DIRTY;
    answer = save_chain_ask(ctx, &told);
    told.dirty_count = -1;
    while (answer == XGS_POLICY_CONTINUE_PRECOPY && clock_now_ns() < until) {
        if (domain_is_suspended(ctx->xch, ctx->domid) > 0)
            return XGS_POLICY_STOP_AND_COPY;
        poll(NULL, 0, ASK_AGAIN_MS);
        answer = save_chain_ask(ctx, &told);
    }
    return answer;
}
