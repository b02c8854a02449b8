/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include <xenprecopy/compress.h>
#include <xenprecopy/units.h>

#include "common/xl_common.h"
#include "json/migration.h"
#include "migrate/xl_downtime.h"
#include "migrate/xl_report.h"

static const char *const outcome_texts[] = {
    [XPC_OUTCOME_UNKNOWN] = "STATE UNKNOWN",
    [XPC_OUTCOME_REFUSED] = "refused, nothing was touched",
    [XPC_OUTCOME_ABORTED] = "aborted by the policy, the guest runs here",
    [XPC_OUTCOME_INTERRUPTED] = "interrupted, the guest runs here",
    [XPC_OUTCOME_FAILED] = "failed, the guest runs here",
    [XPC_OUTCOME_SENT] = "sent",
    [XPC_OUTCOME_MIGRATED] = "migrated",
};

const char *report_outcome(const struct xpc_report *r)
{
    if (r->reason && !strcmp(r->reason, "guest-ended"))
        return "failed, the guest has ended";
    if (r->reason && !strcmp(r->reason, XL_REASON_SUSPEND_PENDING))
        return r->outcome == XPC_OUTCOME_ABORTED ?
               "aborted by the policy, the guest may still suspend" :
               r->outcome == XPC_OUTCOME_INTERRUPTED ?
               "interrupted, the guest may still suspend" :
               "failed, the guest may still suspend";
    if (r->outcome == XPC_OUTCOME_ABORTED &&
        r->decision.reason == XPC_REASON_PAUSED)
        return "aborted, the guest stays paused here";
    return outcome_texts[r->outcome];
}

/* duration_ns 0: it was broken off, so there is no rate. */
static void print_row(FILE *out, const char *what, uint64_t pages,
                      uint64_t bytes, uint64_t duration_ns)
{
    char b[XPC_UNIT_LEN], t[XPC_UNIT_LEN] = "-", r[XPC_UNIT_LEN] = "-";

    if (duration_ns) {
        xpc_format_time(t, duration_ns);
        xpc_format_bandwidth(r, bytes * 1e9 / duration_ns);
    }
    fprintf(out, "  %13s %9"PRIu64" %10s %9s %12s", what, pages,
            xpc_format_bytes(b, bytes), t, r);
}

static void print_iterations(FILE *out, const struct xpc_report *r)
{
    char number[24], t[XPC_UNIT_LEN];
    size_t i;

    fprintf(out, "  %13s %9s %10s %9s %12s %9s %10s\n", "iteration", "pages",
            "bytes", "time", "rate", "dirty", "predicted");
    for (i = 0; i < r->nr_iterations; i++) {
        const struct xpc_iteration *it = &r->iterations[i];

        snprintf(number, sizeof(number), "%"PRIu64, it->number);
        print_row(out, number, it->pages, it->bytes, it->duration_ns);
        fprintf(out, " %9"PRIu64" %10s\n", it->dirty_pages,
                xpc_format_time(t, it->decision.predicted_downtime_ns));
    }
    if (r->suspended_ns) {
        print_row(out, "stop-and-copy", r->final_pages, r->final_bytes,
                  r->state_sent_ns > r->suspended_ns ?
                  r->state_sent_ns - r->suspended_ns : 0);
        fputc('\n', out);
    }
}

/* Warns if the stated bandwidth is far from the measured one. */
static void print_bandwidth(FILE *out, const struct xpc_report *r)
{
    uint64_t stated = r->params.bandwidth_bytes_per_s;
    uint64_t measured =
        xpc_report_wire_rate(r, r->decision.measured_bytes_per_s);
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    if (!stated || !measured || xpc_params_at_cap(&r->params, measured) ||
        (measured >= 0.8 * stated && measured <= 1.25 * stated))
        return;
    fprintf(out, "  bandwidth: %s was stated, the link gave %s: state what "
            "it gives, or leave it out\n", xpc_format_bandwidth(a, stated),
            xpc_format_bandwidth(b, measured));
}

