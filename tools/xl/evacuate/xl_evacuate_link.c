/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <xenprecopy/units.h>

#include "evacuate/xl_evacuate_link.h"

/* A cap is in force so long after it was set. */
#define SETTLE_NS (500 * XPC_MS)
/* What is closer is the same rate. */
#define CLOSE 0.03
/* A single migration that is slower than this can't fill the link. */
#define SLOW 0.7

/*
 * A rate that was seen is one that the links have, whatever else was sent and
 * however slow they were said to be.
 */
static bool raise_links(struct evacuation *e, int target, double rate)
{
    uint64_t *there = target < 0 ? NULL :
                      &e->s.targets[target].link_bytes_per_s;
    bool raised = false;

    if (rate > e->s.link_bytes_per_s * (1 + CLOSE)) {
        e->s.link_bytes_per_s = rate;
        e->link_given = raised = true;
    }
    if (there && *there && rate > *there * (1 + CLOSE)) {
        *there = rate;
        raised = true;
    }
    return raised;
}

static bool raise_stream(struct evacuation *e, double rate)
{
    uint64_t *stream = &e->s.stream_bytes_per_s;

    if (!*stream || rate <= *stream * (1 + CLOSE))
        return false;
    *stream = rate < SLOW * e->s.link_bytes_per_s ? rate : 0;
    return true;
}

void evacuate_learn_from_report(struct evacuation *e, size_t i,
                                const struct xpc_report *r)
{
    const struct evacuate_guest *g = &e->guests[i];
    double rate = xpc_report_wire_rate(r, r->decision.measured_bytes_per_s);

    if (rate < 1 || raise_links(e, e->s.moves[i].target, rate) ||
        raise_stream(e, rate) || !g->alone || g->m.cap_bytes_per_s ||
        g->params.max_bytes_per_s)
        return;
    if (e->link_given && rate < SLOW * e->s.link_bytes_per_s) {
        e->s.stream_bytes_per_s = rate;
    } else if (!e->link_given || rate < e->s.link_bytes_per_s * (1 - CLOSE)) {
        /* It carries more than pages. If it is faster, two will show that. */
        e->s.link_bytes_per_s = rate;
        e->link_given = true;
    }
}

bool evacuate_learn_from_progress(struct evacuation *e, uint64_t since_ns)
{
    double sum = 0, there[XPC_SCHEDULE_TARGETS_MAX] = { 0 };
    bool changed = false;

    for (size_t i = 0; i < e->s.nr_moves; i++) {
        const struct migration *m = &e->guests[i].m;

        if (e->s.moves[i].state != XPC_MOVE_RUNS ||
            m->rate_from_ns < since_ns + SETTLE_NS)
            continue;
        changed |= raise_stream(e, m->rate_bytes_per_s);
        sum += m->rate_bytes_per_s;
        there[e->s.moves[i].target] += m->rate_bytes_per_s;
    }
    for (int t = 0; t < (int)e->s.nr_targets; t++)
        changed |= raise_links(e, t, there[t]);
    return raise_links(e, XPC_NO_TARGET, sum) || changed;
}
