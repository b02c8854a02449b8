/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "json/migration.h"
#include "migrate/xl_report.h"
#include "migrate/xl_sender_report.h"

static uint64_t since_start(const struct xpc_report *r, uint64_t t_ns)
{
    return t_ns > r->start_monotonic_ns && r->start_monotonic_ns ?
           t_ns - r->start_monotonic_ns : 0;
}

static void set_reason(struct xpc_report *r, const char *reason,
                       const char *text)
{
    free(r->reason);
    free(r->text);
    r->reason = xl_asprintf("%s", reason);
    r->text = xl_asprintf("%s", text);
}

/* The downtime, whichever host the guest runs on now. */
static void set_downtime(struct sender *s)
{
    struct xpc_report *r = s->report;
    uint64_t end = r->target_started_ns;

    if (s->late == LATE_RESUMED && !r->suspended_ns)
        r->suspended_ns = since_start(r, s->late_ns);
    if (!r->suspended_ns)
        return;
    if (!end)
        end = r->resumed_ns = since_start(r, s->resumed_ns);
    if (r->resumed_ns > r->total_time_ns)
        r->total_time_ns = r->resumed_ns;
    if (end > r->suspended_ns)
        r->actual_downtime_ns = end - r->suspended_ns;
}

/* The reason why the sender broke the migration off. */
static void set_broken_off(struct sender *s)
{
    struct xpc_report *r = s->report;
    char a[XPC_UNIT_LEN], text[256];

    r->decision.action = XPC_ABORT;
    r->decision.reason = s->broken;
    r->broken_off_ns = since_start(r, s->broken_ns);
    xpc_format_time(a, xpc_params_max_downtime(&r->params));
    if (s->broken == XPC_REASON_PAUSED)
        xpc_decision_text(&r->params, &r->decision, text, sizeof(text));
    else if (s->broken == XPC_REASON_NO_ANSWER)
        snprintf(text, sizeof(text), "aborted: the guest did not suspend "
                 "within the maximum downtime of %s after it was asked", a);
    else
        snprintf(text, sizeof(text), "aborted: the switchover would have "
                 "taken longer than the maximum downtime of %s: all was sent, "
                 "and the target was %s", a, s->ready_ns ?
                 "ready too late" : "not ready");
    set_reason(r, xpc_reason_names[s->broken], text);
}

/* Adds what became of a guest that was slow to suspend. */
static void add_late(struct sender *s)
{
    struct xpc_report *r = s->report;
    char time[XPC_UNIT_LEN], *more, *text = r->text;

    switch (s->late) {
    case LATE_RESUMED:
        more = xl_asprintf("; it suspended%s%s, and was resumed",
                           r->suspend_asked_ns ? " after " : "",
                           r->suspend_asked_ns ? xpc_format_time(time,
                           r->suspended_ns - r->suspend_asked_ns) : "");
        break;
    case LATE_NEVER:
        more = xl_asprintf("; it has acknowledged the request to suspend, and "
                           "not suspended since");
        break;
    case LATE_LEFT:
        free(r->reason);
        r->reason = xl_asprintf(XL_REASON_SUSPEND_PENDING);
        more = xl_asprintf("; it has acknowledged the request to suspend and "
                           "may still suspend: process %ld waits to resume it",
                           (long)s->guard.pid);
        break;
    case LATE_OTHERS:
        more = xl_asprintf("; another program has asked it to suspend "
                           "meanwhile");
        break;
    default:
        return;
    }
    r->text = xl_asprintf("%s%s", text, more);
    free(text);
    free(more);
}

void sender_complete_report(struct sender *s, int status)
{
    static const int outcomes[] = {
        [MIGRATE_OK] = XPC_OUTCOME_MIGRATED,
        [MIGRATE_FAILED] = XPC_OUTCOME_FAILED,
        [MIGRATE_REFUSED] = XPC_OUTCOME_REFUSED,
        [MIGRATE_ABORTED] = XPC_OUTCOME_ABORTED,
        [MIGRATE_UNKNOWN] = XPC_OUTCOME_UNKNOWN,
        [MIGRATE_INTERRUPTED] = XPC_OUTCOME_INTERRUPTED,
    };
    struct xpc_report *r = s->report;
    int plugin = r->outcome;        /* as the plug-in reported it */

    r->outcome = outcomes[status];
    r->domid = s->domid;
    r->stream_end_ns = since_start(r, s->saved_ns);
    r->target_ready_ns = since_start(r, s->ready_ns);
    r->go_ns = since_start(r, s->go_ns);
    r->target_started_ns = since_start(r, s->started_ns);
    if (r->target_started_ns)
        r->total_time_ns = r->target_started_ns;
    set_downtime(s);
    if (s->ended) {
        free(r->reason);
        free(r->text);
        r->reason = xl_asprintf("guest-ended");
        r->text = xl_asprintf("the guest %s while it was migrated",
                              s->ended);
    } else if (s->stuck)
        set_reason(r, "error", "the guest could not be resumed: it is "
                   "suspended on the source");
    else if (s->broken)
        set_broken_off(s);
    else if (s->orphaned && status == MIGRATE_FAILED)
        set_reason(r, "killed", "xl was killed: the guest keeps running on "
                   "the source");
    else if (status == MIGRATE_INTERRUPTED && s->interrupted)
        set_reason(r, "interrupted", "interrupted: the guest keeps running "
                   "on the source");
    else if (status == MIGRATE_UNKNOWN)
        set_reason(r, "error", "the final handshake failed: check both ends");
    else if (status == MIGRATE_FAILED && plugin == XPC_OUTCOME_SENT)
        set_reason(r, "error", "the target could not take the guest over; "
                   "it keeps running on the source");
    else if (!r->text && status != MIGRATE_OK)
        set_reason(r, "error", "failed before the guest was touched");
    if (!s->stuck && !s->ended)
        add_late(s);
}