/* What slowing the guest down took, and was expected to take. */
static void print_slow_down(FILE *out, const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], c[XPC_UNIT_LEN], d[XPC_UNIT_LEN];

    if (r->slowed_ns)
        fprintf(out, "  slowed down: predicted %s of CPU time in %s, actual "
                "%s in %s\n",
                xpc_format_time(a, r->predicted_cpu_taken_ns),
                xpc_format_time(b, r->predicted_slowed_ns),
                xpc_format_time(c, r->cpu_taken_ns),
                xpc_format_time(d, r->slowed_ns));
}

#define OVER_LEN (XPC_UNIT_LEN + 32)

/* ", over the downtime limit of 300 ms", or "". */
static const char *over_text(char buf[OVER_LEN], const struct xpc_report *r)
{
    const struct xpc_params *p = &r->params;
    bool over_max = r->actual_downtime_ns > xpc_params_max_downtime(p);
    bool max = over_max && p->max_downtime_ns;
    char limit[XPC_UNIT_LEN];

    *buf = 0;
    if (p->policy == XPC_POLICY_LIMIT &&
        (over_max || r->actual_downtime_ns > p->downtime_ns))
        snprintf(buf, OVER_LEN, ", over the %s of %s", max ?
                 "maximum downtime" : "downtime limit",
                 xpc_format_time(limit, max ? p->max_downtime_ns :
                                              p->downtime_ns));
    return buf;
}

static void print_downtime(FILE *out, const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], over[OVER_LEN];

    if (!r->actual_downtime_ns)
        return;
    over_text(over, r);
    fprintf(out, r->resumed_ns ?
            "  downtime: predicted %s; the guest stood still for %s%s and "
            "runs here again\n" :
            "  downtime: predicted %s, actual %s%s\n",
            xpc_format_time(a, r->predicted_downtime_ns),
            xpc_format_time(b, r->actual_downtime_ns),
            r->resumed_ns && *over ? strcat(over, ",") : over);
}

void report_print(FILE *out, const char *name, const struct xpc_report *r)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], clause[XPC_COMPRESS_CLAUSE_LEN],
         plain[XL_NAME_LEN];

    fprintf(out, "Migration of %s: %s\n", xl_plain_name(plain, name),
            report_outcome(r));
    if (r->text)
        fprintf(out, "  %s\n", r->text);
    if (r->nr_iterations)
        print_iterations(out, r);
    print_downtime(out, r);
    if (r->verified && r->actual_downtime_ns)
        fputs("  while it stood still all pages were sent once more, to be "
              "verified\n", out);
    print_slow_down(out, r);
    downtime_print(out, r);
    print_bandwidth(out, r);
    if (r->total_zero_pages)
        fprintf(out, "  pages: %"PRIu64" normal, %"PRIu64" duplicate (all "
                "zero, sent without their data)\n", r->total_pages_sent,
                r->total_zero_pages);
    if (r->total_skipped_pages)
        fprintf(out, "  left out: %"PRIu64" pages that were dirty again; %s "
                "to look for them\n", r->total_skipped_pages,
                xpc_format_time(a, r->peek_ns));
    if (r->zero_pages_in_full)
        fprintf(out, "  zero pages: %"PRIu64", %s, were sent in full; a "
                "receiver of this package takes them as marks, and "
                "--precopy-zero-pages=elide leaves them out, if the target's "
                "Xen scrubs all its free memory: see xl-precopy(1)\n",
                r->zero_pages_in_full, xpc_format_bytes(a,
                r->zero_pages_in_full * XPC_PAGE_SIZE));
    if (r->channels)
        fprintf(out, "  channels: %"PRIu64", compression %s, %s on the "
                "wire\n", r->channels, xpc_compress_names[r->params.compress],
                xpc_format_bytes(a, r->wire_bytes));
    if (*xpc_compress_clause(r, clause))
        fprintf(out, "  compression: %s\n", clause);
    if (r->total_bytes)
        fprintf(out, "  total: %s in %s\n", xpc_format_bytes(a,
                r->total_bytes), xpc_format_time(b, r->total_time_ns));
}
