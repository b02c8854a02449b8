/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pseudo-random values for property tests. They depend on the seed only, which
 * is also the generator's state.
 */
#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <stdint.h>

#include <xenprecopy/curve.h>

uint64_t random_u64(uint64_t *seed);

/* Uniform in [a, b), and uniform in the logarithm. */
double random_in(uint64_t *seed, double a, double b);
double random_log(uint64_t *seed, double a, double b);

/* Log-normal, with a median and the deviation of the logarithm. */
double random_lognormal(uint64_t *seed, double median, double sigma);

/*
 * The curve of some guest: a mix of hot sets that saturate, power laws and
 * noise, at any periods.
 */
void random_curve(struct xpc_curve *c, uint64_t *seed);

#endif
