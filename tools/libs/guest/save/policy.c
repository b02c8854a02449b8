/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxenguest calls the policy twice per iteration: after the bitmap was read
 * and cleaned (dirty_count is known), and after those pages were sent
 * (dirty_count is -1). The decision is made at the second call: the time that
 * sending took is known then, and stopping there leaves the same pages for the
 * switchover.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "save/chain.h"
#include "save/policy.h"
#include "save/publish.h"
#include "save/suspend_time.h"

/* An idle guest's iterations take no time: don't spin while waiting. */
#define TURN_PAUSE_NS (20 * XPC_MS)
/* So close to its end, a duration is not spent on waiting. */
#define TURN_RESERVE_NS XPC_S

/*
 * Counts the dirty pages. Statistics only: without a bitmap and pages the call
 * can't be preempted half-way, and so can't make the save loop's own CLEAN fail
 * with EBUSY.
 */
static int peek_dirty(struct save_context *ctx, uint64_t *pages_r)
{
    xc_shadow_op_stats_t stats = { 0 };

    if (interpose_real_logdirty(ctx->xch, ctx->domid,
                                XEN_DOMCTL_SHADOW_OP_PEEK, NULL, 0, 0,
                                &stats) < 0)
        return -1;
    *pages_r = stats.dirty_count;
    return 0;
}

/* ---- the bitmap ------------------------------------------------------ */

/* Before a clean while the guest runs: the sampler must not count meanwhile. */
static void begin_clean(struct save_session *s)
{
    if (s->sampler && s->ctx.live)
        save_sampler_clean_begins(s->sampler);
}

static void end_clean(struct save_session *s)
{
    s->clean_ns = clock_now_ns();
    save_skip_clean(&s->skip);
    if (s->ctx.report.suspended_ns)
        s->ctx.report.final_bitmap_ns = save_since_start_ns(&s->ctx);
    if (s->sampler && s->ctx.live)
        save_sampler_cleaned(s->sampler);
}

/*
 * D(t) is counted from here on, and the bitmap says which pages were dirty. The
 * last bitmap, with the guest suspended, does not matter to the working set:
 * nothing remains to be decided.
 */
static long long clean(void *owner, xc_hypercall_buffer_t *bitmap,
                       unsigned long pages, unsigned int mode,
                       xc_shadow_op_stats_t *stats)
{
    struct save_session *s = owner;
    struct save_context *ctx = &s->ctx;
    uint64_t dirty;
    long long rc;
    int saved;

    if (!save_claim_may_clean(&s->claim)) {
        errno = EBUSY;
        return -1;
    }
    begin_clean(s);
    save_flow_bitmap_begins(&s->flow);
    rc = interpose_real_logdirty(ctx->xch, ctx->domid,
                                 XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, pages,
                                 mode, stats);
    saved = errno;
    end_clean(s);
    dirty = stats ? stats->dirty_count : 0;
    if (rc >= 0 && save_skip_restore(&s->skip, bitmap, pages, stats))
        return -1;
    if (rc >= 0 && stats &&
        !save_claim_cleaned(&s->claim, dirty, s->skip.lacked)) {
        errno = EBUSY;
        return -1;
    }
    if (ctx->report.suspended_ns && rc >= 0 && stats)
        save_switchover_pages_left(&s->switchover, stats->dirty_count,
                                   s->flow.bitmap_begun_ns,
                                   &s->last.decision);
    if (rc >= 0 && ctx->live)
        save_workset_read(&s->workset, bitmap, pages);
    errno = saved;
    return rc;
}

static int may_switch(void *owner)
{
    struct save_session *s = owner;

    if (save_claim_may_switch(&s->claim))
        return 0;
    errno = EBUSY;
    return -1;
}

static ssize_t write_stream(void *owner, const struct iovec *iov, int iovcnt)
{
    struct save_session *s = owner;

    return save_writer_write(&s->writer, iov, iovcnt);
}

const struct interpose_hooks save_policy_hooks = {
    .write      = write_stream,
    .clean      = clean,
    .may_switch = may_switch,
};

/* ---- iterations ------------------------------------------------------ */

static int to_xen(int action)
{
    switch (action) {
    case XPC_CONTINUE:      return XGS_POLICY_CONTINUE_PRECOPY;
    case XPC_STOP_AND_COPY: return XGS_POLICY_STOP_AND_COPY;
    default:                return XGS_POLICY_ABORT;
    }
}

