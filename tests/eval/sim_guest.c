/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's time: pauses, and a guest that is slowed down. */
#include "sim.h"

uint64_t sim_clock_trace(const struct sim_clock *c, uint64_t real_ns)
{
    return c->trace_ns + (real_ns > c->real_ns ?
                          (uint64_t)((real_ns - c->real_ns) * c->share) : 0);
}

void sim_clock_pause(struct sim_clock *c, uint64_t real_ns, uint64_t ns)
{
    c->trace_ns = sim_clock_trace(c, real_ns);
    c->real_ns = real_ns + ns;
}

void sim_clock_share(struct sim_clock *c, uint64_t real_ns, double share)
{
    sim_clock_pause(c, real_ns, 0);
    c->share = share;
}

double sim_lever_share(enum sim_lever lever)
{
    switch (lever) {
    case SIM_SHARE_80: return 0.8;
    case SIM_SHARE_60: return 0.6;
    default:           return 1;
    }
}

/*
 * QEMU's defaults: at the end of an iteration, if a second has passed since the
 * last check, it compares what was dirtied with half of what was sent. Every
 * second time that it was more, it takes 20% of the guest's CPU time, and then
 * 10% more each time.
 */
#define CHECK_NS UINT64_C(1000000000)
#define THRESHOLD_PERCENT 50
#define CHECKS 2
#define FIRST_PERCENT 20
#define STEP_PERCENT 10
#define MOST_PERCENT 99

double sim_throttle(struct sim_throttle *t, uint64_t now_ns,
                    uint64_t dirty_bytes, uint64_t sent_bytes)
{
    t->dirty_bytes += dirty_bytes;
    t->sent_bytes += sent_bytes;
    if (now_ns - t->last_ns > CHECK_NS) {
        if (t->dirty_bytes * 100 > t->sent_bytes * THRESHOLD_PERCENT &&
            ++t->high >= CHECKS) {
            t->high = 0;
            t->percent += t->percent ? STEP_PERCENT : FIRST_PERCENT;
            if (t->percent > MOST_PERCENT)
                t->percent = MOST_PERCENT;
        }
        t->last_ns = now_ns;
        t->dirty_bytes = t->sent_bytes = 0;
    }
    return 1 - t->percent / 100.0;
}
