/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/notify.h"
#include "xen/notify.h"

#define LOOK_NS (10 * XPC_MS)
/* Pages that are dirtied in so long are copied before more is waited for. */
#define STEP_NS (100 * XPC_MS)

static bool is_wanted(const struct save_notify *n)
{
    return n->ctx->params.notify_ns && n->ctx->xs;
}

static void tell(struct save_notify *n, const char *event)
{
    n->told = true;
    if (xen_notify_tell(n->ctx->xs, n->ctx->domid, event))
        save_log(n->ctx, "can't tell the guest of its migration: %s",
                 strerror(errno));
}

/*
 * Waits for the guest until a time, or until the migration is to end. Returns
 * whether it has acknowledged.
 */
static bool wait_for_guest(struct save_notify *n, uint64_t until_ns)
{
    struct save_context *ctx = n->ctx;
    uint64_t begun_ns = clock_now_ns(), now = begun_ns;
    bool yes;

    while (!(yes = xen_notify_acknowledged(ctx->xs, ctx->domid)) &&
           now < until_ns && !save_control_cancelled(n->control, now) &&
           !save_is_stopped(ctx)) {
        clock_sleep_until(now + LOOK_NS < until_ns ? now + LOOK_NS :
                                                     until_ns);
        now = clock_now_ns();
    }
    ctx->report.notify_waited_ns += clock_now_ns() - begun_ns;
    ctx->report.notify_acknowledged += yes;
    return yes;
}

void save_notify_precopy(struct save_notify *n)
{
    if (!is_wanted(n))
        return;
    tell(n, XEN_NOTIFY_PRECOPY);
    wait_for_guest(n, clock_now_ns() + n->ctx->params.notify_ns);
    if (n->control->cancelled || save_is_stopped(n->ctx))
        return;
    n->ctx->report.start_monotonic_ns = clock_now_ns();
    save_control_restart(n->control);
}

/* No longer than half of what is left of the duration. */
static uint64_t find_end(const struct save_context *ctx)
{
    uint64_t wait_ns = ctx->params.notify_ns, left_ns = ctx->params.duration_ns,
             since_ns = save_since_start_ns(ctx);

    if (left_ns) {
        left_ns = left_ns > since_ns ? left_ns - since_ns : 0;
        if (wait_ns > left_ns / 2)
            wait_ns = left_ns / 2;
    }
    return clock_now_ns() + wait_ns;
}

bool save_notify_suspend(struct save_notify *n, bool at_once)
{
    uint64_t now = clock_now_ns(), step_ns = now + STEP_NS;

    if (!is_wanted(n))
        return false;
    if (!n->until_ns) {
        n->until_ns = find_end(n->ctx);
        tell(n, XEN_NOTIFY_SUSPEND);
    } else if (n->acknowledged || now >= n->until_ns) {
        return false;
    }
    if (at_once)
        return false;
    n->acknowledged = wait_for_guest(n, step_ns < n->until_ns ? step_ns :
                                                                n->until_ns);
    return true;
}

void save_notify_end(struct save_notify *n)
{
    const struct xpc_report *r = &n->ctx->report;

    if (n->told && n->ctx->xs && !r->suspended_ns &&
        r->outcome != XPC_OUTCOME_SENT)
        xen_notify_over(n->ctx->xs, n->ctx->domid, 0);
}
