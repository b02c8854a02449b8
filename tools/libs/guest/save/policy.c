/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plug-in's callbacks: they tell the engine what happened and libxenguest
 * what the engine says.
 *
 * The policy is called twice an iteration: after the bitmap was read and
 * cleaned (dirty_count is known), and after those pages were sent
 * (dirty_count is -1). The second is where to decide: the send's duration is
 * known, and stopping there leaves the same final set.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "base/clock.h"
#include "json/migration.h"
#include "save/session.h"
#include "save/suspend_time.h"

static uint64_t since_start(const struct save_ctx *ctx)
{
    return clock_now_ns() - ctx->report.start_monotonic_ns;
}

/*
 * How many pages are dirty now. Stats only: no bitmap and no pages, which
 * can't be preempted half-way and so can't make the save loop's own CLEAN
 * fail with EBUSY.
 */
static int peek_dirty(struct save_ctx *ctx, uint64_t *pages_r)
{
    xc_shadow_op_stats_t stats = { 0 };

    if (xc_logdirty_control(ctx->xch, ctx->domid, XEN_DOMCTL_SHADOW_OP_PEEK,
                            NULL, 0, 0, &stats) < 0)
        return -1;
    *pages_r = stats.dirty_count;
    return 0;
}

void save_clean_begins(struct save_ctx *ctx)
{
    if (ctx->sampler && ctx->live)
        save_sampler_clean_begins(ctx->sampler);
}

void save_cleaned(struct save_ctx *ctx)
{
    ctx->clean_ns = clock_now_ns();
    if (ctx->report.suspended_ns)
        ctx->report.final_bitmap_ns = since_start(ctx);
    if (ctx->sampler && ctx->live)
        save_sampler_cleaned(ctx->sampler);
}

void save_bitmap_begins(struct save_ctx *ctx)
{
    ctx->bitmap_begun_ns = clock_now_ns();
}

void save_bitmap_ends(struct save_ctx *ctx)
{
    if (!ctx->bitmap_begun_ns)
        return;
    ctx->bitmap_ns = clock_now_ns() - ctx->bitmap_begun_ns;
    ctx->bitmap_begun_ns = 0;
    if (ctx->report.suspended_ns)
        ctx->report.bitmap_ns = ctx->bitmap_ns;
}

/* In the midst of a record with page data? */
static bool within_pages(const struct save_stream *s)
{
    return s->skip && s->in_pages && s->record_pages;
}

/*
 * The time since the last write was the link's if it carried len bytes of page
 * data meanwhile, or was busy with what came before. A guest may have long
 * stretches without page data: looking through them is no time of the link's,
 * once that has nothing left to carry.
 */
static void time_write(struct save_ctx *ctx, size_t len)
{
    uint64_t now = clock_now_ns();

    if (ctx->wrote_ns) {
        ctx->flow_bytes += len;
        if (len || (ctx->link_busy && ctx->flow_bytes))
            ctx->flow_ns += now - ctx->wrote_ns;
    }
    ctx->wrote_ns = now;
}

void save_wrote_zeros(struct save_ctx *ctx, size_t len)
{
    save_stream_zeros(&ctx->stream, len);
    time_write(ctx, 0);
    if (ctx->report.final_bitmap_ns)
        ctx->report.pages_sent_ns = since_start(ctx);
}

void save_wrote(struct save_ctx *ctx, const struct iovec *iov, int iovcnt,
                size_t len)
{
    uint64_t before = ctx->stream.page_bytes, pages = ctx->stream.pages;
    bool within = within_pages(&ctx->stream), data;

    save_stream_written(&ctx->stream, iov, iovcnt, len);
    data = ctx->stream.pages > pages || within || within_pages(&ctx->stream);
    time_write(ctx, data ? len : 0);
    /* Pages come before all else: the last of them ends their part. */
    if (ctx->report.final_bitmap_ns && (ctx->stream.page_bytes > before ||
                                        ctx->stream.in_pages))
        ctx->report.pages_sent_ns = since_start(ctx);
}

/*
 * Over channels what was written is ahead of what has left. Where it counts,
 * that is waited for, and the wait is part of the time that it took.
 */
void save_flowed(struct save_ctx *ctx)
{
    uint64_t now = clock_now_ns();

    if (ctx->flow_bytes && ctx->wrote_ns) {
        ctx->flow_ns += now - ctx->wrote_ns;
        ctx->wrote_ns = now;
    }
    if (ctx->report.final_bitmap_ns && ctx->stream.in_pages)
        ctx->report.pages_sent_ns = since_start(ctx);
}

/* Progress is for people: that it can't be written fails no migration. */
static void publish(struct save_ctx *ctx, const struct xpc_iteration *it)
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

static int to_xen(int action)
{
    switch (action) {
    case XPC_CONTINUE:      return XGS_POLICY_CONTINUE_PRECOPY;
    case XPC_STOP_AND_COPY: return XGS_POLICY_STOP_AND_COPY;
    default:                return XGS_POLICY_ABORT;
    }
}

