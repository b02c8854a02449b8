/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The promise kept: with `strict` a switchover that would pass the maximum
 * downtime is broken off, as long as the guest can be taken back.
 *
 * Of the maximum, the switchover overhead is set aside for what comes after
 * the pages: they must be sent before that. Afterwards it is the toolstack
 * that keeps the clock, up to "go" (tools/xl/migrate/xl_sender.c); here only a stream
 * that has stalled is seen to.
 */
#include <errno.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/session.h"

static bool is_strict(const struct save_ctx *ctx)
{
    return ctx->params.strict == XPC_STRICT_ON &&
           ctx->params.policy == XPC_POLICY_LIMIT;
}

/* The guest stands still: until when, if so much is set aside? */
static uint64_t until(const struct save_ctx *ctx, uint64_t aside_ns)
{
    uint64_t max = xpc_params_max_downtime(&ctx->params);

    return ctx->report.start_monotonic_ns + ctx->report.suspended_ns +
           (max > aside_ns ? max - aside_ns : 0);
}

/* From now on it is only about taking the guest back. */
static void break_off(struct save_ctx *ctx)
{
    if (ctx->overrun)
        return;
    ctx->overrun = true;
    ctx->report.broken_off_ns = clock_now_ns() -
                                ctx->report.start_monotonic_ns;
}

/* A guest that lets the request lie gets as long as it may stand still. */
void save_strict_asked(struct save_ctx *ctx)
{
    save_watchdog_set(ctx->watchdog, is_strict(ctx) ? clock_now_ns() +
                      xpc_params_max_downtime(&ctx->params) : 0, true);
}

void save_strict_suspended(struct save_ctx *ctx)
{
    struct xpc_prior prior;

    xpc_params_prior(&ctx->params, &prior);
    save_watchdog_set(ctx->watchdog, is_strict(ctx) ?
                      until(ctx, prior.overhead_ns) : 0, false);
}

void save_strict_left(struct save_ctx *ctx, uint64_t pages)
{
    const struct xpc_decision *d = &ctx->last.decision;
    uint64_t rate = d->bandwidth_bytes_per_s, now = clock_now_ns();
    uint64_t read_ns = now - ctx->bitmap_begun_ns;
    struct xpc_prior prior;
    double send_ns;

    if (!is_strict(ctx) || !rate)
        return;
    xpc_params_prior(&ctx->params, &prior);
    send_ns = (double)pages * (XPC_PAGE_SIZE + XPC_PAGE_HEADER) * 1e9 / rate;
    /* Its bits are still to be tested. */
    if (d->bitmap_ns > read_ns)
        send_ns += d->bitmap_ns - read_ns;
    ctx->final_dirty = pages;
    if (now + send_ns > until(ctx, prior.overhead_ns))
        break_off(ctx);
}

bool save_strict_broken(struct save_ctx *ctx, bool pages)
{
    struct xpc_prior prior;

    if (!is_strict(ctx) || !ctx->report.suspended_ns)
        return false;
    if (!pages && !ctx->pages_done && !ctx->overrun) {
        /* What was set aside is being used now, but for the very last. */
        xpc_params_prior(&ctx->params, &prior);
        ctx->pages_done = true;
        save_watchdog_set(ctx->watchdog, until(ctx, prior.start_ns), false);
    }
    if (save_watchdog_passed(ctx->watchdog))
        break_off(ctx);
    return ctx->overrun;
}
