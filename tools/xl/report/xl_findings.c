/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <xenprecopy/units.h>

#include "report/xl_findings.h"

static uint64_t predicted(const struct xpc_report *r, size_t i)
{
    return r->iterations[i].decision.predicted_downtime_ns;
}

/* ---- the predicted downtime ------------------------------------------ */

/* The iteration with the least predicted downtime. */
static size_t find_best(const struct xpc_report *r)
{
    size_t best = 0;

    for (size_t i = 1; i < r->nr_iterations; i++) {
        if (predicted(r, i) < predicted(r, best))
            best = i;
    }
    return best;
}

static const char *say_met(const struct xpc_report *r, char *buf)
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], l[XPC_UNIT_LEN];
    size_t last = r->nr_iterations - 1;

    xpc_format_time(l, r->params.downtime_ns);
    xpc_format_time(b, predicted(r, last));
    if (predicted(r, 0) <= predicted(r, last))
        snprintf(buf, FINDING_LEN, "The predicted downtime, %s, was within "
                 "the limit of %s", b, l);
    else
        snprintf(buf, FINDING_LEN, "The predicted downtime fell from %s to "
                 "%s, within the limit of %s",
                 xpc_format_time(a, predicted(r, 0)), b, l);
    return buf;
}

const char *finding_predicted(const struct xpc_report *r,
                              char buf[FINDING_LEN])
{
    size_t last = r->nr_iterations - 1, best = find_best(r);
    const struct xpc_decision *d = &r->iterations[last].decision;
    char a[XPC_UNIT_LEN], l[XPC_UNIT_LEN];

    if (r->params.policy == XPC_POLICY_STOCK)
        snprintf(buf, FINDING_LEN, "The downtime was predicted to be %s; the "
                 "stock policy has no limit",
                 xpc_format_time(a, predicted(r, last)));
    else if (d->cautious_downtime_ns <= r->params.downtime_ns &&
             d->action != XPC_ABORT)
        return say_met(r, buf);
    else
        snprintf(buf, FINDING_LEN, "The predicted downtime%s over the limit "
                 "of %s: %s at best, after iteration %"PRIu64,
                 r->nr_iterations > 1 ? " stayed" : " was",
                 xpc_format_time(l, r->params.downtime_ns),
                 xpc_format_time(a, predicted(r, best)),
                 r->iterations[best].number);
    /* With its margin it was over, but the number alone does not say so. */
    if (r->params.policy != XPC_POLICY_STOCK &&
        predicted(r, best) <= r->params.downtime_ns)
        snprintf(buf, FINDING_LEN, "With the margin for its uncertainty, the "
                 "predicted downtime was not within the limit of %s",
                 xpc_format_time(l, r->params.downtime_ns));
    return buf;
}

/* ---- what was left to copy ------------------------------------------- */

const char *finding_left(const struct xpc_report *r, char buf[FINDING_LEN])
{
    const struct xpc_iteration *first = r->iterations,
                               *last = first + r->nr_iterations - 1;
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];

    xpc_format_bytes(a, first->pages * XPC_PAGE_SIZE);
    xpc_format_bytes(b, last->dirty_pages * XPC_PAGE_SIZE);
    if (last->dirty_pages < first->pages)
        snprintf(buf, FINDING_LEN, "%zu iteration%s cut what was left to copy "
                 "from %s to %s", r->nr_iterations,
                 r->nr_iterations == 1 ? "" : "s", a, b);
    else
        snprintf(buf, FINDING_LEN, "%zu iteration%s did not cut what was left "
                 "to copy: %s at first, %s at last", r->nr_iterations,
                 r->nr_iterations == 1 ? "" : "s", a, b);
    return buf;
}

/* ---- bandwidth ------------------------------------------------------- */

double iteration_rate(const struct xpc_iteration *it)
{
    return it->duration_ns ? it->bytes * 1e9 / it->duration_ns : 0;
}

const char *finding_bandwidth(const struct xpc_report *r,
                              char buf[FINDING_LEN])
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN], s[XPC_UNIT_LEN];
    double least = INFINITY, most = 0, stated;
    size_t n;

    for (size_t i = 0; i < r->nr_iterations; i++) {
        double rate = iteration_rate(&r->iterations[i]);

        least = rate ? fmin(least, rate) : least;
        most = fmax(most, rate);
    }
    if (!most)
        return strcpy(buf, "The bandwidth is not known");
    xpc_format_bandwidth(a, least);
    xpc_format_bandwidth(b, most);
    n = snprintf(buf, FINDING_LEN, strcmp(a, b) ? "Iterations were sent with "
                 "%s to %s" : "Iterations were sent with %s", a, b);
    stated = r->params.bandwidth_bytes_per_s;
    if (r->params.max_bytes_per_s)
        snprintf(buf + n, FINDING_LEN - n, "; the cap was %s",
                 xpc_format_bandwidth(s, r->params.max_bytes_per_s));
    else if (stated)
        snprintf(buf + n, FINDING_LEN - n, "; %s was stated",
                 xpc_format_bandwidth(s, stated));
    return buf;
}

/* ---- D(t) ------------------------------------------------------------ */

const char *finding_dirty(const struct xpc_report *r, char buf[FINDING_LEN])
{
    const struct xpc_iteration *shortest = r->iterations,
                               *longest = r->iterations;
    char t[XPC_UNIT_LEN], d[XPC_UNIT_LEN], t2[XPC_UNIT_LEN],
         d2[XPC_UNIT_LEN];
    size_t n;

    for (size_t i = 1; i < r->nr_iterations; i++) {
        const struct xpc_iteration *it = &r->iterations[i];

        if (it->duration_ns < shortest->duration_ns)
            shortest = it;
        if (it->duration_ns > longest->duration_ns)
            longest = it;
    }
    n = snprintf(buf, FINDING_LEN, "The guest dirtied %s within %s",
                 xpc_format_bytes(d, shortest->dirty_pages * XPC_PAGE_SIZE),
                 xpc_format_time(t, shortest->duration_ns));
    if (longest != shortest)
        snprintf(buf + n, FINDING_LEN - n, ", and %s within %s",
                 xpc_format_bytes(d2, longest->dirty_pages * XPC_PAGE_SIZE),
                 xpc_format_time(t2, longest->duration_ns));
    return buf;
}

/* ---- the downtime ---------------------------------------------------- */

const char *finding_downtime(const struct xpc_report *r,
                             const struct downtime_part *parts, size_t nr,
                             char buf[FINDING_LEN])
{
    char a[XPC_UNIT_LEN], b[XPC_UNIT_LEN];
    uint64_t all = 0;
    size_t most = 0;

    for (size_t i = 0; i < nr; i++) {
        all += parts[i].ns;
        if (parts[i].ns > parts[most].ns)
            most = i;
    }
    snprintf(buf, FINDING_LEN, "The guest stood still for %s, %s of it for "
             "%s", xpc_format_time(a, r->actual_downtime_ns ?
                                      r->actual_downtime_ns : all),
             xpc_format_time(b, parts[most].ns), parts[most].words);
    return buf;
}
