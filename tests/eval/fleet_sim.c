/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>

#include <xenprecopy/predict.h>
#include <xenprecopy/units.h>

#include "fleet.h"

/* One switchover in so many takes three times as long, for no reason. */
#define ACCIDENT_EVERY 50
/* A target in so many is slow. */
#define SLOW_TARGET_EVERY 10

static uint64_t pick(struct sim_rng *r, uint64_t below)
{
    return sim_random(r) % below;
}

static void make_guest(struct fleet_guest *g, struct sim_rng *r,
                       double slow_share)
{
    double gib = exp2(sim_uniform(r) * 10);     /* 1 GiB to 1 TiB */

    g->guest = (struct xpc_guest){
        .device_model = pick(r, 2) ? XPC_DEVICE_MODEL_YES :
                                     XPC_DEVICE_MODEL_NO,
        .vifs = pick(r, 4), .disks = pick(r, 5),
        .vcpus = 1u << pick(r, 6),
        .pfns = gib * (1 << 18),
        .id = pick(r, XPC_GUEST_ID_MAX) + 1,
    };
    g->guest.devices = g->guest.vifs + g->guest.disks;
    g->slow = g->guest.vifs && sim_uniform(r) < slow_share;
    g->offset_ns = g->slow ? (0.5 + 2.5 * sim_uniform(r)) * XPC_S :
                             8 * XPC_MS * sim_normal(r);
}

void fleet_init(struct fleet *f, uint64_t seed)
{
    struct sim_rng *r = &f->rng;
    double slow_share;

    *r = sim_rng(seed);
    f->cost[XPC_OVERHEAD_BASE] = sim_lognormal(r, 90 * XPC_MS, 0.3);
    f->cost[XPC_OVERHEAD_DEVICE_MODEL] = sim_lognormal(r, 330 * XPC_MS, 0.3);
    f->cost[XPC_OVERHEAD_VIF] = sim_lognormal(r, 40 * XPC_MS, 0.5);
    f->cost[XPC_OVERHEAD_DISK] = sim_lognormal(r, 30 * XPC_MS, 0.5);
    f->cost[XPC_OVERHEAD_VCPU] = sim_lognormal(r, XPC_MS / 2.0, 0.5);
    /* For each ms assumed for the bitmap. */
    f->cost[XPC_OVERHEAD_PFNS] = pick(r, 2) ? sim_uniform(r) * XPC_MS : 0;
    if (!pick(r, SLOW_TARGET_EVERY))
        f->cost[XPC_OVERHEAD_BASE] *= 2 + 6 * sim_uniform(r);
    f->sigma = 0.05 + 0.1 * sim_uniform(r);
    slow_share = 0.3 * sim_uniform(r);
    for (int i = 0; i < FLEET_GUESTS; i++)
        make_guest(&f->guests[i], r, slow_share);
}

const struct fleet_guest *fleet_next(struct fleet *f, double *overhead_ns)
{
    struct sim_rng *r = &f->rng;
    /* Some guests come more often than others. */
    double u = sim_uniform(r);
    const struct fleet_guest *g = &f->guests[(int)(u * u * FLEET_GUESTS)];
    const struct xpc_guest *x = &g->guest;
    double ns = f->cost[XPC_OVERHEAD_BASE] + g->offset_ns +
                x->vifs * f->cost[XPC_OVERHEAD_VIF] +
                x->disks * f->cost[XPC_OVERHEAD_DISK] +
                (x->vcpus - 1) * f->cost[XPC_OVERHEAD_VCPU] +
                xpc_predict_bitmap_ns(x->pfns) / 1e6 *
                f->cost[XPC_OVERHEAD_PFNS];

    if (x->device_model == XPC_DEVICE_MODEL_YES)
        ns += f->cost[XPC_OVERHEAD_DEVICE_MODEL];
    ns = sim_lognormal(r, fmax(ns, 10 * XPC_MS), f->sigma);
    if (!pick(r, ACCIDENT_EVERY))
        ns *= 3;
    *overhead_ns = ns;
    return g;
}
