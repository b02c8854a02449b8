/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "json/migration.h"
#include "save/conclude.h"
#include "save/interpose.h"
#include "save/publish.h"
#include "xen/domain.h"
#include "xen/logdirty.h"
#include "xen/store.h"

/* An abort that was not decided at an iteration's end. */
static void set_abort(struct save_session *s, int reason, const char *text)
{
    struct xpc_report *r = &s->ctx.report;

    r->outcome = XPC_OUTCOME_ABORTED;
    r->decision.action = XPC_ABORT;
    r->decision.reason = reason;
    save_set_text(&r->reason, xpc_reason_names[reason]);
    save_set_text(&r->text, text);
}

static void set_overrun(struct save_session *s)
{
    const struct save_switchover *w = &s->switchover;
    struct xpc_report *r = &s->ctx.report;
    char max[XPC_UNIT_LEN], took[XPC_UNIT_LEN], text[512];

    /* If the last page was not sent, its time is none. */
    if (!w->pages_done)
        r->pages_sent_ns = 0;
    xpc_format_time(max, xpc_params_max_downtime(&s->ctx.params));
    xpc_format_time(took, save_since_start_ns(&s->ctx) - r->suspended_ns);
    snprintf(text, sizeof(text), "aborted: the switchover would have taken "
             "longer than the maximum downtime of %s: %s after the guest was "
             "suspended, %"PRIu64" of %"PRIu64" pages were sent%s", max, took,
             r->final_pages + r->final_zero_pages, w->final_dirty,
             w->pages_done ? " and its state was not" : "");
    set_abort(s, XPC_REASON_OVERRUN, text);
}

static void set_log_lost(struct save_session *s)
{
    char text[256];

    snprintf(text, sizeof(text), "aborted: %s: what the guest has written "
             "meanwhile is not known", s->claim.log_lost);
    set_abort(s, XPC_REASON_LOG_LOST, text);
}

/* A stock target gives a domain no more memory than it had at the beginning. */
static void append_growth(const struct save_context *ctx, char *text,
                          size_t len)
{
    size_t end = strlen(text);
    char grown[XPC_UNIT_LEN];
    xc_domaininfo_t info;

    if (xen_domain_info(ctx->xch, ctx->domid, &info) ||
        info.tot_pages <= ctx->report.total_pages)
        return;
    xpc_format_bytes(grown, (info.tot_pages - ctx->report.total_pages) *
                            XC_PAGE_SIZE);
    snprintf(text + end, len - end, "; the guest's memory has grown by %s "
             "meanwhile, for which the target may have no room: don't "
             "balloon it up during a migration", grown);
}

static void set_failure(struct save_session *s, int errnoval)
{
    struct xpc_report *r = &s->ctx.report;
    char text[512];

    r->outcome = XPC_OUTCOME_FAILED;
    snprintf(text, sizeof(text), "failed: %s: %s", s->ctx.live ?
             "while copying the running guest" : r->suspended_ns ?
             "while copying the suspended guest" :
             r->suspend_asked_ns ? "the guest could not be suspended" :
             "before the first copy", strerror(errnoval));
    append_growth(&s->ctx, text, sizeof(text));
    save_set_text(&r->reason, "error");
    save_set_text(&r->text, text);
}

/* Counts what has been sent, in all and in the switchover. */
static void count_sent(struct save_session *s)
{
    const struct channel_count *begin = &s->suspend_begin;
    struct xpc_report *r = &s->ctx.report;
    struct channel_count c;

    save_flow_counts(&s->flow, &c);
    save_sink_counts(s->writer.sink, &c, &r->wire_bytes);
    save_sink_report(s->writer.sink, r);
    r->total_bytes = c.bytes;
    r->total_pages_sent = c.pages;
    r->total_zero_pages = c.zero_pages;
    r->total_skipped_pages = s->skip.pages;
    r->peeks = s->skip.when.peeks;
    r->peek_ns = s->skip.when.total_ns;
    r->verified = s->flow.stream.verifies;
    if (!r->suspended_ns)
        return;
    r->final_pages = c.pages - begin->pages;
    r->final_zero_pages = c.zero_pages - begin->zero_pages;
    r->final_bytes = c.bytes - begin->bytes;
    r->device_bytes = r->final_bytes - (c.page_bytes - begin->page_bytes);
}

void save_conclude(struct save_session *s, int rc, int errnoval)
{
    struct xpc_report *r = &s->ctx.report;
    char text[512];

    save_slow_end(&s->slow);
    r->total_time_ns = save_since_start_ns(&s->ctx);
    if (!rc)
        r->state_sent_ns = r->total_time_ns;
    count_sent(s);
    if (s->last_pending)
        save_publish(&s->ctx, &s->last);
    /* A cancel may have come while the guest was waited for to suspend. */
    if (rc && (s->control.cancelled ||
               save_control_check_cancel(&s->control))) {
        r->decision.action = XPC_ABORT;
        r->decision.reason = XPC_REASON_CANCELLED;
    }
    xpc_decision_text(&s->ctx.params, &r->decision, text, sizeof(text));
    save_set_text(&r->reason, xpc_reason_names[r->decision.reason]);
    save_set_text(&r->text, text);
    if (!rc)
        r->outcome = XPC_OUTCOME_SENT;
    else if (*s->claim.log_lost)
        set_log_lost(s);
    else if (s->gate.out_of_time)
        set_abort(s, XPC_REASON_DURATION, "aborted: the precopy duration "
                  "is over in the middle of an iteration; a longer duration "
                  "or a higher bandwidth would have been enough");
    else if (s->switchover.overrun)
        set_overrun(s);
    else if (r->decision.action == XPC_ABORT)
        r->outcome = r->decision.reason == XPC_REASON_CANCELLED ?
                     XPC_OUTCOME_INTERRUPTED : XPC_OUTCOME_ABORTED;
    else
        set_failure(s, s->writer.sink->error ? s->writer.sink->error :
                                               errnoval);
}

void save_finish(struct save_session *s)
{
    struct save_context *ctx = &s->ctx;
    struct xpc_report *r = &ctx->report;

    if (r->outcome == XPC_OUTCOME_FAILED && save_is_stopped(ctx)) {
        r->outcome = XPC_OUTCOME_INTERRUPTED;
        save_set_text(&r->text, "interrupted by the toolstack");
    }
    if (r->outcome == XPC_OUTCOME_ABORTED || s->control.cancelled ||
        (r->outcome == XPC_OUTCOME_FAILED && !ctx->ours))
        save_log(ctx, "%s; the guest %s here", r->text, r->suspended_ns ?
                 "is to be resumed" :
                 r->decision.reason == XPC_REASON_PAUSED ? "stays paused" :
                 "keeps running");
    if (!ctx->xs)
        return;
    if (xen_store_write_report(ctx->xs, ctx->domid, r))
        save_log(ctx, "can't write the report: %s", strerror(errno));
    save_notify_end(&s->notify);
    if (ctx->params.once && s->standing)
        xen_store_remove(ctx->xs, ctx->domid, "params");
    save_control_end(&s->control);
}

void save_abandon(void)
{
    struct save_session *s = interpose_owner();

    if (!s)
        return;
    interpose_end();
    /* Writing to the toolstack would make stock's helper exit, again. */
    s->ctx.orphaned = true;
    xen_logdirty_off(s->ctx.domid);
    save_dm_log_end(&s->dm_log);
    save_conclude(s, -1, EPIPE);
    save_finish(s);
}
