/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl migrate-predict prints. */
#ifndef XL_PREDICT_XL_PREDICT_PRINT_H
#define XL_PREDICT_XL_PREDICT_PRINT_H

#include <stdio.h>

#include <xenprecopy/cells.h>

#include "predict/xl_predict_measure.h"
#include "predict/xl_predict_options.h"

/* Prints tables, advice and plans. sources: as in the request for c. */
void predict_print(FILE *out, const struct xpc_cells *c,
                   const struct predict_options *o,
                   const struct predict_source *sources, size_t nr);

/* Prints reservations about a measurement, if any, each with a prefix. */
void predict_print_warnings(FILE *out, const char *prefix,
                            const struct predict_source *s);

#endif
