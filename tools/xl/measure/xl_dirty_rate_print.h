/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl dirty-rate prints. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_PRINT_H
#define XL_MEASURE_XL_DIRTY_RATE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include <xenprecopy/measure.h>

void dirty_rate_print(FILE *out, const struct xpc_measurement *m);
/* The bar of a measurement under way; done: the line is removed. */
void dirty_rate_progress(FILE *out, double progress, uint64_t calc_ns,
                         bool done);

#endif