/* Bytes sent over channels so far; 0: there are none. */
static uint64_t wire_bytes(struct save_session *s)
{
    struct channel_count unused;

    save_sink_counts(s->writer.sink, &unused, &s->ctx.report.wire_bytes);
    return s->ctx.report.wire_bytes;
}

static int begin_iteration(struct save_session *s,
                           const struct precopy_stats *stats)
{
    struct save_context *ctx = &s->ctx;

    save_flow_counts(&s->flow, &s->iteration_begin);
    s->iteration_wire_bytes = wire_bytes(s);
    s->iteration_skipped = s->skip.pages;
    save_flow_reset(&s->flow);
    if (!stats->iteration) {
        /* Precopy begins when the first page is about to be sent. */
        xpc_engine_init(&ctx->engine, &ctx->params, ctx->report.total_pages,
                        clock_now_ns());
        save_slow_iteration(&s->slow);
        if (save_chain_present(ctx))
            ctx->engine.suspend_delay_ns = SAVE_CHAIN_DELAY_NS;
        ctx->live = true;
        /* Log-dirty has just been enabled, which leaves it clean. */
        begin_clean(s);
        end_clean(s);
        save_gate_update(&s->gate);
    }
    if (ctx->params.policy == XPC_POLICY_STOCK)
        return xpc_stock_decide(&ctx->params, stats->iteration,
                                stats->dirty_count);
    return XPC_CONTINUE;
}

/* What the iteration sent, for the engine. */
static void observe_sent(struct save_session *s, struct xpc_observation *o)
{
    const struct channel_count *begin = &s->iteration_begin;
    struct channel_count c;

    save_flow_counts(&s->flow, &c);
    *o = (struct xpc_observation){
        .pages_sent = c.pages - begin->pages,
        .bytes_sent = c.bytes - begin->bytes,
        .zero_pages = c.zero_pages - begin->zero_pages,
        .skipped_pages = s->skip.pages - s->iteration_skipped,
        .peek_ns = s->skip.when.peeks ? s->skip.when.peek_ns : 0,
        .flow_bytes = s->flow.bytes, .flow_ns = s->flow.ns,
        .wire_bytes = wire_bytes(s) - s->iteration_wire_bytes,
    };
}

/*
 * Is another save sending its last pages over the link? Then this one goes on
 * copying, unless that would take it past its duration.
 */
static bool waits_for_turn(struct save_session *s, uint64_t now_ns)
{
    const struct xpc_params *p = &s->ctx.params;
    uint64_t elapsed_ns = now_ns - s->ctx.engine.start_ns;

    if (s->last.decision.action != XPC_STOP_AND_COPY ||
        save_chain_present(&s->ctx) || save_turn_take(&s->turn, now_ns) ||
        (p->duration_ns && elapsed_ns + TURN_RESERVE_NS >= p->duration_ns))
        return false;
    clock_sleep_until(now_ns + TURN_PAUSE_NS);
    xpc_engine_waited(&s->ctx.engine, clock_now_ns());
    return true;
}

/*
 * Is the guest given time before its suspend (save/notify.h)? What it writes
 * meanwhile is copied while it runs.
 */
static bool waits_for_guest(struct save_session *s, bool at_once)
{
    if (save_chain_present(&s->ctx) || s->handed_over ||
        !save_notify_suspend(&s->notify, at_once))
        return false;
    xpc_engine_waited(&s->ctx.engine, clock_now_ns());
    return true;
}

/* Was the log undisturbed, as the counts of this iteration say? */
static bool log_is_intact(struct save_session *s,
                          const struct xpc_observation *o)
{
    for (size_t i = 0; i < o->nr_samples; i++) {
        if (!save_claim_counted(&s->claim, o->samples[i].pages))
            return false;
    }
    return save_claim_counted(&s->claim, o->dirty_pages);
}

