/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decisions in words. */
#include <inttypes.h>
#include <stdio.h>

#include <xenprecopy/units.h>

#include "core/policy.h"

/* A clause with the reason, without numbers. */
static const char *reason_clause(int reason)
{
    switch (reason) {
    case XPC_REASON_CONVERGING:   return "copying on helps";
    case XPC_REASON_WITHIN_LIMIT: return "the downtime limit can be met";
    case XPC_REASON_THRESHOLD:    return "few pages are left";
    case XPC_REASON_DURATION:     return "the precopy duration is over";
    case XPC_REASON_ITERATIONS:   return "the iterations are used up";
    case XPC_REASON_STALLED:
        return "the guest writes as fast as the link carries: "
               "copying on does not help";
    case XPC_REASON_OVER_MAXIMUM:
        return "even the maximum downtime can't be met";
    case XPC_REASON_CANCELLED:    return "it was cancelled";
    case XPC_REASON_OVERRUN:
        return "the switchover would have passed the maximum downtime";
    case XPC_REASON_NO_ANSWER:
        return "the guest did not suspend within the maximum downtime";
    case XPC_REASON_PAUSED:       return "the guest is paused";
    case XPC_REASON_LOG_LOST:
        return "another program uses the log of the guest's writes";
    case XPC_REASON_NO_GUARD:     return "its guard has ended";
    case XPC_REASON_TOOLSTACK:    return "the toolstack decides so";
    case XPC_REASON_NOTIFY:
        return "the guest was told, and has not acknowledged it yet";
    case XPC_REASON_LULL:
        return "the guest has regular lulls, and the downtime is the least in "
               "them";
    default:                      return "stock Xen decides so";
    }
}

/*
 * Writes whether the guest stays with its working set, for the text of an
 * abort. Returns like snprintf().
 */
static size_t add_working_set(const struct xpc_working_set *w, char *buf,
                              size_t len)
{
    if (!w->pages)
        return 0;
    if (xpc_engine_converged(w))
        return snprintf(buf, len, "; it writes to the same %"PRIu64" pages "
                        "again and again", w->pages);
    return snprintf(buf, len, "; it moves on: %"PRIu64"%% of the pages that "
                    "it dirties are new", w->new_percent);
}

const char *xpc_decision_text(const struct xpc_params *p,
                              const struct xpc_decision *d, char *buf,
                              size_t len)
{
    static const char *const verbs[] = { "continuing", "suspending",
                                         "aborted" };
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN];
    size_t n;

    if (d->reason == XPC_REASON_CANCELLED) {
        snprintf(buf, len, "aborted: it was cancelled");
        return buf;
    }
    if (d->reason == XPC_REASON_PAUSED) {
        snprintf(buf, len, "aborted: the guest is paused and can't suspend: "
                 "unpause it and migrate it again");
        return buf;
    }
    if (d->reason == XPC_REASON_NO_GUARD) {
        snprintf(buf, len, "aborted: its guard has ended, which would resume "
                 "the guest after a failure: was it killed? See the system's "
                 "log");
        return buf;
    }
    if (d->reason == XPC_REASON_TOOLSTACK && d->action == XPC_ABORT) {
        snprintf(buf, len, "aborted: the toolstack was told to suspend the "
                 "guest and has not begun to");
        return buf;
    }
    n = snprintf(buf, len, "%s: %s (%"PRIu64" pages dirty at %s: downtime "
                 "would be %s, the limit is %s)", verbs[d->action],
                 reason_clause(d->reason), d->dirty_pages,
                 xpc_format_bandwidth(a, d->bandwidth_bytes_per_s),
                 xpc_format_time(b, d->predicted_downtime_ns),
                 xpc_format_time(c, d->reason == XPC_REASON_OVER_MAXIMUM ?
                                    xpc_params_max_downtime(p) :
                                    p->downtime_ns));
    if (d->action != XPC_ABORT || n >= len)
        return buf;
    n += add_working_set(&d->working_set, buf + n, len - n);
    if (n >= len)
        return buf;
    n += snprintf(buf + n, len - n, "; a downtime of %s",
                  xpc_format_time(a, d->enough_downtime_ns));
    if (d->enough_bandwidth_bytes_per_s && n < len)
        n += snprintf(buf + n, len - n, " or a bandwidth of %s",
                      xpc_format_bandwidth(a,
                                           d->enough_bandwidth_bytes_per_s));
    if (n < len)
        snprintf(buf + n, len - n, " would have been enough");
    return buf;
}