/* So many were sent over channels, so far; 0: there are none. */
static uint64_t wire_bytes(struct save_ctx *ctx)
{
    struct channel_count count;

    save_channels_counts(ctx, &count);
    return ctx->report.wire_bytes;
}

static int iteration_begins(struct save_ctx *ctx,
                            const struct precopy_stats *stats)
{
    ctx->iteration_bytes = ctx->stream.bytes;
    ctx->iteration_pages = ctx->stream.pages;
    ctx->iteration_zero_pages = save_zero_pages(ctx);
    ctx->iteration_wire_bytes = wire_bytes(ctx);
    ctx->flow_bytes = ctx->flow_ns = ctx->wrote_ns = 0;
    if (!stats->iteration) {
        /* The clock starts when the guest's memory begins to flow. */
        xpc_engine_init(&ctx->engine, &ctx->params, ctx->report.total_pages,
                        clock_now_ns());
        ctx->live = true;
        /* Log-dirty has just been enabled, which leaves it clean. */
        save_clean_begins(ctx);
        save_cleaned(ctx);
        save_control_deadline(ctx);
    }
    if (ctx->params.policy == XPC_POLICY_STOCK)
        return xpc_stock_decide(&ctx->params, stats->iteration,
                                stats->dirty_count);
    return XPC_CONTINUE;
}

static int iteration_ended(struct save_ctx *ctx)
{
    struct xpc_observation o = {
        .pages_sent = ctx->stream.pages - ctx->iteration_pages,
        .bytes_sent = ctx->stream.bytes - ctx->iteration_bytes,
        .zero_pages = save_zero_pages(ctx) - ctx->iteration_zero_pages,
        .flow_bytes = ctx->flow_bytes, .flow_ns = ctx->flow_ns,
        .wire_bytes = wire_bytes(ctx) - ctx->iteration_wire_bytes,
    };
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    struct xpc_iteration *it = &ctx->last;
    bool cancelled;

    save_bitmap_ends(ctx);
    cancelled = save_control_read(ctx);

    o.bitmap_ns = ctx->bitmap_ns;
    /* From here on to a suspend xenstore is left alone, which takes time. */
    if (ctx->sampler)
        o.nr_samples = save_sampler_take(ctx->sampler, samples);
    o.samples = samples;
    if (peek_dirty(ctx, &o.dirty_pages)) {
        /* Nobody but us and libxenguest has business with log-dirty here. */
        save_log(ctx, "can't count dirty pages: %s: is log-dirty used by "
                 "another program?", strerror(errno));
        return XPC_ABORT;
    }
    if (!save_log_counted(ctx, o.dirty_pages))
        return XPC_ABORT;
    save_workset_tell(ctx, &o.working_set);
    o.now_ns = clock_now_ns();
    o.since_clean_ns = o.now_ns - ctx->clean_ns;
    xpc_engine_decide(&ctx->engine, &o, it);
    if (cancelled) {
        it->decision.action = XPC_ABORT;
        it->decision.reason = XPC_REASON_CANCELLED;
    }
    ctx->report.decision = it->decision;
    ctx->last_pending = it->decision.action != XPC_CONTINUE;
    if (!ctx->last_pending)
        publish(ctx, it);
    return it->decision.action;
}

int save_policy(struct precopy_stats stats, void *data)
{
    struct save_ctx *ctx = save_active;

    int action = save_channels_drain(ctx) ? XPC_ABORT :
                 stats.dirty_count >= 0 ? iteration_begins(ctx, &stats)
                                        : iteration_ended(ctx);

    (void)data;     /* libxl's, for its own callbacks */
    /* libxenguest prints it when it aborts. */
    errno = ECANCELED;
    return to_xen(action);
}

int save_suspend(void *data)
{
    struct save_ctx *ctx = save_active;
    uint64_t answered_ns, still_ns;
    struct suspend_time *still;
    int ok;

    if (save_channels_drain(ctx))
        return 0;
    /* Stock's rule may stop at an iteration's begin: that one ends here. */
    if (!ctx->last_pending)
        iteration_ended(ctx);
    ctx->last_pending = true;
    /* Nobody has asked the guest yet: it runs on. */
    if (ctx->control.cancelled || !save_log_is_ours(ctx))
        return 0;
    if (domain_stays_paused(ctx->xch, ctx->domid)) {
        ctx->report.decision.action = XPC_ABORT;
        ctx->report.decision.reason = XPC_REASON_PAUSED;
        return 0;
    }
    ctx->live = false;
    ctx->report.predicted_downtime_ns =
        ctx->last.decision.predicted_downtime_ns;
    ctx->suspend_bytes = ctx->stream.bytes;
    ctx->suspend_pages = ctx->stream.pages;
    ctx->suspend_zero_pages = save_zero_pages(ctx);
    ctx->suspend_page_bytes = ctx->stream.page_bytes;
    still = suspend_time_start(ctx->domid);
    ctx->report.suspend_asked_ns = since_start(ctx);
    save_strict_asked(ctx);
    ok = ctx->stock->suspend(data);
    answered_ns = clock_now_ns();
    still_ns = suspend_time_end(still);
    /* libxl reports success for a guest that did not answer: ask Xen. */
    if (ok && domain_is_suspended(ctx->xch, ctx->domid))
        ctx->report.suspended_ns = (still_ns ? still_ns : answered_ns) -
                                   ctx->report.start_monotonic_ns;
    save_strict_suspended(ctx);
    return ok;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
}

