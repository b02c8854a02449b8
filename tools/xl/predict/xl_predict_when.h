/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xl migrate-predict --when: at which hours of the day. */
#ifndef XL_PREDICT_XL_PREDICT_WHEN_H
#define XL_PREDICT_XL_PREDICT_WHEN_H

#include "predict/xl_predict_options.h"

/* Prints the prediction. Returns the exit status: 2 without a profile. */
int predict_when(const struct predict_options *o);

#endif
