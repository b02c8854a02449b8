/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much the guests of an evacuation write, and how well they compress. */
#ifndef XL_EVACUATE_XL_EVACUATE_MEASURE_H
#define XL_EVACUATE_XL_EVACUATE_MEASURE_H

#include "evacuate/xl_evacuate_guests.h"

/*
 * Measures all that wait. Returns 0, or -1 with one line in err, which is empty
 * if it was printed.
 */
int evacuate_measure(struct evacuation *e, char err[XPC_ERR_LEN]);
/*
 * Takes what xl dirty-rate has printed of one. Returns 0, or -1 with one line
 * in err.
 */
int evacuate_take_measurement(struct evacuation *e, size_t i, const char *json,
                              size_t len, char err[XPC_ERR_LEN]);
/*
 * What xl dirty-rate has to compress with, for what is in force for any guest;
 * as predict_methods_text().
 */
const char *evacuate_methods(const struct evacuation *e);

#endif