static int end_iteration(struct save_session *s)
{
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    struct save_context *ctx = &s->ctx;
    struct xpc_iteration *it = &s->last;
    struct xpc_observation o;
    bool cancelled;

    observe_sent(s, &o);
    save_flow_bitmap_ends(&s->flow);
    cancelled = save_control_read(&s->control);
    save_gate_update(&s->gate);
    o.bitmap_ns = s->flow.bitmap_ns;
    /* From here to a suspend, don't use xenstore: it takes time. */
    if (s->sampler)
        o.nr_samples = save_sampler_take(s->sampler, samples);
    o.samples = samples;
    if (peek_dirty(ctx, &o.dirty_pages)) {
        save_log(ctx, "can't count dirty pages: %s: is log-dirty used by "
                 "another program?", strerror(errno));
        return XPC_ABORT;
    }
    if (!log_is_intact(s, &o))
        return XPC_ABORT;
    save_workset_get(&s->workset, &o.working_set);
    o.cpu_percent = save_slow_iteration(&s->slow);
    o.now_ns = clock_now_ns();
    o.since_clean_ns = o.now_ns - s->clean_ns;
    xpc_engine_decide(&ctx->engine, &o, it);
    /* The lull of a guest with phases would be over. */
    if (it->decision.action == XPC_STOP_AND_COPY &&
        waits_for_guest(s, it->decision.period_ns)) {
        it->decision.action = XPC_CONTINUE;
        it->decision.reason = XPC_REASON_NOTIFY;
    } else if (waits_for_turn(s, o.now_ns)) {
        it->decision.action = XPC_CONTINUE;
        it->decision.reason = XPC_REASON_CONVERGING;
    }
    if (cancelled) {
        it->decision.action = XPC_ABORT;
        it->decision.reason = XPC_REASON_CANCELLED;
    }
    save_slow_apply(&s->slow, &it->decision);
    ctx->report.decision = it->decision;
    s->last_pending = it->decision.action != XPC_CONTINUE;
    if (!s->last_pending)
        save_publish(ctx, it);
    return it->decision.action;
}

/* May the guest be asked to suspend? Nobody has asked it yet: it runs on. */
static bool may_suspend(struct save_session *s)
{
    if (save_sink_drain(s->writer.sink))
        return false;
    /* Stock's rule may stop at an iteration's begin, which ends it here. */
    if (!s->last_pending)
        end_iteration(s);
    s->last_pending = true;
    if (s->control.cancelled || !save_claim_may_clean(&s->claim))
        return false;
    if (!save_guard_stands(&s->guard))
        s->ctx.report.decision.reason = XPC_REASON_NO_GUARD;
    else if (domain_stays_paused(s->ctx.xch, s->ctx.domid))
        s->ctx.report.decision.reason = XPC_REASON_PAUSED;
    else
        return true;
    s->ctx.report.decision.action = XPC_ABORT;
    return false;
}

/* ---- a toolstack with a policy of its own (save/chain.h) --------------- */

/* Replaces the engine's decision on the last iteration. */
static void overrule(struct save_session *s, int action, int reason)
{
    s->last.decision.action = action;
    s->last.decision.reason = reason;
    s->ctx.report.decision = s->last.decision;
}

/* The guest may be suspended from now on: nothing breaks the save off. */
static void hand_over(struct save_session *s)
{
    s->handed_over = true;
    s->ctx.live = false;
    save_slow_lift(&s->slow);
    s->suspend_time = suspend_time_start(s->ctx.domid);
    s->ctx.report.suspend_asked_ns = save_since_start_ns(&s->ctx);
}

/* The toolstack ends precopy, although it was told that precopy goes on. */
static void record_stop(struct save_session *s)
{
    bool stock = s->ctx.params.policy == XPC_POLICY_STOCK;

    overrule(s, XPC_STOP_AND_COPY,
             stock ? XPC_REASON_STOCK : XPC_REASON_TOOLSTACK);
    s->last_pending = true;
    if (!stock)
        save_log(&s->ctx, "the toolstack suspends the guest without regard "
                 "to the downtime limit");
}

/* Returns XGS_POLICY_*. */
static int toolstack_continues(struct save_session *s, bool iteration_ended)
{
    if (s->handed_over) {
        overrule(s, XPC_ABORT, XPC_REASON_TOOLSTACK);
        return XGS_POLICY_ABORT;
    }
    if (iteration_ended && s->last_pending) {
        overrule(s, XPC_CONTINUE, XPC_REASON_STOCK);
        save_publish(&s->ctx, &s->last);
        s->last_pending = false;
    }
    return XGS_POLICY_CONTINUE_PRECOPY;
}

/* It may have asked the guest to suspend, so the save must go on. */
static int toolstack_stops(struct save_session *s, bool iteration_ended)
{
    if (!s->handed_over) {
        hand_over(s);
        if (iteration_ended)
            record_stop(s);
    }
    return XGS_POLICY_STOP_AND_COPY;
}

