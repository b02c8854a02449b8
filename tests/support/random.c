/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>

#include "support/random.h"

uint64_t random_u64(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double random_in(uint64_t *seed, double a, double b)
{
    return a + (b - a) * ((random_u64(seed) >> 11) * 0x1p-53);
}

double random_log(uint64_t *seed, double a, double b)
{
    return exp(random_in(seed, log(a), log(b)));
}

double random_lognormal(uint64_t *seed, double median, double sigma)
{
    double radius = sqrt(-2 * log(1 - random_in(seed, 0, 1)));

    return median * exp(sigma * radius * cos(2 * M_PI * random_in(seed, 0, 1)));
}

void random_curve(struct xpc_curve *c, uint64_t *seed)
{
    double size[3], rate[3], a = random_in(seed, 0.2, 1);
    double slope = random_log(seed, 1, 1e5), noise, t;
    int sets = random_u64(seed) % 4, nr = 1 + random_u64(seed) % 32;

    *c = (struct xpc_curve){
        .total_pages = random_log(seed, 1e4, 1e8),
    };
    c->zero_pages = random_in(seed, 0, 0.9) * c->total_pages;
    for (int i = 0; i < sets; i++) {
        size[i] = random_log(seed, 10, 0.3 * c->total_pages);
        rate[i] = random_log(seed, 0.01, 100);
    }
    noise = random_u64(seed) % 2 ? random_log(seed, 0.001, 0.3) : 0;
    t = random_log(seed, 0.05, 0.5);
    for (int n = 0; n < nr; n++, t *= random_in(seed, 1.05, 2)) {
        double v = slope * pow(t, a) * (random_u64(seed) % 2 ? 1 : 1 - noise);

        for (int i = 0; i < sets; i++)
            v += size[i] * -expm1(-rate[i] * t);
        v *= 1 + random_in(seed, -noise, noise);
        v = fmin(v, c->total_pages);
        xpc_curve_add(c, (uint64_t)(t * 1e9), v, v * (1 - noise),
                      v * (1 + noise));
    }
}