/* An abort that was not decided at an iteration's end. */
static void set_abort(struct save_ctx *ctx, int reason, const char *text)
{
    struct xpc_report *r = &ctx->report;

    r->outcome = XPC_OUTCOME_ABORTED;
    r->decision.action = XPC_ABORT;
    r->decision.reason = reason;
    set_text(&r->reason, xpc_reason_names[reason]);
    set_text(&r->text, text);
}

static void set_overrun(struct save_ctx *ctx)
{
    uint64_t max = xpc_params_max_downtime(&ctx->params);
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], text[512];

    /* The last page was not sent: it is the state that took too long if so. */
    if (!ctx->pages_done)
        ctx->report.pages_sent_ns = 0;
    snprintf(text, sizeof(text), "aborted: the switchover would have taken "
             "longer than the maximum downtime of %s: %s after the guest was "
             "suspended, %"PRIu64" of %"PRIu64" pages were sent%s",
             xpc_format_time(a, max), xpc_format_time(b, since_start(ctx) -
             ctx->report.suspended_ns), ctx->report.final_pages +
             ctx->report.final_zero_pages,
             ctx->final_dirty, ctx->pages_done ? " and its state was not" :
             "");
    set_abort(ctx, XPC_REASON_OVERRUN, text);
}

static void set_log_lost(struct save_ctx *ctx)
{
    char text[256];

    snprintf(text, sizeof(text), "aborted: %s: what the guest has written "
             "meanwhile is not known", ctx->log_lost);
    set_abort(ctx, XPC_REASON_LOG_LOST, text);
}

static void set_failure(struct save_ctx *ctx, int errnoval)
{
    struct xpc_report *r = &ctx->report;
    char text[512];

    r->outcome = XPC_OUTCOME_FAILED;
    snprintf(text, sizeof(text), "failed: %s: %s", ctx->live ?
             "while copying the running guest" : r->suspended_ns ?
             "while copying the suspended guest" :
             r->suspend_asked_ns ? "the guest could not be suspended" :
             "before the first copy", strerror(errnoval));
    set_text(&r->reason, "error");
    set_text(&r->text, text);
}

/* What has left, in all and in the switchover. */
static void count_sent(struct save_ctx *ctx)
{
    struct channel_count c = {
        .bytes = ctx->stream.bytes, .pages = ctx->stream.pages,
        .page_bytes = ctx->stream.page_bytes,
        .zero_pages = save_zero_pages(ctx),
    };
    struct xpc_report *r = &ctx->report;

    save_channels_counts(ctx, &c);
    r->total_bytes = c.bytes;
    r->total_pages_sent = c.pages;
    r->total_zero_pages = c.zero_pages;
    r->verified = ctx->stream.verifies;
    if (!r->suspended_ns)
        return;
    r->final_pages = c.pages - ctx->suspend_pages;
    r->final_zero_pages = c.zero_pages - ctx->suspend_zero_pages;
    r->final_bytes = c.bytes - ctx->suspend_bytes;
    r->device_bytes = r->final_bytes -
        (c.page_bytes - ctx->suspend_page_bytes);
}

void save_conclude(struct save_ctx *ctx, int rc, int errnoval)
{
    struct xpc_report *r = &ctx->report;
    char text[512];

    r->total_time_ns = since_start(ctx);
    if (!rc)
        r->state_sent_ns = r->total_time_ns;
    count_sent(ctx);
    if (ctx->last_pending)
        publish(ctx, &ctx->last);
    /* A cancel may have come while the guest was waited for to suspend. */
    if (ctx->control.cancelled || (rc && save_control_look(ctx))) {
        r->decision.action = XPC_ABORT;
        r->decision.reason = XPC_REASON_CANCELLED;
    }
    xpc_decision_text(&ctx->params, &r->decision, text, sizeof(text));
    set_text(&r->reason, xpc_reason_names[r->decision.reason]);
    set_text(&r->text, text);
    if (!rc)
        r->outcome = XPC_OUTCOME_SENT;
    else if (*ctx->log_lost)
        set_log_lost(ctx);
    else if (ctx->out_of_time)
        set_abort(ctx, XPC_REASON_DURATION, "aborted: the precopy duration "
                  "is over in the middle of an iteration; a longer duration "
                  "or a higher bandwidth would have been enough");
    else if (ctx->overrun)
        set_overrun(ctx);
    else if (r->decision.action == XPC_ABORT)
        r->outcome = r->decision.reason == XPC_REASON_CANCELLED ?
                     XPC_OUTCOME_INTERRUPTED : XPC_OUTCOME_ABORTED;
    else
        set_failure(ctx, save_channels_error(ctx) ? save_channels_error(ctx) :
                         errnoval);
}
