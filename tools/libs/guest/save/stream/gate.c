/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/clock.h"
#include "save/stream/gate.h"

bool save_gate_may_write(struct save_gate *g, bool pages)
{
    uint64_t now = clock_now_ns();
    bool may = true;

    if (!g->ctx->live) {
        may = !save_switchover_broken(g->switchover, pages);
    } else if (g->deadline_ns && now >= g->deadline_ns) {
        g->out_of_time = true;
        may = false;
    } else if (save_control_cancelled(g->control, now)) {
        may = false;
    }
    if (!may)
        errno = ECANCELED;
    return may;
}

uint64_t save_gate_rate(const struct save_gate *g)
{
    const struct xpc_params *p = &g->ctx->params;

    return g->ctx->report.suspend_asked_ns ? xpc_params_switchover_cap(p) :
                                             save_control_cap(g->control);
}

void save_gate_update(struct save_gate *g)
{
    const struct xpc_params *p = &g->ctx->params;

    g->deadline_ns = 0;
    if (p->policy == XPC_POLICY_LIMIT && p->duration_ns &&
        p->on_timeout == XPC_ON_TIMEOUT_ABORT)
        g->deadline_ns = g->ctx->engine.start_ns + p->duration_ns;
    /* A write that is blocked then is interrupted. */
    save_watchdog_set(g->switchover->watchdog, g->deadline_ns, false);
}
