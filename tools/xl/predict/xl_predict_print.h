/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl migrate-predict prints. */
#ifndef XL_PREDICT_XL_PREDICT_PRINT_H
#define XL_PREDICT_XL_PREDICT_PRINT_H

#include <stdio.h>

#include <xenprecopy/cells.h>

#include "predict/xl_predict_measure.h"
#include "predict/xl_predict_options.h"

/* Tables, advice and plans, for people. sources: as in the request. */
void predict_print(FILE *out, const struct xpc_cells *c,
                   const struct predict_options *o,
                   const struct predict_source *sources, size_t nr);

/*
 * What the numbers of a measurement hold for only in part, a line each with
 * the words before it. Nothing, where they hold.
 */
void predict_print_marks(FILE *out, const char *before,
                         const struct predict_source *s);

#endif
