/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What planning an evacuation costs, and how that grows with the guests:
 * placement, predictions, forecast, and what to leave for a deadline.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenprecopy/schedule_plan.h>
#include <xenprecopy/schedule_forecast.h>

#include "bench.h"

#define GUESTS 1000
#define HOSTS 50
#define LINK UINT64_C(3125000000)

static struct xpc_curve curves[GUESTS];
static struct xpc_move moves[GUESTS];
static struct xpc_schedule_target targets[HOSTS];
static struct xpc_affinity pairs[GUESTS];

/* Deterministic: 1 to 64 GiB, of which up to a tenth is hot. */
static void make_guest(size_t i)
{
    uint64_t pages = exp2(18 + i * 7 % 61 / 10.0);
    struct xpc_curve *c = &curves[i];
    double hot = pages * (0.01 + i % 10 / 100.0);

    *c = (struct xpc_curve){ .total_pages = pages };
    for (int k = 0; k < 32; k++) {
        double t = 0.05 * pow(1.25, k);
        double v = hot * -expm1(-t / 5) + 200 * pow(t, 0.7);

        xpc_curve_add(c, t * XPC_S, v, v * 0.93, v * 1.07);
    }
    moves[i] = (struct xpc_move){
        .curve = c, .memory_bytes = pages * XPC_PAGE_SIZE,
        .target = XPC_NO_TARGET,
    };
    xpc_predict_params_init(&moves[i].params, 0, (100 + i % 10 * 100) *
                                                 XPC_MS);
    moves[i].params.setup_ns = XPC_S / 2;
    moves[i].params.skip_dirty = true;
    pairs[i] = (struct xpc_affinity){ i, i / 2, i % 8 == 7 };
}

/* On every third host, guests take longer to start. */
static void prepare(void *opaque, size_t i)
{
    (void)opaque;
    moves[i].params.overhead_ns = moves[i].target % 3 == 2 ? XPC_S / 4 :
                                                             XPC_S / 10;
}

/* Milliseconds of CPU time to plan for nr guests. */
static double plan_ms(size_t nr, size_t hosts, bool *good)
{
    struct xpc_schedule s = {
        .moves = moves, .nr_moves = nr, .targets = targets,
        .nr_targets = hosts, .link_bytes_per_s = LINK,
        .stream_bytes_per_s = LINK / 4, .affinities = pairs + 1,
        .nr_affinities = nr / 4, .prepare = prepare,
    };
    struct xpc_schedule_forecast f;
    static bool leave[GUESTS];
    uint64_t start;

    for (size_t i = 0; i < nr; i++)
        make_guest(i);
    for (size_t i = 0; i < hosts; i++)
        targets[i] = (struct xpc_schedule_target){
            .free_bytes = UINT64_C(1) << 41,
            .link_bytes_per_s = UINT64_C(1250000000),
        };
    start = cpu_ns();
    *good &= xpc_schedule_plan(&s) >= 0;
    for (int side = -1; side <= 1; side++)
        *good &= !xpc_schedule_forecast(&s, &f, side);
    *good &= xpc_schedule_fit(&s, f.end_ns / 2, leave, &f) > 0;
    return (cpu_ns() - start) / 1e6;
}

int main(void)
{
    bool good = true;

    figure("plan for 125 guests over 6 hosts", plan_ms(125, 6, &good), "ms",
           1000);
    figure("plan for 250 guests over 12 hosts", plan_ms(250, 12, &good),
           "ms", 1000);
    figure("plan for 500 guests over 25 hosts", plan_ms(500, 25, &good),
           "ms", 1000);
    figure("plan for 1000 guests over 50 hosts", plan_ms(GUESTS, HOSTS, &good),
           "ms", 1000);
    figures_end();
    return good ? 0 : 1;
}
