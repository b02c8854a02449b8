/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cost of predictions.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <xenprecopy/cells.h>
#include <xenprecopy/units.h>

#include "bench.h"

#define CELLS 10000

/* 32 points of a guest of 32 GiB: a hot set, a warm one and slow growth. */
static void make_curve(struct xpc_curve *c)
{
    *c = (struct xpc_curve){ .total_pages = 8388608, .zero_pages = 4000000 };
    for (int i = 1; i <= 32; i++) {
        double t = 0.1 * pow(1.22, i);
        double v = 20000 * -expm1(-8 * t) + 300000 * -expm1(-t / 20) +
                   4000 * pow(t, 0.7);

        xpc_curve_add(c, t * XPC_S, v, v * 0.93, v * 1.07);
    }
}

/* CPU seconds for a table with CELLS cells, bandwidths by limits. */
static double cells_s(const struct xpc_curve *c, uint64_t *iterations_r)
{
    struct xpc_predict_params p;
    struct xpc_cell cell = { 0 };
    uint64_t start;

    xpc_predict_params_init(&p, 0, 0);
    p.suspend_pages = XPC_DEFAULT_SUSPEND_PAGES;
    *iterations_r = 0;
    start = cpu_ns();
    for (int i = 0; i < CELLS; i++) {
        double bandwidth = 1.25e7 * pow(400, (i / 100) / 99.0);
        double limit = 1.1e8 * pow(50, (i % 100) / 99.0);

        xpc_cell_compute(&cell, c, &p, bandwidth, limit);
        *iterations_r += cell.iterations;
    }
    return (cpu_ns() - start) / 1e9;
}

/* CPU time in us, of one simulation and of one piece of advice. */
static double decision_us(const struct xpc_curve *c, bool skip_dirty)
{
    struct xpc_predict_state s = { .iterations = 3, .dirty_pages = 200000,
                                   .elapsed_ns = 30 * XPC_S,
                                   .since_clean_ns = 10 * XPC_S };
    struct xpc_predict_params p;
    struct xpc_prediction r;
    uint64_t start;

    xpc_predict_params_init(&p, 250000000, 300 * XPC_MS);
    p.skip_dirty = skip_dirty;
    p.peek_ns = xpc_skip_peek_ns(c->total_pages);
    start = cpu_ns();
    for (int i = 0; i < CELLS; i++) {
        s.dirty_pages = 200000 + i;
        xpc_predict_run(&r, c, &p, &s, 0, NULL);
    }
    return (cpu_ns() - start) / 1e3 / CELLS;
}

static double advice_us(const struct xpc_curve *c)
{
    struct xpc_predict_params p;
    struct xpc_predict_state s;
    struct xpc_advice a;
    uint64_t start;
    int n = CELLS / 20;

    start = cpu_ns();
    for (int i = 0; i < n; i++) {
        xpc_predict_params_init(&p, UINT64_C(12500000) * (i + 1), 300 * XPC_MS);
        xpc_predict_start(&s, c, &p);
        xpc_advise(&a, c, &p, &s);
    }
    return (cpu_ns() - start) / 1e3 / n;
}

static double evacuation_ms(const struct xpc_curve *c)
{
    static struct xpc_evacuation_step steps[40];
    struct xpc_evacuate_params p = {
        .link_bytes_per_s = 2500000000, .stream_bytes_per_s = 400000000,
    };
    struct xpc_evacuee domains[40];
    static struct xpc_curve curves[40];
    struct xpc_evacuation e;
    uint64_t start;

    for (int i = 0; i < 40; i++) {
        curves[i] = *c;
        curves[i].total_pages = 4000000 + 100000 * ((i * 17) % 40);
        domains[i].curve = &curves[i];
        xpc_predict_params_init(&domains[i].params, 0, 500 * XPC_MS);
    }
    start = cpu_ns();
    if (xpc_evacuate(&e, steps, domains, 40, &p))
        exit(1);
    return (cpu_ns() - start) / 1e6;
}

int main(void)
{
    struct xpc_curve c;
    uint64_t iterations;
    double s;

    make_curve(&c);
    s = cells_s(&c, &iterations);
    figure("predict: 10,000 cells with their intervals", s, "s", 1);
    figure("predict: one simulation at 32 points", decision_us(&c, false),
           "us", 50);
    figure("predict: one simulation, dirty pages left out",
           decision_us(&c, true), "us", 50);
    figure("predict: advice for one cell", advice_us(&c), "us", 1000);
    figure("predict: evacuation of 40 domains", evacuation_ms(&c), "ms", 1000);
    figures_end();
    fprintf(stderr, "predict: %d cells, %"PRIu64" iterations: %.3f s\n",
            CELLS, iterations, s);
    return 0;
}
