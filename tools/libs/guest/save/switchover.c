/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/clock.h"
#include "save/switchover.h"

static bool is_strict(const struct save_context *ctx)
{
    return ctx->params.strict == XPC_STRICT_ON &&
           ctx->params.policy == XPC_POLICY_LIMIT;
}

/* Until when the guest may be suspended if that much time is reserved. */
static uint64_t deadline_ns(const struct save_context *ctx,
                            uint64_t reserved_ns)
{
    uint64_t max = xpc_params_max_downtime(&ctx->params);

    return ctx->report.start_monotonic_ns + ctx->report.suspended_ns +
           (max > reserved_ns ? max - reserved_ns : 0);
}

/* From now on nothing is written: the guest is to be resumed here. */
static void break_off(struct save_switchover *s)
{
    if (s->overrun)
        return;
    s->overrun = true;
    s->ctx->report.broken_off_ns = save_since_start_ns(s->ctx);
}

/* A guest that ignores the request gets as long as it may be suspended. */
void save_switchover_asked(struct save_switchover *s)
{
    struct save_context *ctx = s->ctx;

    save_watchdog_set(s->watchdog, is_strict(ctx) ? clock_now_ns() +
                      xpc_params_max_downtime(&ctx->params) : 0, true);
}

void save_switchover_suspended(struct save_switchover *s)
{
    struct save_context *ctx = s->ctx;
    struct xpc_prior prior;

    xpc_params_prior(&ctx->params, &prior);
    save_watchdog_set(s->watchdog, is_strict(ctx) ?
                      deadline_ns(ctx, prior.overhead_ns) : 0, false);
}

void save_switchover_pages_left(struct save_switchover *s, uint64_t pages,
                                uint64_t bitmap_begun_ns,
                                const struct xpc_decision *d)
{
    struct save_context *ctx = s->ctx;
    uint64_t rate = d->bandwidth_bytes_per_s, now = clock_now_ns();
    uint64_t read_ns = now - bitmap_begun_ns;
    struct xpc_prior prior;
    double send_ns;

    if (!is_strict(ctx) || !rate)
        return;
    xpc_params_prior(&ctx->params, &prior);
    send_ns = (double)pages * (XPC_PAGE_SIZE + XPC_PAGE_HEADER) * 1e9 / rate;
    /* The rest of the time for the bitmap: its bits are still to be tested. */
    if (d->bitmap_ns > read_ns)
        send_ns += d->bitmap_ns - read_ns;
    s->final_dirty = pages;
    if (now + send_ns > deadline_ns(ctx, prior.overhead_ns))
        break_off(s);
}

bool save_switchover_broken(struct save_switchover *s, bool pages)
{
    struct save_context *ctx = s->ctx;
    struct xpc_prior prior;

    if (!is_strict(ctx) || !ctx->report.suspended_ns)
        return false;
    if (!pages && !s->pages_done && !s->overrun) {
        /* The reserved time is being used now, except for the start. */
        xpc_params_prior(&ctx->params, &prior);
        s->pages_done = true;
        save_watchdog_set(s->watchdog, deadline_ns(ctx, prior.start_ns), false);
    }
    if (save_watchdog_passed(s->watchdog))
        break_off(s);
    return s->overrun;
}
