/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/slow.h"
#include "save/slow.h"
#include "xen/domain.h"
#include "xen/store.h"

/* The CPU time that the guest uses is that of the last second or so. */
#define USE_NS 1e9
/* Below this cap, in percent of a CPU, a guest would hardly react. */
#define CAP_MIN 10

void save_slow_start(struct save_slow *w)
{
    struct save_context *ctx = w->ctx;
    xc_domaininfo_t info;

    w->cap = (struct xen_cap){
        .xch = ctx->xch, .xs = ctx->xs, .domid = ctx->domid,
    };
    w->percent = XPC_ALL_PERCENT;
    /*
     * A save that was killed may have left the guest slow. Its note of the cap
     * that was there before must not be lost.
     */
    if (xen_cap_restore(ctx->domid)) {
        snprintf(w->why_not, sizeof(w->why_not), "can't give the guest back "
                 "the cap that it had before an earlier migration: %s",
                 strerror(errno));
        save_log(ctx, "%s", w->why_not);
        return;
    }
    if (xen_domain_info(ctx->xch, ctx->domid, &info)) {
        snprintf(w->why_not, sizeof(w->why_not), "%s", xen_domain_failure());
        return;
    }
    if (xen_cap_get(ctx->xch, ctx->domid, &w->cap.original, w->why_not))
        return;
    *w->why_not = 0;
    w->cap.now = w->cap.original;
    w->all = info.nr_online_vcpus * 100;
    if (w->cap.original && w->cap.original < w->all)
        w->all = w->cap.original;
}

int save_slow_check(const struct save_slow *w, const struct xpc_params *p,
                    char *err, size_t len)
{
    if (!p->slow_down_percent || p->policy != XPC_POLICY_LIMIT || !*w->why_not)
        return 0;
    snprintf(err, len, "%s", w->why_not);
    errno = EINVAL;
    return -1;
}

/* The CPU time that the guest has used so far; 0: unknown. */
static uint64_t cpu_time_ns(const struct save_slow *w)
{
    xc_domaininfo_t info;

    return xen_domain_info(w->ctx->xch, w->ctx->domid, &info) ? 0 :
           info.cpu_time;
}

static void learn_use(struct save_slow *w, double used, double ns)
{
    w->use += (used / ns - w->use) *
              (w->use > 0 && ns < USE_NS ? ns / USE_NS : 1);
    w->free_cpu_ns += used;
    w->free_ns += ns;
}

unsigned int save_slow_iteration(struct save_slow *w)
{
    struct xpc_report *r = &w->ctx->report;
    uint64_t cpu_ns, now_ns;
    double ns, used;

    if (!w->ctx->params.slow_down_percent && !w->noted)
        return w->percent;
    cpu_ns = cpu_time_ns(w);
    now_ns = clock_now_ns();
    ns = now_ns - w->since_ns;
    used = cpu_ns > w->cpu_ns ? cpu_ns - w->cpu_ns : 0;
    if (!w->since_ns || !w->cpu_ns || !cpu_ns || ns <= 0)
        ns = 0;
    else if (w->percent == XPC_ALL_PERCENT)
        learn_use(w, used, ns);
    if (w->percent < XPC_ALL_PERCENT) {
        r->slowed_ns += now_ns - w->since_ns;
        if (ns * w->use > used)
            r->cpu_taken_ns += ns * w->use - used;
    }
    w->since_ns = now_ns;
    w->cpu_ns = cpu_ns;
    return w->percent;
}

/* The cap for a share of what the guest used before it was slowed down. */
static uint16_t cap_for(const struct save_slow *w, unsigned int percent)
{
    double all = w->all, cap;

    if (percent == XPC_ALL_PERCENT)
        return w->cap.original;
    if (w->use > 0 && w->use * 100 < all)
        all = w->use * 100;
    cap = all * percent / XPC_ALL_PERCENT;
    return cap < CAP_MIN ? CAP_MIN : cap > UINT16_MAX ? UINT16_MAX : cap;
}

static int set_percent(struct save_slow *w, unsigned int percent)
{
    uint16_t cap = cap_for(w, percent);

    if (percent == w->percent)
        return 0;
    w->noted |= percent < XPC_ALL_PERCENT;
    if (xen_cap_set(&w->cap, cap))
        return -1;
    w->percent = percent;
    return 0;
}

/* Has it never used more, on the whole, than the least cap? */
static bool is_nearly_idle(const struct save_slow *w)
{
    return w->percent == XPC_ALL_PERCENT && w->free_ns > 0 &&
           w->free_cpu_ns * 100 <= CAP_MIN * w->free_ns &&
           w->use * 100 <= CAP_MIN;
}

/* The guest gets all of its time, now and in later decisions. */
static void end_slowing(struct save_slow *w, struct xpc_decision *d)
{
    xpc_engine_end_slowing(&w->ctx->engine);
    save_slow_lift(w);
    d->slow_down_percent = d->slow_down_ns = 0;
}

void save_slow_apply(struct save_slow *w, struct xpc_decision *d)
{
    struct xpc_report *r = &w->ctx->report;

    if (d->action != XPC_CONTINUE) {
        save_slow_lift(w);
        return;
    }
    if (d->slow_down_percent && is_nearly_idle(w)) {
        save_log(w->ctx, "the guest uses %.0f%% of a CPU: a cap does not slow "
                 "it down", w->free_cpu_ns / w->free_ns * 100);
        end_slowing(w, d);
    } else if (set_percent(w, XPC_ALL_PERCENT - d->slow_down_percent)) {
        save_log(w->ctx, "can't change the guest's cap: %s: it is not slowed "
                 "down any more", errno == EBUSY ? "somebody else has set its "
                 "cap" : strerror(errno));
        end_slowing(w, d);
    } else if (d->slow_down_percent && !r->predicted_slowed_ns) {
        r->predicted_slowed_ns = d->slow_down_ns;
        r->predicted_cpu_taken_ns = d->slow_down_ns * w->use *
                                    d->slow_down_percent / XPC_ALL_PERCENT;
    }
}

void save_slow_lift(struct save_slow *w)
{
    if (w->percent < XPC_ALL_PERCENT && set_percent(w, XPC_ALL_PERCENT))
        save_log(w->ctx, "can't give the guest its cap back: %s: set it with "
                 "xl sched-credit or xl sched-credit2", strerror(errno));
}

void save_slow_end(struct save_slow *w)
{
    if (!w->noted)
        return;
    if (w->percent < XPC_ALL_PERCENT)
        save_slow_iteration(w);
    save_slow_lift(w);
    if (w->percent == XPC_ALL_PERCENT)
        xen_store_remove(w->ctx->xs, w->ctx->domid, "cap");
    w->noted = false;
}
