/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published measurement of a 32 GiB guest, in
 * tests/data/calc-dirty-rate-32g.json, and the published table of migration
 * times for it.
 */
#ifndef TESTS_SUPPORT_PUBLISHED_H
#define TESTS_SUPPORT_PUBLISHED_H

#include <stdint.h>

#include <xenprecopy/curve.h>

#define PUBLISHED_ROWS 8
#define PUBLISHED_COLUMNS 6

/* The rows, in bits per second, and the columns, in ms; 0: no limit. */
extern const uint64_t published_bits[PUBLISHED_ROWS];
extern const uint64_t published_ms[PUBLISHED_COLUMNS];

/* Read the measurement as a curve, and the times in s; -1: no convergence. */
void published_curve(struct xpc_curve *c);
void published_table(double t[PUBLISHED_ROWS][PUBLISHED_COLUMNS]);

#endif
