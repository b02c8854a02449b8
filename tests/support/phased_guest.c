/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>

#include <xenprecopy/units.h>

#include "support/phased_guest.h"
#include "support/random.h"

void phased_regular(struct phased_guest *g, double period_ns, double busy_ns,
                    double jitter)
{
    double t = random_in(&g->seed, 0, 1) * period_ns;

    for (g->nr = 0; g->nr < PHASED_CHANGES; g->nr++) {
        g->change[g->nr] = t;
        t += (g->nr % 2 ? busy_ns : period_ns - busy_ns) *
             random_in(&g->seed, 1 - jitter, 1 + jitter);
    }
}

void phased_random(struct phased_guest *g, double mean_ns, double busy_ns)
{
    double t = 0;

    for (g->nr = 0; g->nr < PHASED_CHANGES; g->nr++) {
        g->change[g->nr] = t;
        t += g->nr % 2 ? busy_ns :
             -log(1 - random_in(&g->seed, 0, 1)) * (mean_ns - busy_ns);
    }
}

/* The busy time from one time to another, in s. */
static double busy_s(const struct phased_guest *g, double from, double to)
{
    double sum = 0, last = 0;

    for (size_t i = 0; i <= g->nr && last < to; i++) {
        double next = i < g->nr ? g->change[i] : INFINITY;
        double part = fmin(to, next) - fmax(from, last);

        if (part > 0)
            sum += part * (i % 2 ? g->quiet : 1);
        last = next;
    }
    return sum / 1e9;
}

/* The distinct pages written in so many s of busy time. */
static double distinct(const struct phased_guest *g, double s)
{
    double x = g->writes_per_s * s / g->pages;

    return g->pages * (g->skew > 0 ? 1 - pow(1 + x * g->skew, -1 / g->skew) :
                                     1 - exp(-x));
}

static double poisson(uint64_t *seed, double mean)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += random_in(seed, 0, 1);
    return fmax(round(mean + sqrt(mean) * sum), 0);
}

size_t phased_count(struct phased_guest *g, uint64_t start_ns,
                    uint64_t length_ns,
                    struct xpc_dirty_count samples[XPC_SAMPLES_MAX],
                    uint64_t *dirty_r)
{
    double count = 0, last = 0, busy = 0;
    uint64_t t = 10 * XPC_MS;
    size_t nr = 0;

    for (;;) {
        uint64_t end = t < length_ns ? t : length_ns;

        busy += busy_s(g, start_ns + last, start_ns + end);
        count += poisson(&g->seed, fmax(distinct(g, busy) - count, 0));
        if (end == length_ns)
            break;
        if (nr == XPC_SAMPLES_MAX) {
            nr = 0;
            for (size_t i = 1; i < XPC_SAMPLES_MAX; i += 2)
                samples[nr++] = samples[i];
        }
        samples[nr++] = (struct xpc_dirty_count){ t, count };
        last = t;
        t += fmin(fmax(t / 4.0, 10 * XPC_MS), XPC_S);
    }
    *dirty_r = count;
    return nr;
}
