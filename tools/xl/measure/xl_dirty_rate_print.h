/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl dirty-rate prints. */
#ifndef XL_MEASURE_XL_DIRTY_RATE_PRINT_H
#define XL_MEASURE_XL_DIRTY_RATE_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include <xenprecopy/measure.h>

void dirty_rate_print(FILE *out, const struct xpc_measurement *m);
/* Draws a progress bar, or with done removes it. progress: 0 to 1. */
void dirty_rate_progress(FILE *out, double progress, uint64_t calc_ns,
                         bool done);

#endif