/* Tells the toolstack of our decision. Returns its answer, XGS_POLICY_*. */
static int tell_toolstack(struct save_session *s,
                          const struct precopy_stats *stats, int action)
{
    struct save_context *ctx = &s->ctx;

    if (ctx->params.policy == XPC_POLICY_STOCK)
        return save_chain_ask(ctx, stats);
    if (action == XPC_CONTINUE)
        return save_chain_go_on(ctx, stats);
    if (!may_suspend(s))
        return XGS_POLICY_ABORT;
    hand_over(s);
    return save_chain_end(ctx, stats, s->last.dirty_pages);
}

/* Returns what libxenguest is to do, XGS_POLICY_*. */
static int chain(struct save_session *s, const struct precopy_stats *stats,
                 int action)
{
    if (action == XPC_ABORT)
        return XGS_POLICY_ABORT;
    switch (tell_toolstack(s, stats, action)) {
    case XGS_POLICY_CONTINUE_PRECOPY:
        return toolstack_continues(s, stats->dirty_count < 0);
    case XGS_POLICY_STOP_AND_COPY:
        return toolstack_stops(s, stats->dirty_count < 0);
    default:
        if (s->ctx.report.decision.action != XPC_ABORT)
            overrule(s, XPC_ABORT, XPC_REASON_CANCELLED);
        return XGS_POLICY_ABORT;
    }
}

/* ---- callbacks ------------------------------------------------------- */

static int precopy_policy(struct precopy_stats stats, void *data)
{
    struct save_session *s = interpose_owner();
    int action = save_sink_drain(s->writer.sink) ? XPC_ABORT :
                 stats.dirty_count >= 0 ? begin_iteration(s, &stats) :
                                          end_iteration(s);

    (void)data;
    /* Stock's rule may stop at an iteration's begin. */
    if (stats.dirty_count >= 0 && action == XPC_STOP_AND_COPY &&
        waits_for_guest(s, false))
        action = XPC_CONTINUE;
    action = save_chain_present(&s->ctx) ? chain(s, &stats, action) :
                                           to_xen(action);
    /* libxenguest prints it when it aborts. */
    errno = ECANCELED;
    return action;
}

/* Returns whether the guest may be suspended. */
static bool begin_suspend(struct save_session *s)
{
    if (!s->handed_over) {
        if (!may_suspend(s))
            return false;
        hand_over(s);
    } else if (!s->last_pending) {
        /* The toolstack has stopped at an iteration's begin. */
        end_iteration(s);
        record_stop(s);
    }
    return true;
}

static int suspend(void *data)
{
    struct save_session *s = interpose_owner();
    struct xpc_report *r = &s->ctx.report;
    uint64_t answered_ns, suspended_ns;
    int ok;

    if (!begin_suspend(s))
        return 0;
    r->predicted_downtime_ns = s->last.decision.predicted_downtime_ns;
    save_flow_counts(&s->flow, &s->suspend_begin);
    save_guard_asked(&s->guard);
    save_switchover_asked(&s->switchover);
    ok = s->ctx.stock->suspend(data);
    answered_ns = clock_now_ns();
    suspended_ns = suspend_time_end(s->suspend_time);
    s->suspend_time = NULL;
    /*
     * libxl reports success for a guest that did not answer: ask Xen. If that
     * does not tell, the limit is kept to as if it were suspended.
     */
    if (ok && domain_is_suspended(s->ctx.xch, s->ctx.domid)) {
        r->suspended_ns = (suspended_ns ? suspended_ns : answered_ns) -
                          r->start_monotonic_ns;
        save_guard_suspended(&s->guard);
    }
    save_switchover_suspended(&s->switchover);
    return ok;
}

static int switch_qemu_logdirty(uint32_t domid, unsigned int enable,
                                void *data)
{
    struct save_session *s = interpose_owner();

    return save_dm_log_switch(&s->dm_log, domid, enable, data);
}

void save_policy_callbacks(struct save_callbacks *callbacks,
                           const struct save_callbacks *stock)
{
    *callbacks = *stock;
    callbacks->precopy_policy = precopy_policy;
    callbacks->suspend = suspend;
    if (stock->switch_qemu_logdirty)
        callbacks->switch_qemu_logdirty = switch_qemu_logdirty;
}
