/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "support/policy_fixture.h"

uint64_t policy_downtime(uint64_t pages, uint64_t bandwidth)
{
    return (pages + XPC_DEFAULT_SUSPEND_PAGES) * PAGE_BYTES * XPC_S /
           bandwidth + 50 * XPC_MS + xpc_predict_bitmap_ns(16384);
}

int policy_setup(void **state)
{
    static struct policy_fixture f;

    memset(&f, 0, sizeof(f));
    xpc_params_init(&f.p);
    f.p.guest.device_model = XPC_DEVICE_MODEL_NO;
    /* The figures are of all pages; torture_skip has those of fewer. */
    f.p.skip_dirty = XPC_SKIP_DIRTY_OFF;
    f.p.downtime_ns = 200 * XPC_MS;
    f.p.overhead_ns = 50 * XPC_MS;
    f.p.bandwidth_bytes_per_s = LINK;
    f.now = START;
    *state = &f;
    return 0;
}

size_t policy_samples(const struct policy_fixture *f,
                      struct xpc_dirty_count *to, uint64_t ns,
                      uint64_t dirty)
{
    size_t n = 0;

    for (double share = 0.05; share < 1; share *= 1.4) {
        double level = f->linear ? share : (1 - exp(-6 * share)) /
                                           (1 - exp(-6));

        to[n].t_ns = ns * share;
        to[n++].pages = dirty * level;
    }
    return n;
}

int policy_iterate(struct policy_fixture *f, uint64_t pages, uint64_t dirty)
{
    struct xpc_dirty_count samples[XPC_SAMPLES_MAX];
    uint64_t sent = pages * (1 - f->skipped);
    struct xpc_observation o = {
        .dirty_pages = dirty, .pages_sent = sent,
        .skipped_pages = pages - sent, .bytes_sent = sent * PAGE_BYTES,
        .samples = samples, .working_set = f->set,
        .cpu_percent = f->cpu_percent,
    };
    uint64_t ns = o.bytes_sent * XPC_S / LINK;

    if (f->now == START)
        xpc_engine_init(&f->e, &f->p, 16384, START);
    f->e.suspend_delay_ns = f->suspend_delay_ns;
    o.nr_samples = policy_samples(f, samples, ns, dirty);
    o.since_clean_ns = ns;
    f->now += ns;
    o.now_ns = f->now;
    return xpc_engine_decide(&f->e, &o, &f->it);
}
